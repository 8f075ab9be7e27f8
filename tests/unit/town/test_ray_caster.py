"""Rays against closed forms, and the camera against the rays: two ways of seeing that share no projection."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.ndimage import maximum_filter, minimum_filter

from av_td3_system.config.schema import CameraConfig
from av_td3_system.town.camera import build_camera, project
from av_td3_system.town.camera_types import CameraModel
from av_td3_system.town.ground import Palette
from av_td3_system.town.lights import plain_ground
from av_td3_system.town.ray_caster import FAR, NONE, cast_rays, gather_solids
from av_td3_system.town.road_network import RoadNetwork
from av_td3_system.town.scene_types import HOUSE, POLE, TRUNK, SceneryArrays
from av_td3_system.town.semantic_tags import GroundTags, Tag, paint_tags
from tests.unit.town.camera_scenes import (
    SIZES,
    disagreement,
    only_vehicle,
    random_pose,
    random_traffic,
    shoot,
    things,
    without_vehicle,
)
from tests.unit.town.synthetic_street import (
    CAMERA,
    NOBODY,
    car,
    cars,
    flat,
    no_scenery,
    scenery_of,
    street_scenery,
)

MEADOW = GroundTags(np.full((1, 1), Tag.TERRAIN, np.uint8), 0.0, 0.0, 1.0)
WIDE = build_camera(CameraConfig(width=160, height=100, fov=70, pitch=-12, x=1.5, y=0.5, z=2.2))
UPWARD = build_camera(CameraConfig(width=96, height=96, fov=130, pitch=10, y=-0.8))
CAMERAS = {"84x84": CAMERA, "160x100": WIDE, "96x96 looking up": UPWARD}
cameras = pytest.mark.parametrize("camera", CAMERAS.values(), ids=CAMERAS.keys())


@pytest.fixture(scope="module")
def tags_a(town_a: RoadNetwork) -> GroundTags:
    return paint_tags(town_a)


def rays_of(camera: CameraModel) -> np.ndarray:
    """Directions (H, W, 3) forward, left, up of the pixels' centres for one metre along the optical axis."""
    down, right = np.meshgrid(
        (np.arange(camera.height) + 0.5 - camera.cy) / camera.focal,
        (np.arange(camera.width) + 0.5 - camera.cx) / camera.focal,
        indexing="ij",
    )
    axis = np.array([camera.cos_pitch, 0.0, camera.sin_pitch])
    downward = np.array([camera.sin_pitch, 0.0, -camera.cos_pitch])
    return axis + down[..., None] * downward - right[..., None] * np.array([0.0, 1.0, 0.0])


@cameras
def test_the_ground_lies_where_the_horizon_says(camera: CameraModel) -> None:
    rays = cast_rays(camera, MEADOW, no_scenery(), (3.0, -4.0, 0.7), NOBODY)
    up = rays_of(camera)[..., 2]
    with np.errstate(divide="ignore"):
        expected = np.where(up < 0, np.minimum(-camera.z / up, FAR), FAR)
    np.testing.assert_allclose(rays.depth, expected, rtol=1e-6)
    assert np.all(rays.semantic[expected < FAR] == Tag.TERRAIN) and np.all(rays.semantic[expected == FAR] == Tag.SKY)
    assert np.all(rays.instance == NONE)


@cameras
def test_a_wall_ahead_has_its_closed_form(camera: CameraModel) -> None:
    heading, distance, tall, half = 0.6, 9.0, 5.0, 4.0
    ahead = camera.x + distance + 2.0
    middle = (ahead * math.cos(heading), ahead * math.sin(heading))
    wall = scenery_of(np.array([[*middle, heading, 2.0, half, 0.0, tall, 90.0]], dtype=np.float32))
    seen = cast_rays(camera, MEADOW, wall, (0.0, 0.0, heading), NOBODY)
    rays = rays_of(camera)
    depth = distance / rays[..., 0]  # all over its face the wall is as far ahead
    left, up = camera.y + depth * rays[..., 1], camera.z + depth * rays[..., 2]
    face = (np.abs(left) < half - 1e-3) & (up > 1e-3) & (up < tall - 1e-3)
    assert face.sum() > 100
    np.testing.assert_allclose(seen.depth[face], depth[face], rtol=1e-5)
    # From this low one sees neither its top nor its sides.
    assert np.array_equal(seen.depth < np.where(seen.semantic == Tag.BUILDING, FAR, 0.0), seen.semantic == Tag.BUILDING)
    assert np.all((seen.semantic == Tag.BUILDING) | ~face)
    assert np.count_nonzero((seen.semantic == Tag.BUILDING) & ~face) < 0.05 * face.sum()


@cameras
def test_every_ray_ends_on_the_first_thing_in_its_way(camera: CameraModel) -> None:
    rng = np.random.default_rng(4)
    scenery = street_scenery()
    for _ in range(5):
        pose = (rng.uniform(-100, 100), rng.uniform(-2, 2), rng.uniform(-3, 3))
        rows = [(pose[0] + rng.uniform(-30, 30), rng.uniform(-6, 6), rng.uniform(-3, 3)) for _ in range(12)]
        others = cars([car(*row) for row in rows if math.hypot(row[0] - pose[0], row[1] - pose[1]) > 6.0])
        seen = cast_rays(camera, MEADOW, scenery, pose, others)
        cos, sin = math.cos(pose[2]), math.sin(pose[2])
        eye = np.array([pose[0] + camera.x * cos - camera.y * sin, pose[1] + camera.x * sin + camera.y * cos, camera.z])
        turn = np.array([[cos, -sin, 0.0], [sin, cos, 0.0], [0.0, 0.0, 1.0]])
        picked = rng.integers(0, camera.height, 60), rng.integers(0, camera.width, 60)
        solids = gather_solids(scenery, others, 0, (eye[0], eye[1]))
        for row, column in zip(*picked, strict=True):
            ray, depth = turn @ rays_of(camera)[row, column], float(seen.depth[row, column])
            outside = _distance_to(solids.box, eye + np.linspace(0.0, min(depth, 200.0) - 1e-3, 400)[:, None] * ray)
            assert outside.min() > -1e-6  # nothing in the way
            if seen.semantic[row, column] in (Tag.BUILDING, Tag.CAR, Tag.VEGETATION, Tag.POLE):
                end = _distance_to(solids.box, (eye + depth * ray)[None])[:, 0]
                assert np.abs(end).min() < 1e-3 * max(depth, 1.0)
                owner = int(np.argmin(np.abs(end)))
                assert seen.instance[row, column] == solids.instance[owner]


def _distance_to(box: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Chebyshev distance (K, n) of points (n, 3) outside of boxes (K, 8), below zero inside."""
    dx, dy = points[:, 0] - box[:, :1], points[:, 1] - box[:, 1:2]
    along, aside = dx * box[:, 2:3] + dy * box[:, 3:4], dy * box[:, 2:3] - dx * box[:, 3:4]
    over = np.abs(points[:, 2] - 0.5 * (box[:, 6:7] + box[:, 7:8])) - 0.5 * (box[:, 7:8] - box[:, 6:7])
    return np.maximum(np.maximum(np.abs(along) - box[:, 4:5], np.abs(aside) - box[:, 5:6]), over)


def test_materials_of_the_ground(town_a: RoadNetwork, tags_a: GroundTags) -> None:
    lanes = town_a.lanes
    order = np.arange(len(lanes.x)) - np.repeat(lanes.first, lanes.count)
    length = np.repeat(lanes.count, lanes.count)
    street = np.repeat(lanes.junction < 0, lanes.count) & (order > 6) & (order < length - 7)

    def cut(lateral: float, where: np.ndarray = street) -> np.ndarray:
        heading = lanes.heading[where]
        x, y = lanes.x[where] - lateral * np.sin(heading), lanes.y[where] + lateral * np.cos(heading)
        row = np.floor((y - tags_a.y0) / tags_a.resolution).astype(int)
        return tags_a.tags[row, np.floor((x - tags_a.x0) / tags_a.resolution).astype(int)]

    for lateral in (-1.0, 0.0, 1.0):
        assert np.all(cut(lateral) == Tag.ROADS)
    assert np.all(cut(-3.0) == Tag.SIDEWALKS)
    assert np.all(cut(-1.75 - 0.1) == Tag.SIDEWALKS)  # the kerb
    assert np.mean(cut(-1.75 + 0.22) == Tag.ROAD_LINE) > 0.98  # the edge line
    assert 0.35 < np.mean(cut(1.75) == Tag.ROAD_LINE) < 0.65  # the broken middle line
    assert np.mean(cut(-6.5) == Tag.TERRAIN) > 0.95  # elsewhere it is another street's
    ends = np.zeros(len(lanes.x), bool)
    ends[(lanes.first + lanes.count - 1)[lanes.junction < 0]] = True
    assert np.all(
        cut(0.0, np.repeat(lanes.junction >= 0, lanes.count) & (order > 1) & (order < length - 2)) == Tag.ROADS
    )
    assert ends.any()


def test_the_picture_shows_the_ground_where_it_is(town_a: RoadNetwork, tags_a: GroundTags) -> None:
    lanes = town_a.lanes
    seen = {Tag.ROADS: 0, Tag.SIDEWALKS: 0, Tag.ROAD_LINE: 0}
    for lane in np.flatnonzero(lanes.junction < 0):
        i = lanes.first[lane] + lanes.count[lane] // 4
        pose = (float(lanes.x[i]), float(lanes.y[i]), float(lanes.heading[i]))
        image = cast_rays(CAMERA, tags_a, no_scenery(), pose, NOBODY).semantic
        for left, tag in ((0.0, Tag.ROADS), (-2.6, Tag.SIDEWALKS), (-1.75 + 0.22, Tag.ROAD_LINE)):
            u, v = (int(value) for value in project(CAMERA, [4.0, left, 0.0]))
            seen[tag] += bool(np.any(image[v - 1 : v + 2, u - 1 : u + 2] == tag))
    lanes_seen = int(np.count_nonzero(lanes.junction < 0))
    assert min(seen.values()) > 0.9 * lanes_seen  # streets bend


def test_things_have_carlas_tags() -> None:
    rows = [[12, -4, 0, 2, 2, 0, 8, 90], [9, 3, 0, 0.2, 0.2, 0, 2.4, 48], [9, 3, 0, 1.5, 1.5, 2.4, 6, 50]]
    scenery = scenery_of(np.array([*rows, [6, 2, 0, 0.09, 0.09, 0, 6, 120]], dtype=np.float32))
    for kind, tag in ((0, Tag.CAR), (1, Tag.CAR), (2, Tag.TRUCK)):
        others = cars([car(-30.0, 0.0), (8.0, 0.0, 0.0, *SIZES[kind], 180.0, 0.0)], kind)
        seen = cast_rays(CAMERA, MEADOW, scenery, (0.0, 0.0, 0.0), others)
        assert np.array_equal(seen.instance == 1, seen.semantic == tag) and np.any(seen.instance == 1)
        assert set(np.unique(seen.instance)) == {NONE, 1}
        assert set(np.unique(seen.semantic)) == {3, 6, 9, 10, 11, int(tag)}
    ahead = cast_rays(CAMERA, MEADOW, scenery_of(np.array(rows, dtype=np.float32)), (10.5, -4.0, 0.0), NOBODY)
    assert not np.any(ahead.semantic == Tag.BUILDING)  # from inside of the house one looks out


@cameras
@pytest.mark.parametrize("town", ["TownA", "street"])
def test_the_camera_draws_what_the_rays_meet(
    camera: CameraModel, town: str, town_a: RoadNetwork, scenery_a: SceneryArrays
) -> None:
    everything = scenery_a if town == "TownA" else street_scenery()
    # What may be thinner than a pixel is drawn by coverage, and rays pass beside it.
    solid = scenery_of(everything.boxes[~np.isin(everything.kind, (POLE, TRUNK))], 1000.0)
    rng = np.random.default_rng(camera.width)
    for _ in range(25):
        if town == "TownA":
            pose = random_pose(town_a, rng)
            others = random_traffic(town_a, pose, rng)
        else:
            pose = (rng.uniform(-150, 20), rng.uniform(-2, 2), rng.normal(0.0, 0.4))
            places = [(pose[0] + 9.0 * k + rng.uniform(0, 2), rng.uniform(-5, 5)) for k in range(1, 9)]
            others = cars([car(x, y, rng.uniform(-3, 3), rng.uniform(20, 230)) for x, y in places], 0)
        found = disagreement(
            camera, shoot(camera, flat(), solid, pose, others), cast_rays(camera, MEADOW, solid, pose, others), others
        )
        assert not len(found.missing), found.missing
        assert not len(found.surplus), found.surplus


@cameras
def test_taking_a_thing_away_changes_just_its_silhouette(
    camera: CameraModel, town_a: RoadNetwork, scenery_a: SceneryArrays
) -> None:
    rng = np.random.default_rng(8)
    black = flat(0.0)  # on which no shadow shows
    solid = scenery_of(scenery_a.boxes[~np.isin(scenery_a.kind, (POLE, TRUNK))], 1000.0)
    compared = 0
    for _ in range(12):
        pose = random_pose(town_a, rng)
        others = random_traffic(town_a, pose, rng)
        rays, drawn = cast_rays(camera, MEADOW, solid, pose, others), shoot(camera, black, solid, pose, others)
        for index in np.unique(rays.instance[rays.instance >= 0]):
            fewer = without_vehicle(others, int(index))
            own = rays.instance == index
            rest = shoot(camera, black, solid, pose, fewer)
            changed = drawn.picture != rest.picture
            assert not np.any((drawn.depth != rest.depth) & ~maximum_filter(own, 3))
            # What is blended may show through what is blended over it, but nowhere else than it is.
            alone = cast_rays(camera, MEADOW, no_scenery(), pose, only_vehicle(others, int(index))).instance == index
            assert not np.any(changed & ~maximum_filter(alone, 3))
            # What stands on black or before something else is seen to go, but for a pixel of the very same grey.
            kept = minimum_filter(own, 3) & ~changed
            assert np.count_nonzero(kept) <= 0.1 * np.count_nonzero(own) + 2
            compared += 1
        houses = np.flatnonzero(solid.kind == HOUSE)
        distance = np.hypot(solid.boxes[houses, 0] - pose[0], solid.boxes[houses, 1] - pose[1])
        for house in houses[np.argsort(distance)[:6]]:
            rest = scenery_of(np.delete(solid.boxes, house, axis=0), 1000.0)
            # Windows are lit by a house's number, at night only.
            other = cast_rays(camera, MEADOW, rest, pose, others)
            own = (other.depth != rays.depth) | (other.semantic != rays.semantic)
            changed = drawn.picture != shoot(camera, black, rest, pose, others).picture
            assert not np.any(changed & ~maximum_filter(own, 3))
            compared += bool(own.any())
    assert compared > 60


@cameras
def test_lane_lines_lie_where_the_rays_meet_them(camera: CameraModel, town_a: RoadNetwork, tags_a: GroundTags) -> None:
    ground = plain_ground(town_a, Palette(0.0, 0.0, 0.0, 0.0, 255.0, texture=0.0))  # lines on black
    fine = 4  # rays each way in a pixel
    model = camera._replace(
        width=fine * camera.width, height=fine * camera.height, focal=fine * camera.focal, cx=fine * camera.cx,
        cy=fine * camera.cy,
    )  # fmt: skip
    rng = np.random.default_rng(2)
    near = (camera.range < 20.0)[:, None] & np.ones(camera.width, bool)
    lines = 0
    for _ in range(12):
        pose = random_pose(town_a, rng)
        bright = shoot(camera, ground, no_scenery(), pose, NOBODY).picture.astype(float) / 255.0
        tags = cast_rays(model, tags_a, no_scenery(), pose, NOBODY).semantic.reshape(camera.height, fine, -1, fine)
        share = (tags == Tag.ROAD_LINE).mean(axis=(1, 3))
        # A cell that a line covers by less than a half is grey in the picture and has the road's tag.
        assert np.all(maximum_filter(share, 3)[near & (bright > 0.6)] > 0.0)
        assert np.all(maximum_filter(bright, 3)[near & (share > 0.9)] > 0.2)
        lines += int(np.count_nonzero(near & (bright > 0.6)))
    assert lines > 100


def test_what_is_nearer_hides_what_is_farther() -> None:
    """The order of depths is the same in both: a vehicle behind a house, before it, and one behind another."""
    house = scenery_of(np.array([[20, 0, 0.3, 3, 4, 0, 6, 150]], dtype=np.float32))
    for distance in (6.0, 10.0, 14.0, 26.0, 40.0):
        others = cars([car(distance, 0.5), car(distance + 6.0, 0.7, 0.4)])
        rays = cast_rays(CAMERA, MEADOW, house, (0.0, 0.0, 0.0), others)
        found = disagreement(CAMERA, shoot(CAMERA, flat(), house, (0.0, 0.0, 0.0), others), rays, others)
        assert not len(found.missing) and not len(found.surplus)
        assert (np.count_nonzero(things(rays) == 1000) > 0) == (distance < 20.0)


def test_thin_things_are_as_wide_as_they_look() -> None:
    """A flat picture stretches what stands aside, and a square is wider than its sides by the direction of the look."""
    fine = 8
    model = CAMERA._replace(
        width=fine * 84, height=fine * 84, focal=fine * CAMERA.focal, cx=fine * CAMERA.cx, cy=fine * CAMERA.cy
    )
    for ahead, left in ((12.0, 0.0), (12.0, 9.0), (10.0, -9.0), (25.0, 20.0)):
        drawn, expected = 0.0, 0.0
        for yaw in np.linspace(0.0, math.pi / 2, 8, endpoint=False):
            trunk = scenery_of(np.array([[ahead, left, yaw, 0.16, 0.16, 0.0, 3.0, 0.0]], dtype=np.float32))
            empty, picture = (
                shoot(CAMERA, flat(), boxes, (0.0, 0.0, 0.0), NOBODY).picture.astype(float)
                for boxes in (no_scenery(), trunk)
            )
            drawn += float(((empty - picture) / empty).sum())
            seen = cast_rays(model, MEADOW, trunk, (0.0, 0.0, 0.0), NOBODY).semantic
            expected += np.count_nonzero(seen == Tag.VEGETATION) / fine**2
        assert drawn == pytest.approx(expected, rel=0.05)


def test_no_ground_shines_through_a_far_car() -> None:
    """Between bonnet and cabin one sees the bonnet's top, also where the car is blended."""
    config = CameraConfig(z=2.2, pitch=-10)
    camera, fine = build_camera(config), 4
    model = camera._replace(
        width=fine * 84, height=fine * 84, focal=fine * camera.focal, cx=fine * camera.cx, cy=fine * camera.cy
    )
    inside, through = 0, []
    for distance, heading in ((9.5, 0.0), (10.0, math.pi), (11.0, 0.0), (12.0, math.pi), (14.0, 0.0)):
        others = cars([car(distance, 0.0, heading)])
        black, white = (
            shoot(camera, flat(grey), no_scenery(), (0.0, 0.0, 0.0), others).picture.astype(float)
            for grey in (0.0, 255.0)
        )
        own = cast_rays(model, MEADOW, no_scenery(), (0.0, 0.0, 0.0), others).instance.reshape(84, fine, 84, fine) == 0
        whole = minimum_filter(own.all(axis=(1, 3)), 3)
        inside += int(whole.sum())
        through += ((white - black)[whole] / 255.0).tolist()
    assert inside > 30
    assert max(through) < 0.1
