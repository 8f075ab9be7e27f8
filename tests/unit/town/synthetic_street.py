"""A small painted street with boxes, made without the road network, for tests of the camera and the bird's-eye view."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from av_td3_system.config.schema import CameraConfig
from av_td3_system.town.camera import build_camera, make_scratch
from av_td3_system.town.camera_types import CameraModel, Vehicles
from av_td3_system.town.ground_light import ground_of, pyramid
from av_td3_system.town.lights import light_camera
from av_td3_system.town.render import render
from av_td3_system.town.scene_types import GroundArrays, SceneryArrays
from av_td3_system.town.scenery import CELL, furnish
from av_td3_system.town.strips import Frame
from av_td3_system.town.weather import Light

Picture = NDArray[np.uint8]
CLEAR = Light(0.6, 0.4, 1e-6, 200.0, 0.0, math.pi / 4, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)  # neither fog nor clouds
CAMERA = build_camera(CameraConfig())
LANE = -1.75  # m, y of the eastbound lane's middle
GRASS, ASPHALT, LINE, PAVEMENT, KERB = 92, 70, 215, 135, 175


def mips(albedo: NDArray[np.float64], x0: float, y0: float, resolution: float) -> GroundArrays:
    """Round a (H, W) picture and make its pyramid."""
    picture = np.ascontiguousarray(np.rint(albedo).astype(np.uint8))
    return ground_of(pyramid(picture)[None, None], Frame(x0, y0, resolution, *picture.shape))


def finest(ground: GroundArrays) -> Picture:
    """The finest level (H, W) of the first look."""
    rows, columns = int(ground.rows[0]), int(ground.columns[0])
    return ground.cells[0, 0, : rows * columns].reshape(rows, columns)


def lit(ground: GroundArrays, light: Light) -> GroundArrays:
    """The same ground in a light without shadows."""
    return mips(finest(ground) * (light.sun + light.ambient), ground.x0, ground.y0, ground.resolution)


def street_ground(width: float = 400.0, height: float = 300.0, resolution: float = 0.125) -> GroundArrays:
    """Two-lane streets along y = 0 and x = 40: lanes 3.5 m, pavements, dashed middle, edge and stop lines."""
    columns, rows = int(width / resolution), int(height / resolution)
    x = (np.arange(columns) + 0.5) * resolution - width / 2
    y = (np.arange(rows) + 0.5) * resolution - height / 2
    noise = np.random.default_rng(0).normal(0, 3, (rows, columns))
    picture = GRASS + 2 * noise
    along_x, along_y = np.abs(y)[:, None] + 0 * x, np.abs(x - 40)[None, :] + 0 * y[:, None]
    picture = np.where(np.minimum(along_x, along_y) < 6.0, PAVEMENT + noise, picture)
    picture = np.where(np.minimum(along_x, along_y) < 3.9, KERB, picture)
    road = np.minimum(along_x, along_y) < 3.6
    picture = np.where(road, ASPHALT + noise, picture)
    crossing = np.maximum(along_x, along_y) < 9.0
    dash = (np.mod(x, 6.0) < 3.0)[None, :] & (along_x < 0.08) & ~crossing
    edge = (np.abs(along_x - 3.35) < 0.08) & ~crossing
    stop = (np.abs(x - 30.5) < 0.25)[None, :] & (y < 0)[:, None] & (along_x < 3.4)
    picture = np.where(dash | edge | stop, LINE, picture)
    return mips(np.clip(picture, 0, 255), -width / 2, -height / 2, resolution)


def scenery_of(boxes: NDArray[np.float32], size: float = 400.0) -> SceneryArrays:
    """Sort (B, 8) boxes into the culling grid of a square town around the origin."""
    columns = int(size / CELL)
    return furnish(boxes, -size / 2, -size / 2, columns, columns)


def street_scenery(seed: int = 1, boxes: int = 300) -> SceneryArrays:
    """Houses, trees and lamp poles along both streets and scattered behind them."""
    rng = np.random.default_rng(seed)
    rows: list[list[float]] = []
    for x in np.arange(-190, 190, 18.0):
        if abs(x - 40) < 22:
            continue
        for side in (-1, 1):
            tall = rng.uniform(6, 15)
            rows.append([x, side * rng.uniform(15, 17), 0, 7.5, 6, 0, tall, rng.uniform(90, 200)])
            rows.append([x + 9, side * 7.0, 0, 0.08, 0.08, 0, 6, 70])
            rows.append([x + 3, side * 8.0, 0, 0.2, 0.2, 0, 2.2, 60])
            rows.append([x + 3, side * 8.0, 0.4, 1.4, 1.4, 2.2, 5.5, 75])
    while len(rows) < boxes:
        x, y = rng.uniform(-195, 195), rng.uniform(-145, 145)
        if min(abs(y), abs(x - 40)) > 18:
            rows.append(
                [
                    x,
                    y,
                    rng.uniform(0, 3),
                    rng.uniform(4, 9),
                    rng.uniform(4, 7),
                    0,
                    rng.uniform(5, 16),
                    rng.uniform(80, 200),
                ]
            )
    return scenery_of(np.array(rows[:boxes], dtype=np.float32))


def no_scenery() -> SceneryArrays:
    """A town without a box."""
    return scenery_of(np.zeros((0, 8), dtype=np.float32))


def cars(rows: list[tuple[float, ...]], kind: int = 0) -> Vehicles:
    """Vehicles of one world from (x, y, heading, length, width, height, shade, brake) rows."""
    table = np.array(rows, dtype=np.float64).reshape(1, -1, 8)
    x, y, heading = (np.ascontiguousarray(table[..., k]) for k in range(3))
    paint = np.ascontiguousarray(table[None, ..., 6], dtype=np.float32)
    size = np.ascontiguousarray(table[..., 3:6])
    return Vehicles(x, y, heading, size, np.full(x.shape, kind, np.int8), paint, table[..., 7].astype(np.uint8))


NOBODY = cars([(5000.0, 5000.0, 0.0, 4.5, 1.9, 1.5, 128.0, 0.0)])


def flat(grey: float = 60.0) -> GroundArrays:
    """200 m x 200 m of one grey around the origin."""
    return mips(np.full((1600, 1600), grey), -100.0, -100.0, 0.125)


def look(
    ground: GroundArrays,
    scenery: SceneryArrays,
    pose: tuple[float, float, float],
    others: Vehicles | None = None,
    light: Light = CLEAR,
    camera: CameraModel | None = None,
) -> Picture:
    """One world's picture from a pose (x, y, heading)."""
    camera = CAMERA if camera is None else camera
    out = np.zeros((1, 1, 1, camera.height, camera.width), dtype=np.uint8)
    place = [np.array([value], dtype=np.float64) for value in pose]
    none = np.zeros(1, dtype=np.int64)
    render(
        camera, ground, scenery, light_camera(camera, [light], 1), none, *place, NOBODY if others is None else others,
        none, np.ones(1, dtype=np.bool_), out, none, make_scratch(camera, 1),
    )  # fmt: skip
    return out[0, 0, 0]


def car(x: float, y: float, heading: float = 0.0, shade: float = 180.0, brake: float = 0.0) -> tuple[float, ...]:
    """A row of `cars` for an ordinary car."""
    return (x, y, heading, 4.5, 1.85, 1.5, shade, brake)


def box_corners(
    f: float, left: float, yaw: float, length: float, width: float, low: float, high: float
) -> NDArray[np.float64]:
    """The eight corners (8, 3) of a box, as `project` takes them."""
    c, s = math.cos(yaw), math.sin(yaw)
    return np.array(
        [
            (f + i * c * length / 2 - j * s * width / 2, left + i * s * length / 2 + j * c * width / 2, z)
            for i in (-1, 1)
            for j in (-1, 1)
            for z in (low, high)
        ]
    )
