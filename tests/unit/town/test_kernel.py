"""One compilation of a kernel serves every width of a number and every literal."""

from __future__ import annotations

import numpy as np

from av_td3_system.town.kernel import kernel


@kernel(cache=False)
def _add(a: int, b: float, twice: bool) -> float:
    return 2.0 * (a + b) if twice else a + b


@kernel(cache=False)
def _add_up(small: np.ndarray, fine: np.ndarray, single: np.ndarray) -> float:
    literals = _add(-1, 0.5, True) + _add(3, 0.25, False)
    return literals + _add(small[0], single[0], small[0] > 0) + _add(small[1], b=fine[0], twice=False)


def test_a_kernel_is_compiled_once_for_all_numbers_it_is_called_with() -> None:
    numbers = np.array([-7, 2], np.int32), np.array([0.125]), np.array([0.5], np.float32)
    assert _add_up(*numbers) == 2.0 * (-1 + 0.5) + 3.25 + (-7 + 0.5) + 2.125
    assert len(_add.signatures) == 1
    assert _add(1, 2.0, True) == 6.0  # and from Python
