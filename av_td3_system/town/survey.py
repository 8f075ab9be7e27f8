"""`av-td3 town`: is a map fit to be driven in, and what does it look like."""

from __future__ import annotations

import json
import sys
import warnings
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from av_td3_system.config.errors import UserError
from av_td3_system.config.load import load_config
from av_td3_system.config.schema import Config
from av_td3_system.town.birdseye import draw
from av_td3_system.town.opendrive_signals import LIGHT, OTHER, SPEED_LIMIT
from av_td3_system.town.routes import SPLITS
from av_td3_system.town.state import ROUTE_STEP
from av_td3_system.town.town import Town, load_town
from av_td3_system.town.world import TownWorlds

DRAWN = 5  # routes of each split that are drawn and measured
FORMATS = {".png": "PNG", ".jpg": "JPEG"}
MARGIN = 10.0  # m around the roads
SIGN = 1.5  # m, side of the square drawn for a sign
SIGNS = {LIGHT: (230, 40, 40), SPEED_LIMIT: (245, 245, 245), OTHER: (240, 190, 40)}  # colours
KMH = 3.6  # km/h in one m/s


def run_town(name: str, picture: Path | None = None, scenario: int = 0, size: int = 1600, as_json: bool = False) -> int:
    """Check a town, print what it holds and draw it with some routes; returns the exit code 0.

    Args:
        name: of a built-in town, or path of an OpenDRIVE file.
        picture: .png or .jpg to write, None for a PNG of the town's name in the working directory.
        scenario: traffic that must find room.
        size: side of the picture, pixels.
        as_json: print JSON instead of lines.

    Raises:
        UserError: the map cannot be read or driven, or the picture not be written.
    """
    path = picture if picture is not None else Path(f"{Path(name).stem}.png")
    if path.suffix not in FORMATS:
        raise UserError(f"--picture {path} is no {' or '.join(FORMATS)} file", hint="give a file name with that ending")
    if not 100 <= size <= 8000:
        raise UserError(f"--size is {size}, but must be from 100 to 8000 pixels")
    config = load_config(flags={"environment.town": name, "run.scenario": scenario})
    town = _load(name)
    routes, placed = _routes(town, config)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(_draw(town, routes, size)).save(path, format=FORMATS[path.suffix])
    except OSError as error:
        raise UserError(f"cannot write the picture {path}: {error.strerror}", hint="--picture FILE.png") from error
    figures = {**measure(town), "vehicles": placed, "picture": str(path)}
    if as_json:
        print(json.dumps(figures, indent=2))
    else:
        for key, value in figures.items():
            print(f"{key.replace('_', ' '):20} {value}")
    return 0


def _load(name: str) -> Town:
    """The town; what is said of the map is printed even where it is then refused, for it may be the reason."""
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always", UserWarning)
        try:
            return load_town(name)
        finally:
            for warning in said:
                print(f"warning: {warning.message}", file=sys.stderr)


def measure(town: Town) -> dict[str, Any]:
    """What a town holds.

    Returns:
        `name`; `size` (east, north) m; `junctions`; `lanes` (stretches between junctions, each direction);
        `lane_km` of these and `junction_lane_km` of the ways through junctions; `speed_limits` km/h (least,
        greatest); `narrowest_bend`, radius in m of the tightest lane; `traffic_lights`, `speed_limit_signs` and
        `other_signs`, which stand in the map and are not obeyed.
    """
    lanes, (west, south, east, north) = town.network.lanes, town.network.bounds
    road = lanes.junction < 0
    signs = Counter(placed.signal.kind for placed in town.network.signals if not placed.signal.reference)
    return {
        "name": town.network.name,
        "size": [round(east - west), round(north - south)],
        "junctions": len(town.network.junction_ids),
        "lanes": int(road.sum()),
        "lane_km": round(float(lanes.length[road].sum()) / 1000, 3),
        "junction_lane_km": round(float(lanes.length[~road].sum()) / 1000, 3),
        "speed_limits": [round(KMH * float(lanes.speed_limit.min())), round(KMH * float(lanes.speed_limit.max()))],
        "narrowest_bend": round(1 / max(float(np.abs(lanes.curvature).max()), 1e-4), 1),
        "traffic_lights": signs[LIGHT],
        "speed_limit_signs": signs[SPEED_LIMIT],
        "other_signs": signs[OTHER],
    }


def _routes(town: Town, config: Config) -> tuple[list[NDArray[np.float64]], int]:
    """Some routes of each split, (K, 2) m each, and the least number of vehicles that found room."""
    curves, placed = [], config.traffic.vehicles[config.run.scenario]
    for split in SPLITS:
        worlds = TownWorlds(town, config, DRAWN, split)
        for world in range(DRAWN):
            worlds.begin(world, world)
            state = worlds.state[world]
            to_goal = int(state["route_length"] / ROUTE_STEP) + 1
            curves.append(np.stack([state["route_x"][:to_goal], state["route_y"][:to_goal]], axis=1))
            placed = min(placed, int(state["vehicles"]))
    return curves, placed


def _draw(town: Town, routes: list[NDArray[np.float64]], size: int) -> NDArray[np.uint8]:
    west, south, east, north = town.network.bounds
    centre, radius = ((west + east) / 2, (south + north) / 2), max(east - west, north - south) / 2 + MARGIN
    picture = Image.fromarray(
        draw(town.ground, center=centre, radius=radius, size=size, scenery=town.scenery, routes=routes)
    )
    pen, scale = ImageDraw.Draw(picture), size / (2 * radius)
    for placed in town.network.signals:
        x, y = size / 2 + (placed.x - centre[0]) * scale, size / 2 - (placed.y - centre[1]) * scale
        half = max(SIGN * scale / 2, 1.5)
        if not placed.signal.reference:
            pen.rectangle((x - half, y - half, x + half, y + half), fill=SIGNS[placed.signal.kind])
    return np.asarray(picture)
