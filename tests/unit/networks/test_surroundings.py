"""The critic's encoder treats vehicles as a set; the image is asked for what it can show."""

from __future__ import annotations

import numpy as np
import torch

from av_td3_system.config.layout import LEADER_NUMBERS, SURROUNDINGS, VEHICLE_NUMBERS, VEHICLES
from av_td3_system.networks.surroundings import FORWARD, LEFT, PERCEIVED, SurroundingsEncoder, perceivable
from tests.unit.agents.small import VECTOR, small_network


def some_vehicles(count: int, seed: int = 0) -> torch.Tensor:
    rows = torch.zeros(4, SURROUNDINGS)
    rows[:, :LEADER_NUMBERS] = 0.3
    vehicles = torch.from_numpy(np.random.default_rng(seed).standard_normal((4, count, VEHICLE_NUMBERS), np.float32))
    vehicles[..., -1] = 1
    rows[:, LEADER_NUMBERS : LEADER_NUMBERS + count * VEHICLE_NUMBERS] = vehicles.flatten(1)
    return rows


def test_the_order_of_vehicles_does_not_matter() -> None:
    encoder = SurroundingsEncoder(small_network(), VECTOR)
    rows, vector = some_vehicles(VEHICLES), torch.randn(4, VECTOR)
    vehicles = rows[:, LEADER_NUMBERS:].unflatten(1, (VEHICLES, VEHICLE_NUMBERS))
    shuffled = torch.cat([rows[:, :LEADER_NUMBERS], vehicles[:, torch.randperm(VEHICLES)].flatten(1)], 1)
    torch.testing.assert_close(encoder(vector, rows), encoder(vector, shuffled))
    torch.testing.assert_close(perceivable(rows), perceivable(shuffled))


def test_an_absent_vehicle_says_nothing() -> None:
    encoder = SurroundingsEncoder(small_network(), VECTOR)
    rows, vector = some_vehicles(3), torch.randn(4, VECTOR)
    lies = rows.clone()
    lies[:, LEADER_NUMBERS + 3 * VEHICLE_NUMBERS] = 7.0  # place of a vehicle that is not there
    torch.testing.assert_close(encoder(vector, rows), encoder(vector, lies))
    torch.testing.assert_close(perceivable(rows), perceivable(lies))


def test_a_vehicle_fills_the_cell_it_stands_in() -> None:
    for index, (forward, left) in enumerate((f, side) for f in FORWARD for side in LEFT):
        row = torch.zeros(1, SURROUNDINGS)
        row[0, LEADER_NUMBERS : LEADER_NUMBERS + VEHICLE_NUMBERS] = torch.tensor(
            [forward / 10, left / 10, 1.0, 0.0, 0.5, 1.0]
        )
        told = perceivable(row)[0]
        assert told.shape == (PERCEIVED,)
        assert int(told[2:].argmax()) == index
        assert told[2 + index] == 1.0
        assert told[2:].sum() < 2.5


def test_the_leaders_closeness_comes_first() -> None:
    row = torch.zeros(1, SURROUNDINGS)
    row[0, :LEADER_NUMBERS] = torch.tensor([0.9, 0.95, 0.4])
    torch.testing.assert_close(perceivable(row)[0, :2], torch.tensor([0.9, 0.95]))


def test_a_route_at_the_end_reaches_the_head_as_it_is_and_no_cell() -> None:
    encoder = SurroundingsEncoder(small_network(), VECTOR, route=4)
    rows, vector, route = some_vehicles(2), torch.randn(4, VECTOR), torch.randn(4, 4)
    told = torch.cat([rows, route], dim=1)
    assert torch.equal(encoder(vector, told)[:, -4:], route)
    other = torch.cat([rows, route + 1], dim=1)
    assert not torch.allclose(encoder(vector, told)[:, :-4], encoder(vector, other)[:, :-4])
    assert torch.equal(perceivable(told), perceivable(rows))
