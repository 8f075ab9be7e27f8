"""Paints the flat ground of a town: grass, pavements, kerbs, asphalt and markings.

What is painted with is a palette: of greys, of one primary colour, or of what else one wants to know of a place, such
as how far it mirrors when wet.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from av_td3_system.town import colours
from av_td3_system.town.lane_graph import DRIVABLE
from av_td3_system.town.outline import MarkLine, SectionOutline
from av_td3_system.town.road_network import RoadNetwork
from av_td3_system.town.strips import Frame, Strip, cover_strip, paint_strip, raster_frame
from av_td3_system.town.surface import LARGEST_HOLE, fill_small_holes, junction_windows
from av_td3_system.town.texture import noise_tile

RESOLUTION = 0.125  # m per cell of the finest level
MARGIN = 40.0  # m around the roads
KERB_WIDTH = 0.15  # m
STOP_LINE = (0.3, 0.4)  # m from the end of the lane to the near edge of the line, and its width
EDGE_INSET = 0.22  # m from the outer border of the carriageway to the centre of the edge line
UNDER = 0.3  # m that pavements and kerbs reach under what is painted over them
DASH, PERIOD = 3.0, 6.0  # m, broken lines
TILE = 1024  # cells of the texture's period

PAVED = DRIVABLE | {"shoulder", "parking", "biking", "stop", "bus", "taxi", "HOV", "restricted"}
FOOTWAYS = frozenset({"sidewalk", "walking"})


class Palette(NamedTuple):
    """A value 0..255 for each material; how much noise lies on grass and asphalt, and in which pattern."""

    grass: float
    pavement: float
    kerb: float
    asphalt: float
    marking: float
    texture: float = 1.0
    pattern: int = 0


GREY = Palette(60.0, 135.0, 165.0, 85.0, 215.0)  # reflectance, 0..255
WET = Palette(30.0, 150.0, 150.0, 255.0, 210.0, 0.0)  # how far a place mirrors when wet


def palettes(planes: int) -> list[Palette]:
    """The palette of each plane of a picture."""
    tints = (colours.GRASS, colours.PAVEMENT, colours.PAVEMENT, colours.ASPHALT, colours.NEUTRAL)
    shares = np.array([colours.spread(tint, planes) for tint in tints])
    return [Palette(*(np.array(GREY[:5]) * shares[:, plane]).tolist()) for plane in range(planes)]


@njit(cache=True)
def _lay_asphalt(
    image: NDArray[np.uint8], cover: NDArray[np.uint8], texture: NDArray[np.float32], albedo: float
) -> None:
    """Blends asphalt into `image` (H, W) by `cover` (H, W) 0..255.

    Lanes that meet inside a cell each cover a part of it: a cell whose neighbours are all
    mainly asphalt is asphalt entirely.
    """
    rows, columns = cover.shape
    tile = texture.shape[0]
    for r in range(1, rows - 1):
        for c in range(1, columns - 1):
            share = cover[r, c] / 255.0
            if share == 0.0:
                continue
            if share < 1.0:
                inside = True
                for i in range(-1, 2):
                    for j in range(-1, 2):
                        inside = inside and cover[r + i, c + j] >= 126
                share = 1.0 if inside else share
            value = albedo + texture[r % tile, c % tile]
            image[r, c] = int(image[r, c] + share * (value - image[r, c]) + 0.5)


def _grass(frame: Frame, palette: Palette) -> NDArray[np.uint8]:
    noise = noise_tile(TILE, ((128, 7.0), (32, 5.0), (4, 4.0), (1, 4.0)), palette.pattern) * palette.texture
    tile = np.clip(palette.grass + noise, 0, 255).round().astype(np.uint8)
    repeats = (-(-frame.rows // TILE), -(-frame.columns // TILE))
    return np.ascontiguousarray(np.tile(tile, repeats)[: frame.rows, : frame.columns])


def _paint(
    image: NDArray[np.uint8],
    frame: Frame,
    o: SectionOutline,
    low: NDArray[np.float64],
    high: NDArray[np.float64],
    albedo: float,
) -> None:
    paint_strip(image, frame, Strip(o.x, o.y, o.heading, low, high), albedo, o.s, 0.0, 0.0)


def _under(neighbour: str) -> float:
    """How far a pavement reaches under its neighbour, so that no grass shows through the seam, m."""
    return UNDER if neighbour in PAVED or neighbour in FOOTWAYS else 0.0


def _paint_footways(image: NDArray[np.uint8], frame: Frame, network: RoadNetwork, palette: Palette) -> None:
    """Pavements, then kerbs where one borders asphalt; both reach a little under the asphalt."""
    for albedo, kerb in ((palette.pavement, False), (palette.kerb, True)):
        for o in network.outlines:
            for i, kind in enumerate(o.kinds):
                if kind not in FOOTWAYS:
                    continue
                below = o.kinds[i - 1] if i > 0 else ""
                above = o.kinds[i + 1] if i + 1 < len(o.kinds) else ""
                if not kerb:
                    _paint(image, frame, o, o.low[i] - _under(below), o.high[i] + _under(above), albedo)
                    continue
                if below in PAVED:
                    _paint(image, frame, o, o.low[i] - UNDER, o.low[i] + KERB_WIDTH, albedo)
                if above in PAVED:
                    _paint(image, frame, o, o.high[i] - KERB_WIDTH, o.high[i] + UNDER, albedo)


def _asphalt_cover(frame: Frame, network: RoadNetwork) -> NDArray[np.uint8]:
    cover = np.zeros((frame.rows, frame.columns), dtype=np.uint8)
    for o in network.outlines:
        for i, kind in enumerate(o.kinds):
            if kind in PAVED:
                cover_strip(cover, frame, Strip(o.x, o.y, o.heading, o.low[i], o.high[i]))
    for window in junction_windows(network, frame):
        view = cover[window]
        mask = view >= 126
        view[fill_small_holes(mask, LARGEST_HOLE / RESOLUTION**2) & ~mask] = 255
    return cover


def _is_edge(o: SectionOutline, mark: MarkLine) -> bool:
    """Whether no asphalt to drive on lies beyond the mark."""
    beyond = mark.lane - mark.inner
    return mark.lane != 0 and not (beyond in o.identifiers and o.lanes[o.identifiers.index(beyond)] >= 0)


def _paint_lines(image: NDArray[np.uint8], frame: Frame, network: RoadNetwork, albedo: float) -> None:
    for o in network.outlines:
        if o.junction >= 0:
            continue
        for mark in o.marks:
            centre = mark.offset + (mark.inner * EDGE_INSET if _is_edge(o, mark) else 0.0)
            strip = Strip(o.x, o.y, o.heading, centre - mark.width / 2, centre + mark.width / 2)
            dash = (DASH, PERIOD) if mark.dashed else (0.0, 0.0)
            paint_strip(image, frame, strip, albedo, o.s, *dash)


def _paint_stop_lines(image: NDArray[np.uint8], frame: Frame, network: RoadNetwork, albedo: float) -> None:
    lanes = network.lanes
    distance, width = STOP_LINE
    for i in np.flatnonzero(lanes.junction < 0):
        first = lanes.successor_first[i]
        following = lanes.successors[first : first + lanes.successor_count[i]]
        if not np.any(lanes.junction[following] >= 0):
            continue
        end = lanes.first[i] + lanes.count[i] - 1
        heading = lanes.heading[end]
        across = heading + np.pi / 2
        reach = lanes.width[i] / 2 - 0.15
        back = distance + width / 2
        # The strip runs across the lane, so that its long sides are smoothed.
        t = np.array([-reach, reach])
        x = lanes.x[end] - back * np.cos(heading) + t * np.cos(across)
        y = lanes.y[end] - back * np.sin(heading) + t * np.sin(across)
        half = np.full(2, width / 2)
        paint_strip(image, frame, Strip(x, y, np.full(2, across), -half, half), albedo, t, 0.0, 0.0)


def ground_frame(network: RoadNetwork) -> Frame:
    """The raster of a town's ground: it reaches `MARGIN` m beyond the roads."""
    return raster_frame(network.bounds, MARGIN, RESOLUTION, 2.0)


def paint_town(network: RoadNetwork, palette: Palette = GREY) -> NDArray[np.uint8]:
    """Paints a town seen from above; the same network gives the same bytes.

    Returns:
        uint8 (rows, columns) of `ground_frame`; the row grows with y.
    """
    frame = ground_frame(network)
    image = _grass(frame, palette)
    _paint_footways(image, frame, network, palette)
    noise = noise_tile(TILE, ((64, 1.5), (8, 1.5), (1, 2.0)), palette.pattern)
    _lay_asphalt(image, _asphalt_cover(frame, network), noise * np.float32(palette.texture), palette.asphalt)
    _paint_lines(image, frame, network, palette.marking)
    _paint_stop_lines(image, frame, network, palette.marking)
    return image
