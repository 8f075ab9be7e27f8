"""Pieces of the built-in towns: streets, arms of junctions, and the ways through a junction."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import NamedTuple

from scenariogeneration import xodr
from town_layouts import Corner, Node

LANE_WIDTH = 3.5  # m
PAVEMENT_WIDTH = 2.5  # m
SPEED_LIMIT = 30  # km/h
STRAIGHT = math.radians(40)  # change of heading below which a way through a junction is straight


def _heading(a: tuple[float, float], b: tuple[float, float]) -> float:
    return math.atan2(b[1] - a[1], b[0] - a[0])


def wrap(angle: float) -> float:
    """The same angle, rad, in [-pi, pi)."""
    return (angle + math.pi) % (2 * math.pi) - math.pi


def street_plan(name: str, a: Node, b: Node, corners: list[Corner]) -> tuple[xodr.PlanView, float, float]:
    """Reference line of a street from arm to arm, and the headings at its two ends."""
    vertices = [a[:2], *((x, y) for x, y, _ in corners), b[:2]]
    headings = [_heading(p, q) for p, q in pairwise(vertices)]
    cuts = [a[2]]  # m taken from each side of a vertex by its arc, or by the setback
    for (_, _, radius), before, after in zip(corners, headings[:-1], headings[1:], strict=True):
        cuts.append(radius * math.tan(abs(wrap(after - before)) / 2))
    cuts.append(b[2])
    plan = xodr.PlanView()
    for i, (p, q) in enumerate(pairwise(vertices)):
        heading, length = headings[i], math.dist(p, q) - cuts[i] - cuts[i + 1]
        if length < 0.01:
            raise ValueError(f"street {name}: no room for the arcs around corner {i}")
        x, y = p[0] + cuts[i] * math.cos(heading), p[1] + cuts[i] * math.sin(heading)
        plan.add_fixed_geometry(xodr.Line(length), x, y, heading)
        if i < len(corners):
            turn = wrap(headings[i + 1] - heading)
            x, y = x + length * math.cos(heading), y + length * math.sin(heading)
            arc = xodr.Arc(math.copysign(1 / corners[i][2], turn), length=corners[i][2] * abs(turn))
            plan.add_fixed_geometry(arc, x, y, heading)
    return plan, headings[0], headings[-1]


def lane_of(kind: xodr.LaneType, width: float, mark: xodr.RoadMarkType) -> xodr.Lane:
    """A lane of constant width, m, with that marking on its outer border."""
    lane = xodr.Lane(kind, a=width)
    lane.add_roadmark(xodr.RoadMark(mark, width=0.12))
    return lane


def street(number: int, name: str, plan: xodr.PlanView, count: int) -> xodr.Road:
    """A street with `count` lanes a side."""
    centre = xodr.Lane()
    between = xodr.RoadMarkType.broken if count == 1 else xodr.RoadMarkType.solid
    centre.add_roadmark(xodr.RoadMark(between, width=0.15))
    section = xodr.LaneSection(0, centre)
    for add in (section.add_left_lane, section.add_right_lane):
        for _ in range(count - 1):
            add(lane_of(xodr.LaneType.driving, LANE_WIDTH, xodr.RoadMarkType.broken))
        add(lane_of(xodr.LaneType.driving, LANE_WIDTH, xodr.RoadMarkType.solid))
        add(lane_of(xodr.LaneType.sidewalk, PAVEMENT_WIDTH, xodr.RoadMarkType.none))
    lanes = xodr.Lanes()
    lanes.add_lanesection(section)
    road = xodr.Road(number, plan, lanes, name=name)
    road.add_type(xodr.RoadType.town, 0, speed=SPEED_LIMIT, speed_unit="km/h")
    return road


def arc_way(pose: tuple[float, float, float], turn: float, setback: float, beyond: float) -> xodr.PlanView:
    """The arc between the axes of two arms with equal setback; its lane lies `beyond` m right of the first."""
    plan = xodr.PlanView()
    if abs(turn) < 1e-6:
        plan.add_fixed_geometry(xodr.Line(2 * setback), *pose)
    else:
        radius = setback / math.tan(abs(turn) / 2)
        if turn < 0 and abs(turn) > STRAIGHT and radius - beyond - LANE_WIDTH / 2 < 8:
            raise ValueError(f"at {pose}: a right turn has a radius of {radius - beyond - LANE_WIDTH / 2:.1f} m")
        plan.add_fixed_geometry(xodr.Arc(math.copysign(1 / radius, turn), length=radius * abs(turn)), *pose)
    return plan


class Arm(NamedTuple):
    """Where a street meets a junction."""

    street: int  # road id
    end: xodr.ContactPoint
    heading: float  # rad, leaving the junction
    lanes: int  # a side

    def side(self, inbound: bool) -> int:
        """Sign of the ids of the lanes that lead into the junction, or out of it."""
        return -1 if (self.end == xodr.ContactPoint.end) == inbound else 1


class Way(NamedTuple):
    """So many `lanes` of one arm, from `first` on, lead to as many of another, from `target` on; 1 is the innermost."""

    destination: Arm
    turn: float  # rad, left positive
    first: int
    target: int
    lanes: int


def ways(origin: Arm, others: list[Arm]) -> list[Way]:
    """Left from the innermost lane, right from the outermost, straight on from each; no lane ends in a junction."""
    found: list[Way] = []
    served: set[int] = set()
    for arm in others:
        turn = wrap(arm.heading - (origin.heading + math.pi))
        if turn > STRAIGHT:
            way = Way(arm, turn, 1, 1, 1)
        elif turn < -STRAIGHT:
            way = Way(arm, turn, origin.lanes, arm.lanes, 1)
        else:
            way = Way(arm, turn, 1, 1, min(origin.lanes, arm.lanes))
        found.append(way)
        served.update(range(way.first, way.first + way.lanes))
    for lane in sorted(set(range(1, origin.lanes + 1)) - served):
        straightest = min(found, key=lambda way: abs(way.turn))
        found.append(Way(straightest.destination, straightest.turn, lane, straightest.destination.lanes, 1))
    return found


def connecting(number: int, junction: int, plan: xodr.PlanView, origin: Arm, way: Way, pavement: bool) -> xodr.Road:
    """One way through a junction: right lanes that begin at lane `first` and end at lane `target`."""
    came, goes = origin.side(True), way.destination.side(False)
    section = xodr.LaneSection(0, xodr.Lane())
    kinds = [(xodr.LaneType.driving, LANE_WIDTH)] * way.lanes + [(xodr.LaneType.sidewalk, PAVEMENT_WIDTH)] * pavement
    for place, (kind, width) in enumerate(kinds):
        lane = lane_of(kind, width, xodr.RoadMarkType.none)
        lane.add_link("predecessor", came * (way.first + place))
        lane.add_link("successor", goes * (way.target + place))
        section.add_right_lane(lane)
    lanes = xodr.Lanes()
    begins, ends = -LANE_WIDTH * (way.first - 1), -LANE_WIDTH * (way.target - 1)
    if begins or ends:
        length, change = plan.get_total_length(), ends - begins
        lanes.add_laneoffset(xodr.LaneOffset(0, begins, 0, 3 * change / length**2, -2 * change / length**3))
    lanes.add_lanesection(section)
    road = xodr.Road(number, plan, lanes, road_type=junction)
    road.add_type(xodr.RoadType.town, 0, speed=SPEED_LIMIT, speed_unit="km/h")
    road.add_predecessor(xodr.ElementType.road, origin.street, origin.end)
    road.add_successor(xodr.ElementType.road, way.destination.street, way.destination.end)
    return road
