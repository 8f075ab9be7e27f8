"""The map from above and the frames of videos."""

from __future__ import annotations

import math

import numpy as np
import pytest

from av_td3_system.town import birdseye
from av_td3_system.town.scene_types import GroundArrays
from tests.unit.town.synthetic_street import ASPHALT, GRASS, no_scenery, scenery_of, street_ground


@pytest.fixture(scope="module")
def ground() -> GroundArrays:
    return street_ground(width=200.0, height=120.0)


def near_color(image: np.ndarray, color: tuple[int, int, int], tolerance: int = 40) -> np.ndarray:
    """Mean (row, column) of the pixels of about that colour."""
    found = np.argwhere(np.abs(image.astype(int) - color).max(axis=-1) <= tolerance)
    assert len(found) > 0
    return found.mean(axis=0)


def test_ground_lies_where_the_world_has_it(ground: GroundArrays) -> None:
    image = birdseye.draw(ground, center=(0.0, 0.0), radius=50.0, size=200)
    assert image.shape == (200, 200, 3) and image.dtype == np.uint8
    # North up, 2 pixels a metre: the street lies along the middle rows, grass 20 m north of it.
    assert abs(float(image[98:103, 20:120].mean()) - ASPHALT) < 25
    assert abs(float(image[55:65, 20:120].mean()) - GRASS) < 6
    # The crossing street at x = 40 is a vertical band at column 180.
    assert float(image[20:60, 178:182].mean()) < GRASS - 10


def test_outside_of_the_raster_is_drawn(ground: GroundArrays) -> None:
    image = birdseye.draw(ground, center=(500.0, 500.0), radius=20.0, size=64)
    assert np.all(image == ground.cells[0, 0, ground.first[-1]])


@pytest.mark.parametrize("heading", [0.0, 0.7, math.pi / 2, -2.5])
def test_heading_turns_the_map_so_that_ahead_is_up(ground: GroundArrays, heading: float) -> None:
    place = (-20.0 + 15 * math.cos(heading), 15 * math.sin(heading))
    image = birdseye.draw(
        ground, center=(-20.0, 0.0), radius=30.0, size=240, up=heading, goal=place, routes=[[(-20.0, 0.0), place]]
    )
    row, column = near_color(image, birdseye.GOAL)
    assert abs(column - 120) < 4 and abs(row - 60) < 4
    row, column = near_color(image, birdseye.ROUTE)
    assert abs(column - 120) < 4 and 75 < row < 110


def test_left_of_the_car_is_left_of_the_picture(ground: GroundArrays) -> None:
    image = birdseye.draw(ground, center=(0.0, 0.0), radius=30.0, size=240, up=0.0, goal=(0.0, 10.0))
    row, column = near_color(image, birdseye.GOAL)
    assert abs(column - 80) < 4 and abs(row - 120) < 4


def test_cars_ego_brakes_and_boxes_show(ground: GroundArrays) -> None:
    bare = birdseye.draw(ground, center=(0.0, 0.0), radius=30.0, size=240, up=0.0)
    arguments = {"center": (0.0, 0.0), "radius": 30.0, "size": 240, "up": 0.0}
    with_ego = birdseye.draw(ground, ego=(0.0, -1.75, 0.0), **arguments)
    row, column = near_color(with_ego, birdseye.EGO)
    assert abs(row - 120) < 3 and abs(column - 127) < 3
    cars = np.array([[12.0, -1.75, 0.0], [1000.0, 0.0, 0.0]])
    calm = birdseye.draw(ground, vehicles=cars, vehicle_shade=[220, 220], **arguments)
    braking = birdseye.draw(ground, vehicles=cars, vehicle_shade=[220, 220], vehicle_brake=[1, 0], **arguments)
    changed = np.argwhere((calm != bare).any(axis=-1))
    assert abs(changed[:, 0].mean() - 72) < 3
    row, _ = near_color(braking, birdseye.BRAKE)
    assert row > 72 + 5  # behind the car's middle
    house = scenery_of(np.array([[0, 15, 0, 5, 5, 0, 10, 100]], dtype=np.float32))
    built = birdseye.draw(ground, scenery=house, **arguments)
    assert np.any(built[115:125, 55:65] != bare[115:125, 55:65])
    assert np.array_equal(birdseye.draw(ground, scenery=no_scenery(), **arguments), bare)


@pytest.mark.parametrize("resample", ["nearest", "bilinear"])
def test_frame_has_view_map_and_text(ground: GroundArrays, resample: str) -> None:
    view = np.tile(np.arange(84, dtype=np.uint8), (84, 1))
    plan = birdseye.draw(ground, center=(0.0, 0.0), size=251)
    frame = birdseye.compose_frame(view, plan, [birdseye.status_line(8.0, (0.1, -0.5), 12, 1.5)], resample=resample)  # type: ignore[arg-type]
    assert frame.shape[0] % 2 == 0 and frame.shape[1] % 2 == 0 and frame.shape[2] == 3
    assert np.array_equal(frame[:251, 255 : 255 + 251], plan)
    assert np.all(np.diff(frame[100, :251, 0].astype(int)) >= 0)
    assert frame[251:].max() > 200  # the text
    without = birdseye.compose_frame(view, plan)
    assert without.shape[0] == 252


def test_status_line_says_brake_or_throttle() -> None:
    assert "28.8 km/h" in birdseye.status_line(8.0, (0.1, -0.5), 12, 1.5)
    assert "brake 0.50" in birdseye.status_line(8.0, (0.1, -0.5), 12, 1.5)
    assert "throttle 0.25" in birdseye.status_line(8.0, (0.1, 0.25), 12, 1.5)
