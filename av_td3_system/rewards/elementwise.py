"""`clip` and `where`: NumPy's for arrays, and in a compiled kernel for one number, without making an array of it."""

from __future__ import annotations

import numpy as np
from numba.extending import overload


def clip(value: np.ndarray, low: float, high: float) -> np.ndarray:
    """`value` within [low, high], as `np.clip`."""
    return np.clip(value, low, high)


def where(condition: np.ndarray, value: np.ndarray, otherwise: float) -> np.ndarray:
    """`value` where the condition holds, as `np.where`."""
    return np.where(condition, value, otherwise)


# Numba compares the names and the annotations of both signatures, so there are none.
@overload(clip)
def _clip_number(value, low, high):  # type: ignore[no-untyped-def]
    return lambda value, low, high: min(max(value, low), high)


@overload(where)
def _where_number(condition, value, otherwise):  # type: ignore[no-untyped-def]
    return lambda condition, value, otherwise: value if condition else otherwise
