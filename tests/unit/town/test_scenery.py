"""Buildings, trees and lamps keep off the road and out of lines of sight."""

from __future__ import annotations

from itertools import permutations

import numpy as np

from av_td3_system.town.road_network import RoadNetwork
from av_td3_system.town.scene_types import SceneryArrays
from av_td3_system.town.scenery import build_scenery
from av_td3_system.town.surface import SurfaceArrays

EYE = 1.6  # m


def corners(box: np.ndarray, steps: int = 9) -> tuple[np.ndarray, np.ndarray]:
    """A grid of points over the footprint of a box."""
    cx, cy, yaw, length, width = (float(v) for v in box[:5])
    a, b = (v.ravel() for v in np.meshgrid(np.linspace(-length, length, steps), np.linspace(-width, width, steps)))
    return cx + a * np.cos(yaw) - b * np.sin(yaw), cy + a * np.sin(yaw) + b * np.cos(yaw)


def buildings(scenery: SceneryArrays) -> np.ndarray:
    return scenery.boxes[scenery.boxes[:, 3] > 3.0]


def blocks_view(boxes: np.ndarray, a: np.ndarray, b: np.ndarray) -> bool:
    """Whether any box cuts the segment from a to b (slab test in the frame of each box)."""
    cos, sin = np.cos(boxes[:, 2]), np.sin(boxes[:, 2])

    def local(p: np.ndarray) -> np.ndarray:
        dx, dy = p[0] - boxes[:, 0], p[1] - boxes[:, 1]
        return np.stack((dx * cos + dy * sin, dy * cos - dx * sin), axis=1)

    start, way = local(a), local(b) - local(a)
    way = np.where(np.abs(way) < 1e-9, 1e-9, way)
    t0, t1 = (-boxes[:, 3:5] - start) / way, (boxes[:, 3:5] - start) / way
    enter, leave = np.minimum(t0, t1).max(axis=1), np.maximum(t0, t1).min(axis=1)
    return bool(np.any((enter < leave) & (leave > 0) & (enter < 1)))


def test_the_town_is_furnished(scenery_a: SceneryArrays) -> None:
    assert len(buildings(scenery_a)) > 80
    crowns = scenery_a.boxes[(scenery_a.boxes[:, 5] > 0)]
    assert len(crowns) > 50
    assert np.all(crowns[:, 5] > EYE)
    assert scenery_a.boxes.dtype == np.float32
    assert np.all(scenery_a.boxes[:, 6] > scenery_a.boxes[:, 5])
    assert np.all((scenery_a.boxes[:, 7] >= 0) & (scenery_a.boxes[:, 7] <= 255))


def test_nothing_stands_on_or_over_the_road(scenery_a: SceneryArrays, surface_a: SurfaceArrays) -> None:
    for box in scenery_a.boxes:
        x, y = corners(box, 21)
        rows = np.floor((y - surface_a.y0) / surface_a.resolution).astype(int)
        columns = np.floor((x - surface_a.x0) / surface_a.resolution).astype(int)
        inside = (rows >= 0) & (rows < surface_a.kind.shape[0]) & (columns >= 0) & (columns < surface_a.kind.shape[1])
        assert not surface_a.kind[rows[inside], columns[inside]].any()


def test_buildings_keep_their_setback(scenery_a: SceneryArrays, town_a: RoadNetwork) -> None:
    lanes = town_a.lanes
    for box in buildings(scenery_a):
        x, y = corners(box)
        centre_line = np.hypot(x[:, None] - lanes.x, y[:, None] - lanes.y).min()
        assert centre_line >= 5.0 + lanes.width[0] / 2 - 0.1
        to_junction = np.hypot(box[0] - town_a.junction_centres[:, 0], box[1] - town_a.junction_centres[:, 1]).min()
        if to_junction < 25.0:
            assert centre_line >= 9.0 + lanes.width[0] / 2 - 0.1


def test_crossing_traffic_is_seen_from_20_m_before_every_junction(
    scenery_a: SceneryArrays, town_a: RoadNetwork
) -> None:
    lanes, walls = town_a.lanes, buildings(scenery_a)
    for junction in range(len(town_a.junction_ids)):
        ways = np.flatnonzero(lanes.junction == junction)
        entries = sorted({int(lanes.predecessors[lanes.predecessor_first[way]]) for way in ways})
        samples = {}
        for lane in entries:
            last = lanes.first[lane] + lanes.count[lane] - 1
            step = lanes.length[lane] / (lanes.count[lane] - 1)
            index = last - np.round(np.array([0, 5, 10, 15, 20]) / step).astype(int)
            samples[lane] = np.column_stack((lanes.x[index], lanes.y[index]))
        for own, other in permutations(entries, 2):
            for eye in samples[own]:
                for target in samples[other]:
                    assert not blocks_view(walls, eye, target)


def test_each_box_is_listed_once_in_the_cell_of_its_centre(scenery_a: SceneryArrays) -> None:
    s = scenery_a
    assert sorted(s.cell_items) == list(range(len(s.boxes)))
    assert len(s.cell_first) == len(s.cell_count) == s.rows * s.columns
    for k in range(s.rows * s.columns):
        for item in s.cell_items[s.cell_first[k] : s.cell_first[k] + s.cell_count[k]]:
            x, y = s.boxes[item, :2].astype(float)
            assert int((y - s.y0) // s.cell) * s.columns + int((x - s.x0) // s.cell) == k


def test_the_seed_alone_decides(town_a: RoadNetwork, surface_a: SurfaceArrays, scenery_a: SceneryArrays) -> None:
    np.testing.assert_array_equal(build_scenery(town_a, 0).boxes, scenery_a.boxes)
    assert not np.array_equal(build_scenery(town_a, 1, surface_a).boxes[:50], scenery_a.boxes[:50])
