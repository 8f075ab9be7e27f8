"""Measures of drives whose answers are known."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from av_td3_system.environments.motion import MOTION
from av_td3_system.evaluation.drive_figures import drive_figures, jerk, time_to_collision

DECISION = 0.1


def drive(decisions: int, **columns: Any) -> np.ndarray:
    """A drive whose fields are as given, all else zero and nobody ahead."""
    motion = np.zeros(decisions, MOTION)
    motion["time"] = DECISION * (1 + np.arange(decisions))
    motion["lead_gap"] = np.inf
    for name, values in columns.items():
        motion[name] = values
    return motion


def test_a_vehicle_20_m_ahead_that_is_10_m_per_s_slower_is_met_in_exactly_2_s() -> None:
    ttc = time_to_collision(np.array([20.0]), np.array([12.0]), np.array([2.0]))
    assert ttc.tolist() == [2.0]
    figures = drive_figures(drive(10, lead_gap=20.0, ego_speed=12.0, lead_speed=2.0), DECISION)
    assert (figures["ttc_min"], figures["ttc_p05"]) == (2.0, 2.0)
    assert figures["ttc_below_2"] == 0.0, "2 s are not below 2 s"
    assert sum(figures["ttc_counts"]) == 10 and figures["ttc_counts"][8] == 10


@pytest.mark.parametrize(("gap", "lead_speed"), [(np.inf, 0.0), (10.0, 12.0), (10.0, 13.0)])
def test_who_does_not_close_in_has_no_time_to_collision(gap: float, lead_speed: float) -> None:
    figures = drive_figures(drive(10, lead_gap=gap, ego_speed=12.0, lead_speed=lead_speed), DECISION)
    assert figures["ttc_min"] is None and figures["ttc_p05"] is None
    assert figures["ttc_below_0.95"] == figures["ttc_below_2"] == 0.0 and sum(figures["ttc_counts"]) == 0


def test_shares_of_time_count_decisions() -> None:
    gap = np.full(20, np.inf)
    gap[:5] = [1.0, 9.0, 9.5, 15.0, 40.0]
    figures = drive_figures(drive(20, lead_gap=gap, ego_speed=10.0), DECISION)
    assert figures["ttc_below_0.95"] == 0.10, "0.1 and 0.9 s of 20 decisions; 0.95 itself is not below"
    assert figures["ttc_below_2"] == 0.20
    assert figures["ttc_min"] == pytest.approx(0.1) and figures["ttc_p05"] == pytest.approx(0.1)


def test_a_car_that_touches_the_one_ahead_has_no_time_left() -> None:
    assert time_to_collision(np.array([-0.1, 0.0]), np.array([1.0, 1.0]), np.zeros(2)).tolist() == [0.0, 0.0]


def test_a_jerk_of_exactly_1() -> None:
    motion = drive(60)
    motion["ego_acceleration"] = 1.0 * motion["time"]
    figures = drive_figures(motion, DECISION)
    assert figures["jerk_rms"] == pytest.approx(1.0) and figures["jerk_max"] == pytest.approx(1.0)
    assert jerk(np.array([0.0, -0.2]), 0.1).tolist() == [-2.0]


def test_the_first_second_is_not_judged() -> None:
    motion = drive(30)
    motion["ego_acceleration"][:9] = 50.0  # times 0.1 to 0.9 s
    assert drive_figures(motion, DECISION)["jerk_max"] == 0.0
    short = drive_figures(drive(5), DECISION)
    assert short["jerk_rms"] is None and short["lateral_acceleration_max"] is None


def test_a_circling_car() -> None:
    """10 m/s on a circle of 50 m: 2 m/s^2 to the side, whichever way round."""
    for turn in (1.0, -1.0):
        figures = drive_figures(drive(50, ego_speed=10.0, ego_yaw_rate=turn * 0.2, heading_error=-turn * 0.1), DECISION)
        assert figures["lateral_acceleration_rms"] == pytest.approx(2.0)
        assert figures["lateral_acceleration_max"] == pytest.approx(2.0)
        assert figures["heading_error"] == pytest.approx(np.degrees(0.1))


def test_a_stopped_car() -> None:
    figures = drive_figures(drive(40, lead_gap=3.0), DECISION)
    assert figures["ttc_min"] is None and figures["jerk_rms"] == 0.0 == figures["lateral_acceleration_rms"]
    assert figures["speed_counts"][0] == 40 == sum(figures["speed_counts"])


def test_a_mirrored_drive_has_the_same_figures() -> None:
    rng = np.random.default_rng(3)
    motion = drive(80)
    for name in ("ego_speed", "lead_gap", "lead_speed"):
        motion[name] = rng.uniform(0, 20, 80)
    for name in ("ego_yaw_rate", "lateral", "heading_error", "ego_steer", "ego_acceleration"):
        motion[name] = rng.normal(size=80)
    mirrored = motion.copy()
    for name in ("ego_yaw_rate", "lateral", "heading_error", "ego_steer", "ego_y"):
        mirrored[name] *= -1
    assert drive_figures(motion, DECISION) == drive_figures(mirrored, DECISION)


def test_a_speed_beyond_the_last_bin_is_counted_there() -> None:
    assert drive_figures(drive(7, ego_speed=99.0), DECISION)["speed_counts"][-1] == 7
