"""Worlds in which two vehicles come to one junction of the built-in town, for tests of the right of way."""

from __future__ import annotations

from typing import Any

import numpy as np

from av_td3_system.config.schema import Config
from av_td3_system.town.claims import grant_passages
from av_td3_system.town.lane_lists import list_vehicles, lists_dtype
from av_td3_system.town.right_of_way import find_conflict
from av_td3_system.town.state import NONE, PATH
from av_td3_system.town.town import load_town
from av_td3_system.town.traffic import move_traffic, place_vehicle
from av_td3_system.town.world import TownWorlds

CROSSING, MERGE = 0, 1
# Cars with drivers of one mind, and nobody parked.
ALIKE = {"kind_shares": (1, 0, 0), "driver_shares": (1, 0, 0), "parked": (0, 0)}
DT = 0.05


def quiet_config(vehicles: int, **traffic: Any) -> Config:
    """So many vehicles that never stop to set anybody down."""
    return Config.model_validate(
        {
            "traffic": {
                "vehicles": (vehicles, vehicles, vehicles),
                "pause_rate": 0.0,
                "hazard_rate": 0.0,
                "on_route": 0,
                **ALIKE,
                **traffic,
            }
        }
    )


def make_worlds(vehicles: int, seed: int = 3, **traffic: Any) -> TownWorlds:
    """One world of the built-in town."""
    worlds = TownWorlds(load_town("TownA"), quiet_config(vehicles, **traffic), 1, "train")
    worlds.begin(0, seed)
    return worlds


def conflicting_pairs(worlds: TownWorlds, kind: int, limit: int) -> list[tuple[int, int]]:
    """Pairs of connecting lanes of other junctions than the ego's first that cross or merge."""
    roads, world = worlds.roads, worlds.state[0]
    route = {int(roads.lane["junction"][lane]) for lane in world["route_lane"][: world["route_lanes"]]}
    pairs = []
    for own in np.flatnonzero(roads.lane["junction"] >= 0):
        first, count = roads.lane["conflict_first"][own], roads.lane["conflict_count"][own]
        for conflict in roads.conflict[first : first + count]:
            if conflict["kind"] == kind and own < conflict["other"] and int(roads.lane["junction"][own]) not in route:
                pairs.append((int(own), int(conflict["other"])))
    return pairs[:: max(1, len(pairs) // limit)][:limit]


def put_before(worlds: TownWorlds, i: int, connector: int, distance: float, speed: float) -> None:
    """Vehicle `i` with its front `distance` m before connecting lane `connector`, which it will take."""
    roads, world = worlds.roads, worlds.state[0]
    lane = int(roads.predecessors[roads.lane["predecessor_first"][connector]])
    world["path"][i, :2] = lane, connector
    for k in range(2, PATH):
        world["path"][i, k] = roads.successors[roads.lane["successor_first"][world["path"][i, k - 1]]]
    world["lane"][i] = lane
    world["s"][i] = roads.lane["length"][lane] - distance - 0.5 * world["size"][i, 0]
    world["speed"][i] = speed
    world["granted"][i] = world["leaving"][i] = NONE
    world["ticket"][i] = -1.0
    world["standing"][i] = world["pause"][i] = 0.0
    world["speed_factor"][i] = 0.9
    place_vehicle(roads, world, i)


def listed(worlds: TownWorlds, w: int = 0) -> np.void:
    """The lists of one world as it stands."""
    lists: np.void = np.zeros(1, lists_dtype(worlds.state["lane"].shape[1]))[0]
    list_vehicles(worlds.roads, worlds.state[w], lists)
    return lists


def tick(worlds: TownWorlds, ego_speed: float = 0.0) -> None:
    """One tick of grants and traffic; the ego stays where it is."""
    world = worlds.state[0]
    world["ego_speed"] = ego_speed
    grant_passages(worlds.roads, worlds.traffic, world, listed(worlds), worlds.vehicle.length)
    move(worlds)


def move(worlds: TownWorlds) -> None:
    """One tick of traffic that nobody is given the way in."""
    world = worlds.state[0]
    move_traffic(worlds.roads, worlds.traffic, world, listed(worlds), worlds.vehicle.length, worlds.vehicle.width, DT)
    world["time"] += DT


def occupies(worlds: TownWorlds, i: int, own: int, other: int) -> bool:
    """Whether vehicle `i` has any part of itself on the stretch of lane `own` that it shares with `other`."""
    roads, world = worlds.roads, worlds.state[0]
    conflict = roads.conflict[find_conflict(roads, own, other)]
    half = 0.5 * world["size"][i, 0]
    lane = int(world["lane"][i])
    if lane == own:
        s = world["s"][i]
    elif lane == roads.successors[roads.lane["successor_first"][own]]:
        s = world["s"][i] + roads.lane["length"][own]
    else:
        return False
    return bool(s + half > conflict["enter"] and s - half < conflict["leave"])
