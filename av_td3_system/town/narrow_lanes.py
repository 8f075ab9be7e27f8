"""Lanes where no car fits: the thin beginnings and ends of lanes, and bends that no car can follow.

They stay road, but without traffic: before a lane is wide enough to drive on there is only its neighbour.
"""

from __future__ import annotations

import warnings
from dataclasses import replace

import numpy as np

from av_td3_system.config.errors import UserError
from av_td3_system.town.lane_course import LONGEST
from av_td3_system.town.lane_graph import DRIVABLE
from av_td3_system.town.map_elements import Lane, LaneSection, OpenDriveMap, PiecewiseCubic, Road
from av_td3_system.town.outline import lane_borders
from av_td3_system.town.plan_view import FloatArray

CLOSED = "restricted"  # lane type of OpenDRIVE: road on which nobody may drive
NARROWEST = 1.8  # m, the width of a compact car
STEP = 0.5  # m between the places looked at
SHORTEST = 5.0  # m of a thin end from which on it is cut off; less is where one changes over
TIGHTEST = 3.0  # m radius; a car turns at 4.1 m and may use a metre of the lane beside its centre line
BEND = 3.0  # m over which a bend is measured: a kink between two roads is none


def carried(lane: Lane, shift: float) -> Lane:
    """A lane that goes on under its own id in a section which begins `shift` m after its own."""
    started = [m for m in lane.marks if m.s_offset <= shift]
    marks = started[-1:] + [m for m in lane.marks if m.s_offset > shift]
    return replace(
        lane,
        width=PiecewiseCubic(lane.width.starts - shift, lane.width.coefficients),
        predecessor=lane.identifier,
        marks=tuple(replace(m, s_offset=max(m.s_offset - shift, 0.0)) for m in marks),
        speeds=tuple((start - shift, value) for start, value in lane.speeds),
    )


def close_narrow_lanes(town: OpenDriveMap) -> OpenDriveMap:
    """The map with its lane sections cut where thin lanes become wide enough, and what no car can drive closed.

    Warns:
        UserWarning: lanes bend more tightly than `TIGHTEST`.

    Raises:
        UserError: a lane is far longer than its road.
    """
    roads = {name: replace(road, sections=_cut_all(road)) for name, road in town.roads.items()}
    tight = [
        (name, k, i)
        for name, road in roads.items()
        for k, section in enumerate(road.sections)
        for i, lane in section.lanes.items()
        if lane.kind in DRIVABLE and i != 0 and _radius(town.name, road, section, i) < TIGHTEST
    ]
    for name, k, i in tight:
        sections = list(roads[name].sections)
        lanes = {**sections[k].lanes, i: replace(sections[k].lanes[i], kind=CLOSED)}
        sections[k] = replace(sections[k], lanes=lanes)
        roads[name] = replace(roads[name], sections=tuple(sections))
    if tight:
        warnings.warn(
            f"{town.name}: {len(tight)} lanes bend more tightly than a car can turn (radius below {TIGHTEST:g} m) and "
            f"are closed to traffic (first: road {tight[0][0]!r})",
            stacklevel=2,
        )
    return replace(town, roads=roads)


def _cut_all(road: Road) -> tuple[LaneSection, ...]:
    pieces: list[LaneSection] = []
    for section in road.sections:
        pieces += _cut(section, sorted({c for lane in section.lanes.values() for c in _thin_ends(lane, section)}))
    return tuple(
        replace(piece, lanes={i: _closed_if_thin(lane, piece) for i, lane in piece.lanes.items()}) for piece in pieces
    )


def _places(section: LaneSection) -> FloatArray:
    length = section.end - section.start
    return np.linspace(0.0, length, max(2, int(np.ceil(length / STEP)) + 1))


def _thin_ends(lane: Lane, section: LaneSection) -> list[float]:
    """Where a lane out of nothing becomes wide enough, and where one into nothing ceases to be; m of the road."""
    if lane.identifier == 0 or lane.kind not in DRIVABLE:
        return []
    s = _places(section)
    wide = np.flatnonzero(lane.width(s) >= NARROWEST)
    if not len(wide):
        return []
    cuts = [s[wide[0]] if lane.predecessor is None else 0.0, s[wide[-1]] if lane.successor is None else s[-1]]
    thin = cuts[0], s[-1] - cuts[1]
    return [section.start + float(cut) for cut, length in zip(cuts, thin, strict=True) if length >= SHORTEST]


def _cut(section: LaneSection, cuts: list[float]) -> list[LaneSection]:
    """The section in pieces, every lane linked to itself from one to the next."""
    pieces = []
    starts = [section.start, *cuts]
    for k, (start, end) in enumerate(zip(starts, [*cuts, section.end], strict=True)):
        lanes = {i: carried(lane, start - section.start) if k else lane for i, lane in section.lanes.items()}
        if k < len(cuts):
            lanes = {i: replace(lane, successor=i) if i else lane for i, lane in lanes.items()}
        pieces.append(LaneSection(start, end, lanes))
    return pieces


def _closed_if_thin(lane: Lane, section: LaneSection) -> Lane:
    if lane.identifier == 0 or lane.kind not in DRIVABLE:
        return lane
    places = _places(section)
    inside = lane.width(places[1:-1] if len(places) > 2 else places)  # at a cut it is just wide enough
    return replace(lane, kind=CLOSED) if inside.max() < NARROWEST else lane


def _radius(name: str, road: Road, section: LaneSection, identifier: int) -> float:
    """Radius in m of the tightest bend of a lane's centre line, infinite for lanes shorter than a bend."""
    s = section.start + _places(section)
    low, high = lane_borders(road, section, s)[identifier]
    x, y, heading = road.plan_view.evaluate(s)
    t = (low + high) / 2
    px, py = x - np.sin(heading) * t, y + np.cos(heading) * t
    travelled = np.concatenate(([0.0], np.cumsum(np.hypot(np.diff(px), np.diff(py)))))
    length, along = float(travelled[-1]), section.end - section.start
    if not length <= LONGEST * (along + 1.0):  # nor if it is not a number
        raise UserError(
            f"{name}: road {road.identifier!r}: lane {identifier} has no sound course, {length:.3g} m on {along:.3g} m",
            hint="check the road's geometry, lane offset and lane widths",
        )
    if travelled[-1] < BEND:
        return np.inf
    even = np.linspace(0.0, travelled[-1], int(travelled[-1] / STEP) + 1)
    course = np.unwrap(
        np.arctan2(np.gradient(np.interp(even, travelled, py)), np.gradient(np.interp(even, travelled, px)))
    )
    reach = max(1, round(BEND / (even[1] - even[0])))
    turned = np.abs(course[reach:] - course[:-reach])
    return float(reach * (even[1] - even[0]) / max(turned.max(initial=0.0), 1e-9))
