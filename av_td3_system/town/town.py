"""One town: the road network and everything that is derived from it once (surface, picture, scenery)."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from av_td3_system.config.errors import UserError
from av_td3_system.town.circuit import keep_circuit
from av_td3_system.town.lights import light_ground, plain_ground
from av_td3_system.town.narrow_lanes import close_narrow_lanes
from av_td3_system.town.opendrive import read_opendrive
from av_td3_system.town.road_network import RoadNetwork, build_network
from av_td3_system.town.scene_types import GroundArrays, SceneryArrays
from av_td3_system.town.scenery import build_scenery, coloured
from av_td3_system.town.surface import SurfaceArrays, build_surface
from av_td3_system.town.wardrobe import PLAIN, Wardrobe, dressed_ground, dressed_scenery
from av_td3_system.town.weather import light_of, weather_named

SCENERY_SEED = 7  # houses and trees stand where they stand


@dataclass(frozen=True)
class Town:
    """A map ready to be driven in; immutable, shared by all worlds."""

    name: str
    network: RoadNetwork
    surface: SurfaceArrays
    ground: GroundArrays  # unlit, in grey
    scenery: SceneryArrays


def built_in_towns() -> list[str]:
    """Names of the maps that come with the package."""
    folder = resources.files("av_td3_system.town") / "maps"
    return sorted(Path(entry.name).stem for entry in folder.iterdir() if entry.name.endswith(".xodr"))


def map_file(name: str) -> Path:
    """Where the map of a built-in town lies, or the `.xodr` file itself.

    Raises:
        UserError: unknown name.
    """
    if name in built_in_towns():
        return Path(str(resources.files("av_td3_system.town") / "maps" / f"{name}.xodr"))
    if name.endswith(".xodr"):
        return Path(name)
    raise UserError(
        f"environment.town: there is no built-in town '{name}'",
        hint=f"use one of {', '.join(built_in_towns())} or the path of an .xodr file",
    )


@functools.lru_cache(maxsize=4)
def load_town(name: str) -> Town:
    """Load a built-in town by name or any map by the path of its `.xodr` file.

    Raises:
        UserError: unknown name, missing file, or a map that cannot be driven.
    """
    path = map_file(name)
    network = build_network(keep_circuit(close_narrow_lanes(read_opendrive(path))))
    surface = build_surface(network)
    return Town(name, network, surface, plain_ground(network), build_scenery(network, SCENERY_SEED, surface))


@functools.lru_cache(maxsize=4)
def dress(
    name: str, weathers: tuple[str, ...], planes: int, wardrobe: Wardrobe = PLAIN
) -> tuple[GroundArrays, SceneryArrays]:
    """Ground and scenery of a town as the camera draws them, in grey (1 plane) or colour (3).

    Returns:
        Looks V: all weathers in the first dressing of the wardrobe, then in the next.

    Raises:
        UserError: no such town, or no such weather.
    """
    town = load_town(name)
    lights = [light_of(weather_named(weather)) for weather in weathers]
    scenery = coloured(town.scenery, planes)
    ground = light_ground(town.network, town.scenery, lights, planes, dressed_ground(wardrobe, planes))
    return ground, dressed_scenery(wardrobe, scenery)
