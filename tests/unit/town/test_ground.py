"""The painted ground of the built-in town, read back at known places."""

from __future__ import annotations

import numpy as np
import pytest

from av_td3_system.town.ground import ASPHALT, GRASS, KERB, MARKING, PAVEMENT, build_ground
from av_td3_system.town.road_network import RoadNetwork
from av_td3_system.town.scene_types import GroundArrays


def shade(ground: GroundArrays, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    rows = np.floor((y - ground.y0) / ground.resolution).astype(int)
    columns = np.floor((x - ground.x0) / ground.resolution).astype(int)
    return ground.albedo0[rows, columns].astype(float)


def profile(network: RoadNetwork, ground: GroundArrays, lateral: float) -> np.ndarray:
    """Shades `lateral` m left of all road lanes' centre lines, away from their ends."""
    lanes = network.lanes
    order = np.arange(len(lanes.x)) - np.repeat(lanes.first, lanes.count)
    keep = np.repeat(lanes.junction < 0, lanes.count) & (order > 6) & (order < np.repeat(lanes.count, lanes.count) - 7)
    heading = lanes.heading[keep]
    return shade(ground, lanes.x[keep] - lateral * np.sin(heading), lanes.y[keep] + lateral * np.cos(heading))


def test_a_cut_across_a_street_shows_every_layer(town_a: RoadNetwork, ground_a: GroundArrays) -> None:
    for lateral in (-1.0, 0.0, 1.0):
        np.testing.assert_allclose(profile(town_a, ground_a, lateral), ASPHALT, atol=6)
    np.testing.assert_allclose(profile(town_a, ground_a, -3.0), PAVEMENT, atol=2)
    grass = profile(town_a, ground_a, -6.5)
    assert abs(np.median(grass) - GRASS) < 8
    assert grass.std() > 3
    # Thin lines are shared by two cells.
    assert np.median(profile(town_a, ground_a, -1.75 - 0.075)) > (PAVEMENT + KERB) / 2 - 20
    assert np.median(profile(town_a, ground_a, -1.75 + 0.22)) > (ASPHALT + MARKING) / 2 - 15


def test_the_middle_line_is_dashed(town_a: RoadNetwork, ground_a: GroundArrays) -> None:
    line = profile(town_a, ground_a, 1.75)
    painted = np.mean(line > (ASPHALT + MARKING) / 2 - 15)
    assert 0.35 < painted < 0.65
    assert np.mean(np.abs(line - ASPHALT) < 8) > 0.35


def test_stop_lines_end_every_lane_into_a_junction(town_a: RoadNetwork, ground_a: GroundArrays) -> None:
    lanes = town_a.lanes
    ends = (lanes.first + lanes.count - 1)[lanes.junction < 0]
    heading = lanes.heading[ends]
    for back, expected in ((0.5, MARKING), (1.3, ASPHALT)):
        x, y = lanes.x[ends] - back * np.cos(heading), lanes.y[ends] - back * np.sin(heading)
        np.testing.assert_allclose(shade(ground_a, x, y), expected, atol=8)
    starts = lanes.first[lanes.junction < 0]
    x, y = lanes.x[starts] + 0.5 * np.cos(lanes.heading[starts]), lanes.y[starts] + 0.5 * np.sin(lanes.heading[starts])
    np.testing.assert_allclose(shade(ground_a, x, y), ASPHALT, atol=8)


def test_junctions_are_plain_asphalt(town_a: RoadNetwork, ground_a: GroundArrays) -> None:
    lanes = town_a.lanes
    order = np.arange(len(lanes.x)) - np.repeat(lanes.first, lanes.count)
    ways = np.repeat(lanes.junction >= 0, lanes.count)
    ways &= (order > 0) & (order < np.repeat(lanes.count, lanes.count) - 1)
    for lateral in (-1.4, 0.0, 1.4):
        x = lanes.x[ways] - lateral * np.sin(lanes.heading[ways])
        y = lanes.y[ways] + lateral * np.cos(lanes.heading[ways])
        np.testing.assert_allclose(shade(ground_a, x, y), ASPHALT, atol=6)
    for x0, y0 in town_a.junction_centres:
        x, y = (v.ravel() for v in np.meshgrid(np.linspace(x0 - 2, x0 + 2, 33), np.linspace(y0 - 2, y0 + 2, 33)))
        np.testing.assert_allclose(shade(ground_a, x, y), ASPHALT, atol=6)


def test_coarse_levels_are_means_of_four_by_four(ground_a: GroundArrays) -> None:
    for fine, coarse in ((ground_a.albedo0, ground_a.albedo1), (ground_a.albedo1, ground_a.albedo2)):
        assert fine.shape == (4 * coarse.shape[0], 4 * coarse.shape[1])
        rows, columns = coarse.shape
        means = fine.reshape(rows, 4, columns, 4).mean(axis=(1, 3))
        assert np.abs(means - coarse).max() <= 0.5


def test_the_same_town_is_painted_the_same(town_a: RoadNetwork, ground_a: GroundArrays) -> None:
    again = build_ground(town_a)
    np.testing.assert_array_equal(again.albedo0, ground_a.albedo0)
    assert ground_a.resolution == pytest.approx(0.125)
    assert ground_a.albedo0.dtype == np.uint8
