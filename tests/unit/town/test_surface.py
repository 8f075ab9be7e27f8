"""The drivable raster under known points of the built-in town."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from av_td3_system.town.road_network import RoadNetwork, load_network
from av_td3_system.town.surface import JUNCTION, OFF_ROAD, ROAD, SurfaceArrays, build_surface, fill_small_holes


def look_up(surface: SurfaceArrays, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    rows = np.floor((y - surface.y0) / surface.resolution).astype(int)
    columns = np.floor((x - surface.x0) / surface.resolution).astype(int)
    return surface.kind[rows, columns], surface.direction[rows, columns]


def beside(network: RoadNetwork, lateral: float, keep: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Points `lateral` m left of the samples of the lanes that `keep` (L,) selects, and their headings."""
    lanes = network.lanes
    chosen = np.repeat(keep, lanes.count)
    # The first and last half metre may fall into a cell of the next lane.
    order = np.arange(len(lanes.x)) - np.repeat(lanes.first, lanes.count)
    chosen &= (order > 1) & (order < np.repeat(lanes.count, lanes.count) - 2)
    heading = lanes.heading[chosen]
    return lanes.x[chosen] - lateral * np.sin(heading), lanes.y[chosen] + lateral * np.cos(heading), heading


def test_lanes_are_road_in_their_own_direction(town_a: RoadNetwork, surface_a: SurfaceArrays) -> None:
    for lateral in (-1.4, 0.0, 1.4):
        x, y, heading = beside(town_a, lateral, town_a.lanes.junction < 0)
        kind, direction = look_up(surface_a, x, y)
        assert np.all(kind == ROAD)
        assert np.cos(direction - heading).min() > np.cos(0.05)


def test_oncoming_lanes_point_the_other_way(town_a: RoadNetwork, surface_a: SurfaceArrays) -> None:
    x, y, heading = beside(town_a, 3.5, town_a.lanes.junction < 0)
    kind, direction = look_up(surface_a, x, y)
    assert np.all(kind == ROAD)
    assert np.cos(direction - heading).max() < -np.cos(0.05)


def test_pavements_are_off_road(town_a: RoadNetwork, surface_a: SurfaceArrays) -> None:
    for lateral in (-2.2, -4.0):
        x, y, _ = beside(town_a, lateral, town_a.lanes.junction < 0)
        assert np.all(look_up(surface_a, x, y)[0] == OFF_ROAD)


def test_every_way_through_a_junction_is_junction(town_a: RoadNetwork, surface_a: SurfaceArrays) -> None:
    for lateral in (-1.4, 0.0, 1.4):
        x, y, _ = beside(town_a, lateral, town_a.lanes.junction >= 0)
        assert np.all(look_up(surface_a, x, y)[0] == JUNCTION)


def test_junction_corners_are_round(town_a: RoadNetwork, surface_a: SurfaceArrays) -> None:
    x, y, _ = beside(town_a, -2.2, town_a.lanes.turn == -1)
    assert np.all(look_up(surface_a, x, y)[0] == OFF_ROAD)


def test_the_drivable_area_is_one_piece_without_holes_in_junctions(surface_a: SurfaceArrays) -> None:
    from scipy import ndimage

    _, count = ndimage.label(surface_a.kind > 0)
    assert count == 1
    _, blocks = ndimage.label(surface_a.kind == OFF_ROAD)
    assert blocks == 9  # eight blocks between the streets and the land around


def test_direction_is_zero_off_the_road_and_the_dtypes_fit(surface_a: SurfaceArrays) -> None:
    assert surface_a.kind.dtype == np.uint8
    assert surface_a.direction.dtype == np.float32
    assert surface_a.resolution == 0.25
    assert not surface_a.direction[surface_a.kind != ROAD].any()


def test_a_road_covers_its_area(write_map: Callable[..., Path], make_road: Callable[..., str]) -> None:
    surface = build_surface(load_network(write_map(make_road())))
    area = np.count_nonzero(surface.kind == ROAD) * surface.resolution**2
    assert abs(area - 40 * 7) < 7


def test_only_small_holes_are_filled() -> None:
    mask = np.ones((40, 40), dtype=bool)
    mask[5:8, 5:8] = False
    mask[15:30, 15:30] = False
    mask[:, 38] = False
    filled = fill_small_holes(mask, 9)
    assert filled[5:8, 5:8].all()
    assert not filled[15:30, 15:30].any()
    assert not filled[:, 38].any()  # open at the border: no hole
