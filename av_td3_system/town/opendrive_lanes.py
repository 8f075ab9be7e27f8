"""Lanes of an OpenDRIVE road: sections, widths or borders, links, marks, speeds and who may use them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from av_td3_system.town.lane_graph import DRIVABLE
from av_td3_system.town.map_elements import Lane, LaneSection, MarkStripe, PiecewiseCubic, RoadMark, Speed
from av_td3_system.town.narrow_lanes import CLOSED, carried
from av_td3_system.town.xml_source import Element, integer, is_true, number, refuse

SPEED_UNITS = {"m/s": 1.0, "km/h": 1 / 3.6, "mph": 0.44704}  # m/s each
NO_LIMIT = 130 / 3.6  # m/s where the map says "no limit": the advisory speed of motorways that have none
WIDEST_LANE = 100.0  # m
FOR_CARS = frozenset({"passengerCar", "autonomousTraffic"})
MARK_WIDTH = 0.12  # m where the map gives none
SLACK = 0.05  # m by which lane sections may miss the ends of their road


def read_cubics(elements: list[Element], start: str, road: str) -> PiecewiseCubic:
    """Records with attributes `start`, a, b, c, d as one function, in rising order."""
    rows = sorted((number(e, start, road), *(number(e, k, road, 0.0) for k in "abcd")) for e in elements)
    table = np.array(rows, dtype=np.float64).reshape(-1, 5)
    return PiecewiseCubic(table[:, 0].copy(), table[:, 1:].copy())


def read_speeds(elements: list[Element], start: str, road: str) -> tuple[Speed, ...]:
    """Limits from `<speed>` records, or from the `<speed>` in `<type>` records, as (start m, m/s or None).

    None means that the map says nothing from there on: a `<type>` without speed, or "undefined".
    """
    found: list[Speed] = []
    for element in elements:
        speed = element if element.tag == "speed" else element.find("speed")
        at = number(element, start, road, 0.0)
        text = None if speed is None else speed.get("max")
        if speed is None or text in (None, "undefined"):
            found.append((at, None))
            continue
        if text == "no limit":
            found.append((at, NO_LIMIT))
            continue
        unit = speed.get("unit", "m/s")
        if unit not in SPEED_UNITS:
            raise refuse(road, f"unknown unit of speed {unit!r}", f"use one of {', '.join(SPEED_UNITS)}")
        value = number(speed, "max", road) * SPEED_UNITS[unit]
        if value <= 0:
            raise refuse(road, f"speed limit {text!r} is not positive")
        found.append((at, value))
    return tuple(sorted(found, key=lambda pair: pair[0]))


def _stripes(mark: Element, road: str) -> tuple[MarkStripe, ...]:
    detail = mark.find("type")
    if detail is None:
        return ()
    width = number(detail, "width", road, number(mark, "width", road, MARK_WIDTH))
    return tuple(
        MarkStripe(
            number(line, "tOffset", road, 0.0),
            number(line, "width", road, width),
            number(line, "length", road),
            number(line, "space", road, 0.0),
        )
        for line in detail.findall("line")
    )


def _marks(lane: Element, road: str) -> tuple[RoadMark, ...]:
    marks = (
        RoadMark(
            number(m, "sOffset", road, 0.0),
            m.get("type", "none"),
            number(m, "width", road, MARK_WIDTH),
            m.get("laneChange"),
            m.get("color", "standard"),
            _stripes(m, road),
        )
        for m in lane.findall("roadMark")
    )
    return tuple(sorted(marks, key=lambda m: m.s_offset))


def _closed_to_cars(lane: Element) -> bool:
    """Whether `<access>` records keep cars out: cars are denied, or others alone are allowed."""
    rules = [(access.get("rule"), access.get("restriction")) for access in lane.findall("access")]
    allowed = {who for rule, who in rules if rule == "allow"}
    return any(rule == "deny" and who == "passengerCar" for rule, who in rules) or bool(
        allowed and not allowed & (FOR_CARS | {"none", "simulator"})
    )


def _lane(element: Element, road: str) -> Lane:
    identifier = integer(element, "id", road)
    kind = CLOSED if _closed_to_cars(element) else element.get("type", "none")
    if element.get("direction") == "reversed" and kind in DRIVABLE:  # "both" is driven by the side it is on
        raise refuse(
            road, f"lane {identifier} is driven against its side (direction='reversed')", "put it on the other side"
        )
    links = {which: element.find(f"link/{which}") for which in ("predecessor", "successor")}
    ends = {which: None if link is None else integer(link, "id", road) for which, link in links.items()}
    return Lane(
        identifier=identifier,
        kind=kind,
        width=read_cubics(element.findall("width"), "sOffset", road),
        predecessor=ends["predecessor"],
        successor=ends["successor"],
        marks=_marks(element, road),
        speeds=read_speeds(element.findall("speed"), "sOffset", road),
    )


def _from_borders(element: Element, lanes: dict[int, Lane], road: str) -> None:
    """Gives the lanes of one side their widths where the file has `<border>` instead of `<width>`.

    A border is the lateral position of a lane's outer limit; the inner one is the next lane's, or the reference
    line. If a lane of the side has widths, those count (ASAM OpenDRIVE 1.7, 9.5.6).
    """
    items = {integer(e, "id", road): e.findall("border") for e in element.findall("lane")}
    order = sorted((i for i in items if i != 0), key=abs)
    if any(len(lanes[i].width.starts) for i in order) or not any(items.values()):
        return
    inner = PiecewiseCubic(np.zeros(1), np.zeros((1, 4)))
    for i in order:
        if not items[i]:
            raise refuse(road, f"lane {i} has no <border>, its neighbours have", "give every lane of a side the same")
        outer = read_cubics(items[i], "sOffset", road)
        lanes[i] = replace(lanes[i], width=outer.minus(inner) if i > 0 else inner.minus(outer))
        inner = outer


def _complete(section: LaneSection, before: LaneSection | None) -> tuple[LaneSection, LaneSection | None]:
    """A section given for one side only (`singleSide`) with the other side's lanes of the section before."""
    sides = {(i > 0) - (i < 0) for i in section.lanes} - {0}
    if before is None or len(sides) != 1:
        return section, before
    shift = section.start - before.start
    kept = {i: carried(lane, shift) for i, lane in before.lanes.items() if i == 0 or (i > 0) - (i < 0) not in sides}
    earlier = {i: replace(lane, successor=i) if i in kept and i != 0 else lane for i, lane in before.lanes.items()}
    return replace(section, lanes={**kept, **section.lanes}), replace(before, lanes=earlier)


def _section(item: Element, start: float, end: float, road: str) -> LaneSection:
    found: list[Lane] = []
    lanes: dict[int, Lane] = {}
    for side, sign in (("left", 1), ("center", 0), ("right", -1)):
        for group in item.findall(side):
            mine = [_lane(e, road) for e in group.findall("lane")]
            for lane in mine:
                if (lane.identifier > 0) - (lane.identifier < 0) != sign:
                    raise refuse(
                        road, f"lane {lane.identifier} stands in <{side}>", "left ids are positive, right negative"
                    )
            found += mine
            by_id = {lane.identifier: lane for lane in mine}
            _from_borders(group, by_id, road)
            lanes |= by_id
    if len(lanes) != len(found):
        raise refuse(road, f"the lane section at s = {start:g} m has two lanes of one id")
    for lane in lanes.values():
        widths = np.abs(lane.width(np.linspace(0.0, end - start, 33)))
        if lane.identifier == 0:
            continue
        if not widths.max() <= WIDEST_LANE:
            raise refuse(
                road, f"lane {lane.identifier} is {widths.max():.3g} m wide", f"at most {WIDEST_LANE:g} m are read"
            )
    return LaneSection(start, end, lanes)


def read_sections(lanes: Element, length: float, road: str) -> tuple[LaneSection, ...]:
    """Lane sections of a road of `length` m, in rising order; they may be as short as exporters make them.

    Raises:
        UserError: none, or an incomplete or contradictory one.
    """
    items = sorted(lanes.findall("laneSection"), key=lambda e: number(e, "s", road))
    if not items:
        raise refuse(road, "has no <laneSection>")
    starts = [number(item, "s", road) for item in items]
    sections: list[LaneSection] = []
    if abs(starts[0]) > SLACK:
        raise refuse(road, f"its first lane section begins at s = {starts[0]:g} m", "the first one begins at s = 0")
    starts[0] = 0.0
    for item, start, end in zip(items, starts, [*starts[1:], length], strict=True):
        if start - end > SLACK:
            raise refuse(road, f"a lane section begins at s = {start:g} m, beyond the road's {length:g} m")
        section = _section(item, min(start, end), end, road)
        if is_true(item, "singleSide"):
            section, before = _complete(section, sections[-1] if sections else None)
            if before is not None:
                sections[-1] = before
        sections.append(section)
    return tuple(sections)
