"""The model of Krauss against the published formulas, and its promise: nobody runs into the one ahead."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from av_td3_system.town.krauss import free_acceleration, safe_acceleration, safe_speed

TAU, S0, A, B, DT = 1.3, 2.0, 1.8, 2.5, 0.05
EMERGENCY = 7.0


def krauss(speed: float, gap: float, lead: float, desired: float = 8.0) -> float:
    return min(free_acceleration(speed, desired, A, B, DT), safe_acceleration(speed, gap, lead, TAU, S0, B, DT))


def test_the_safe_speed_is_the_papers() -> None:
    # v_l = 5, v = 10, g = 20, tau = 1, b = 2.5: 5 + (20 - 5 * 1) / (15 / 5 + 1).
    assert safe_speed(10.0, 20.0, 5.0, 1.0, 2.5) == pytest.approx(8.75)
    assert safe_speed(10.0, np.inf, 0.0, 1.0, 2.5) == np.inf


@pytest.mark.parametrize("speed", [0.5, 2.0, 5.0, 7.5])
def test_the_gap_of_equal_speeds_is_the_reaction_time(speed: float) -> None:
    gap = S0 + speed * TAU
    assert krauss(speed, gap, speed) == pytest.approx(0.0, abs=1e-9)
    assert krauss(speed, gap - 0.5, speed) < 0.0 < krauss(speed, gap + 0.5, speed)


def test_free_road() -> None:
    assert krauss(0.0, np.inf, 0.0) == A
    assert krauss(8.0 - 0.5 * A * DT, np.inf, 0.0) == pytest.approx(0.5 * A), "the desired speed is not exceeded"
    assert krauss(30.0, np.inf, 0.0) == -B  # a sudden lower limit is no emergency


def test_it_stops_behind_what_stands_at_the_minimum_gap_and_with_comfort() -> None:
    speed, gap, hardest, begun = 8.0, 60.0, 0.0, np.inf
    for _ in range(1200):
        pull = krauss(speed, gap, 0.0)
        if pull < 0.0:
            begun = min(begun, gap) if np.isinf(begun) else begun
        hardest = min(hardest, pull)
        new = max(speed + pull * DT, 0.0)
        gap -= 0.5 * (speed + new) * DT
        speed = new
    assert speed < 0.01 and gap == pytest.approx(S0, abs=0.05)
    assert hardest > -1.2 * B
    assert begun == pytest.approx(S0 + 8.0**2 / (2.0 * B) + 8.0 * TAU, abs=0.5), "it brakes no earlier than it must"


def test_no_reaction_is_faster_than_a_tick() -> None:
    assert safe_acceleration(8.0, 12.0, 6.0, 0.001, S0, B, DT) == safe_acceleration(8.0, 12.0, 6.0, DT, S0, B, DT)


@given(seed=st.integers(0, 2**32 - 1))
def test_no_platoon_collides_however_its_leader_brakes(seed: int) -> None:
    draw = np.random.default_rng(seed)
    n = 6
    tau, b = draw.uniform(0.4, 2.4, n).tolist(), draw.uniform(1.5, 3.5, n).tolist()
    a, desired = draw.uniform(0.8, 3.0, n).tolist(), draw.uniform(5.0, 16.0, n).tolist()
    sigma = draw.uniform(0.0, 1.0)
    speed = [float(draw.uniform(0.0, limit)) for limit in desired]
    gap = [np.inf]
    for i in range(1, n):  # each begins where it need not brake yet, or a little farther off
        needed = speed[i] * tau[i] + (speed[i] ** 2 - speed[i - 1] ** 2) / (2.0 * b[i])
        gap.append(S0 + max(needed, 0.0) * draw.uniform(1.0, 1.5))
    dawdling = draw.uniform(0.0, sigma, (400, n)).tolist()
    leads = 0.0
    for k in range(400):
        if k % 50 == 0:
            leads = float(draw.choice([-EMERGENCY, -3.0, 2.0]))
        pull = [leads if leads < 0.0 or speed[0] < 15.0 else 0.0]
        for i in range(1, n):
            free = free_acceleration(speed[i], desired[i], a[i], b[i], DT)
            held = safe_acceleration(speed[i], gap[i], speed[i - 1], tau[i], S0, b[i], DT)
            pull.append(max(min(free, held) - dawdling[k][i] * a[i], -EMERGENCY))
        new = [max(v + p * DT, 0.0) for v, p in zip(speed, pull, strict=True)]
        for i in range(1, n):
            gap[i] += 0.5 * DT * (speed[i - 1] + new[i - 1] - speed[i] - new[i])
        speed = new
        assert min(gap) > S0 - 0.01, "the standstill gap stays free, too"
