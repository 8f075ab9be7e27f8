"""Writes TownA, the built-in training town, as OpenDRIVE (needs `scenariogeneration`, a developer extra).

A small town in the manner of CARLA's Town01: one lane per direction, pavements, T- and four-way
junctions, bends of 25-60 m radius, 30 km/h. Streets are polylines between junctions whose corners
are rounded by arcs; ways through a junction are single arcs, because every arm ends at the same
distance from the junction's node and points at it. The output does not depend on time or chance.

    python scripts/make_town_a.py [OUTPUT.xodr]
"""

from __future__ import annotations

import math
import sys
import xml.etree.ElementTree as ElementTree
from itertools import pairwise
from pathlib import Path

from scenariogeneration import xodr

OUTPUT = Path(__file__).parent.parent / "av_td3_system" / "town" / "maps" / "TownA.xodr"
LANE_WIDTH = 3.5  # m
PAVEMENT_WIDTH = 2.5  # m
SPEED_LIMIT = 30  # km/h
STRAIGHT = math.radians(40)  # change of heading below which a way through a junction is straight

# Junctions: position in m and setback of their arms in m.
NODES: dict[str, tuple[float, float, float]] = {
    "west": (0, 104, 13),
    "south": (176, -4, 13),
    "market": (92, 98, 13),
    "bridge": (182, 94, 13.5),
    "station": (293, 101, 13.5),
    "mill": (96, 188, 13),
    "church": (184, 182, 13),
    "park": (288, 190, 13.5),
    "north": (90, 291, 13),
    "hill": (296, 286, 13),
    "east": (396, 184, 13),
}

# Streets: from, to, and corners between them as (x, y, radius of the arc in m).
Corner = tuple[float, float, float]
STREETS: list[tuple[str, str, list[Corner]]] = [
    ("west", "south", [(0, 42, 60), (12, 0, 25), (92, 6, 60)]),
    ("south", "station", [(236, -4, 60), (293, 16, 35)]),
    ("station", "east", [(396, 101, 30)]),
    ("east", "hill", [(396, 250, 60), (374, 286, 28)]),
    ("hill", "north", [(240, 286, 50), (205, 300, 45), (150, 300, 60), (128, 291, 60)]),
    ("north", "west", [(14, 291, 30), (0, 240, 60)]),
    ("west", "market", [(34, 104, 45), (58, 98, 45)]),
    ("market", "bridge", []),
    ("market", "mill", []),
    ("bridge", "station", [(232, 94, 60), (258, 101, 60)]),
    ("bridge", "south", [(182, 62, 60), (173, 32, 60)]),
    ("bridge", "church", []),
    ("mill", "church", []),
    ("mill", "north", []),
    ("church", "park", [(236, 178, 60)]),
    ("park", "station", []),
    ("park", "east", [(340, 196, 60)]),
    ("park", "hill", []),
]


def _heading(a: tuple[float, float], b: tuple[float, float]) -> float:
    return math.atan2(b[1] - a[1], b[0] - a[0])


def _wrap(angle: float) -> float:
    return (angle + math.pi) % (2 * math.pi) - math.pi


def _street_plan(start: str, end: str, corners: list[Corner]) -> tuple[xodr.PlanView, float, float]:
    """Reference line of a street from arm to arm, and the headings at its two ends."""
    a, b = NODES[start], NODES[end]
    vertices = [a[:2], *((x, y) for x, y, _ in corners), b[:2]]
    headings = [_heading(p, q) for p, q in pairwise(vertices)]
    cuts = [a[2]]  # m taken from each side of a vertex by its arc, or by the setback
    for (_, _, radius), before, after in zip(corners, headings[:-1], headings[1:], strict=True):
        cuts.append(radius * math.tan(abs(_wrap(after - before)) / 2))
    cuts.append(b[2])
    plan = xodr.PlanView()
    for i, (p, q) in enumerate(pairwise(vertices)):
        heading, length = headings[i], math.dist(p, q) - cuts[i] - cuts[i + 1]
        if length < 0.01:
            raise ValueError(f"street {start}-{end}: no room for the arcs around corner {i}")
        x, y = p[0] + cuts[i] * math.cos(heading), p[1] + cuts[i] * math.sin(heading)
        plan.add_fixed_geometry(xodr.Line(length), x, y, heading)
        if i < len(corners):
            turn = _wrap(headings[i + 1] - heading)
            x, y = x + length * math.cos(heading), y + length * math.sin(heading)
            arc = xodr.Arc(math.copysign(1 / corners[i][2], turn), length=corners[i][2] * abs(turn))
            plan.add_fixed_geometry(arc, x, y, heading)
    return plan, headings[0], headings[-1]


def _lane(kind: xodr.LaneType, width: float, mark: xodr.RoadMarkType) -> xodr.Lane:
    lane = xodr.Lane(kind, a=width)
    lane.add_roadmark(xodr.RoadMark(mark, width=0.12))
    return lane


def _street(number: int, name: str, plan: xodr.PlanView) -> xodr.Road:
    centre = xodr.Lane()
    centre.add_roadmark(xodr.RoadMark(xodr.RoadMarkType.broken, width=0.15))
    section = xodr.LaneSection(0, centre)
    for add in (section.add_left_lane, section.add_right_lane):
        add(_lane(xodr.LaneType.driving, LANE_WIDTH, xodr.RoadMarkType.solid))
        add(_lane(xodr.LaneType.sidewalk, PAVEMENT_WIDTH, xodr.RoadMarkType.none))
    lanes = xodr.Lanes()
    lanes.add_lanesection(section)
    road = xodr.Road(number, plan, lanes, name=name)
    road.add_type(xodr.RoadType.town, 0, speed=SPEED_LIMIT, speed_unit="km/h")
    return road


def _way(pose: tuple[float, float, float], turn: float, setback: float) -> xodr.PlanView:
    """The arc between the axes of two arms with equal setback."""
    plan = xodr.PlanView()
    if abs(turn) < 1e-6:
        plan.add_fixed_geometry(xodr.Line(2 * setback), *pose)
    else:
        radius = setback / math.tan(abs(turn) / 2)
        if turn < 0 and abs(turn) > STRAIGHT and radius - LANE_WIDTH / 2 < 8:
            raise ValueError(f"at {pose}: a right turn has a radius of {radius - LANE_WIDTH / 2:.1f} m")
        plan.add_fixed_geometry(xodr.Arc(math.copysign(1 / radius, turn), length=radius * abs(turn)), *pose)
    return plan


def _connecting(number: int, junction: int, plan: xodr.PlanView, came: int, goes: int, pavement: bool) -> xodr.Road:
    """One way through a junction; `came` and `goes` are -1 or 1, the sides of the lanes it joins."""
    section = xodr.LaneSection(0, xodr.Lane())
    kinds = [(xodr.LaneType.driving, LANE_WIDTH), (xodr.LaneType.sidewalk, PAVEMENT_WIDTH)]
    for place, (kind, width) in enumerate(kinds[: 2 if pavement else 1], start=1):
        lane = _lane(kind, width, xodr.RoadMarkType.none)
        lane.add_link("predecessor", came * place)
        lane.add_link("successor", goes * place)
        section.add_right_lane(lane)
    lanes = xodr.Lanes()
    lanes.add_lanesection(section)
    road = xodr.Road(number, plan, lanes, road_type=junction)
    road.add_type(xodr.RoadType.town, 0, speed=SPEED_LIMIT, speed_unit="km/h")
    return road


def build() -> xodr.OpenDrive:
    """The whole town."""
    town = xodr.OpenDrive("TownA", revMinor="5")
    junction_id = {name: 100 + i for i, name in enumerate(NODES)}
    # Arms of each node: (street, which end, heading when leaving the node).
    arms: dict[str, list[tuple[int, xodr.ContactPoint, float]]] = {name: [] for name in NODES}
    for number, (start, end, corners) in enumerate(STREETS, start=1):
        plan, first, last = _street_plan(start, end, corners)
        road = _street(number, f"{start}-{end}", plan)
        road.add_predecessor(xodr.ElementType.junction, junction_id[start])
        road.add_successor(xodr.ElementType.junction, junction_id[end])
        arms[start].append((number, xodr.ContactPoint.start, first))
        arms[end].append((number, xodr.ContactPoint.end, last + math.pi))
        town.add_road(road)
    number = 1000
    for name, (x, y, setback) in NODES.items():
        junction = xodr.Junction(name, junction_id[name])
        for origin, origin_end, origin_out in arms[name]:
            heading = origin_out + math.pi
            others = [arm for arm in arms[name] if arm[0] != origin]
            turns = {arm[0]: _wrap(arm[2] - heading) for arm in others}
            for destination, destination_end, _ in others:
                number += 1
                turn = turns[destination]
                pose = (x + setback * math.cos(origin_out), y + setback * math.sin(origin_out), heading)
                # The ways are right lanes; which lanes they join depends on the ends of the streets.
                came = -1 if origin_end == xodr.ContactPoint.end else 1
                goes = -1 if destination_end == xodr.ContactPoint.start else 1
                # The rightmost way carries the pavement of the corner that it goes round.
                pavement = turn == min(turns.values())
                plan = _way(pose, turn, setback)
                road = _connecting(number, junction_id[name], plan, came, goes, pavement)
                road.add_predecessor(xodr.ElementType.road, origin, origin_end)
                road.add_successor(xodr.ElementType.road, destination, destination_end)
                connection = xodr.Connection(origin, number, xodr.ContactPoint.start)
                connection.add_lanelink(came, -1)
                junction.add_connection(connection)
                town.add_road(road)
        town.add_junction(junction)
    return town


def main(arguments: list[str]) -> None:
    """Writes the town to the path given, or to its place in the package."""
    element = build().get_element()
    header = element.find("header")
    assert header is not None
    header.set("date", "2025-01-01T00:00:00")  # the library puts the current time here
    header.set("vendor", "av_td3_system")
    path = Path(arguments[0]) if arguments else OUTPUT
    path.parent.mkdir(parents=True, exist_ok=True)
    ElementTree.indent(element, " ")
    ElementTree.ElementTree(element).write(path, encoding="utf-8", xml_declaration=True)
    print(path)


if __name__ == "__main__":
    main(sys.argv[1:])
