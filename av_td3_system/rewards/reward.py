"""The reward of one decision: the weighted sum of its terms."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

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
    ended_badly: np.ndarray  # bool: collision, off-road or wrong way in this decision


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
    weighted = np.empty((len(state.speed), len(TERMS)))
    weighted[:, 0] = config.efficiency_weight * terms.efficiency(
        state.speed, desired_speed, config.idle_speed, config.overspeed_slope, config.overspeed_limit
    )
    weighted[:, 1] = config.lane_keeping_weight * terms.lane_keeping(state.lateral, state.heading_error, half_lane)
    weighted[:, 2] = config.comfort_weight * terms.comfort(
        state.jerk, state.steer_rate, config.jerk_scale, config.steer_rate_scale
    )
    weighted[:, 3] = config.safety_weight * terms.safety(
        state.lead_gap,
        state.lead_speed,
        state.speed,
        state.ended_badly,
        config.time_to_collision,
        config.headway,
        config.near_collision,
        config.terminal,
    )
    weighted[:, 4] = config.progress_weight * terms.progress(state.best_before, state.best_now)
    return weighted.sum(axis=1), weighted
