"""Vehicles parked beside the lanes: half on the pavement, as is usual where there is no room beside a lane.

They come after the vehicles that drive in a world's record, on lane NONE, so traffic knows nothing of them.
"""

from __future__ import annotations

import math

from av_td3_system.town.geometry import lane_pose, rectangles_overlap
from av_td3_system.town.kernel import kernel
from av_td3_system.town.random_stream import below, uniform
from av_td3_system.town.roads import Roads
from av_td3_system.town.state import NONE, NOWHERE, PATH, WorldRecord
from av_td3_system.town.surface import SurfaceArrays, kind_at
from av_td3_system.town.traffic_parameters import VehicleMix
from av_td3_system.town.vehicle_mix import draw_body

KERB = (0.6, 0.8)  # m between the edge of the lane and the parked vehicle
MARGIN = 0.4  # m around it that no lane may reach into
FROM_JUNCTION = 20.0  # m from the ends of a lane within which nobody parks: drivers see into the junction
BETWEEN = 1.0  # m, least gap between two parked vehicles
CHECKS = 0.2  # m between places around it that must be off the lanes
ATTEMPTS = 40


@kernel()
def park_vehicles(roads: Roads, mix: VehicleMix, surface: SurfaceArrays, world: WorldRecord) -> None:
    """Park a drawn number of vehicles to the right of outer lanes; fewer where there is no room."""
    wanted = int(uniform(world, mix.parked[0], mix.parked[1] + 1.0))
    for _ in range(wanted * ATTEMPTS):
        if world.parked >= wanted:
            return
        i = world.vehicles + world.parked
        draw_body(mix, world, i)
        lane = below(world, roads.lane.shape[0])
        length = roads.lane[lane].length
        if roads.lane[lane].junction >= 0 or roads.lane[lane].beside[1] != NONE or length < 2.0 * FROM_JUNCTION + 10.0:
            continue
        x, y, heading = lane_pose(roads, lane, uniform(world, FROM_JUNCTION, length - FROM_JUNCTION))
        aside = 0.5 * (roads.lane[lane].width + world.size[i, 1]) + uniform(world, KERB[0], KERB[1])
        world.x[i] = x + aside * math.sin(heading)
        world.y[i] = y - aside * math.cos(heading)
        world.heading[i] = heading
        if _is_off_the_lanes(surface, world, i) and not _is_taken(world, i):
            _stand(world, i)
            world.parked += 1
        else:
            world.x[i] = NOWHERE
            world.y[i] = NOWHERE


@kernel()
def _is_off_the_lanes(surface: SurfaceArrays, world: WorldRecord, i: int) -> bool:
    cos_h, sin_h = math.cos(world.heading[i]), math.sin(world.heading[i])
    half_length, half_width = 0.5 * world.size[i, 0] + MARGIN, 0.5 * world.size[i, 1] + MARGIN
    rows, columns = math.ceil(2.0 * half_length / CHECKS), math.ceil(2.0 * half_width / CHECKS)
    for a in range(rows + 1):
        along = (2.0 * a / rows - 1.0) * half_length
        for b in range(columns + 1):
            across = (2.0 * b / columns - 1.0) * half_width
            x = world.x[i] + along * cos_h - across * sin_h
            y = world.y[i] + along * sin_h + across * cos_h
            if kind_at(surface, x, y) != 0:
                return False
    return True


@kernel()
def _is_taken(world: WorldRecord, i: int) -> bool:
    for j in range(world.vehicles, i):
        if rectangles_overlap(
            world.x[i],
            world.y[i],
            world.heading[i],
            world.size[i, 0] + 2.0 * BETWEEN,
            world.size[i, 1],
            world.x[j],
            world.y[j],
            world.heading[j],
            world.size[j, 0],
            world.size[j, 1],
        ):
            return True
    return False


@kernel()
def _stand(world: WorldRecord, i: int) -> None:
    """Parked vehicle `i` is on no lane, does not move, and takes no part in anything."""
    world.lane[i] = NONE
    world.from_lane[i] = NONE
    world.granted[i] = NONE
    world.leaving[i] = NONE
    for k in range(PATH):
        world.path[i, k] = NONE
    world.s[i] = 0.0
    world.speed[i] = 0.0
    world.acceleration[i] = 0.0
    world.shift[i] = 0.0
    world.standing[i] = 0.0
    world.ticket[i] = -1.0
    world.brake[i] = 0
