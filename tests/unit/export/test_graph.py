"""The graph of ordinary layers acts as the package's networks do, whatever the policy's shape."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from av_td3_system.agents.policy import load_policy
from av_td3_system.export.graph import example_of, normalisation_of, open_graph
from tests.unit.export.policies import SHAPES, observation, write_policy


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("count", [1, 8])
def test_the_graph_acts_as_the_policy(shape: str, count: int, tmp_path: Path) -> None:
    path = tmp_path / "policy.safetensors"
    metadata = write_policy(path, **SHAPES[shape])
    seen = observation(metadata, count)
    inputs = [torch.from_numpy(seen[name]) for name in example_of(metadata)]
    with torch.no_grad():
        actions = open_graph(path, metadata)(*inputs).numpy()
    assert actions.shape == (count, len(metadata.action_low)) and actions.dtype == np.float32
    np.testing.assert_allclose(actions, load_policy(path, "cpu")(seen), atol=2e-6)


def test_the_example_is_what_the_environment_gives(tmp_path: Path) -> None:
    metadata = write_policy(tmp_path / "policy.safetensors")
    example = example_of(metadata)
    assert {name: (tuple(tensor.shape[1:]), tensor.dtype) for name, tensor in example.items()} == {
        "image": ((4, 84, 84), torch.uint8),
        "vector": ((6,), torch.float32),
    }
    assert list(example_of(write_policy(tmp_path / "other.safetensors", **SHAPES["vector_alone"]))) == ["vector"]


def test_what_is_said_of_grey_levels_is_what_is_done(tmp_path: Path) -> None:
    path = tmp_path / "policy.safetensors"
    metadata = write_policy(path, crop_top=32, standardize=True)
    said = normalisation_of(metadata)
    assert said is not None
    seen = observation(metadata, 4)
    by_hand = (seen["image"][:, :, said["rows_left_out_at_the_top"] :] - float(said["subtracted"])) / said["divided_by"]
    plain = open_graph(path, metadata)
    first = plain.convolutions[0]
    inside = first(torch.from_numpy(seen["image"][:, :, plain.top :]).float() - plain.middle)
    first.weight.data *= said["divided_by"]
    np.testing.assert_allclose(first(torch.from_numpy(by_hand).float()).numpy(), inside.numpy(), atol=1e-5)
    assert normalisation_of(write_policy(tmp_path / "other.safetensors", **SHAPES["vector_alone"])) is None
