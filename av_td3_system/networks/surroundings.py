"""The critic's encoder of the surroundings (`config.layout`).

An asymmetric critic (Pinto et al. 2018) knows where the other vehicles are; the policy sees the camera
alone. The vehicles are a set: each is encoded by the same network, the greatest answers count (Zaheer et al. 2017).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from av_td3_system.config.layout import LEADER_NUMBERS, SURROUNDINGS, VEHICLE_NUMBERS
from av_td3_system.config.schema import NetworkConfig

WIDTH = 64  # of the network that encodes one vehicle


class SurroundingsEncoder(nn.Module):
    """Features from vehicle state and surroundings.

    Args:
        config: how many features.
        vector_dim: D.
        further: F, numbers beyond those of the leader and the vehicles: of the route and of the way.
    """

    def __init__(self, config: NetworkConfig, vector_dim: int, further: int = 0) -> None:
        super().__init__()
        own = vector_dim + further
        self.vehicle = nn.Sequential(nn.Linear(VEHICLE_NUMBERS + own, WIDTH), nn.ReLU(), nn.Linear(WIDTH, WIDTH))
        self.projection = nn.Linear(WIDTH + LEADER_NUMBERS, config.features)
        self.norm = nn.LayerNorm(config.features)

    def forward(self, vector: Tensor, surroundings: Tensor) -> Tensor:
        """Features (B, features + F) from vector (B, D) and surroundings (B, S).

        What goes further is handed on as it is: a head reads it beside the features, as it does the vector.
        """
        leader, vehicles, further = split(surroundings)
        own = torch.cat([vector, further], dim=1)[:, None].expand(-1, vehicles.shape[1], -1)
        each = functional.relu(self.vehicle(torch.cat([vehicles, own], dim=2))) * vehicles[:, :, -1:]
        features = torch.tanh(self.norm(self.projection(torch.cat([each.amax(dim=1), leader], dim=1))))
        return torch.cat([features, further], dim=1)


def split(surroundings: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Numbers of the leader (B, LEADER_NUMBERS), vehicles (B, VEHICLES, VEHICLE_NUMBERS), and further ones (B, F)."""
    leader, rest = surroundings[:, :LEADER_NUMBERS], surroundings[:, LEADER_NUMBERS:SURROUNDINGS]
    return leader, rest.unflatten(1, (-1, VEHICLE_NUMBERS)), surroundings[:, SURROUNDINGS:]
