"""Where scenery may stand: distances to the roads, and sight triangles that stay free."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import ConvexHull

from av_td3_system.town.road_network import RoadNetwork
from av_td3_system.town.strips import Frame, raster_frame
from av_td3_system.town.surface import JUNCTION, OFF_ROAD, SurfaceArrays

CELL = 0.5  # m
MARGIN = 45.0  # m around the roads that scenery may fill
SIGHT = 20.0  # m before a junction from which crossing traffic, as far from it, is seen
CAR_HALF_WIDTH = 1.2  # m added to both sides of the lines of sight


@dataclass(frozen=True)
class Clearances:
    """Rasters (rows, columns) of cells of `frame.resolution` m; the outside counts as forbidden."""

    frame: Frame
    to_road: NDArray[np.float32]  # m to the nearest drivable cell
    to_junction: NDArray[np.float32]  # m to the nearest junction cell
    sight: NDArray[np.bool_]  # inside a sight triangle
    taken: NDArray[np.bool_]  # occupied by earlier scenery; written by `take`

    def _cells(self, x: NDArray[np.float64], y: NDArray[np.float64]) -> tuple[NDArray[np.intp], NDArray[np.intp], bool]:
        rows = np.floor((y - self.frame.y0) / self.frame.resolution).astype(np.intp)
        columns = np.floor((x - self.frame.x0) / self.frame.resolution).astype(np.intp)
        inside = (rows >= 0) & (rows < self.frame.rows) & (columns >= 0) & (columns < self.frame.columns)
        return rows, columns, bool(inside.all())

    def is_free(
        self, x: NDArray[np.float64], y: NDArray[np.float64], setback: float, junction_setback: float, near: float
    ) -> bool:
        """Whether all points (n,) are free.

        Args:
            x: m.
            y: m.
            setback: least distance to drivable surface, m.
            junction_setback: the same within `near` m of a junction.
            near: m.
        """
        rows, columns, inside = self._cells(x, y)
        if not inside or np.any(self.sight[rows, columns]) or np.any(self.taken[rows, columns]):
            return False
        needed = junction_setback if float(self.to_junction[rows, columns].min()) < near else setback
        # The rasters know distances to within one diagonal of a cell.
        return float(self.to_road[rows, columns].min()) >= needed + self.frame.resolution

    def take(self, x: NDArray[np.float64], y: NDArray[np.float64]) -> None:
        """Marks the cells of these points (n,) as occupied."""
        rows, columns, _ = self._cells(x, y)
        self.taken[rows, columns] = True


def _approach(network: RoadNetwork, lane: int) -> NDArray[np.float64]:
    """Both sides of the last metres of a lane before its junction, (n, 2) m."""
    lanes = network.lanes
    count = int(lanes.count[lane])
    keep = min(count, int(np.ceil(SIGHT / lanes.length[lane] * (count - 1))) + 1)
    own = slice(int(lanes.first[lane]) + count - keep, int(lanes.first[lane]) + count)
    centre = np.column_stack((lanes.x[own], lanes.y[own]))
    normal = np.column_stack((-np.sin(lanes.heading[own]), np.cos(lanes.heading[own])))
    return np.concatenate((centre - CAR_HALF_WIDTH * normal, centre + CAR_HALF_WIDTH * normal))


def _entries(network: RoadNetwork, junction: int) -> list[int]:
    """Road lanes that lead into a junction."""
    lanes = network.lanes
    found: set[int] = set()
    for way in np.flatnonzero(lanes.junction == junction):
        first = lanes.predecessor_first[way]
        found.update(int(i) for i in lanes.predecessors[first : first + lanes.predecessor_count[way]])
    return sorted(found)


def sight_triangles(network: RoadNetwork, frame: Frame) -> NDArray[np.bool_]:
    """Cells (rows, columns) on a line of sight between two approaches of one junction."""
    mask = np.zeros((frame.rows, frame.columns), dtype=np.bool_)
    origin, h = np.array([frame.x0, frame.y0]), frame.resolution
    for junction in range(len(network.junction_ids)):
        approaches = [_approach(network, lane) for lane in _entries(network, junction)]
        for pair in combinations(approaches, 2):
            points = np.concatenate(pair)
            low = np.maximum(np.floor((points.min(axis=0) - origin) / h).astype(int) - 1, 0)
            high = np.ceil((points.max(axis=0) - origin) / h).astype(int) + 1
            x = frame.x0 + (np.arange(low[0], min(high[0], frame.columns)) + 0.5) * h
            y = frame.y0 + (np.arange(low[1], min(high[1], frame.rows)) + 0.5) * h
            inside = np.ones((len(y), len(x)), dtype=np.bool_)
            for a, b, c in ConvexHull(points).equations:
                inside &= a * x[None, :] + b * y[:, None] + c <= h
            mask[low[1] : low[1] + len(y), low[0] : low[0] + len(x)] |= inside
    return mask


def build_clearances(network: RoadNetwork, surface: SurfaceArrays) -> Clearances:
    """Clearances of a town in which nothing stands yet."""
    frame = raster_frame(network.bounds, MARGIN, CELL, 2.0)
    step = round(CELL / surface.resolution)
    road = np.zeros((frame.rows, frame.columns), dtype=np.bool_)
    junction = np.zeros_like(road)
    rows, columns = surface.kind.shape[0] // step, surface.kind.shape[1] // step
    blocks = surface.kind[: rows * step, : columns * step].reshape(rows, step, columns, step)
    r, c = round((surface.y0 - frame.y0) / CELL), round((surface.x0 - frame.x0) / CELL)
    road[r : r + rows, c : c + columns] = (blocks != OFF_ROAD).any(axis=(1, 3))
    junction[r : r + rows, c : c + columns] = (blocks == JUNCTION).any(axis=(1, 3))

    def distance(mask: NDArray[np.bool_]) -> NDArray[np.float32]:
        if not mask.any():
            return np.full(mask.shape, np.inf, dtype=np.float32)
        return (ndimage.distance_transform_edt(~mask) * CELL).astype(np.float32)

    return Clearances(frame, distance(road), distance(junction), sight_triangles(network, frame), np.zeros_like(road))
