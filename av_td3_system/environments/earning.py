"""What a decision earned: the worlds before and after it, as the reward sees them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from av_td3_system.config.schema import Config
from av_td3_system.environments.crossings import crossing_times
from av_td3_system.rewards import DrivingState, compute_reward
from av_td3_system.town.passages import line_gaps
from av_td3_system.town.state import NONE


class Before(NamedTuple):
    """What must be known of N worlds as they were before a decision; each float64 (N,).

    Attributes:
        best: greatest arc length reached so far, m.
        acceleration: over the decision before, m/s^2.
        steer: of the front wheels, rad.
        order: place of its last passage through a junction among all of the episode, int64.
        granted_at: time at which it was last given the way, s.
    """

    best: np.ndarray
    acceleration: np.ndarray
    steer: np.ndarray
    order: np.ndarray
    granted_at: np.ndarray


def before_decision(state: np.ndarray) -> Before:
    """Copies from the worlds' records."""
    names = ("route_best", "ego_acceleration", "ego_steer", "ego_order", "ego_granted_at")
    return Before(*(state[name].copy() for name in names))


def earned(
    before: Before, state: np.ndarray, config: Config, half_lane: float, ended_badly: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Reward (N,) and its weighted terms (N, 5) in the order of `rewards.TERMS`.

    Args:
        before: as `before_decision` gave it.
        state: the worlds' records now, (N,).
        config: settings of reward, environment and vehicle.
        half_lane: half of a lane's width, m.
        ended_badly: bool (N,), whose episode ended in what ends the return.
    """
    environment = config.environment
    decision = environment.tick * environment.action_repeat
    driving = DrivingState(
        best_before=before.best,
        best_now=np.minimum(state["route_best"], state["route_length"]),
        speed=state["ego_speed"],
        lateral=state["lateral"],
        heading_error=state["heading_error"],
        jerk=(state["ego_acceleration"] - before.acceleration) / decision,
        steer_rate=(state["ego_steer"] - before.steer) / decision,
        lead_gap=state["lead_gap"],
        lead_speed=state["lead_speed"],
        crossing_time=_crossing_time(state, config),
        line_gap=_line_gap(state, config),
        took_way=took_way(before, state),
        ended_badly=ended_badly,
    )
    return compute_reward(driving, config.reward, environment.desired_speed / 3.6, half_lane)


def took_way(before: Before, state: np.ndarray) -> np.ndarray:
    """Bool (N,): whose front crossed the line of a junction in the decision without having been given the way.

    The town counts a passage that is taken like one that is given (`town.claims`), but gives none.
    """
    passed = (state["ego_order"] > before.order) & (state["ego_granted"] != NONE)
    return passed & (state["ego_granted_at"] == before.granted_at)


def _line_gap(state: np.ndarray, config: Config) -> np.ndarray:
    """Infinite for everybody where it costs nothing."""
    if config.reward.approach == 0.0:
        return np.full(len(state), np.inf)
    return line_gaps(state, 0.5 * config.vehicle.length)


def _crossing_time(state: np.ndarray, config: Config) -> np.ndarray:
    """Infinite for everybody where it costs nothing."""
    reward, vehicle = config.reward, config.vehicle
    if reward.crossing == 0.0:
        return np.full(len(state), np.inf)
    return crossing_times(state, reward.crossing_horizon, vehicle.length, vehicle.width)
