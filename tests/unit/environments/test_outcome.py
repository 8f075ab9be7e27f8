"""The one success predicate, and which ends are terminations, truncations and ends of the return."""

from __future__ import annotations

import numpy as np
import pytest

from av_td3_system.config.schema import EnvironmentConfig
from av_td3_system.environments.episode import OUTCOMES
from av_td3_system.environments.outcome import RUNNING, ends_return, is_truncation, judge, time_limit

FIELDS = ("time", "route_length", "ego_standing", "route_best", "wrong_way", "off_road", "collided")
SETTINGS = EnvironmentConfig()


def judged(**values: float) -> str:
    state = np.zeros(1, [(name, float) for name in FIELDS])
    state["route_length"] = 500.0
    for name, value in values.items():
        state[name] = value
    code = int(judge(state, SETTINGS)[0])
    return "running" if code == RUNNING else OUTCOMES[code]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({}, "running"),
        ({"route_best": 497.9}, "running"),
        ({"route_best": 498.1}, "goal_reached"),
        ({"time": 189.9}, "running"),
        ({"time": 190.0}, "time_limit"),
        ({"ego_standing": 89.9}, "running"),
        ({"ego_standing": 90.0}, "stuck"),
        ({"collided": 1}, "collision"),
        ({"off_road": 1}, "off_road"),
        ({"wrong_way": 1}, "wrong_way"),
        ({"route_best": 499.0, "collided": 1}, "collision"),
        ({"route_best": 499.0, "off_road": 1}, "off_road"),
        ({"route_best": 499.0, "time": 190.0}, "goal_reached"),
        ({"ego_standing": 90.0, "time": 190.0}, "stuck"),
    ],
)
def test_outcomes(values: dict[str, float], expected: str) -> None:
    assert judged(**values) == expected


def test_time_limit_is_at_least_twice_the_free_flow_time() -> None:
    """Lesson: the horizon was just above the time that a perfect drive needs."""
    lengths = np.array(SETTINGS.route_length)
    assert np.all(time_limit(lengths, SETTINGS) >= 2.0 * lengths / (SETTINGS.desired_speed / 3.6))


def test_only_bad_ends_end_the_return_and_what_the_world_did_not_end_is_truncated() -> None:
    """Lesson: a time limit treated as terminal bootstraps wrongly."""
    codes = np.arange(len(OUTCOMES))
    ends = {name for name, bad in zip(OUTCOMES, ends_return(codes), strict=True) if bad}
    cuts = {name for name, cut in zip(OUTCOMES, is_truncation(codes), strict=True) if cut}
    assert ends == {"collision", "off_road", "wrong_way"}
    assert cuts == {"time_limit", "simulator_failure"}
    assert not ends_return(np.array([RUNNING])).any() and not is_truncation(np.array([RUNNING])).any()
