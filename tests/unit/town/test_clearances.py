"""Distances to the road, and what counts as free."""

from __future__ import annotations

import numpy as np

from av_td3_system.town.clearances import build_clearances
from av_td3_system.town.road_network import RoadNetwork
from av_td3_system.town.surface import SurfaceArrays


def test_distances_grow_away_from_the_road(town_a: RoadNetwork, surface_a: SurfaceArrays) -> None:
    clear = build_clearances(town_a, surface_a)
    lanes = town_a.lanes
    west = int(np.argmin(np.where(lanes.junction < 0, lanes.x[lanes.first + lanes.count // 2], np.inf)))
    p = lanes.first[west] + lanes.count[west] // 2
    row = int((lanes.y[p] - clear.frame.y0) / clear.frame.resolution)
    edge = lanes.x[p] - lanes.width[west] / 2
    for beyond in (2.0, 8.0, 20.0):
        column = int((edge - beyond - clear.frame.x0) / clear.frame.resolution)
        assert abs(clear.to_road[row, column] - beyond) < 0.8
    assert clear.to_road.min() == 0.0


def test_what_is_taken_or_outside_is_not_free(town_a: RoadNetwork, surface_a: SurfaceArrays) -> None:
    clear = build_clearances(town_a, surface_a)
    xmin, ymin, _, _ = town_a.bounds
    x, y = np.array([xmin - 20.0]), np.array([ymin - 20.0])
    assert clear.is_free(x, y, 5.0, 9.0, 30.0)
    assert not clear.is_free(x - 1000, y, 5.0, 9.0, 30.0)
    assert not clear.is_free(x, y, 60.0, 60.0, 30.0)
    clear.take(x, y)
    assert not clear.is_free(x, y, 5.0, 9.0, 30.0)
