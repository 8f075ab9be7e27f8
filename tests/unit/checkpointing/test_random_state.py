"""Every generator goes on where it was, after a trip through a file."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest
import torch

from av_td3_system.checkpointing.random_state import (
    capture_random_state,
    generator_state,
    restore_generator,
    restore_random_state,
)
from av_td3_system.checkpointing.store import CheckpointStore


def _draw(rng: np.random.Generator, generator: torch.Generator) -> list[float]:
    return [
        random.random(),
        random.gauss(0, 1),
        float(np.random.random()),
        float(rng.normal()),
        int(rng.integers(0, 2**8, dtype=np.uint8)),  # PCG64 keeps half a draw back
        float(torch.rand(1)),
        float(torch.randn(1, generator=generator)),
    ]


def test_draws_repeat_after_a_trip_through_a_checkpoint(tmp_path: Path) -> None:
    rng, generator = np.random.default_rng(3), torch.Generator().manual_seed(4)
    _draw(rng, generator)
    store = CheckpointStore(tmp_path, "td3")
    path = store.save({"random": capture_random_state({"env": rng}, {"agent": generator})}, 1)
    expected = [_draw(rng, generator) for _ in range(3)]
    fresh_rng, fresh_generator = np.random.default_rng(0), torch.Generator()
    restore_random_state(store.load(path)["random"], {"env": fresh_rng}, {"agent": fresh_generator})
    assert [_draw(fresh_rng, fresh_generator) for _ in range(3)] == expected


@pytest.mark.parametrize("kind", ["PCG64", "PCG64DXSM", "MT19937", "Philox", "SFC64"])
def test_every_bit_generator(tmp_path: Path, kind: str) -> None:
    rng = np.random.Generator(getattr(np.random, kind)(5))
    rng.normal(size=7)
    store = CheckpointStore(tmp_path, "td3")
    path = store.save({"rng": generator_state(rng)}, 1)
    expected = rng.normal(size=20)
    fresh = np.random.Generator(getattr(np.random, kind)(0))
    restore_generator(fresh, store.load(path)["rng"])
    np.testing.assert_array_equal(fresh.normal(size=20), expected)


def test_a_generator_of_another_kind_is_refused() -> None:
    state = generator_state(np.random.Generator(np.random.MT19937(1)))
    with pytest.raises(ValueError, match="MT19937"):
        restore_generator(np.random.default_rng(0), state)
