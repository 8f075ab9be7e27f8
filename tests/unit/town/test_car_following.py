"""The Intelligent Driver Model against the published formulas."""

from __future__ import annotations

import numpy as np
import pytest

from av_td3_system.town.car_following import equilibrium_gap, idm_acceleration

T, S0, A, B = 1.3, 2.0, 1.8, 2.5


def idm(speed: float, gap: float, lead: float, desired: float = 8.0) -> float:
    return idm_acceleration(speed, desired, gap, lead, T, S0, A, B)


@pytest.mark.parametrize("speed", [0.0, 2.0, 5.0, 7.5])
def test_no_acceleration_at_the_equilibrium_gap(speed: float) -> None:
    gap = equilibrium_gap(speed, 8.0, T, S0)
    assert idm(speed, gap, speed) == pytest.approx(0.0, abs=1e-9)
    assert idm(speed, gap - 0.5, speed) < 0.0 < idm(speed, gap + 0.5, speed)


def test_a_follower_settles_at_the_equilibrium_headway() -> None:
    dt, lead, speed, gap = 0.05, 5.0, 8.0, 40.0
    for _ in range(4000):
        new = max(speed + idm(speed, gap, lead) * dt, 0.0)
        gap += (lead - 0.5 * (speed + new)) * dt
        speed = new
    assert speed == pytest.approx(5.0, abs=1e-3)
    assert gap == pytest.approx(equilibrium_gap(5.0, 8.0, T, S0), abs=0.05)


def test_free_road() -> None:
    assert idm(0.0, np.inf, 0.0) == A
    assert idm(8.0, np.inf, 0.0) == pytest.approx(0.0)
    assert idm(30.0, np.inf, 0.0) == -B  # a sudden lower limit is no emergency


def test_closing_in_brakes_harder_than_following() -> None:
    assert idm(8.0, 15.0, 0.0) < idm(8.0, 15.0, 8.0)
