"""What lies under each point of the town: lane, junction or neither, as a raster."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from av_td3_system.town.kernel import kernel
from av_td3_system.town.outline import SectionOutline
from av_td3_system.town.road_network import RoadNetwork
from av_td3_system.town.strips import Frame, Strip, label_strip, raster_frame

RESOLUTION = 0.25  # m per cell
MARGIN = 16.0  # m around the roads
LARGEST_HOLE = 120.0  # m^2 of asphalt between the ways of a junction; more is an island
OFF_ROAD, ROAD, JUNCTION = 0, 1, 2


class SurfaceArrays(NamedTuple):
    """Raster of the drivable surface; row index grows with y, column index with x.

    Points outside the raster are off-road.
    """

    kind: NDArray[np.uint8]  # (H, W) 0 off-road, 1 road lane, 2 junction
    direction: NDArray[np.float32]  # (H, W) rad in [-pi, pi), driving direction where kind is 1, else 0
    x0: float  # m, left edge of the raster
    y0: float  # m, lower edge of the raster
    resolution: float  # m per cell


def fill_small_holes(mask: NDArray[np.bool_], largest: float) -> NDArray[np.bool_]:
    """`mask` (h, w) with every enclosed hole of at most `largest` cells filled."""
    holes = ndimage.binary_fill_holes(mask) & ~mask
    labels, count = ndimage.label(holes)
    if count == 0:
        return mask
    accepted = np.bincount(labels.ravel()) <= largest
    accepted[0] = False
    return np.asarray(mask | accepted[labels])


def junction_windows(network: RoadNetwork, frame: Frame) -> list[tuple[slice, slice]]:
    """Rows and columns of the raster around each junction's connecting roads, with a rim of 1 m."""
    windows = []
    for j in range(len(network.junction_ids)):
        corners = np.concatenate([_corners(o) for o in network.outlines if o.junction == j])
        low = np.floor((corners.min(axis=0) - 1.0 - (frame.x0, frame.y0)) / frame.resolution).astype(int)
        high = np.ceil((corners.max(axis=0) + 1.0 - (frame.x0, frame.y0)) / frame.resolution).astype(int)
        low = np.maximum(low, 0)
        windows.append((slice(low[1], min(high[1], frame.rows)), slice(low[0], min(high[0], frame.columns))))
    return windows


def _corners(outline: SectionOutline) -> NDArray[np.float64]:
    t = np.concatenate((outline.low, outline.high))
    x, y = outline.x - np.sin(outline.heading) * t, outline.y + np.cos(outline.heading) * t
    return np.column_stack((x.ravel(), y.ravel()))


def build_surface(network: RoadNetwork) -> SurfaceArrays:
    """Rasterises the drivable lanes of a town.

    Small gaps between the ways of a junction are asphalt too; its rounded corners are the outer
    borders of the turning lanes. Where roads overlap, a junction wins over a lane.
    """
    frame = raster_frame(network.bounds, MARGIN, RESOLUTION, 2.0)
    kind = np.zeros((frame.rows, frame.columns), dtype=np.uint8)
    direction = np.zeros((frame.rows, frame.columns), dtype=np.float32)
    for o in sorted(network.outlines, key=lambda o: o.junction >= 0):
        for i, lane in enumerate(o.lanes):
            if lane >= 0:
                strip = Strip(o.x, o.y, o.heading, o.low[i], o.high[i])
                against = np.pi if o.identifiers[i] > 0 else 0.0
                label_strip(kind, direction, frame, strip, JUNCTION if o.junction >= 0 else ROAD, against)
    for window in junction_windows(network, frame):
        view = kind[window]
        view[fill_small_holes(view > 0, LARGEST_HOLE / RESOLUTION**2) & (view == OFF_ROAD)] = JUNCTION
    direction[kind != ROAD] = 0.0
    return SurfaceArrays(kind, direction, frame.x0, frame.y0, frame.resolution)


@kernel()
def kind_at(surface: SurfaceArrays, x: float, y: float) -> int:
    """What there is at a point (m): 0 off the lanes, else as in `SurfaceArrays`."""
    column = math.floor((x - surface.x0) / surface.resolution)
    row = math.floor((y - surface.y0) / surface.resolution)
    if row < 0 or column < 0 or row >= surface.kind.shape[0] or column >= surface.kind.shape[1]:
        return 0
    return surface.kind[row, column]
