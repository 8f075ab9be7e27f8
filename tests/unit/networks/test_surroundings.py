"""The critic's encoder treats vehicles as a set."""

from __future__ import annotations

import numpy as np
import torch

from av_td3_system.config.layout import LEADER_NUMBERS, SURROUNDINGS, VEHICLE_NUMBERS, VEHICLES
from av_td3_system.networks.surroundings import SurroundingsEncoder
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


def test_an_absent_vehicle_says_nothing() -> None:
    encoder = SurroundingsEncoder(small_network(), VECTOR)
    rows, vector = some_vehicles(3), torch.randn(4, VECTOR)
    lies = rows.clone()
    lies[:, LEADER_NUMBERS + 3 * VEHICLE_NUMBERS] = 7.0  # place of a vehicle that is not there
    torch.testing.assert_close(encoder(vector, rows), encoder(vector, lies))


def test_a_route_at_the_end_reaches_the_head_as_it_is() -> None:
    encoder = SurroundingsEncoder(small_network(), VECTOR, further=4)
    rows, vector, route = some_vehicles(2), torch.randn(4, VECTOR), torch.randn(4, 4)
    told = torch.cat([rows, route], dim=1)
    assert torch.equal(encoder(vector, told)[:, -4:], route)
    other = torch.cat([rows, route + 1], dim=1)
    assert not torch.allclose(encoder(vector, told)[:, :-4], encoder(vector, other)[:, :-4])
