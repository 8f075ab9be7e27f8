"""The course of one lane: its centre line by arc length, in driving direction, with its width and speed limit."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from av_td3_system.config.errors import UserError
from av_td3_system.town.lane_graph import LaneKey
from av_td3_system.town.map_elements import Road
from av_td3_system.town.outline import lane_borders
from av_td3_system.town.plan_view import FloatArray

SPACING = 0.5  # m between centre-line samples
DEFAULT_SPEED = 30 / 3.6  # m/s where the map gives no limit
LONGEST = 20.0  # m of lane in a metre of road; a lane on the outside of the tightest bends has less


class LaneCourse(NamedTuple):
    """Samples (n,) along a lane, uniformly apart, the first and last on its ends; angles in rad, lengths in m."""

    x: FloatArray
    y: FloatArray
    heading: FloatArray
    curvature: FloatArray
    length: float
    width: float
    speed: float
    station: FloatArray  # m of the road at each sample
    road_s: FloatArray  # m of the road, rising ...
    travelled: FloatArray  # ... and metres driven along the lane at them

    def along(self, s: FloatArray) -> FloatArray:
        """Metres along the lane, clipped to it, at arc lengths of its road, (n,)."""
        return np.interp(s, self.road_s, self.travelled)


def _lateral(road: Road, chain: list[LaneKey], s: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Lateral position of the lane's centre and its width, each (n,) m."""
    centre, width = np.zeros_like(s), np.zeros_like(s)
    order = sorted(chain, key=lambda key: key[1])
    # Sections too short to be lanes may lie between two of the chain: each goes on to the next one's start.
    starts = np.array([road.sections[k].start for _, k, _ in order])
    which = np.clip(np.searchsorted(starts, s + 1e-9, side="right") - 1, 0, None)
    for i, (_, k, identifier) in enumerate(order):
        mine = which == i
        low, high = lane_borders(road, road.sections[k], s[mine])[identifier]
        centre[mine], width[mine] = (low + high) / 2, high - low
    return centre, width


def _speed_limit(road: Road, chain: list[LaneKey], s: float) -> float:
    limit: float | None = None
    for start, value in road.speeds:
        limit = value if start <= s else limit
    for _, k, identifier in chain:
        section = road.sections[k]
        for start, value in section.lanes[identifier].speeds:
            if section.start + start <= s <= section.end and value is not None:
                limit = value
    return DEFAULT_SPEED if limit is None else limit


def lane_course(road: Road, chain: list[LaneKey]) -> LaneCourse:
    """The centre line of a chain of lane sections of one road.

    Raises:
        UserError: the lane has no length or no finite one.
    """
    sections = [road.sections[k] for _, k, _ in chain]
    start, end = min(s.start for s in sections), max(s.end for s in sections)
    dense = np.linspace(start, end, max(9, int(np.ceil((end - start) / 0.25)) + 1))
    t, width = _lateral(road, chain, dense)
    x, y, reference = road.plan_view.evaluate(dense)
    px, py = x - np.sin(reference) * t, y + np.cos(reference) * t
    travelled = np.concatenate(([0.0], np.cumsum(np.hypot(np.diff(px), np.diff(py)))))
    length = float(travelled[-1])
    if not 1e-3 <= length <= LONGEST * (end - start + 1):
        raise UserError(
            f"road {road.identifier!r}: lane {chain[0][2]} has no sound course, {length:.3g} m on {end - start:.3g} m",
            hint="check the road's geometry, lane offset and lane widths",
        )
    bend = np.gradient(np.unwrap(reference), dense)
    slope = np.arctan2(np.gradient(t, dense), np.maximum(1 - bend * t, 0.1))

    count = max(2, round(length / SPACING) + 1)
    along = np.linspace(0.0, length, count)
    s = np.interp(along, travelled, dense)
    t_at, _ = _lateral(road, chain, s)
    x, y, reference = road.plan_view.evaluate(s)
    heading = np.unwrap(reference) + np.interp(s, dense, slope)
    px, py = x - np.sin(reference) * t_at, y + np.cos(reference) * t_at
    curvature = np.gradient(heading, along)
    if chain[0][2] > 0:
        px, py, heading, curvature = px[::-1], py[::-1], heading[::-1] + np.pi, -curvature[::-1]
        s = s[::-1]
    speed = _speed_limit(road, chain, (start + end) / 2)
    driven = length - travelled if chain[0][2] > 0 else travelled
    return LaneCourse(px, py, heading, curvature, length, float(np.median(width)), speed, s, dense, driven)
