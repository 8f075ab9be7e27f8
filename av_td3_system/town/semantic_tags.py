"""Which of CARLA's semantic tags each thing in a town has, and the ground as a raster of tags.

The numbers are those of CARLA 0.9.16 (https://carla.readthedocs.io/en/0.9.16/ref_sensors/, semantic segmentation
camera; they changed from 0.9.13 to 0.9.14). As there, a kerb belongs to the pavement, crowns and trunks are vegetation,
lamp poles are poles, and a van is a car.
"""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from av_td3_system.town import scene_types, state
from av_td3_system.town.ground import Palette, ground_frame, paint_town
from av_td3_system.town.road_network import RoadNetwork

# A line of 0.12 m that lies half on each of two cells covers less than a half of both, and must not vanish.
LEAST_OF_A_LINE = 0.45  # share of a cell


class Tag(IntEnum):
    """CARLA's tags of what there is in a town."""

    ROADS = 1
    SIDEWALKS = 2
    BUILDING = 3
    POLE = 6
    VEGETATION = 9
    TERRAIN = 10
    SKY = 11
    CAR = 14
    TRUCK = 15
    ROAD_LINE = 24


class GroundTags(NamedTuple):
    """Tags of the flat ground; the row grows with y, the column with x. What lies outside is TERRAIN."""

    tags: NDArray[np.uint8]  # (rows, columns)
    x0: float  # m, left edge
    y0: float  # m, lower edge
    resolution: float  # m per cell


def tags_of_scenery(kind: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The tags (B,) of boxes by their kind (B,), as in `SceneryArrays`."""
    table = np.zeros(4, np.uint8)
    table[scene_types.HOUSE] = Tag.BUILDING
    table[scene_types.CROWN] = Tag.VEGETATION
    table[scene_types.TRUNK] = Tag.VEGETATION
    table[scene_types.POLE] = Tag.POLE
    return table[kind]


def tags_of_vehicles(kind: NDArray[np.int8]) -> NDArray[np.uint8]:
    """The tags (M,) of vehicles by their kind (M,), as in a world's record."""
    return np.where(kind == state.TRUCK, Tag.TRUCK, Tag.CAR).astype(np.uint8)


def paint_tags(network: RoadNetwork) -> GroundTags:
    """Tag the ground of a town: in each cell the material that covers most of it, or a line.

    The town is painted once for each material, in white on black, so that a cell holds the material's share.
    """
    road = paint_town(network, Palette(0.0, 0.0, 0.0, 255.0, 0.0, texture=0.0))
    pavement = paint_town(network, Palette(0.0, 255.0, 255.0, 0.0, 0.0, texture=0.0))
    line = paint_town(network, Palette(0.0, 0.0, 0.0, 0.0, 255.0, texture=0.0))
    grass = 255 - (road.astype(np.int16) + pavement + line)
    tags = np.full(road.shape, Tag.TERRAIN, np.uint8)
    tags[pavement > grass] = Tag.SIDEWALKS
    tags[(road >= pavement) & (road > grass)] = Tag.ROADS
    tags[line >= LEAST_OF_A_LINE * 255] = Tag.ROAD_LINE
    frame = ground_frame(network)
    return GroundTags(tags, frame.x0, frame.y0, frame.resolution)
