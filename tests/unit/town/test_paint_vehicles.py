"""Cars in the picture: where they are, how they fade with distance, what their lamps say, what hides them."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from av_td3_system.town.camera import project
from av_td3_system.town.scene_types import GroundArrays, SceneryArrays
from av_td3_system.town.weather import WEATHERS, light_of
from tests.unit.town.synthetic_street import (
    CAMERA,
    LANE,
    box_corners,
    car,
    cars,
    flat,
    look,
    no_scenery,
    scenery_of,
    street_ground,
    street_scenery,
)


@pytest.fixture(scope="module")
def ground() -> GroundArrays:
    return street_ground()


@pytest.fixture(scope="module")
def scenery() -> SceneryArrays:
    return street_scenery()


@pytest.mark.parametrize("distance", [6.0, 10.0, 18.0, 30.0, 45.0])
def test_a_car_covers_what_the_projection_says(distance: float) -> None:
    black = flat(0.0)
    for left in (0.0, 2.5, -3.3):
        others = cars([car(distance, left, 0.2, shade=250)])
        changed = np.argwhere(look(black, no_scenery(), (0, 0, 0), others) != look(black, no_scenery(), (0, 0, 0)))
        u, v = project(CAMERA, box_corners(distance, left, 0.2, 4.5, 1.85, 0.0, 1.5))
        found = np.array([changed[:, 1].min(), changed[:, 1].max() + 1])
        assert found == pytest.approx(np.array([u.min(), u.max()]).clip(0, 84), abs=1.2)
        # The roof is shorter than the car, so its upper edge may lie a little lower.
        assert v.min() - 1.0 <= changed[:, 0].min() <= v.min() + 0.12 * (v.max() - v.min()) + 1.0
        assert changed[:, 0].max() + 1 <= v.max() + 1.5


@pytest.mark.parametrize("weather", ["ClearNoon", "CloudyNoon", "ClearSunset", "CloudySunset"])
@pytest.mark.parametrize("shade", [40.0, 70.0, 110.0, 160.0, 220.0])
def test_a_car_at_40_m_changes_pixels(ground: GroundArrays, scenery: SceneryArrays, weather: str, shade: float) -> None:
    light = light_of(WEATHERS[weather])
    empty = look(ground, scenery, (-60.0, LANE, 0.0), light=light).astype(int)
    for offset in np.arange(0.0, 1.2, 0.3):  # any place between the pixels
        others = cars(
            [car(-20.0 + offset, LANE + offset)][:1] if shade < 0 else [car(-20.0 + offset, LANE + offset, 0.0, shade)]
        )
        assert np.abs(look(ground, scenery, (-60.0, LANE, 0.0), others, light).astype(int) - empty).max() >= 8


def test_a_far_car_fades_but_never_drops_out() -> None:
    plain = flat(100.0)
    previous = 0.0
    for distance in (140.0, 110.0, 80.0, 60.0, 45.0, 30.0):
        difference = look(plain, no_scenery(), (-95, 0, 0), cars([car(-95 + distance, 0, 0, 30)])).astype(float)
        difference -= look(plain, no_scenery(), (-95, 0, 0))
        change = float(np.abs(difference).sum())
        assert change > 0.8 * previous and change > 20
        previous = change


def test_a_far_car_moves_smoothly_over_the_picture() -> None:
    plain = flat(100.0)
    pictures = [
        look(plain, no_scenery(), (-50, 0, 0), cars([car(-20, 0.02 * k, 0, 30)])).astype(float) for k in range(60)
    ]
    steps = [float(np.abs(b - a).max()) for a, b in itertools.pairwise(pictures)]
    assert max(steps) < 8 and sum(step > 0 for step in steps) > 50
    centres = [
        float((p - 100).sum(axis=0) @ np.arange(84) / (p - 100).sum())
        for p in [np.where(p < 95, p, 100) for p in pictures]
    ]
    assert centres[-1] < centres[0] - 1  # to the left


def test_near_and_far_drawing_agree_where_they_meet() -> None:
    plain = flat(100.0)
    switch = CAMERA.focal * 1.5 / 7.0 + 0.8
    for heading, left in ((0.0, 0.0), (math.pi, 3.5), (1.3, -2.0), (-0.4, 1.0)):
        near, far = (
            look(plain, no_scenery(), (-50, 0, 0), cars([car(-50 + switch + d, left, heading)])).astype(float)
            for d in (-0.1, 0.1)
        )
        assert abs(near.mean() - far.mean()) < 1.0
        assert np.abs(near - far).mean() < 2.0


def test_lamps_tell_braking_and_direction() -> None:
    plain = flat(80.0)
    for distance in (7.0, 15.0, 25.0):
        views = {
            name: look(plain, no_scenery(), (0, 0, 0), cars([car(distance, 0.0, heading, 60, brake)])).astype(float)
            for name, heading, brake in (("rear", 0.0, 0), ("brake", 0.0, 1), ("front", math.pi, 0))
        }
        empty = look(plain, no_scenery(), (0, 0, 0)).astype(float)
        bright = {
            name: float(np.clip(view - np.maximum(empty, 80), 0, None)[38:].sum()) for name, view in views.items()
        }
        assert bright["brake"] > 1.3 * bright["front"] > 1.3 * bright["rear"]


def test_what_is_nearer_covers_what_is_farther() -> None:
    plain = flat()
    wall = scenery_of(np.array([[10, 0, 0, 0.5, 6, 0, 5, 150]], dtype=np.float32))
    for distance in (12.0, 14.0, 30.0):  # drawn from boxes and blended
        hidden = look(plain, wall, (0, 0, 0), cars([car(distance, 0.0)]))
        assert np.array_equal(hidden, look(plain, wall, (0, 0, 0)))
    assert not np.array_equal(look(plain, wall, (0, 0, 0), cars([car(6.0, 0.0)])), look(plain, wall, (0, 0, 0)))
    # The order in the list does not matter, whichever way each car is drawn.
    rows = [car(30.0, 0.3, 0, 220), car(20.0, 0.0, 0, 40), car(7.0, 2.0, 0.3, 200), car(50.0, -0.5, 0, 90)]
    assert np.array_equal(look(plain, wall, (0, 20, 0), cars(rows)), look(plain, wall, (0, 20, 0), cars(rows[::-1])))
