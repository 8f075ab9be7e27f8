"""Anti-aliasing by supersampling: a picture drawn several times as large is averaged down."""

from __future__ import annotations

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray


@njit(cache=True, nogil=True, parallel=True)
def shrink(large: NDArray[np.uint8], active: NDArray[np.bool_], out: NDArray[np.uint8]) -> None:
    """Write the means of k x k pixels of `large` (N, P, k H, k W) to `out` (N, P, H, W) where `active` (N,)."""
    factor = large.shape[2] // out.shape[2]
    area = factor * factor
    for n in prange(out.shape[0]):
        if not active[n]:
            continue
        for plane in range(out.shape[1]):
            for row in range(out.shape[2]):
                for column in range(out.shape[3]):
                    total = area // 2
                    for i in range(factor):
                        for j in range(factor):
                            total += np.int32(large[n, plane, row * factor + i, column * factor + j])
                    out[n, plane, row, column] = np.uint8(total // area)
