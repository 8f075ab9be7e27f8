"""The picture as the sensor hands it over: exposure and noise, in Numba."""

from __future__ import annotations

from statistics import NormalDist

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

from av_td3_system.town.random_stream import word_after

MIDDLE = 128.0  # grey level that a change of contrast leaves as it is
_SHARES = 5  # numbers of twelve bits in a word
_NORMAL = np.array([NormalDist().inv_cdf((k + 0.5) / 4096) for k in range(4096)], dtype=np.float32)  # quantiles
_OWN_STREAM = np.uint64(0xA0761D6478BD642F)  # sets this noise apart from the rain of the same seed
_GAMMA = np.uint64(0x9E3779B97F4A7C15)
_TWELVE, _BITS = np.uint64(12), np.uint64(4095)


@njit(cache=True, nogil=True, parallel=True)
def expose(
    pictures: NDArray[np.uint8],
    active: NDArray[np.bool_],
    slot_of: NDArray[np.int64],
    contrast: NDArray[np.float64],
    brightness: NDArray[np.float64],
    noise: float,
    seed: NDArray[np.int64],
) -> None:
    """Change pictures[n, slot_of[n]] of (N, D, P, H, W) in place where `active` (N,).

    Args:
        pictures: C-contiguous. active: which worlds. slot_of: (N,) which of the D pictures of each.
        contrast: (N,) factor around the middle grey. brightness: (N,) grey levels added.
        noise: grey levels, standard deviation of every pixel of every plane.
        seed: (N,) of this picture's noise; the same seed gives the same noise.
    """
    for n in prange(pictures.shape[0]):
        if not active[n]:
            continue
        pixels = pictures[n, slot_of[n]].reshape(-1)
        start, word = word_after(np.uint64(seed[n]) ^ _OWN_STREAM), np.uint64(0)
        for i in range(pixels.size):
            value = (pixels[i] - MIDDLE) * contrast[n] + MIDDLE + brightness[n]
            if noise > 0.0:
                if i % _SHARES == 0:
                    word = word_after(start + np.uint64(i) * _GAMMA)
                value += noise * _NORMAL[word & _BITS]
                word >>= _TWELVE
            pixels[i] = np.uint8(min(max(value + 0.5, 0.0), 255.0))
