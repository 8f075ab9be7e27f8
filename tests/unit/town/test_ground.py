"""The painted ground of the built-in town, read back at known places."""

from __future__ import annotations

import numpy as np
import pytest

from av_td3_system.town import colours
from av_td3_system.town.ground import GREY, WET, paint_town, palettes
from av_td3_system.town.ground_light import level_sizes, pyramid
from av_td3_system.town.lights import plain_ground
from av_td3_system.town.road_network import RoadNetwork
from av_td3_system.town.scene_types import LEVELS, GroundArrays
from tests.unit.town.synthetic_street import finest

GRASS, PAVEMENT, KERB, ASPHALT, MARKING = GREY[:5]


def shade(ground: GroundArrays, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    rows = np.floor((y - ground.y0) / ground.resolution).astype(int)
    columns = np.floor((x - ground.x0) / ground.resolution).astype(int)
    return finest(ground)[rows, columns].astype(float)


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


def test_levels_halve_and_keep_the_brightness() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (50, 71), dtype=np.uint8)
    picture = np.kron(picture, np.ones((16, 16), dtype=np.uint8))
    first, rows, columns, total = level_sizes(*picture.shape)
    cells = pyramid(picture)
    assert len(cells) == total and len(first) == LEVELS
    assert np.array_equal(cells[: picture.size].reshape(picture.shape), picture)
    for k in range(1, 4):
        level = cells[first[k] : first[k] + rows[k] * columns[k]].reshape(rows[k], columns[k]).astype(float)
        means = picture.reshape(rows[k], 2**k, columns[k], 2**k).mean(axis=(1, 3))
        padded = np.pad(means, 1, mode="edge")
        smooth = sum(
            a * b * padded[1 + i : rows[k] + 1 + i, 1 + j : columns[k] + 1 + j] / 16
            for i, a in ((-1, 1), (0, 2), (1, 1))
            for j, b in ((-1, 1), (0, 2), (1, 1))
        )
        assert np.abs(smooth - level).max() <= 0.5 * k + 0.51


def test_the_same_town_is_painted_the_same(town_a: RoadNetwork, ground_a: GroundArrays) -> None:
    again = plain_ground(town_a)
    np.testing.assert_array_equal(again.cells, ground_a.cells)
    assert ground_a.resolution == pytest.approx(0.125)
    assert ground_a.cells.dtype == np.uint8


def test_grey_is_the_luma_of_the_colours(town_a: RoadNetwork) -> None:
    planes = np.stack([paint_town(town_a, palette) for palette in palettes(3)], axis=-1)
    luma = planes @ colours.LUMA
    grey = paint_town(town_a, palettes(1)[0]).astype(float)
    assert np.abs(luma - grey).max() < 4.0 and np.abs(luma - grey).mean() < 1.0
    assert np.ptp(planes.reshape(-1, 3).mean(axis=0)) > 10  # grass is green


def test_water_lies_on_what_is_paved(town_a: RoadNetwork) -> None:
    paved = paint_town(town_a, WET).astype(float)
    grey = paint_town(town_a).astype(float)
    asphalt, grass = np.abs(grey - ASPHALT) < 6, grey < 70
    assert np.median(paved[asphalt]) == WET.asphalt and np.median(paved[grass]) == WET.grass
