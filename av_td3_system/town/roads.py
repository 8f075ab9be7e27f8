"""The road network as the compiled kernels take it: a handful of structured arrays.

Kernels pass this tuple to every function they call; with one array a field that would cost a
reference count an array and call, and compile times in minutes.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from av_td3_system.config.schema import TrafficConfig
from av_td3_system.town.road_network import LaneArrays

LANE_FIELDS = ("first", "count", "length", "width", "speed_limit", "junction", "turn", "opposite")
BESIDE_FIELDS = {  # name here: name in `Neighbours`
    "beside": "lane",
    "beside_start": "start",
    "beside_end": "end",
}
LINK_FIELDS = (
    "successor_first",
    "successor_count",
    "predecessor_first",
    "predecessor_count",
    "conflict_first",
    "conflict_count",
)


class Roads(NamedTuple):
    """Lanes 0..L-1 in driving direction; units as in `LaneArrays`."""

    # (L,) LANE_FIELDS, LINK_FIELDS, BESIDE_FIELDS as in `Neighbours`, two elements each, left and right, and
    # entry_speed, the speed that bends allow at its start, m/s
    lane: np.ndarray
    # (P,) x, y, heading, curvature, allowed_speed (bends ahead on the lane included), m/s, and position (2,), m
    # along the lanes to the left and right
    sample: np.ndarray
    successors: np.ndarray  # int32
    predecessors: np.ndarray  # int32
    conflict: np.ndarray  # (C,) other, enter, leave (m on the own lane), kind


def build_roads(lanes: LaneArrays, traffic: TrafficConfig) -> Roads:
    """Pack a network and the speeds that the traffic's manners allow on it."""
    allowed = bend_speeds(lanes, traffic.lateral_acceleration, traffic.comfortable_deceleration)
    names = LANE_FIELDS + LINK_FIELDS
    columns: dict[str, np.ndarray] = {name: getattr(lanes, name) for name in names}
    columns |= {name: getattr(lanes.neighbours, source) for name, source in BESIDE_FIELDS.items()}
    lane = np.zeros(
        len(lanes.first),
        [(name, column.dtype, column.shape[1:]) for name, column in columns.items()]
        + [("entry_speed", np.dtype(np.float64), ())],
    )
    for name, column in columns.items():
        lane[name] = column
    lane["entry_speed"] = allowed[lanes.first]
    sample = np.zeros(
        len(lanes.x),
        [(name, np.float64, ()) for name in ("x", "y", "heading", "curvature", "allowed_speed")]
        + [("position", np.float64, (2,))],
    )
    for name in ("x", "y", "heading", "curvature"):
        sample[name] = getattr(lanes, name)
    sample["allowed_speed"] = allowed
    sample["position"] = lanes.neighbours.position
    conflict = np.zeros(
        len(lanes.conflict_lane), [("other", np.int32), ("enter", np.float64), ("leave", np.float64), ("kind", np.int8)]
    )
    conflict["other"] = lanes.conflict_lane
    conflict["enter"] = lanes.conflict_enter
    conflict["leave"] = lanes.conflict_leave
    conflict["kind"] = lanes.conflict_kind
    return Roads(lane, sample, lanes.successors, lanes.predecessors, conflict)


def bend_speeds(lanes: LaneArrays, lateral_acceleration: float, deceleration: float) -> np.ndarray:
    """Speed (m/s) at each lane sample that keeps v^2 |curvature| in bounds (m/s^2) there and later on the lane.

    A backward pass lets the speed fall at `deceleration` (m/s^2) at most before each bend.
    """
    allowed = np.sqrt(lateral_acceleration / np.maximum(np.abs(lanes.curvature), 1e-6))
    for lane in range(len(lanes.first)):
        first, count = int(lanes.first[lane]), int(lanes.count[lane])
        step = lanes.length[lane] / (count - 1)
        for p in range(first + count - 2, first - 1, -1):
            allowed[p] = min(allowed[p], np.sqrt(allowed[p + 1] ** 2 + 2.0 * deceleration * step))
    return allowed
