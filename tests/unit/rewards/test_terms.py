"""The five terms: pure, bounded, and zero where nothing is amiss."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from av_td3_system.rewards import terms

anything = st.floats(-1e3, 1e3)


def one(value: float) -> np.ndarray:
    return np.array([value])


@given(anything, anything)
def test_every_cost_is_bounded(a: float, b: float) -> None:
    assert -21.0 <= terms.efficiency(one(abs(a)), 8.3, 0.5, 5.0, 20.0)[0] <= 0.0
    assert -1.0 <= terms.lane_keeping(one(a), one(b), 1.75)[0] <= 0.0
    assert -1.0 <= terms.comfort(one(a), one(b), 60.0, 1.2)[0] <= 0.0
    assert -21.3 <= safety(abs(a), b, abs(b), True, abs(a)) <= -20.0
    assert 0.0 <= terms.progress(one(a), one(b))[0] <= terms.MAX_STEP


def test_zero_speed_earns_zero_progress() -> None:
    """Lesson: a discounted potential paid +1.15 a step for standing still."""
    for s in (0.0, 17.3, 499.0):
        assert terms.progress(one(s), one(s))[0] == 0.0
    assert terms.progress(one(10.0), one(9.0))[0] == 0.0  # rolling back costs nothing and earns nothing
    assert terms.progress(one(10.0), one(10.8))[0] == pytest.approx(0.8)


def test_standing_costs_and_driving_does_not() -> None:
    speeds = np.array([0.0, 0.49, 0.75, 1.0, 5.0, 8.3])
    assert terms.efficiency(speeds, 8.4, 0.5, 5.0, 20.0).tolist() == pytest.approx([-1, -1, -0.5, 0, 0, 0])
    assert terms.efficiency(one(9.4), 8.4, 0.5, 5.0, 20.0)[0] == pytest.approx(-5.0)


def test_deviation_costs_the_same_on_both_sides() -> None:
    left = terms.lane_keeping(one(0.8), one(0.2), 1.75)
    assert left == terms.lane_keeping(one(-0.8), one(-0.2), 1.75) and left[0] < 0.0
    assert terms.lane_keeping(one(0.0), one(0.0), 1.75)[0] == 0.0


def safety(
    gap: float,
    lead_speed: float,
    speed: float,
    ended_badly: bool = False,
    crossing_time: float = np.inf,
    standstill_gap: float = 0.0,
    took_way: bool = False,
) -> float:
    """1.5 s to collision, 1.2 s of headway, 0.5 at most; 0.8 from 2.5 s before crossing ways, 7 a way, 20 the end."""
    values = one(gap), one(lead_speed), one(speed), one(crossing_time), np.array([took_way]), np.array([ended_badly])
    return float(terms.safety(*values, 1.5, 1.2, standstill_gap, 0.5, 0.8, 2.5, 7.0, 20.0)[0])


def test_a_way_that_is_taken_costs_once_beside_all_else() -> None:
    assert safety(np.inf, 0.0, 8.0, took_way=True) == -7.0
    assert safety(3.0, 5.0, 5.0, True, 2.0, took_way=True) == pytest.approx(-0.25 - 0.16 - 7.0 - 20.0)


def test_coming_to_a_junction_faster_than_one_can_give_way_costs_by_the_metre_a_second() -> None:
    line = 10.0 / 3.6
    cost = [terms.approach(one(gap), one(8.0), 1.5, line)[0] for gap in (np.inf, 30.0, 9.0, 1e-9, 0.0, -3.0)]
    assert cost[:2] == [0.0, 0.0] and cost[4:] == [0.0, 0.0], "nothing where it could still brake, nor beyond the line"
    assert cost[2] == pytest.approx(-1.5 * (8.0 - np.sqrt(line**2 + 2 * 2.5 * 9.0)))
    assert cost[3] == pytest.approx(-1.5 * (8.0 - line))
    braking = np.sqrt(line**2 + 2 * 2.5 * np.linspace(20.0, 0.1, 50))
    assert not terms.approach(np.linspace(20.0, 0.1, 50), braking - 1e-9, 1.5, line).any()
    assert terms.approach(one(5.0), one(0.0), 1.5, line)[0] == 0.0


def test_time_to_collision_uses_the_closing_speed() -> None:
    """Lesson: TTC ignored the other car's speed."""
    assert safety(10.0, 8.0, 8.0) == safety(10.0, 12.0, 8.0) == 0.0
    assert safety(10.0, 0.0, 8.0) == pytest.approx(-0.5 * (1 - (10.0 / 8.0) / 1.5))
    assert safety(np.inf, 0.0, 8.0) == 0.0
    assert safety(np.inf, 0.0, 0.0, ended_badly=True) == -20.0


def test_following_too_closely_costs_at_equal_speeds() -> None:
    costs = [safety(gap, 5.0, 5.0) for gap in (7.0, 6.0, 4.5, 3.0, 1.5, 0.0)]  # 1.2 s x 5 m/s = 6 m
    assert costs == pytest.approx([0.0, 0.0, -0.125, -0.25, -0.375, -0.5])
    assert safety(1.0, 0.0, 5.0) == pytest.approx(-0.5 * (1 - (1.0 / 5.0) / 1.5))  # the greater of the two, not the sum


def test_meeting_a_crossing_vehicle_costs_beside_all_else() -> None:
    costs = [safety(np.inf, 0.0, 8.0, crossing_time=time) for time in (np.inf, 2.5, 2.0, 0.5, 0.0)]
    assert costs == pytest.approx([0.0, 0.0, -0.16, -0.64, -0.8])
    assert safety(3.0, 5.0, 5.0, True, 2.0) == pytest.approx(-0.25 - 0.16 - 20.0)


def test_waiting_is_as_good_near_as_far() -> None:
    """Standing half a metre behind a stopped vehicle must not be nearly as bad as hitting it."""
    assert safety(0.5, 0.0, 0.0) == safety(0.0, 0.0, 0.0) == safety(20.0, 0.0, 0.0) == 0.0


def test_creeping_on_behind_a_vehicle_that_stands_costs_and_waiting_there_does_not() -> None:
    assert safety(1.0, 0.0, 0.3) == 0.0, "at 1.2 s of headway it would get away with it"
    for gap in (0.2, 1.0, 1.5):
        assert safety(gap, 0.0, 0.01, standstill_gap=1.5) == -0.5
        assert safety(gap, 0.0, 0.0, standstill_gap=1.5) == 0.0
    assert safety(7.5, 5.0, 5.0, standstill_gap=1.5) == 0.0
    assert safety(4.5, 5.0, 5.0, standstill_gap=1.5) == pytest.approx(-0.25)


def test_driving_backwards_along_the_lane_costs_as_much_as_across_it() -> None:
    across, backwards = (terms.lane_keeping(one(0.0), one(angle), 1.75)[0] for angle in (np.pi / 2, np.pi))
    assert across == backwards == -0.5
