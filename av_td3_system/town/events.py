"""What happens to the ego at a pose: off the road, the wrong way, over a marking, into another vehicle."""

from __future__ import annotations

import math

from av_td3_system.town.geometry import rectangles_overlap
from av_td3_system.town.kernel import kernel
from av_td3_system.town.lane_lists import ego_lane_index
from av_td3_system.town.roads import Roads
from av_td3_system.town.state import WorldRecord
from av_td3_system.town.surface import SurfaceArrays, kind_at
from av_td3_system.town.vehicle import VehicleParameters

AGAINST = -0.5  # cosine between car and lane below which the car drives against it
DIVIDER = 0.5  # share of the lane's width that lies on either side of its centre line


@kernel()
def detect_departures(
    roads: Roads,
    surface: SurfaceArrays,
    vehicle: VehicleParameters,
    off_road_margin: float,
    route_deviation: float,
    world: WorldRecord,
) -> None:
    """Raise the flags of leaving the road, the direction or the route, and count markings crossed, at the ego's pose.

    Args:
        off_road_margin: m by which a corner may be beyond the road. route_deviation: m beside the route that are too
            many.
    """
    x, y, heading = world.ego_x, world.ego_y, world.ego_heading
    cos_h, sin_h = math.cos(heading), math.sin(heading)
    half_length = 0.5 * vehicle.length - off_road_margin
    half_width = 0.5 * vehicle.width - off_road_margin
    for corner in range(4):
        along = half_length if corner < 2 else -half_length
        across = half_width if corner % 2 == 0 else -half_width
        if kind_at(surface, x + along * cos_h - across * sin_h, y + along * sin_h + across * cos_h) == 0:
            world.off_road = 1
    kind = kind_at(surface, x, y)
    if kind == 1:
        column = math.floor((x - surface.x0) / surface.resolution)
        row = math.floor((y - surface.y0) / surface.resolution)
        if math.cos(heading - surface.direction[row, column]) < AGAINST:
            world.wrong_way = 1
    if abs(world.lateral) > route_deviation:
        world.wrong_way = 1
    lane = world.route_lane[ego_lane_index(world)]
    spread = 0.5 * vehicle.width * abs(math.cos(world.heading_error))
    outside = abs(world.lateral) + spread > DIVIDER * roads.lane[lane].width
    level = 1 if outside and roads.lane[lane].junction < 0 else 0
    if level == 1 and world.on_marking == 0:
        world.invasions += 1
    world.on_marking = level


@kernel()
def detect_contact(vehicle: VehicleParameters, world: WorldRecord) -> None:
    """Raise the flag of a collision where the ego's box overlaps another vehicle's, parked ones included."""
    for j in range(world.vehicles + world.parked):
        if rectangles_overlap(
            world.ego_x,
            world.ego_y,
            world.ego_heading,
            vehicle.length,
            vehicle.width,
            world.x[j],
            world.y[j],
            world.heading[j],
            world.size[j, 0],
            world.size[j, 1],
        ):
            world.collided = 1
