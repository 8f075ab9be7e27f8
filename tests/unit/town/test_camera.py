"""The front camera against an independent pinhole projection, its symmetry, weather and odd places."""

from __future__ import annotations

import math

import numpy as np
import pytest

from av_td3_system.config.schema import CameraConfig
from av_td3_system.town.camera import build_camera, make_scratch, project
from av_td3_system.town.camera_types import CameraModel, Vehicles
from av_td3_system.town.lights import light_camera
from av_td3_system.town.render import render
from av_td3_system.town.scene_types import GroundArrays, SceneryArrays
from av_td3_system.town.weather import WEATHERS, light_of
from tests.unit.town.synthetic_street import (
    CAMERA,
    CLEAR,
    LANE,
    NOBODY,
    box_corners,
    car,
    cars,
    finest,
    flat,
    lit,
    look,
    mips,
    no_scenery,
    scenery_of,
    street_ground,
    street_scenery,
)

LARGE = build_camera(CameraConfig(width=256, height=200, fov=80, pitch=-10, x=0.3, z=1.9))


@pytest.fixture(scope="module")
def ground() -> GroundArrays:
    return street_ground()


@pytest.fixture(scope="module")
def scenery() -> SceneryArrays:
    return street_scenery()


def test_focal_length_is_carlas() -> None:
    assert pytest.approx(84 / (2 * math.tan(math.radians(50)))) == CAMERA.focal
    u, v = project(CAMERA, [0.8 + 10.0, 0.0, 1.6 + 10.0 * math.tan(math.radians(-6))])
    assert (float(u), float(v)) == pytest.approx((42.0, 42.0))  # along the optical axis
    u, _ = project(CAMERA, [0.8 + 10.0, -10.0 * math.tan(math.radians(50)) * math.cos(math.radians(6)), 1.6])
    assert float(u) > 83.0  # right is right
    assert np.isnan(project(CAMERA, [-5.0, 0.0, 0.0])[0])


def test_ground_samples_lie_in_their_pixels() -> None:
    sampled = np.flatnonzero(CAMERA.tap_count)
    for row in sampled:
        samples = slice(CAMERA.tap_first[row], CAMERA.tap_first[row] + CAMERA.tap_count[row])
        ahead, left = CAMERA.tap_forward[samples], CAMERA.tap_left[samples]
        u, v = project(CAMERA, np.stack([ahead + CAMERA.x, left, 0 * ahead], axis=-1))
        assert np.all((u > 0) & (u < 1)) and np.all((v > row - 1e-6) & (v < row + 1 + 1e-6))
        if row > sampled[0]:
            assert u.mean() == pytest.approx(0.5, abs=1e-6) and v.mean() == pytest.approx(row + 0.5)


@pytest.mark.parametrize("camera", [CAMERA, LARGE], ids=["84x84", "256x200"])
@pytest.mark.parametrize(
    ("f", "left", "yaw", "length", "width", "low", "high"),
    [
        (12.0, 0.0, 0.0, 4.0, 3.0, 0.0, 2.0),
        (15.0, 6.0, 0.6, 6.0, 4.0, 0.5, 4.0),
        (20.0, -9.0, -1.2, 8.0, 3.0, 0.0, 6.0),
        (35.0, 10.0, 0.3, 10.0, 10.0, 2.0, 7.0),
        (7.0, -3.0, 2.0, 2.0, 1.6, 0.0, 1.2),
    ],
)
def test_a_box_covers_what_the_projection_says(
    camera: CameraModel, f: float, left: float, yaw: float, length: float, width: float, low: float, high: float
) -> None:
    heading, x, y = 0.8, 5.0, -7.0
    cos, sin = math.cos(heading), math.sin(heading)
    row = [x + f * cos - left * sin, y + f * sin + left * cos, yaw + heading, length / 2, width / 2, low, high, 250]
    scenery = scenery_of(np.array([row], dtype=np.float32))
    black = flat(0.0)
    empty = look(black, no_scenery(), (x, y, heading), camera=camera)
    changed = np.argwhere(look(black, scenery, (x, y, heading), camera=camera) != empty)
    u, v = project(camera, box_corners(f, left, yaw, length, width, low, high))
    found = np.array([changed[:, 1].min(), changed[:, 0].min(), changed[:, 1].max() + 1, changed[:, 0].max() + 1])
    assert found == pytest.approx(np.array([u.min(), v.min(), u.max(), v.max()]), abs=1.0)


@pytest.mark.parametrize("camera", [CAMERA, LARGE], ids=["84x84", "256x200"])
def test_a_line_on_the_ground_lies_where_the_projection_says(camera: CameraModel) -> None:
    y_line = 2.0
    picture = np.full((800, 800), 40.0)
    picture[np.abs((np.arange(800) + 0.5) * 0.125 - 50 - y_line) < 0.1] = 255
    image = look(mips(picture, -50.0, -50.0, 0.125), no_scenery(), (-20.0, 0.0, 0.0), camera=camera).astype(float)
    checked = 0
    for distance in np.linspace(3.0, 14.0, 60):
        u, v = (float(value) for value in project(camera, [distance, y_line, 0.0]))
        row = math.floor(v)
        if not (1 < u < camera.width - 1 and row < camera.height):
            continue
        # The line at the height of the row's middle, not at `distance`: followed along its slope.
        ahead = project(camera, [distance + 0.01, y_line, 0.0])
        expected = u + (float(ahead[0]) - u) / (float(ahead[1]) - v) * (row + 0.5 - v)
        weight = np.clip(image[row] - 41, 0, None)
        assert (np.arange(camera.width) + 0.5) @ weight / weight.sum() == pytest.approx(expected, abs=1.0)
        checked += 1
    assert checked > 20


def test_ground_is_the_area_mean_of_what_a_pixel_covers(ground: GroundArrays) -> None:
    image = look(ground, no_scenery(), (-60.0, LANE, 0.1))
    rows, fine = np.arange(46, 84), 12
    sub = (np.arange(fine) + 0.5) / fine
    v = (rows[:, None] + sub)[:, None, :, None]
    u = (np.arange(84)[:, None] + sub)[None, :, None, :]
    down = (v - CAMERA.cy) / CAMERA.focal
    z = CAMERA.z / (down * CAMERA.cos_pitch - CAMERA.sin_pitch)
    ahead = CAMERA.x + z * (CAMERA.cos_pitch + down * CAMERA.sin_pitch) + 0 * u
    left = -z * (u - CAMERA.cx) / CAMERA.focal
    x = -60.0 + ahead * math.cos(0.1) - left * math.sin(0.1)
    y = LANE + ahead * math.sin(0.1) + left * math.cos(0.1)
    cells = finest(ground)[((y - ground.y0) / 0.125).astype(int), ((x - ground.x0) / 0.125).astype(int)]
    error = np.abs(image[rows].astype(float) - cells.mean(axis=(2, 3)))
    assert error.mean() < 2.5 and np.percentile(error, 99) < 30


def test_the_mirrored_world_gives_the_mirrored_picture(ground: GroundArrays, scenery: SceneryArrays) -> None:
    boxes = scenery.boxes.copy()
    boxes[:, 1:3] *= -1
    other_scenery = scenery_of(boxes)
    upper = ground.y0 + ground.rows[0] * ground.resolution
    other_ground = mips(finest(ground)[::-1].astype(float), ground.x0, -upper, ground.resolution)
    rng = np.random.default_rng(5)
    for _ in range(6):
        x, heading = rng.uniform(-150, 60), rng.uniform(-0.6, 0.6)
        rows = [
            car(x + rng.uniform(4, 50), rng.uniform(-6, 6), rng.uniform(-3, 3), rng.uniform(40, 220), k % 2)
            for k in range(9)
        ]
        picture = look(ground, scenery, (x, 0.3, heading), cars(rows)).astype(int)
        rows = [(a, -b, -c, *rest) for a, b, c, *rest in rows]
        mirror = look(other_ground, other_scenery, (x, -0.3, -heading), cars(rows))[:, ::-1].astype(int)
        assert np.mean(np.abs(picture - mirror) > 1) < 0.001


def test_a_turned_world_gives_the_same_picture(scenery: SceneryArrays) -> None:
    plain, angle = flat(), 1.234
    cos, sin = math.cos(angle), math.sin(angle)
    boxes = scenery.boxes[np.hypot(scenery.boxes[:, 0], scenery.boxes[:, 1]) < 90].copy()
    turned = boxes.copy()
    turned[:, 0] = boxes[:, 0] * cos - boxes[:, 1] * sin
    turned[:, 1] = boxes[:, 0] * sin + boxes[:, 1] * cos
    turned[:, 2] += angle
    first = look(plain, scenery_of(boxes), (0, 0, 0)).astype(int)
    light = CLEAR._replace(azimuth=CLEAR.azimuth + angle)
    second = look(plain, scenery_of(turned), (0, 0, angle), light=light).astype(int)
    assert len(np.unique(first)) > 20
    assert np.mean(np.abs(first - second) > 1) < 0.003


def test_a_pole_in_front_of_a_house_is_not_lost() -> None:
    pole, house = [8, 0.5, 0, 0.08, 0.08, 0, 6, 250], [14, 0, 0, 2, 8, 0, 12, 60]
    alone = look(flat(), scenery_of(np.array([house], dtype=np.float32)), (0, 0, 0)).astype(int)
    for rows in ([pole, house], [house, pole]):
        both = look(flat(), scenery_of(np.array(rows, dtype=np.float32)), (0, 0, 0)).astype(int)
        assert np.count_nonzero(both - alone > 20) > 20


def test_fog_hides_and_light_dims(ground: GroundArrays, scenery: SceneryArrays) -> None:
    def views(others: Vehicles) -> dict[str, np.ndarray]:
        return {
            name: look(lit(ground, light_of(weather)), scenery, (-60, LANE, 0), others, light_of(weather)).astype(float)
            for name, weather in WEATHERS.items()
        }

    seen, gone = views(cars([car(0.0, LANE, 0.0, 30)])), views(NOBODY)
    contrast = {name: float(np.abs(seen[name] - gone[name]).sum()) for name in WEATHERS}
    assert contrast["FoggyNoon"] < 0.7 * contrast["CloudyNoon"]
    road = {name: float(view[50:].mean()) for name, view in seen.items()}
    assert road["ClearNoon"] > road["ClearSunset"] + 10 > road["ClearNight"] + 20
    assert seen["FoggyNoon"][34:38].std() < 0.8 * seen["CloudyNoon"][34:38].std()  # what stands far down the street


def test_inactive_worlds_are_left_alone_and_threads_change_nothing(
    ground: GroundArrays, scenery: SceneryArrays
) -> None:
    rng = np.random.default_rng(2)
    worlds, shape = 9, (9, 12)
    place = [rng.uniform(-150, 30, worlds), rng.uniform(-2, 2, worlds), rng.uniform(-0.3, 0.3, worlds)]
    x = rng.uniform(-40, 60, shape) + place[0][:, None]
    size = np.tile(np.array([4.4, 1.8, 1.6]), (*shape, 1))
    shade = rng.uniform(40, 220, shape).astype(np.float32)
    brake = rng.integers(0, 2, shape, dtype=np.uint8)
    kind = rng.integers(0, 3, shape).astype(np.int8)
    others = Vehicles(x, rng.uniform(-4, 4, shape), rng.uniform(-3, 3, shape), size, kind, shade[None], brake)
    light = light_of(WEATHERS["ClearNoon"])
    lights, none = light_camera(CAMERA, [light], 1), np.zeros(worlds, dtype=np.int64)
    active = np.array([1, 1, 0, 1, 1, 1, 1, 1, 1], dtype=np.bool_)
    pictures = []
    for slots in (worlds, 1):
        out = np.full((worlds, 1, 1, 84, 84), 7, dtype=np.uint8)
        scratch = make_scratch(CAMERA, slots)
        render(CAMERA, ground, scenery, lights, none, *place, others, none, active, out, none, scratch)
        pictures.append(out[:, 0])
    assert np.array_equal(pictures[0], pictures[1])
    assert np.all(pictures[0][2] == 7)
    for world in np.flatnonzero(active):
        pose = (place[0][world], place[1][world], place[2][world])
        own = [part[world : world + 1] for part in others]
        own[5] = others.paint[:, world : world + 1]
        assert np.array_equal(look(ground, scenery, pose, Vehicles(*own), light), pictures[0][world, 0])


def test_odd_places_do_no_harm(ground: GroundArrays, scenery: SceneryArrays) -> None:
    for pose in ((-1e4, 3.0, 0.0), (199.0, 149.0, 2.0), (0.0, 15.0, 0.0)):  # outside, at the corner, inside of a house
        look(ground, scenery, pose)
    outside = look(ground, scenery, (-1e4, 3.0, 0.0))
    assert np.all(outside[60:] == outside[60, 0])
    nothing = (3.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
    crowd = cars([car(0.0, 0.0), car(1.0, 0.5, 0.4), car(2.5, -1.0, 1.5), car(1e7, 1e7), nothing])
    look(ground, scenery, (0.0, 0.0, 0.0), crowd)
    for config in (CameraConfig(width=16, height=16), CameraConfig(pitch=20), CameraConfig(pitch=-45, fov=150)):
        look(ground, scenery, (-60.0, LANE, 0.0), crowd, camera=build_camera(config))


def test_a_full_queue_drops_the_surplus(ground: GroundArrays) -> None:
    poles = np.array([[20 + 0.05 * k, 0.01 * k, 0, 0.1, 0.1, 0, 5, 20] for k in range(600)], dtype=np.float32)
    image = look(flat(), scenery_of(poles), (0.0, 0.0, 0.0))
    assert not np.array_equal(image, look(flat(), no_scenery(), (0.0, 0.0, 0.0)))
