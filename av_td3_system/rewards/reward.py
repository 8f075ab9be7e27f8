"""The reward of one decision: the weighted sum of its terms."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit

from av_td3_system.config.schema import RewardConfig
from av_td3_system.rewards import terms

TERMS = ("efficiency", "lane_keeping", "comfort", "safety", "progress")


class DrivingState(NamedTuple):
    """What the reward looks at, for N worlds; each an array of shape (N,) in SI units."""

    best_before: np.ndarray  # greatest route arc length before the decision, m
    best_now: np.ndarray  # and after it
    speed: np.ndarray
    lateral: np.ndarray  # signed deviation from the route
    heading_error: np.ndarray
    jerk: np.ndarray
    steer_rate: np.ndarray
    lead_gap: np.ndarray  # along the route, inf if free
    lead_speed: np.ndarray
    crossing_time: np.ndarray  # until it meets a crossing vehicle, inf if it does not
    line_gap: np.ndarray  # from its front to the line of the junction ahead, inf if none is near, < 0 beyond it
    took_way: np.ndarray  # bool: entered a junction in this decision without having the way
    ended_badly: np.ndarray  # bool: collision, off-road or wrong way in this decision


class RewardNumbers(NamedTuple):
    """`RewardConfig`, the desired speed (m/s) and half the lane's width (m) as the kernel takes them."""

    progress_weight: float
    efficiency_weight: float
    lane_keeping_weight: float
    comfort_weight: float
    safety_weight: float
    idle_speed: float
    overspeed_slope: float
    overspeed_limit: float
    time_to_collision: float
    headway: float
    standstill_gap: float
    near_collision: float
    crossing: float
    crossing_horizon: float
    approach: float
    approach_speed: float
    right_of_way: float
    terminal: float
    jerk_scale: float
    steer_rate_scale: float
    desired_speed: float
    half_lane: float


def compute_reward(
    state: DrivingState, config: RewardConfig, desired_speed: float, half_lane: float
) -> tuple[np.ndarray, np.ndarray]:
    """Reward of each world and its weighted terms.

    Args:
        state: the N worlds after one decision.
        config: weights and shapes.
        desired_speed: m/s.
        half_lane: half the lane's width, m.

    Returns:
        reward (N,) and terms (N, 5) in the order of `TERMS`; the reward is their sum.
    """
    numbers = RewardNumbers(
        config.progress_weight,
        config.efficiency_weight,
        config.lane_keeping_weight,
        config.comfort_weight,
        config.safety_weight,
        config.idle_speed,
        config.overspeed_slope,
        config.overspeed_limit,
        config.time_to_collision,
        config.headway,
        config.standstill_gap,
        config.near_collision,
        config.crossing,
        config.crossing_horizon,
        config.approach,
        config.approach_speed / 3.6,
        config.right_of_way,
        config.terminal,
        config.jerk_scale,
        config.steer_rate_scale,
        desired_speed,
        half_lane,
    )
    weighted = np.empty((len(state.speed), len(TERMS)))
    reward = np.empty(len(state.speed))
    _weigh(state, numbers, weighted, reward)
    return reward, weighted


@njit(cache=True, nogil=True, error_model="numpy", _nrt=False)
def _weigh(state: DrivingState, config: RewardNumbers, weighted: np.ndarray, reward: np.ndarray) -> None:
    """Every term of every world in one pass: forty NumPy calls on short arrays took ten times as long."""
    for w in range(len(reward)):
        speed = state.speed[w]
        weighted[w, 0] = config.efficiency_weight * terms.efficiency(
            speed, config.desired_speed, config.idle_speed, config.overspeed_slope, config.overspeed_limit
        )
        weighted[w, 1] = config.lane_keeping_weight * terms.lane_keeping(
            state.lateral[w], state.heading_error[w], config.half_lane
        )
        weighted[w, 2] = config.comfort_weight * terms.comfort(
            state.jerk[w], state.steer_rate[w], config.jerk_scale, config.steer_rate_scale
        )
        weighted[w, 3] = config.safety_weight * terms.safety(
            state.lead_gap[w],
            state.lead_speed[w],
            speed,
            state.crossing_time[w],
            state.took_way[w],
            state.ended_badly[w],
            config.time_to_collision,
            config.headway,
            config.standstill_gap,
            config.near_collision,
            config.crossing,
            config.crossing_horizon,
            config.right_of_way,
            config.terminal,
        )
        weighted[w, 3] += config.safety_weight * terms.approach(
            state.line_gap[w], speed, config.approach, config.approach_speed
        )
        weighted[w, 4] = config.progress_weight * terms.progress(state.best_before[w], state.best_now[w])
        reward[w] = 0.0
        for i in range(weighted.shape[1]):
            reward[w] += weighted[w, i]
