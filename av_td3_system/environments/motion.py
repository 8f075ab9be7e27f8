"""How the ego moved in a decision: what the measures of a drive are computed from."""

from __future__ import annotations

import numpy as np

MOTION = np.dtype(
    [
        ("time", np.float64),  # s since the episode began
        ("ego_x", np.float64),  # m
        ("ego_y", np.float64),
        ("ego_heading", np.float64),  # rad
        ("ego_speed", np.float64),  # m/s
        ("ego_acceleration", np.float64),  # m/s^2, mean over the decision
        ("ego_yaw_rate", np.float64),  # rad/s
        ("ego_steer", np.float64),  # rad, front wheels, positive to the left
        ("route_s", np.float64),  # m along the route
        ("lateral", np.float64),  # m beside it, left positive
        ("heading_error", np.float64),  # rad
        ("lead_gap", np.float64),  # m to the vehicle ahead, inf where there is none in sight
        ("lead_speed", np.float64),  # m/s along the route
    ]
)
"""Fields of the town's state, at the end of a decision."""


def motion_of(state: np.ndarray) -> np.ndarray:
    """The motion of N worlds, (N,) of `MOTION`; a copy."""
    motion = np.empty(len(state), MOTION)
    for name in MOTION.names or ():
        motion[name] = state[name]
    return motion
