"""Roads of an OpenDRIVE map: reference line, links, and what `opendrive_lanes` reads of their lanes."""

from __future__ import annotations

from av_td3_system.config.errors import UserError
from av_td3_system.town.map_elements import Road, RoadLink
from av_td3_system.town.opendrive_lanes import read_cubics, read_sections, read_speeds
from av_td3_system.town.opendrive_signals import read_signals
from av_td3_system.town.plan_view import Arc, Geometry, Line, ParamPoly3, PlanView, Poly3, Primitive, Spiral
from av_td3_system.town.xml_source import Element, number, refuse

LARGEST_GAP = 0.5  # m between two primitives of one reference line, and of its length
LONGEST_ROAD = 20_000.0  # m
TIGHTEST_SPIRAL = 20.0  # rad that one spiral may turn; more winds round and round
EXTRAS = ("userData", "include", "dataQuality")


def _primitive(element: Element, length: float, road: str) -> Primitive:
    shapes = [child for child in element if child.tag not in EXTRAS]
    shape = shapes[0] if shapes else None
    if shape is None:
        raise refuse(road, "a <geometry> has no shape (line, arc, spiral, poly3 or paramPoly3)")
    if shape.tag == "line":
        return Line()
    if shape.tag == "arc":
        return Arc(number(shape, "curvature", road))
    if shape.tag == "spiral":
        start, end = number(shape, "curvStart", road), number(shape, "curvEnd", road)
        if not max(abs(start), abs(end)) * length <= TIGHTEST_SPIRAL:
            raise refuse(road, f"a spiral of {length:g} m winds up from {start:g} to {end:g} 1/m")
        return Spiral(start, end, length)
    if shape.tag == "paramPoly3":
        u = (*(number(shape, k, road) for k in ("aU", "bU", "cU", "dU")),)
        v = (*(number(shape, k, road) for k in ("aV", "bV", "cV", "dV")),)
        normalised = shape.get("pRange", "normalized") != "arcLength"
        return ParamPoly3((u[0], u[1], u[2], u[3]), (v[0], v[1], v[2], v[3]), 1 / length if normalised else 1.0)
    if shape.tag == "poly3":
        a, b, c, d = (number(shape, k, road) for k in "abcd")
        return Poly3((a, b, c, d), length)
    raise refuse(road, f"unsupported geometry <{shape.tag}>", "use line, arc, spiral, poly3 or paramPoly3")


def _plan_view(element: Element, road: str, road_length: float) -> PlanView:
    plan = element.find("planView")
    items = [] if plan is None else plan.findall("geometry")
    if not items:
        raise refuse(road, "has no <planView> with a <geometry>", "a road needs a reference line")
    geometries = []
    for item in items:
        length = number(item, "length", road)
        if length <= 0:
            raise refuse(road, f"a <geometry> has length {length:g} m", "lengths must be positive; delete it")
        if length > LONGEST_ROAD:
            raise refuse(road, f"a <geometry> is {length:.3g} m long", f"at most {LONGEST_ROAD:g} m are read")
        pose = [number(item, key, road) for key in ("s", "x", "y", "hdg")]
        geometries.append(Geometry(pose[0], pose[1], pose[2], pose[3], length, _primitive(item, length, road)))
    plan_view = PlanView(tuple(sorted(geometries, key=lambda g: g.s)))
    first, last = plan_view.geometries[0], plan_view.geometries[-1]
    for missing, where in ((abs(first.s), "start"), (road_length - last.s - last.length, "end")):
        if missing > LARGEST_GAP:
            raise refuse(road, f"its reference line lacks {missing:.2f} m at its {where}")
    gap, s = plan_view.largest_jump()
    if not gap <= LARGEST_GAP:
        raise refuse(road, f"its reference line jumps by {gap:.2f} m at s = {s:.2f} m")
    return plan_view


def _link(element: Element, which: str, road: str) -> RoadLink | None:
    link = element.find(f"link/{which}")
    if link is None:
        return None
    kind, contact = link.get("elementType", "road"), link.get("contactPoint", "")
    if kind not in ("road", "junction"):
        raise refuse(road, f"its {which} has elementType {kind!r}", 'it must be "road" or "junction"')
    if kind == "road" and link.get("elementS") is not None:
        return None  # joins the middle of a road, by way of a virtual junction
    if kind == "road" and contact not in ("start", "end"):
        raise refuse(road, f"its {which} has contactPoint {contact!r}", 'it must be "start" or "end"')
    return RoadLink(kind, link.get("elementId", ""), contact)


def is_flat(element: Element, road: str) -> bool:
    """Whether a `<road>` lies level, as all roads do here."""
    rows = element.findall("elevationProfile/elevation")
    heights = {round(number(e, "a", road, 0.0), 3) for e in rows}
    banked = element.findall("lateralProfile/superelevation")
    slopes = [number(e, k, road, 0.0) for e in rows for k in "bcd"]
    return (
        len(heights) <= 1
        and all(abs(slope) < 1e-6 for slope in slopes)
        and all(abs(number(e, k, road, 0.0)) < 1e-6 for e in banked for k in "abcd")
    )


def read_road(element: Element) -> Road:
    """One `<road>`.

    Raises:
        UserError: incomplete, contradictory or of an unsupported kind; names the road and says why.
    """
    road = element.get("id")
    if not road:
        raise UserError("a <road> has no id", hint="every road of an OpenDRIVE file needs an id")
    if element.get("rule", "RHT") != "RHT":
        raise refuse(
            road, f"is for left-hand traffic (rule={element.get('rule')!r})", "only right-hand traffic is driven"
        )
    if next(element.iter("include"), None) is not None:
        raise refuse(road, "has an <include> of another file", "put the contents of that file in its place")
    length = number(element, "length", road)
    if length <= 0:
        raise refuse(road, f"has length {length:g} m", "lengths must be positive; delete the road")
    if length > LONGEST_ROAD:
        raise refuse(road, f"is {length:.3g} m long", f"at most {LONGEST_ROAD:g} m are read")
    lanes = element.find("lanes")
    if lanes is None:
        raise refuse(road, "has no <lanes>")
    return Road(
        identifier=road,
        length=length,
        junction=None if element.get("junction", "-1") in ("-1", "") else element.get("junction"),
        predecessor=_link(element, "predecessor", road),
        successor=_link(element, "successor", road),
        plan_view=_plan_view(element, road, length),
        lane_offset=read_cubics(lanes.findall("laneOffset"), "s", road),
        sections=read_sections(lanes, length, road),
        speeds=read_speeds(element.findall("type"), "s", road),
        signals=read_signals(element, road),
    )
