"""Buildings, trees and lamp poles beside the roads, as boxes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from av_td3_system.town import colours, scene_types
from av_td3_system.town.clearances import Clearances, build_clearances
from av_td3_system.town.outline import SectionOutline
from av_td3_system.town.plan_view import FloatArray
from av_td3_system.town.road_network import RoadNetwork
from av_td3_system.town.scene_types import SceneryArrays
from av_td3_system.town.surface import SurfaceArrays, build_surface

CELL = 20.0  # m, grid for culling
SETBACK, JUNCTION_SETBACK, NEAR_JUNCTION = 5.0, 9.0, 30.0  # m from the road's edge; within so many m
FRONTAGE, DEPTH, HEIGHT = (9.0, 20.0), (8.0, 13.0), (4.0, 11.0)  # m, buildings
GAP = (3.0, 9.0)  # m between neighbouring buildings
FACADE = (95.0, 185.0)  # albedo
TREE_SPACING, TREE_OFFSET = (11.0, 26.0), (4.2, 8.0)  # m along and from the road's edge
CROWN, CROWN_ALBEDO, TRUNK_ALBEDO = (1.0, 1.9), (42.0, 62.0), 48.0  # half-width m, albedo
LAMP_SPACING, LAMP_OFFSET, LAMP_HEIGHT, LAMP_ALBEDO = 32.0, 3.3, 6.0, 120.0  # m, behind what parks; albedo

Box = tuple[float, float, float, float, float, float, float, float]


@dataclass(frozen=True)
class _Side:
    """One side of a road section: the edge of its carriageway, and the direction away from it."""

    outline: SectionOutline
    edge: FloatArray  # (n,) m, lateral
    sign: int  # +1 left, -1 right

    def at(self, s: float, beyond: float) -> tuple[float, float, float]:
        """x, y (m) and heading (rad) at `s` m, `beyond` m outside of the carriageway."""
        o = self.outline
        heading = float(np.interp(s, o.s, o.heading))
        t = float(np.interp(s, o.s, self.edge)) + self.sign * beyond
        x, y = float(np.interp(s, o.s, o.x)), float(np.interp(s, o.s, o.y))
        return x - t * np.sin(heading), y + t * np.cos(heading), heading


def _sides(network: RoadNetwork) -> list[_Side]:
    """Both sides of every road outside of junctions."""
    sides = []
    for o in network.outlines:
        driven = [i for i, lane in enumerate(o.lanes) if lane >= 0]
        if o.junction < 0 and driven:
            sides.append(_Side(o, o.low[driven].min(axis=0), -1))
            sides.append(_Side(o, o.high[driven].max(axis=0), 1))
    return sides


def _footprint(x: float, y: float, yaw: float, half_length: float, half_width: float) -> tuple[FloatArray, FloatArray]:
    """Points (n,) that cover a rectangle, no further apart than a cell of the clearances."""
    u = np.linspace(-half_length, half_length, int(np.ceil(4 * half_length)) + 2)
    v = np.linspace(-half_width, half_width, int(np.ceil(4 * half_width)) + 2)
    a, b = (grid.ravel() for grid in np.meshgrid(u, v))
    return x + a * np.cos(yaw) - b * np.sin(yaw), y + a * np.sin(yaw) + b * np.cos(yaw)


def _buildings(sides: list[_Side], clear: Clearances, rng: np.random.Generator) -> list[Box]:
    boxes: list[Box] = []
    for side in sides:
        start, end = float(side.outline.s[0]), float(side.outline.s[-1])
        s = start + float(rng.uniform(0.0, GAP[1]))
        while s < end:
            length, depth, height, albedo = (float(rng.uniform(*r)) for r in (FRONTAGE, DEPTH, HEIGHT, FACADE))
            setback = float(rng.uniform(SETBACK + 0.6, SETBACK + 4.0))
            gap = float(rng.uniform(*GAP))
            for retreat in (0.0, 3.5, 7.0):
                x, y, heading = side.at(min(s + length / 2, end), setback + retreat + depth / 2)
                points = _footprint(x, y, heading, length / 2, depth / 2)
                if clear.is_free(*points, SETBACK, JUNCTION_SETBACK, NEAR_JUNCTION):
                    clear.take(*_footprint(x, y, heading, length / 2 + 1.0, depth / 2 + 1.0))
                    boxes.append((x, y, heading, length / 2, depth / 2, 0.0, height, albedo))
                    s += length + gap
                    break
            else:
                s += 2.0
    return boxes


def _trees(sides: list[_Side], clear: Clearances, rng: np.random.Generator) -> list[Box]:
    boxes: list[Box] = []
    for side in sides:
        s = float(side.outline.s[0]) + float(rng.uniform(0.0, TREE_SPACING[1]))
        while s < side.outline.s[-1]:
            beyond, half, albedo = (float(rng.uniform(*r)) for r in (TREE_OFFSET, CROWN, CROWN_ALBEDO))
            trunk, top = float(rng.uniform(2.2, 2.8)), float(rng.uniform(5.0, 8.0))
            x, y, heading = side.at(s, beyond)
            points = _footprint(x, y, heading, half, half)
            if clear.is_free(*points, 1.0, 1.0, 0.0):
                clear.take(*points)
                boxes.append((x, y, heading, 0.16, 0.16, 0.0, trunk, TRUNK_ALBEDO))
                boxes.append((x, y, heading, half, half, trunk, top, albedo))
            s += float(rng.uniform(*TREE_SPACING))
    return boxes


def _lamps(sides: list[_Side], clear: Clearances) -> list[Box]:
    boxes: list[Box] = []
    for side in sides:
        first = side.outline.s[0] + LAMP_SPACING * (0.25 if side.sign < 0 else 0.75)  # the sides alternate
        for s in np.arange(first, side.outline.s[-1], LAMP_SPACING):
            x, y, heading = side.at(float(s), LAMP_OFFSET)
            points = _footprint(x, y, heading, 0.1, 0.1)
            if clear.is_free(*points, 0.5, 0.5, 0.0):
                boxes.append((x, y, heading, 0.09, 0.09, 0.0, LAMP_HEIGHT, LAMP_ALBEDO))
    return boxes


def kind_of(boxes: NDArray[np.float32]) -> NDArray[np.uint8]:
    """HOUSE, CROWN, TRUNK or POLE, (B,): what starts above the ground is a crown, the tall thin ones are poles."""
    crown, wide = boxes[:, 5] >= 0.5, np.minimum(boxes[:, 3], boxes[:, 4]) > 1.5
    house, pole = ~crown & wide & (boxes[:, 6] > 4.0), ~crown & ~wide & (boxes[:, 6] > 4.0)
    return np.select(
        [house, crown, pole], [scene_types.HOUSE, scene_types.CROWN, scene_types.POLE], scene_types.TRUNK
    ).astype(np.uint8)


def furnish(boxes: NDArray[np.float32], x0: float, y0: float, columns: int, rows: int) -> SceneryArrays:
    """Boxes (B, 8) as `SceneryArrays.boxes`, in grey, sorted into the culling grid of a town."""
    boxes = np.ascontiguousarray(boxes, dtype=np.float32).reshape(-1, 8)
    column = np.floor((boxes[:, 0].astype(np.float64) - x0) / CELL).astype(np.int64).clip(0, columns - 1)
    row = np.floor((boxes[:, 1].astype(np.float64) - y0) / CELL).astype(np.int64).clip(0, rows - 1)
    cell = row * columns + column
    count = np.bincount(cell, minlength=rows * columns).astype(np.int32)
    first = (np.cumsum(count) - count).astype(np.int32)
    items = np.argsort(cell, kind="stable").astype(np.int32)
    axis = np.column_stack((np.cos(boxes[:, 2]), np.sin(boxes[:, 2]))).astype(np.float32)
    albedo = np.ascontiguousarray(boxes[:, 7][None, None])
    return SceneryArrays(boxes, axis, kind_of(boxes), albedo, first, count, items, x0, y0, CELL, columns, rows)


def coloured(scenery: SceneryArrays, planes: int) -> SceneryArrays:
    """The same boxes with an albedo in each plane of a picture."""
    facades = np.array(colours.FACADES)
    tints = np.empty((len(scenery.boxes), 3))
    tints[:] = colours.NEUTRAL
    house = scenery.kind == scene_types.HOUSE
    tints[house] = facades[np.arange(house.sum()) % len(facades)]
    tints[scenery.kind == scene_types.CROWN] = colours.LEAVES
    tints[scenery.kind == scene_types.TRUNK] = colours.BARK
    if planes == 1:
        return scenery
    albedo = np.minimum(tints.T * scenery.boxes[:, 7], 255.0)
    return scenery._replace(albedo=np.ascontiguousarray(albedo[None], dtype=np.float32))


def build_scenery(network: RoadNetwork, seed: int, surface: SurfaceArrays | None = None) -> SceneryArrays:
    """Furnishes a town.

    Buildings stand at least `SETBACK` m from the road's edge, `JUNCTION_SETBACK` m near junctions,
    and nothing stands in a sight triangle: from 20 m before a junction every car that is as close
    to it on another arm is in view.

    Args:
        network: the town.
        seed: of the layout; the same seed gives the same bytes.
        surface: of the same network, to save building it again.

    Returns:
        Boxes, none on drivable surface, each in the grid cell of its centre.
    """
    rng = np.random.default_rng(seed)
    clear = build_clearances(network, surface if surface is not None else build_surface(network))
    sides = _sides(network)
    found = _buildings(sides, clear, rng) + _trees(sides, clear, rng) + _lamps(sides, clear)
    frame = clear.frame
    columns = int(np.ceil(frame.columns * frame.resolution / CELL))
    rows = int(np.ceil(frame.rows * frame.resolution / CELL))
    return furnish(np.array(found, dtype=np.float32), frame.x0, frame.y0, columns, rows)
