"""A small painted street with boxes, made without the road network, for tests of the camera and the bird's-eye view."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from av_td3_system.config.schema import CameraConfig
from av_td3_system.town.camera import build_camera, make_scratch, render
from av_td3_system.town.camera_types import CameraModel
from av_td3_system.town.scene_types import GroundArrays, SceneryArrays

Picture = NDArray[np.uint8]
CLEAR = np.array([[0.6, 0.4, 1e-6, 200.0]], dtype=np.float32)  # light without fog
CAMERA = build_camera(CameraConfig())
LANE = -1.75  # m, y of the eastbound lane's middle
GRASS, ASPHALT, LINE, PAVEMENT, KERB = 92, 70, 215, 135, 175


def mips(albedo: NDArray[np.float64], x0: float, y0: float, resolution: float) -> GroundArrays:
    """Round a (H, W) picture (sides divisible by 16) and add its box-filtered levels."""

    def level(factor: int) -> NDArray[np.uint8]:
        rows, columns = albedo.shape[0] // factor, albedo.shape[1] // factor
        blocks = albedo.reshape(rows, factor, columns, factor).mean(axis=(1, 3))
        return np.ascontiguousarray(np.rint(blocks).astype(np.uint8))

    return GroundArrays(level(1), level(4), level(16), x0, y0, resolution)


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


def scenery_of(boxes: NDArray[np.float32], size: float = 400.0, cell: float = 20.0) -> SceneryArrays:
    """Sort (B, 8) boxes into the culling grid of a square town around the origin."""
    columns = int(size / cell)
    place = np.floor((boxes[:, :2] + size / 2) / cell).astype(int).clip(0, columns - 1)
    cells = place[:, 1] * columns + place[:, 0]
    count = np.bincount(cells, minlength=columns * columns).astype(np.int32)
    first = (np.cumsum(count) - count).astype(np.int32)
    return SceneryArrays(
        np.ascontiguousarray(boxes, dtype=np.float32), first, count, np.argsort(cells, kind="stable").astype(np.int32),
        -size / 2, -size / 2, cell, columns, columns,
    )  # fmt: skip


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


def cars(rows: list[tuple[float, ...]]) -> tuple[NDArray[np.generic], ...]:
    """Arguments of `render` for one world from (x, y, heading, length, width, height, shade, brake) rows."""
    table = np.array(rows, dtype=np.float64).reshape(1, -1, 8)
    x, y, heading = (np.ascontiguousarray(table[..., k]) for k in range(3))
    size, shade, brake = table[..., 3:6].astype(np.float32), table[..., 6].astype(np.float32), table[..., 7]
    return x, y, heading, np.ascontiguousarray(size), np.ascontiguousarray(shade), brake.astype(np.uint8)


NOBODY = cars([(5000.0, 5000.0, 0.0, 4.5, 1.9, 1.5, 128.0, 0.0)])


def flat(grey: float = 60.0) -> GroundArrays:
    """200 m x 200 m of one grey around the origin."""
    return mips(np.full((1600, 1600), grey), -100.0, -100.0, 0.125)


def look(
    ground: GroundArrays,
    scenery: SceneryArrays,
    pose: tuple[float, float, float],
    others: tuple[NDArray[np.generic], ...] | None = None,
    light: NDArray[np.float32] = CLEAR,
    camera: CameraModel | None = None,
) -> Picture:
    """One world's picture from a pose (x, y, heading)."""
    camera = CAMERA if camera is None else camera
    out = np.zeros((1, camera.height, camera.width), dtype=np.uint8)
    others = NOBODY if others is None else others
    place = [np.array([value], dtype=np.float64) for value in pose]
    render(camera, ground, scenery, light, *place, *others, np.ones(1, dtype=np.uint8), out, make_scratch(camera, 1))
    return out[0]


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
