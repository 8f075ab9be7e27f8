"""How an episode ends: the one success predicate and what does and does not end the return.

Collision, leaving the road and wrong way end the return (nothing is bootstrapped after them); goal,
stuck and time limit only end the episode. An episode succeeds exactly when its outcome is
`goal_reached`: the goal was reached in time and nothing bad happened before or at that moment.
"""

from __future__ import annotations

import numpy as np

from av_td3_system.config.schema import EnvironmentConfig
from av_td3_system.environments.episode import OUTCOMES

RUNNING = -1
_CODE = {name: code for code, name in enumerate(OUTCOMES)}
SIMULATOR_FAILURE = _CODE["simulator_failure"]
ENDS_RETURN = ("collision", "off_road", "wrong_way")
_ENDS_RETURN = np.array([name in ENDS_RETURN for name in OUTCOMES] + [False])  # the last one is of RUNNING, -1


def time_limit(route_length: np.ndarray, environment: EnvironmentConfig) -> np.ndarray:
    """Seconds allowed for routes of these lengths (m): the slowest speed plus an allowance."""
    return route_length / (environment.slowest_speed / 3.6) + environment.time_allowance


def judge(state: np.ndarray, environment: EnvironmentConfig) -> np.ndarray:
    """Outcome code of each world (index into `OUTCOMES`), `RUNNING` while the episode goes on; int64 (N,).

    Where several hold at once the worst counts: an arrival with a collision is a collision.
    """
    codes = np.full(len(state["time"]), RUNNING, np.int64)
    codes[state["time"] >= time_limit(state["route_length"], environment) - 1e-9] = _CODE["time_limit"]
    codes[state["ego_standing"] >= environment.stuck_time - 1e-9] = _CODE["stuck"]
    codes[state["route_best"] >= state["route_length"] - environment.goal_tolerance] = _CODE["goal_reached"]
    codes[state["wrong_way"].astype(bool)] = _CODE["wrong_way"]
    codes[state["off_road"].astype(bool)] = _CODE["off_road"]
    codes[state["collided"].astype(bool)] = _CODE["collision"]
    return codes


def ends_return(codes: np.ndarray) -> np.ndarray:
    """Which outcomes end the return; bool of the codes' shape."""
    ends: np.ndarray = _ENDS_RETURN[codes]
    return ends


def is_truncation(codes: np.ndarray) -> np.ndarray:
    """Which outcomes are truncations in Gymnasium's sense: nothing in the world ended the episode."""
    return (codes == _CODE["time_limit"]) | (codes == SIMULATOR_FAILURE)
