"""Parameters in one piece of memory."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from av_td3_system.networks.flat_parameters import FlatParameters


def test_parameters_keep_their_values_and_share_one_memory() -> None:
    layers = nn.Sequential(nn.Linear(3, 4), nn.LayerNorm(4), nn.Linear(4, 2))
    before = copy.deepcopy(layers.state_dict())
    flat = FlatParameters(layers.parameters())
    assert flat.values.numel() == sum(parameter.numel() for parameter in layers.parameters())
    for name, value in layers.state_dict().items():
        assert torch.equal(value, before[name])
    flat.values.zero_()
    assert all(not parameter.any() for parameter in layers.parameters())
    layers.load_state_dict(before)
    assert torch.equal(flat.values, torch.cat([value.flatten() for value in before.values()]))


def test_a_part_is_what_neighbours_are() -> None:
    first, second, third = (nn.Parameter(torch.full((size,), float(size))) for size in (2, 3, 4))
    flat = FlatParameters([first, second, third])
    assert flat.span([second, third]) == slice(2, 9)
    flat.of([second]).fill_(7)
    assert second.tolist() == [7, 7, 7] and first.tolist() == [2, 2] and third.tolist() == [4] * 4
    with pytest.raises(ValueError, match="one behind the other"):
        flat.span([first, third])


def test_a_copy_has_memory_of_its_own() -> None:
    layer = nn.Linear(2, 2)
    flat = FlatParameters(layer.parameters())
    twin = copy.deepcopy(layer)
    flat.values.zero_()
    assert twin.weight.any()
