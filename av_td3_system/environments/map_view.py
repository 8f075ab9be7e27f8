"""One world from above, for videos and for people who look for a fault: map, route, goal, all vehicles."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from av_td3_system.environments.vector_env import TownVectorEnv
from av_td3_system.town.birdseye import draw
from av_td3_system.town.routes import route_pose
from av_td3_system.town.state import ROUTE_STEP

RADIUS = 45.0  # m shown around the ego
SIZE = 420  # pixels


def paint_map(env: TownVectorEnv, index: int = 0) -> NDArray[np.uint8]:
    """World `index` from above, the ego in the middle and facing up; RGB uint8 (SIZE, SIZE, 3)."""
    world = env.worlds.state[index]
    count = int(world["vehicles"] + world["parked"])
    to_goal = int(world["route_length"] / ROUTE_STEP) + 1
    x, y, heading = float(world["ego_x"]), float(world["ego_y"]), float(world["ego_heading"])
    goal_x, goal_y, _ = route_pose(world, float(world["route_length"]))
    vehicle = env.worlds.vehicle
    return draw(
        env.town.ground,
        center=(x, y),
        radius=RADIUS,
        size=SIZE,
        up=heading,
        scenery=env.town.scenery,
        routes=[np.stack([world["route_x"][:to_goal], world["route_y"][:to_goal]], axis=1)],
        goal=(goal_x, goal_y),
        ego=(x, y, heading),
        ego_size=(vehicle.length, vehicle.width),
        vehicles=np.stack([world[name][:count] for name in ("x", "y", "heading")], axis=1),
        vehicle_size=world["size"][:count],
        vehicle_shade=world["shade"][:count],
        vehicle_brake=world["brake"][:count],
    )
