"""The lateral make-up of roads, sampled along the reference line, for painting and rasterising."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from av_td3_system.town.map_elements import LaneSection, Road, RoadMark
from av_td3_system.town.plan_view import FloatArray

STEP = 0.5  # m between samples


@dataclass(frozen=True)
class MarkLine:
    """Longitudinal paint at lateral `offset` (n,) m (left positive) of a section's samples.

    `active` (n,) is False where nothing is painted. `inner` is the sign of the lateral direction
    towards the reference line, 0 for the centre lane.
    """

    lane: int
    offset: FloatArray
    width: float  # m
    dashed: bool
    inner: int


@dataclass(frozen=True)
class SectionOutline:
    """One lane section, K lanes from right to left, n samples along the reference line.

    `heading` has no jumps. `low`, `high` (K, n) are the borders of the lanes in m, left positive; `lanes` (K,)
    are network lanes or -1; `junction` is the junction's index or -1.
    """

    road: str
    junction: int
    s: FloatArray
    x: FloatArray
    y: FloatArray
    heading: FloatArray
    identifiers: tuple[int, ...]
    kinds: tuple[str, ...]
    low: FloatArray
    high: FloatArray
    lanes: tuple[int, ...]
    marks: tuple[MarkLine, ...]


def lane_borders(road: Road, section: LaneSection, s: FloatArray) -> dict[int, tuple[FloatArray, FloatArray]]:
    """Lateral borders (low, high), each (n,) m, left positive, of every lane but the centre."""
    ds = s - section.start
    # At the very end of a section its own offset counts: where lanes are renumbered, offset and ids jump together.
    offset = road.lane_offset(s, section.end)
    borders: dict[int, tuple[FloatArray, FloatArray]] = {}
    for side in (-1, 1):
        inner = offset
        for identifier in sorted((i for i in section.lanes if i * side > 0), key=abs):
            outer = inner + side * np.maximum(section.lanes[identifier].width(ds), 0.0)
            borders[identifier] = (outer, inner) if side < 0 else (inner, outer)
            inner = outer
    return borders


def _stripes(mark: RoadMark, inner: int) -> list[tuple[float, float, bool]]:
    """(m to the left of the border, m wide, dashed) of each painted line of a mark.

    Of a double line the first word is the inner line, at the centre lane the left one (ASAM OpenDRIVE 1.7, 9.6).
    """
    if mark.stripes:
        return [(stripe.offset, stripe.width, stripe.space > 0) for stripe in mark.stripes]
    words = [word for word in mark.kind.split() if word in ("solid", "broken")]
    first = mark.width * (inner or 1) * (len(words) - 1)
    return [(first * (1 - 2 * i), mark.width, word == "broken") for i, word in enumerate(words[:2])]


def _marks(
    road: Road, section: LaneSection, s: FloatArray, borders: dict[int, tuple[FloatArray, FloatArray]]
) -> list[MarkLine]:
    lines = []
    for identifier, lane in section.lanes.items():
        # The outer border: low on the right, high on the left.
        centre = road.lane_offset(s, section.end)
        offset = centre if identifier == 0 else borders[identifier][int(identifier > 0)]
        ends = [*(mark.s_offset for mark in lane.marks[1:]), np.inf]
        for mark, end in zip(lane.marks, ends, strict=False):
            active = (s - section.start >= mark.s_offset - 1e-6) & (s - section.start < end)
            painted = np.where(active, offset, np.nan)
            inner = int(np.sign(-identifier))
            for aside, width, dashed in _stripes(mark, inner):
                lines.append(MarkLine(identifier, painted + aside, width, dashed, inner))
    return lines


def section_outline(road: Road, index: int, junction: int, lanes: dict[int, int]) -> SectionOutline:
    """Samples section `index` of `road`.

    Args:
        road: the road.
        index: of the section.
        junction: index of the junction that the road is part of, or -1.
        lanes: network lane of each drivable lane id of this section.
    """
    section = road.sections[index]
    length = section.end - section.start
    s = np.linspace(section.start, section.end, max(2, int(np.ceil(length / STEP)) + 1))
    x, y, heading = road.plan_view.evaluate(s)
    borders = lane_borders(road, section, s)
    order = sorted(borders)
    shape = (len(order), len(s))
    return SectionOutline(
        road=road.identifier,
        junction=junction,
        s=s,
        x=x,
        y=y,
        heading=np.unwrap(heading),  # primitives may give theirs a whole turn apart
        identifiers=tuple(order),
        kinds=tuple(section.lanes[i].kind for i in order),
        low=np.array([borders[i][0] for i in order]).reshape(shape),
        high=np.array([borders[i][1] for i in order]).reshape(shape),
        lanes=tuple(lanes.get(i, -1) for i in order),
        marks=tuple(_marks(road, section, s, borders)),
    )
