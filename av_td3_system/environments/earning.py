"""What a decision earned: the worlds before and after it, as the reward sees them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from av_td3_system.config.schema import Config
from av_td3_system.environments.crossings import crossing_times
from av_td3_system.rewards import DrivingState, compute_reward


class Before(NamedTuple):
    """What must be known of N worlds as they were before a decision; each float64 (N,).

    Attributes:
        best: greatest arc length reached so far, m.
        acceleration: over the decision before, m/s^2.
        steer: of the front wheels, rad.
    """

    best: np.ndarray
    acceleration: np.ndarray
    steer: np.ndarray


def before_decision(state: np.ndarray) -> Before:
    """Copies from the worlds' records."""
    return Before(state["route_best"].copy(), state["ego_acceleration"].copy(), state["ego_steer"].copy())


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
        ended_badly=ended_badly,
    )
    return compute_reward(driving, config.reward, environment.desired_speed / 3.6, half_lane)


def _crossing_time(state: np.ndarray, config: Config) -> np.ndarray:
    """Infinite for everybody where it costs nothing."""
    reward, vehicle = config.reward, config.vehicle
    if reward.crossing == 0.0:
        return np.full(len(state), np.inf)
    return crossing_times(state, reward.crossing_horizon, vehicle.length, vehicle.width)
