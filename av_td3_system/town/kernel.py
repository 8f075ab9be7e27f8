"""How the functions that move the worlds and draw their pictures are compiled."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numba import njit, types


def kernel(**options: Any) -> Callable[[Callable[..., Any]], Any]:
    """Decorate a function that other compiled functions call; `options` are Numba's.

    Kernels allocate nothing and only borrow their arrays, so they do without Numba's reference counts: two atomic
    operations an array and call cost more than most of these functions themselves. Division follows IEEE 754. A call
    also copies every number of `Roads` and of the settings: what runs for each vehicle asks for `forceinline`.

    Numba compiles a function anew for each literal and each width of a number that it is called with; here numbers are
    widened before, so a function is compiled once for them all.
    """

    def compiled(function: Callable[..., Any]) -> Any:
        settings = {"cache": True, "nogil": True, "error_model": "numpy", "_nrt": False, "no_cfunc_wrapper": True}
        dispatcher = njit(**settings | options)(function)
        choose = dispatcher.get_call_template
        dispatcher.get_call_template = lambda args, kws: choose(
            tuple(map(_widened, args)), {name: _widened(kind) for name, kind in kws.items()}
        )
        return dispatcher

    return compiled


def painter(**options: Any) -> Callable[[Callable[..., Any]], Any]:
    """As `kernel`, for what draws: a picture does not need the order of additions that IEEE 754 prescribes."""
    return kernel(fastmath=True, **options)


def _widened(kind: Any) -> Any:
    plain = types.unliteral(kind)
    if isinstance(plain, types.Integer) and (plain.signed or plain.bitwidth < 64):
        return types.int64
    return types.float64 if plain == types.float32 else plain
