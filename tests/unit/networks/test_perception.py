"""The image's features are asked where vehicles are, and where they will be."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch

from av_td3_system.config.layout import (
    LEADER_NUMBERS,
    LINE_NUMBERS,
    SURROUNDINGS,
    VEHICLE_NUMBERS,
    VEHICLES,
    WAY_NUMBERS,
)
from av_td3_system.networks.grids import GRIDS
from av_td3_system.networks.perception import LEADER, Perception
from tests.unit.agents.small import small_network


def perception(**settings: Any) -> Perception:
    return Perception(small_network(**settings))


def with_vehicle(forward: float, left: float, heading: float = 0.0, speed: float = 5.0, place: int = 0) -> torch.Tensor:
    row = torch.zeros(1, SURROUNDINGS)
    first = LEADER_NUMBERS + place * VEHICLE_NUMBERS
    numbers = [forward / 10, left / 10, math.cos(heading), math.sin(heading), speed / 10, 1.0]
    row[0, first : first + VEHICLE_NUMBERS] = torch.tensor(numbers)
    return row


@pytest.mark.parametrize("grid", ["ahead", "wide"])
def test_a_vehicle_fills_the_cell_it_stands_in(grid: str) -> None:
    asks = perception(perception_grid=grid)
    for index, (forward, left) in enumerate(GRIDS[grid].cells):
        told = asks.asked(with_vehicle(forward, left))[0]
        assert told.shape == (LEADER + len(GRIDS[grid].cells),) == asks(torch.zeros(1, asks.in_features))[0].shape
        assert int(told[LEADER:].argmax()) == index
        assert told[LEADER + index] == 1.0
        assert told[LEADER:].sum() < 2.5


def test_by_sectors_a_vehicle_is_where_it_is_seen_and_as_near_as_it_is() -> None:
    asks = perception(perception_grid="polar")
    sectors = GRIDS["polar"].cells
    for bearing in (-48.0, -12.0, 0.0, 30.0):
        for distance in (5.0, 12.0, 30.0):
            angle = math.radians(bearing)
            told = asks.asked(with_vehicle(distance * math.cos(angle), distance * math.sin(angle)))[0, LEADER:]
            for (sector, reach), share in zip(sectors, told.tolist(), strict=True):
                if sector == bearing:
                    assert share == pytest.approx(math.exp(-distance / reach), rel=1e-4)
                elif abs(sector - bearing) > 3 * (4 + math.degrees(math.atan(2.0 / distance))):
                    assert share < 1e-3
    both = asks.asked(with_vehicle(20.0, 0.0) + with_vehicle(6.0, 0.0, place=1))
    torch.testing.assert_close(both, asks.asked(with_vehicle(6.0, 0.0)), msg="the nearer one counts")
    behind = asks.asked(with_vehicle(-8.0, 0.0))[0, LEADER:]
    assert behind.max() < 1e-6


def test_the_wide_grid_holds_the_other_and_is_what_a_camera_of_100_degrees_sees() -> None:
    ahead, wide = (set(GRIDS[name].cells) for name in ("ahead", "wide"))
    assert ahead <= wide
    assert max(math.degrees(math.atan2(abs(left), forward)) for forward, left in wide - ahead) < 51


def test_foresight_asks_for_the_same_cells_after_everyone_has_gone_on() -> None:
    now, later = perception(perception_grid="wide"), perception(perception_grid="wide", foresight=1.2)
    crossing = with_vehicle(12.0, 9.0, heading=-math.pi / 2, speed=5.0)  # from the left, 6 m in 1.2 s
    told, cells = later.asked(crossing)[0], len(GRIDS["wide"].cells)
    torch.testing.assert_close(told[: LEADER + cells], now.asked(crossing)[0])
    torch.testing.assert_close(told[LEADER + cells :], now.asked(with_vehicle(12.0, 3.0))[0, LEADER:])
    standing = with_vehicle(12.0, 9.0, heading=1.0, speed=0.0)
    torch.testing.assert_close(*later.asked(standing)[0, LEADER:].chunk(2))


def test_the_order_of_vehicles_does_not_matter_and_absent_ones_say_nothing() -> None:
    for grid in GRIDS:
        _order_does_not_matter(perception(foresight=1.0, perception_grid=grid))


def _order_does_not_matter(asks: Perception) -> None:
    first, second = with_vehicle(8.0, 1.0), with_vehicle(16.0, -2.0, place=VEHICLES - 1)
    swapped = with_vehicle(8.0, 1.0, place=VEHICLES - 1) + with_vehicle(16.0, -2.0)
    torch.testing.assert_close(asks.asked(first + second), asks.asked(swapped))
    lie = first.clone()
    lie[0, LEADER_NUMBERS + VEHICLE_NUMBERS] = 0.8  # place of a vehicle that is not there
    torch.testing.assert_close(asks.asked(lie), asks.asked(first))


def test_the_leaders_closeness_comes_first_and_a_route_at_the_end_fills_no_cell() -> None:
    row = with_vehicle(8.0, 1.0)
    row[0, :LEADER_NUMBERS] = torch.tensor([0.9, 0.95, 0.4])
    asks = perception()
    torch.testing.assert_close(asks.asked(row)[0, :LEADER], torch.tensor([0.9, 0.95]))
    assert torch.equal(asks.asked(torch.cat([row, torch.randn(1, 4)], dim=1)), asks.asked(row))


def test_where_the_way_is_told_it_is_asked_for_the_line_and_not_for_the_way() -> None:
    """A picture shows where a junction begins; whose the way is, none can be sure of."""
    row, way = with_vehicle(8.0, 1.0), torch.tensor([[0.7, 0.9, 1.0, 0.0]])
    assert way.shape[1] == WAY_NUMBERS
    asks, plain = perception(critic_way=True), perception()
    told = asks.asked(torch.cat([row, torch.randn(1, 5), way], dim=1))
    assert told.shape[1] == asks.out_features == plain.out_features + LINE_NUMBERS
    torch.testing.assert_close(told, torch.cat([plain.asked(row), way[:, :LINE_NUMBERS]], dim=1))


def test_it_can_be_answered_in_double_precision() -> None:
    asks = perception(foresight=0.5).double()
    assert asks.asked(with_vehicle(8.0, 1.0).double()).dtype == torch.float64
    assert set(asks.state_dict()) == {"weight", "bias"}
