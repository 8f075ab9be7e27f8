"""Which lane lies beside which, and from where to where one may change to it.

Only lanes of one road and direction are neighbours. A lane that begins or ends beside another is its
neighbour on the common stretch alone, and of that only where the marking between them may be crossed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from av_td3_system.town.lane_graph import LaneKey
from av_td3_system.town.map_elements import LaneSection, OpenDriveMap, Road, RoadMark
from av_td3_system.town.plan_view import FloatArray

LEFT, RIGHT = 0, 1
NOBODY = -1
SHORTEST = 10.0  # m of common stretch below which nobody changes
CROSSABLE = frozenset({"broken", "none", "botts"})


class Neighbours(NamedTuple):
    """For L lanes of P samples what lies to the left (column 0) and right (column 1) in driving direction."""

    lane: NDArray[np.int32]  # (L, 2) -1 nobody
    start: FloatArray  # (L, 2) m along the own lane from which one may change
    end: FloatArray  # (L, 2) m along the own lane up to which
    position: FloatArray  # (P, 2) m along the other lane beside each sample; 0 where there is nobody


def find_neighbours(
    town: OpenDriveMap,
    chains: Sequence[list[LaneKey]],
    lane_at: dict[LaneKey, int],
    stations: Sequence[FloatArray],
    along: Callable[[int, FloatArray], FloatArray],
) -> Neighbours:
    """Neighbours of all lanes.

    Args:
        town: the map.
        chains: of each lane the (road, section, lane id) it runs through, in driving direction.
        lane_at: the lane that each of these belongs to.
        stations: of each lane the arc length of its road at each of its samples, m.
        along: metres along a lane (given by its index) at arc lengths of its road.
    """
    count = len(chains)
    ends_at = np.cumsum([len(station) for station in stations])
    found = Neighbours(
        np.full((count, 2), NOBODY, np.int32),
        np.zeros((count, 2)),
        np.zeros((count, 2)),
        np.zeros((int(ends_at[-1]), 2)),
    )
    for i, chain in enumerate(chains):
        road = town.roads[chain[0][0]]
        if road.junction is not None:
            continue  # in a junction everybody keeps to the way chosen
        for side in (LEFT, RIGHT):
            common = _common_stretch(road, chain, side, lane_at)
            if common is None:
                continue
            other, low, high = common
            start, end = along(i, np.array([low, high] if chain[0][2] < 0 else [high, low]))
            if end - start < SHORTEST:
                continue
            found.lane[i, side] = other
            found.start[i, side], found.end[i, side] = start, end
            own = slice(ends_at[i] - len(stations[i]), ends_at[i])
            found.position[own, side] = along(other, stations[i])
    return found


def lanes_beside(town: OpenDriveMap, key: LaneKey) -> list[LaneKey]:
    """Lanes of the same road section to which one may change, if anywhere in it."""
    road = town.roads[key[0]]
    if road.junction is not None:
        return []
    section = road.sections[key[1]]
    sides = [_beside(key[2], side) for side in (LEFT, RIGHT)]
    there = [i for i in sides if i * key[2] > 0 and i in section.lanes]
    return [(key[0], key[1], i) for i in there if _crossable(section, key[2], i)]


def _common_stretch(
    road: Road, chain: list[LaneKey], side: int, lane_at: dict[LaneKey, int]
) -> tuple[int, float, float] | None:
    """The neighbour with which most road is shared, and the longest crossable stretch (m of the road) beside it."""
    stretches: dict[int, list[tuple[float, float]]] = {}
    for _, k, identifier in chain:
        beside = _beside(identifier, side)
        other = lane_at.get((road.identifier, k, beside))
        if other is None:
            continue
        section = road.sections[k]
        for low, high in _crossable(section, identifier, beside):
            joined = stretches.setdefault(other, [])
            joined.append((low, high))
    best: tuple[int, float, float] | None = None
    for other, parts in stretches.items():
        for low, high in _joined(sorted(parts)):
            if best is None or high - low > best[2] - best[1]:
                best = other, low, high
    return best


def _beside(identifier: int, side: int) -> int:
    """Lane id to the left or right; the sign of an oncoming lane, or 0, where there is none of the direction."""
    inwards = 1 if identifier < 0 else -1  # towards the reference line, which lies to the left of both directions
    return identifier + (inwards if side == LEFT else -inwards)


def _crossable(section: LaneSection, origin: int, target: int) -> list[tuple[float, float]]:
    """Stretches of a section, m of the road, on which one may change from lane `origin` to `target`."""
    border = section.lanes[min(origin, target, key=abs)]  # its outer marking lies between the two
    marks = border.marks or (RoadMark(0.0, "none", 0.0),)
    starts = [section.start + max(mark.s_offset, 0.0) for mark in marks]
    ends = [*starts[1:], section.end]
    starts[0] = section.start
    return [
        (low, min(high, section.end))
        for mark, low, high in zip(marks, starts, ends, strict=True)
        if low < min(high, section.end) and _may_cross(mark, origin, target)
    ]


def _may_cross(mark: RoadMark, origin: int, target: int) -> bool:
    """Whether a marking may be crossed from one lane to the other, by its own word or by its kind.

    Of a double line the part next to the own lane counts; the first is the inner one.
    """
    if mark.lane_change is not None:
        return mark.lane_change == "both" or mark.lane_change == ("increase" if target > origin else "decrease")
    words = mark.kind.split()
    if not words:
        return True
    return (words[0] if abs(origin) < abs(target) else words[-1]) in CROSSABLE


def _joined(parts: list[tuple[float, float]]) -> list[tuple[float, float]]:
    result: list[tuple[float, float]] = []
    for low, high in parts:
        if result and low - result[-1][1] < 1e-6:
            result[-1] = (result[-1][0], high)
        else:
            result.append((low, high))
    return result
