"""One street with vehicles of all kinds, as the agent's camera sees it in each weather: what golden images are made of.

    python tests/unit/town/golden_street.py

writes the images anew, after a change of the camera that is meant to be seen.
"""

from __future__ import annotations

import functools
import math
import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

from av_td3_system.config.schema import CameraConfig
from av_td3_system.town.camera import build_camera, make_scratch
from av_td3_system.town.camera_types import Vehicles
from av_td3_system.town.colours import vehicle_paint
from av_td3_system.town.lights import light_camera, lit_ground
from av_td3_system.town.render import render
from av_td3_system.town.scene_types import SceneryArrays
from av_td3_system.town.scenery import coloured
from av_td3_system.town.strips import Frame
from av_td3_system.town.vehicle_shape import CAR, TRUCK, VAN
from av_td3_system.town.weather import WEATHERS, light_of
from tests.unit.town.synthetic_street import LANE, Picture, finest, street_ground, street_scenery

FOLDER = Path(__file__).with_name("golden")
COLOURED = ("ClearNoon", "ClearSunset", "WetNight")  # have an image in colour as well
TICK = 40
CAMERA = CameraConfig(width=84, height=84, fov=100.0, x=0.8, y=0.0, z=1.6, pitch=-6.0)  # whatever the defaults become
EGO = (-60.0, LANE, 0.0)
SUN = math.radians(20.0)  # azimuth: low, the houses on the left shade a part of the street
# kind, x, y, heading, length, width, height, shade, brake
VEHICLES = (
    (CAR, -51.5, LANE, 0.0, 4.4, 1.8, 1.5, 150.0, 1),
    (VAN, -50.0, 1.75, math.pi, 5.4, 2.0, 2.4, 205.0, 0),
    (TRUCK, -38.0, 1.75, math.pi, 8.0, 2.4, 3.2, 90.0, 0),
    (TRUCK, -40.0, LANE, 0.0, 8.0, 2.4, 3.2, 190.0, 0),
    (CAR, -54.0, -6.0, 0.1, 4.2, 1.8, 1.45, 60.0, 0),
    (VAN, 40.0, 6.0, -math.pi / 2, 5.4, 2.0, 2.4, 120.0, 1),
)


@functools.cache
def _street() -> tuple[Frame, Picture, Picture, SceneryArrays]:
    """Raster, albedo and share of a mirror when wet (rows, columns) of the ground, and what stands on it."""
    ground = street_ground(width=240.0, height=120.0)
    albedo = np.ascontiguousarray(finest(ground))
    frame = Frame(ground.x0, ground.y0, ground.resolution, *albedo.shape)
    x = frame.x0 + (np.arange(frame.columns) + 0.5) * frame.resolution
    y = frame.y0 + (np.arange(frame.rows) + 0.5) * frame.resolution
    off = np.minimum(np.abs(y)[:, None], np.abs(x - 40.0)[None])  # m from the middle of the nearer road
    paved = np.select([off < 3.6, off < 6.0], [255, 150], 30).astype(np.uint8)
    return frame, albedo, paved, street_scenery()


def vehicles(planes: int) -> Vehicles:
    """The vehicles of one world."""
    table = np.array([VEHICLES], dtype=np.float64)
    x, y, heading, shade = (np.ascontiguousarray(table[..., k]) for k in (1, 2, 3, 7))
    kind, brake = table[..., 0].astype(np.int8), table[..., 8].astype(np.uint8)
    return Vehicles(x, y, heading, np.ascontiguousarray(table[..., 4:7]), kind, vehicle_paint(shade, planes), brake)


@functools.cache
def picture(weather: str, tick: int = TICK, planes: int = 1) -> NDArray[np.uint8]:
    """The street in a weather: (H, W) in grey, (H, W, 3) in colour."""
    frame, albedo, paved, scenery = _street()
    lights = [light_of(WEATHERS[weather])._replace(azimuth=SUN)]
    ground = lit_ground([[albedo] * planes], (1, planes), paved, frame, scenery, lights)
    camera = build_camera(CAMERA)
    out = np.zeros((1, 1, planes, camera.height, camera.width), dtype=np.uint8)
    none = np.zeros(1, np.int64)
    render(
        camera, ground, coloured(scenery, planes), light_camera(camera, lights, planes), none,
        *(np.array([value]) for value in EGO), vehicles(planes), np.array([(7 << 32) + tick]), np.ones(1, np.bool_),
        out, none, make_scratch(camera, 1),
    )  # fmt: skip
    return np.ascontiguousarray(out[0, 0, 0] if planes == 1 else np.moveaxis(out[0, 0], 0, -1))


def images() -> dict[str, tuple[str, int]]:
    """Weather and planes of each golden image by the name of its file."""
    grey = {f"{weather}.png": (weather, 1) for weather in WEATHERS}
    return grey | {f"{weather}-rgb.png": (weather, 3) for weather in COLOURED}


def main() -> None:
    """Write all golden images, and remove those of weathers that are no more."""
    FOLDER.mkdir(exist_ok=True)
    for path in FOLDER.glob("*.png"):
        path.unlink()
    for name, (weather, planes) in images().items():
        Image.fromarray(picture(weather, planes=planes)).save(FOLDER / name, optimize=True)
    print(f"{len(images())} images in {FOLDER}")


if __name__ == "__main__":
    main()
