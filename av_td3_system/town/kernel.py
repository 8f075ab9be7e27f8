"""How the functions that move the worlds and draw their pictures are compiled."""

from __future__ import annotations

from functools import partial

from numba import njit

# Kernels allocate nothing and only borrow their arrays, so they do without Numba's reference counts: two atomic
# operations an array and call cost more than most of these functions themselves. Division follows IEEE 754.
# A call also copies every number of `Roads` and of the settings: what runs for each vehicle asks for `forceinline`.
kernel = partial(njit, cache=True, nogil=True, error_model="numpy", _nrt=False)

# The same for what draws: a picture does not need the order of additions that IEEE 754 prescribes.
painter = partial(njit, cache=True, nogil=True, error_model="numpy", _nrt=False, fastmath=True)
