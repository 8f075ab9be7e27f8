"""Anti-aliasing by supersampling: a picture drawn several times as large is averaged down."""

from __future__ import annotations

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray


@njit(cache=True, nogil=True, parallel=True)
def shrink(
    large: NDArray[np.uint8], active: NDArray[np.bool_], out: NDArray[np.uint8], slot_of: NDArray[np.int64]
) -> None:
    """Write the means of k x k pixels of `large` (N, 1, P, k H, k W) to out[n, slot_of[n]], `out` (N, D, P, H, W).

    Only where `active` (N,).
    """
    factor = large.shape[3] // out.shape[3]
    area = factor * factor
    for n in prange(out.shape[0]):
        if not active[n]:
            continue
        small = out[n, slot_of[n]]
        for plane in range(small.shape[0]):
            for row in range(small.shape[1]):
                for column in range(small.shape[2]):
                    total = area // 2
                    for i in range(factor):
                        for j in range(factor):
                            total += np.int32(large[n, 0, plane, row * factor + i, column * factor + j])
                    small[plane, row, column] = np.uint8(total // area)
