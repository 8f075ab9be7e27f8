"""The maps that a server can load, each with what a client asks of it."""

from __future__ import annotations

import math
import re
import tempfile
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from av_td3_system.carla_server.conventions import Pose, yaw_of
from av_td3_system.config.errors import UserError
from av_td3_system.town import scene_types
from av_td3_system.town.fleet import HIGHEST
from av_td3_system.town.road_network import LaneArrays
from av_td3_system.town.scene_types import SceneryArrays
from av_td3_system.town.town import Town, built_in_towns, load_town
from av_td3_system.town.xml_source import text_of

FOLDER = "Carla/Maps"
GENERATED = "OpenDriveMap"  # the name under which a client loads a map that it has sent
SPAWN_SPACING = 20.0  # m along a lane
SPAWN_MARGIN = 6.0  # m from a lane's ends
SPAWN_APART = 3.0  # m at least between two spawn points
SPAWN_HEIGHT = 0.5  # m, as on CARLA's maps; a vehicle drops to the ground with the first tick
DEFAULT_ORIGIN = (42.0, 2.0)  # latitude and longitude, degrees, that the client's own map takes where none is given
SOLID_NAMES = {
    scene_types.HOUSE: "static.building",
    scene_types.CROWN: "static.vegetation",
    scene_types.TRUNK: "static.vegetation",
    scene_types.POLE: "static.pole",
}


@dataclass(frozen=True)
class Place:
    """A map ready to be served."""

    name: str  # as clients see it
    source: str  # as `load_town` takes it
    xodr: str  # the file's text
    town: Town
    spawn_points: tuple[Pose, ...]
    solids: NDArray[np.float64]  # (K, 5) x, y, yaw, half length, half width of what can be run into
    solid_names: tuple[str, ...]  # (K,)
    origin: tuple[float, float]  # latitude and longitude of (0, 0), degrees


class Places:
    """The maps of one server: built-in towns, its own file and those beside it, and what a client sends.

    Args:
        first: a built-in town or the path of an `.xodr` file; loaded at once.

    Raises:
        UserError: no such map, or one that cannot be driven.
    """

    def __init__(self, first: str) -> None:
        self._files: dict[str, str] = {name: name for name in built_in_towns()}
        self._sent = tempfile.TemporaryDirectory(prefix="av_td3_sent_map_")
        self._number = 0
        name = Path(first).stem if first.endswith(".xodr") else first
        if name != first:
            self._files |= {path.stem: str(path) for path in Path(first).parent.glob("*.xodr")}
        self._files[name] = first
        self.first = self.open(name)

    def names(self) -> list[str]:
        """All maps that can be asked for, as `client.get_available_maps` shows them."""
        return [f"/Game/{FOLDER}/{name}" for name in sorted(self._files)]

    def receive(self, xodr: str) -> None:
        """Take a map that a client sent; it can be opened as `GENERATED`.

        Raises:
            UserError: it cannot be driven; the one of before, if any, is still there.
        """
        self._number += 1  # another path, since towns are remembered by theirs
        path = Path(self._sent.name) / f"{GENERATED}_{self._number}.xodr"
        path.write_text(xodr, encoding="utf-8")
        try:
            load_town(str(path))
        except UserError:
            path.unlink()
            raise
        for older in Path(self._sent.name).iterdir():
            if older != path:
                older.unlink()
        self._files[GENERATED] = str(path)

    def open(self, name: str) -> Place:
        """Load a map by the last part of its name.

        Raises:
            KeyError: there is no such map.
            UserError: it cannot be driven.
        """
        short = name.rsplit("/", 1)[-1]
        source = self._files[short]
        town = load_town(source)
        path = Path(source) if source.endswith(".xodr") else _built_in(source)
        xodr = text_of(path)
        solids, names = _solids_of(town.scenery)
        return Place(
            f"{FOLDER}/{short}", source, xodr, town, spawn_points(town.network.lanes), solids, names, _origin_of(xodr)
        )

    def close(self) -> None:
        """Remove what clients sent."""
        self._sent.cleanup()


def _built_in(name: str) -> Path:
    return Path(str(resources.files("av_td3_system.town") / "maps" / f"{name}.xodr"))


def spawn_points(lanes: LaneArrays) -> tuple[Pose, ...]:
    """Recommended places to spawn vehicles: on the lanes of roads, not in junctions, none close to another."""
    found: list[Pose] = []
    for lane in np.flatnonzero(lanes.junction < 0):
        first, count, length = int(lanes.first[lane]), int(lanes.count[lane]), float(lanes.length[lane])
        for s in np.arange(SPAWN_MARGIN, length - SPAWN_MARGIN, SPAWN_SPACING):
            k = first + min(round(s / length * (count - 1)), count - 1)
            x, y = float(lanes.x[k]), -float(lanes.y[k])
            if all(math.hypot(x - other.x, y - other.y) > SPAWN_APART for other in found):
                found.append(Pose(x, y, SPAWN_HEIGHT, 0.0, yaw_of(float(lanes.heading[k])), 0.0))
    return tuple(found)


def _solids_of(scenery: SceneryArrays) -> tuple[NDArray[np.float64], tuple[str, ...]]:
    low = scenery.boxes[:, 5] < HIGHEST
    table = np.ascontiguousarray(scenery.boxes[low, :5], dtype=np.float64)
    return table, tuple(SOLID_NAMES[int(kind)] for kind in scenery.kind[low])


def _origin_of(xodr: str) -> tuple[float, float]:
    """Latitude and longitude that the map's `<geoReference>` (a PROJ string) gives its origin."""
    reference = re.search(r"<geoReference>(.*?)</geoReference>", xodr, re.DOTALL)
    found = (
        [re.search(rf"\+{name}=(\S+?)[\s\]]", f"{reference[1]} ") for name in ("lat_0", "lon_0")] if reference else []
    )
    try:
        latitude, longitude = (float(match[1]) for match in found if match)
    except ValueError:
        return DEFAULT_ORIGIN
    return latitude, longitude
