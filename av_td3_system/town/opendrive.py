"""Reader of OpenDRIVE maps (ASAM OpenDRIVE 1.4-1.8): XML in, plain immutable values out.

Read are plan views (line, arc, spiral, poly3, paramPoly3), lane sections with polynomial widths and
offsets, links, road marks, speeds and junctions. The world here is flat: elevation and
superelevation are ignored with a warning. Everything that cannot be honoured is refused with a
`UserError` that names the road.
"""

from __future__ import annotations

import math
import warnings
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from av_td3_system.config.errors import UserError
from av_td3_system.town.map_elements import (
    Connection,
    Junction,
    Lane,
    LaneSection,
    OpenDriveMap,
    PiecewiseCubic,
    Road,
    RoadLink,
    RoadMark,
)
from av_td3_system.town.plan_view import Arc, Geometry, Line, ParamPoly3, PlanView, Poly3, Primitive, Spiral

SPEED_UNITS = {"m/s": 1.0, "km/h": 1 / 3.6, "mph": 0.44704}  # m/s each
LARGEST_GAP = 0.5  # m between two primitives of one reference line


class _NoDocumentType(ElementTree.TreeBuilder):
    """Refuses a DTD before any entity of it can be declared (billion laughs, external files)."""

    def doctype(self, name: str, pubid: str | None, system: str | None) -> None:
        raise UserError(
            f"the map declares a document type ({name!r}), which is not read",
            hint="remove the <!DOCTYPE ...> line; OpenDRIVE files need none",
        )


def _refuse(road: str, reason: str, hint: str = "check the file with an OpenDRIVE checker") -> UserError:
    return UserError(f"road {road!r}: {reason}", hint=hint)


def _number(element: ElementTree.Element, name: str, road: str, default: float | None = None) -> float:
    text = element.get(name)
    if text is None:
        if default is None:
            raise _refuse(road, f"<{element.tag}> has no {name!r}")
        return default
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise _refuse(road, f"{name}={text!r} of <{element.tag}> is not a finite number")
    return value


def _cubics(elements: list[ElementTree.Element], start: str, road: str) -> PiecewiseCubic:
    rows = sorted((_number(e, start, road), *(_number(e, k, road, 0.0) for k in "abcd")) for e in elements)
    table = np.array(rows, dtype=np.float64).reshape(-1, 5)
    return PiecewiseCubic(table[:, 0].copy(), table[:, 1:].copy())


def _primitive(element: ElementTree.Element, length: float, road: str) -> Primitive:
    shapes = [child for child in element if child.tag not in ("userData", "include", "dataQuality")]
    shape = shapes[0] if shapes else None
    if shape is None:
        raise _refuse(road, "a <geometry> has no shape (line, arc, spiral, poly3 or paramPoly3)")
    if shape.tag == "line":
        return Line()
    if shape.tag == "arc":
        return Arc(_number(shape, "curvature", road))
    if shape.tag == "spiral":
        return Spiral(_number(shape, "curvStart", road), _number(shape, "curvEnd", road), length)
    if shape.tag == "paramPoly3":
        u = (*(_number(shape, k, road) for k in ("aU", "bU", "cU", "dU")),)
        v = (*(_number(shape, k, road) for k in ("aV", "bV", "cV", "dV")),)
        normalised = shape.get("pRange", "normalized") != "arcLength"
        return ParamPoly3((u[0], u[1], u[2], u[3]), (v[0], v[1], v[2], v[3]), 1 / length if normalised else 1.0)
    if shape.tag == "poly3":
        a, b, c, d = (_number(shape, k, road) for k in "abcd")
        return Poly3((a, b, c, d), length)
    raise _refuse(road, f"unsupported geometry <{shape.tag}>", "use line, arc, spiral, poly3 or paramPoly3")


def _plan_view(element: ElementTree.Element, road: str) -> PlanView:
    plan = element.find("planView")
    items = [] if plan is None else plan.findall("geometry")
    if not items:
        raise _refuse(road, "has no <planView> with a <geometry>", "a road needs a reference line")
    geometries = []
    for item in items:
        length = _number(item, "length", road)
        if length <= 0:
            raise _refuse(road, f"a <geometry> has length {length:g} m", "lengths must be positive; delete it")
        pose = [_number(item, key, road) for key in ("s", "x", "y", "hdg")]
        geometries.append(Geometry(pose[0], pose[1], pose[2], pose[3], length, _primitive(item, length, road)))
    plan_view = PlanView(tuple(sorted(geometries, key=lambda g: g.s)))
    gap, s = plan_view.largest_jump()
    if gap > LARGEST_GAP:
        raise _refuse(road, f"its reference line jumps by {gap:.2f} m at s = {s:.2f} m")
    return plan_view


def _speeds(elements: list[ElementTree.Element], start: str, road: str) -> tuple[tuple[float, float], ...]:
    found = []
    for element in elements:
        speed = element if element.tag == "speed" else element.find("speed")
        if speed is None or speed.get("max") in (None, "no limit", "undefined"):
            continue
        unit = speed.get("unit", "m/s")
        if unit not in SPEED_UNITS:
            raise _refuse(road, f"unknown unit of speed {unit!r}", f"use one of {', '.join(SPEED_UNITS)}")
        value = _number(speed, "max", road) * SPEED_UNITS[unit]
        if value <= 0:
            raise _refuse(road, f"speed limit {speed.get('max')!r} is not positive")
        found.append((_number(element, start, road, 0.0), value))
    return tuple(sorted(found))


def _integer(element: ElementTree.Element | None, name: str, road: str) -> int | None:
    if element is None:
        return None
    value = _number(element, name, road)
    if value != int(value):
        raise _refuse(road, f"{name}={element.get(name)!r} of <{element.tag}> is not a whole number")
    return int(value)


def _lane(element: ElementTree.Element, road: str) -> Lane:
    identifier = _integer(element, "id", road)
    assert identifier is not None
    widths = element.findall("width")
    if not widths and identifier != 0 and element.find("border") is not None:
        raise _refuse(road, f"lane {identifier} is given by <border>", "only <width> is read; convert the lane")
    link = element.find("link")
    marks = tuple(
        RoadMark(
            _number(m, "sOffset", road, 0.0),
            m.get("type", "none"),
            _number(m, "width", road, 0.12),
            m.get("laneChange"),
        )
        for m in element.findall("roadMark")
    )
    return Lane(
        identifier=identifier,
        kind=element.get("type", "none"),
        width=_cubics(widths, "sOffset", road),
        predecessor=_integer(None if link is None else link.find("predecessor"), "id", road),
        successor=_integer(None if link is None else link.find("successor"), "id", road),
        marks=tuple(sorted(marks, key=lambda m: m.s_offset)),
        speeds=_speeds(element.findall("speed"), "sOffset", road),
    )


def _sections(lanes: ElementTree.Element, length: float, road: str) -> tuple[LaneSection, ...]:
    items = sorted(lanes.findall("laneSection"), key=lambda e: _number(e, "s", road))
    if not items:
        raise _refuse(road, "has no <laneSection>")
    starts = [_number(item, "s", road) for item in items]
    sections = []
    for item, start, end in zip(items, starts, [*starts[1:], length], strict=True):
        if end - start <= 1e-6:
            raise _refuse(road, f"the lane section at s = {start:g} m has no length")
        found = [_lane(e, road) for side in ("left", "center", "right") for e in item.findall(f"{side}/lane")]
        by_id = {lane.identifier: lane for lane in found}
        if len(by_id) != len(found):
            raise _refuse(road, f"the lane section at s = {start:g} m has two lanes of one id")
        sections.append(LaneSection(start, end, by_id))
    return tuple(sections)


def _road_link(element: ElementTree.Element, which: str, road: str) -> RoadLink | None:
    link = element.find(f"link/{which}")
    if link is None:
        return None
    kind, contact = link.get("elementType", "road"), link.get("contactPoint", "")
    if kind == "road" and contact not in ("start", "end"):
        raise _refuse(road, f"its {which} has contactPoint {contact!r}", 'it must be "start" or "end"')
    return RoadLink(kind, link.get("elementId", ""), contact)


def _is_flat(element: ElementTree.Element, road: str) -> bool:
    rows = element.findall("elevationProfile/elevation")
    heights = {round(_number(e, "a", road, 0.0), 3) for e in rows}
    tilted = [*rows, *element.findall("lateralProfile/superelevation")]
    return len(heights) <= 1 and all(abs(_number(e, k, road, 0.0)) < 1e-6 for e in tilted for k in "bcd")


def _road(element: ElementTree.Element) -> Road:
    road = element.get("id")
    if not road:
        raise UserError("a <road> has no id", hint="every road of an OpenDRIVE file needs an id")
    if element.get("rule", "RHT") == "LHT":
        raise _refuse(road, "is for left-hand traffic", "only right-hand traffic is driven here")
    length = _number(element, "length", road)
    if length <= 0:
        raise _refuse(road, f"has length {length:g} m", "lengths must be positive; delete the road")
    lanes = element.find("lanes")
    if lanes is None:
        raise _refuse(road, "has no <lanes>")
    return Road(
        identifier=road,
        length=length,
        junction=None if element.get("junction", "-1") in ("-1", "") else element.get("junction"),
        predecessor=_road_link(element, "predecessor", road),
        successor=_road_link(element, "successor", road),
        plan_view=_plan_view(element, road),
        lane_offset=_cubics(lanes.findall("laneOffset"), "s", road),
        sections=_sections(lanes, length, road),
        speeds=_speeds(element.findall("type"), "s", road),
    )


def _connections(junction: ElementTree.Element) -> Iterator[Connection]:
    for item in junction.findall("connection"):
        if item.get("connectingRoad") is None or item.get("incomingRoad") is None:
            continue  # direct and virtual junctions carry no connecting road
        road = item.get("connectingRoad", "")
        links = tuple(
            (int(_number(link, "from", road)), int(_number(link, "to", road))) for link in item.findall("laneLink")
        )
        yield Connection(item.get("incomingRoad", ""), road, item.get("contactPoint", "start"), links)


def read_opendrive(path: str | Path) -> OpenDriveMap:
    """Reads an OpenDRIVE file.

    Args:
        path: the `.xodr` file.

    Returns:
        The map, roads and junctions in the order of the file.

    Raises:
        UserError: the file is missing, not well-formed XML, declares a document type, has no
            roads, or one of its roads is incomplete or of an unsupported kind (named with the reason).

    Warns:
        UserWarning: roads with elevation or superelevation, which is ignored.
    """
    path = Path(path)
    try:
        parser = ElementTree.XMLParser(target=_NoDocumentType())
        root = ElementTree.parse(path, parser=parser).getroot()
    except OSError as error:
        raise UserError(f"cannot read the map {str(path)!r}: {error.strerror}", hint="check the path") from error
    except (ElementTree.ParseError, LookupError, ValueError) as error:
        raise UserError(f"{path.name} is not well-formed XML: {error}", hint="export the map again") from error
    if root.tag != "OpenDRIVE":
        raise UserError(f"{path.name} is not an OpenDRIVE map: its root is <{root.tag}>", hint="give an .xodr file")
    elements = root.findall("road")
    if not elements:
        raise UserError(f"{path.name} has no roads", hint="export the map again, with its roads")
    roads: dict[str, Road] = {}
    hilly = []
    for element in elements:
        road = _road(element)
        if road.identifier in roads:
            raise _refuse(road.identifier, "occurs twice", "give every road its own id")
        roads[road.identifier] = road
        if not _is_flat(element, road.identifier):
            hilly.append(road.identifier)
    if hilly:
        warnings.warn(
            f"{path.name}: elevation of {len(hilly)} roads is ignored, the town is flat (first: road {hilly[0]!r})",
            stacklevel=2,
        )
    junctions = {j.get("id", ""): Junction(j.get("id", ""), tuple(_connections(j))) for j in root.findall("junction")}
    return OpenDriveMap(path.stem, roads, junctions)
