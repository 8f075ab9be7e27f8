"""Where other vehicles are, as numbers in [0, 1] that a picture can tell: cells of the road, or sectors of the view.

A cell of three metres asks how far a vehicle is to within a metre or two, which at twenty metres is a third of a pixel
in 84x84. By sectors it is asked for what a camera measures: the bearing to a degree, the distance by its scale.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

Cells = tuple[tuple[float, float], ...]


class Grid(NamedTuple):
    """What is asked for.

    Attributes:
        cells: two numbers each, in the car's frame.
        beside: of each, whether it lies off the car's own way ahead.
        share: vehicles at places (B, V, 2), m ahead and to the left, and cells (C, 2) to shares in [0, 1] (B, V, C).
    """

    cells: Cells
    beside: tuple[bool, ...]
    share: Callable[[Tensor, Tensor], Tensor]


FORWARD_SPREAD, LEFT_SPREAD = 3.0, 2.0  # m in which a vehicle's share in a cell falls to 1/e


def occupancy(place: Tensor, cells: Tensor) -> Tensor:
    """How much a vehicle fills a cell; cells are middles, m ahead of the car's centre and to its left."""
    away = place[:, :, None] - cells
    return torch.exp(-((away[..., 0] / FORWARD_SPREAD) ** 2) - (away[..., 1] / LEFT_SPREAD) ** 2)


BLUR, HALF_LENGTH = (
    4.0,
    2.0,
)  # degrees in which a vehicle's share in a sector falls to 1/e, beside its own half length, m


def closeness(place: Tensor, cells: Tensor) -> Tensor:
    """How near a vehicle is in a sector; cells are degrees to the left of ahead, and m in which it falls to 1/e."""
    distance = place.norm(dim=2, keepdim=True).clamp_min(1.0)
    bearing = torch.rad2deg(torch.atan2(place[..., 1], place[..., 0]))[:, :, None]
    width = BLUR + torch.rad2deg(torch.atan(HALF_LENGTH / distance))
    return torch.exp(-(((bearing - cells[:, 0]) / width) ** 2) - distance / cells[:, 1])


AHEAD: Cells = tuple((f, left) for f in (4.0, 8.0, 12.0, 16.0, 20.0, 24.0) for left in (-4.5, -1.5, 1.5, 4.5))
"""The road ahead and the lane beside."""
WIDE: Cells = tuple(
    (4.0 * row, 3.0 * column + 1.5)
    for row in range(1, 8)
    for column in range(-5, 5)
    if abs(3.0 * column + 1.5) <= 1.2 * 4.0 * row  # within 100 degrees of view
)
"""All that the preset's camera sees within 28 m, the arms of a junction too."""
POLAR: Cells = tuple((6.0 * step, reach) for reach in (6.0, 20.0) for step in range(-8, 9))
"""Sectors of 6 degrees over the preset's view, near and far."""

GRIDS = {
    "ahead": Grid(AHEAD, (False,) * len(AHEAD), occupancy),
    "wide": Grid(WIDE, tuple(cell not in AHEAD for cell in WIDE), occupancy),
    "polar": Grid(POLAR, tuple(abs(bearing) > 20.0 for bearing, _ in POLAR), closeness),
}
"""By `network.perception_grid`."""
