"""Roundabouts of the built-in towns: a one-way ring, and a small junction where each street meets it.

The ring is driven counter-clockwise; its reference line is the kerb of the island. Before each street
it has an exit and behind it an entry, both cubics that leave one reference line and join the other
in their directions.
"""

from __future__ import annotations

import math

import numpy as np
from scenariogeneration import xodr
from town_roads import LANE_WIDTH, PAVEMENT_WIDTH, SPEED_LIMIT, Arm, lane_of, wrap

APART = math.radians(25)  # between a street's direction and the ends of its entry and exit on the ring
SHORTEST = 9.0  # m of ring between two streets, so that a car fits

Pose = tuple[float, float, float]


def add_roundabout(
    town: xodr.OpenDrive,
    centre: tuple[float, float],
    setback: float,
    radius: float,
    arms: list[tuple[Arm, int]],
    first_road: int,
) -> int:
    """Add a ring and its junctions.

    Args:
        town: to add to.
        centre: of the island, m.
        setback: of the streets' ends from the centre, m.
        radius: of the island, m.
        arms: streets, one lane a side each, with the ids of the junctions they end in.
        first_road: id from which on roads are numbered.

    Returns:
        The next free road id.

    Raises:
        ValueError: streets too near to one another, or with more than one lane a side.
    """
    arms = sorted(arms, key=lambda pair: wrap(pair[0].heading))
    if any(arm.lanes != 1 for arm, _ in arms):
        raise ValueError(f"at {centre}: streets of a roundabout have one lane a side")

    def on_ring(angle: float) -> Pose:
        heading = angle + math.pi / 2
        return centre[0] + radius * math.cos(angle), centre[1] + radius * math.sin(angle), heading

    ring = {}  # road id of the piece of ring behind each arm
    number = first_road
    for k, (arm, junction) in enumerate(arms):
        following, next_junction = arms[(k + 1) % len(arms)]
        turn = (following.heading - arm.heading) % (2 * math.pi) - 2 * APART
        if turn * (radius + LANE_WIDTH / 2) < SHORTEST:
            raise ValueError(f"at {centre}: two streets meet the roundabout too near to one another")
        plan = xodr.PlanView()
        plan.add_fixed_geometry(xodr.Arc(1 / radius, length=radius * turn), *on_ring(arm.heading + APART))
        road = _one_way(number, plan, None, pavement=True)
        road.add_predecessor(xodr.ElementType.junction, junction)
        road.add_successor(xodr.ElementType.junction, next_junction)
        town.add_road(road)
        ring[k] = number
        number += 1
    start, end = xodr.ContactPoint.start, xodr.ContactPoint.end
    for k, (arm, junction_id) in enumerate(arms):
        junction = xodr.Junction(f"roundabout-{junction_id}", junction_id)
        before, after = ring[(k - 1) % len(arms)], ring[k]
        leaves, joins = on_ring(arm.heading - APART), on_ring(arm.heading + APART)
        x, y = centre[0] + setback * math.cos(arm.heading), centre[1] + setback * math.sin(arm.heading)
        through = xodr.PlanView()
        through.add_fixed_geometry(xodr.Arc(1 / radius, length=radius * 2 * APART), *leaves)
        came, goes = arm.side(True), arm.side(False)
        pieces = (
            (through, (before, end, -1), (after, start, -1), False),
            (_curve(leaves, (x, y, arm.heading)), (before, end, -1), (arm.street, arm.end, goes), True),
            (_curve((x, y, arm.heading + math.pi), joins), (arm.street, arm.end, came), (after, start, -1), True),
        )
        for plan, (origin, origin_end, came_lane), (target, target_end, goes_lane), pavement in pieces:
            road = _one_way(number, plan, junction_id, pavement, came_lane, goes_lane)
            road.add_predecessor(xodr.ElementType.road, origin, origin_end)
            road.add_successor(xodr.ElementType.road, target, target_end)
            town.add_road(road)
            connection = xodr.Connection(origin, number, start)
            connection.add_lanelink(came_lane, -1)
            junction.add_connection(connection)
            number += 1
        town.add_junction(junction)
    return number


def _one_way(
    number: int, plan: xodr.PlanView, junction: int | None, pavement: bool, came: int = -1, goes: int = -1
) -> xodr.Road:
    """A road of one right lane, with a pavement beside it or not; a way through `junction` unless that is None."""
    centre = xodr.Lane()
    kind = xodr.RoadMarkType.none if junction is not None else xodr.RoadMarkType.solid
    centre.add_roadmark(xodr.RoadMark(kind, width=0.12))
    section = xodr.LaneSection(0, centre)
    for place, (lane_kind, width) in enumerate(
        [(xodr.LaneType.driving, LANE_WIDTH), (xodr.LaneType.sidewalk, PAVEMENT_WIDTH)][: 1 + pavement], start=1
    ):
        lane = lane_of(lane_kind, width, kind if place == 1 else xodr.RoadMarkType.none)
        if junction is not None:
            lane.add_link("predecessor", came * place)
            lane.add_link("successor", goes * place)
        section.add_right_lane(lane)
    lanes = xodr.Lanes()
    lanes.add_lanesection(section)
    road = xodr.Road(number, plan, lanes, road_type=-1 if junction is None else junction)
    road.add_type(xodr.RoadType.town, 0, speed=SPEED_LIMIT, speed_unit="km/h")
    return road


def _curve(start: Pose, end: Pose) -> xodr.PlanView:
    """The cubic (Hermite) from one pose to another, as long as its chord in both end directions."""
    dx, dy = end[0] - start[0], end[1] - start[1]
    cos, sin = math.cos(start[2]), math.sin(start[2])
    goal = np.array([cos * dx + sin * dy, cos * dy - sin * dx])  # in the frame of the start
    reach = float(np.hypot(*goal))
    turned = end[2] - start[2]
    out, into = np.array([reach, 0.0]), reach * np.array([math.cos(turned), math.sin(turned)])
    second, third = 3 * goal - 2 * out - into, out + into - 2 * goal
    plan = xodr.PlanView()
    u, v = ((0.0, float(out[i]), float(second[i]), float(third[i])) for i in (0, 1))
    plan.add_fixed_geometry(xodr.ParamPoly3(*u, *v), *start)
    return plan
