"""The check sees a difference wherever there is one, and is asked on extremes and on what the policy sees itself."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from av_td3_system.config.layout import NO_IMAGE
from av_td3_system.config.load import load_config
from av_td3_system.evaluation.latency import Observation
from av_td3_system.export.check import (
    BATCH,
    driven_observations,
    extreme_observations,
    greatest_differences,
    singles,
)

VECTOR = 3


def _act(observation: Observation) -> np.ndarray:
    return np.tanh(observation["vector"][:, :2]).astype(np.float32)


def _observations(count: int) -> list[Observation]:
    rng = np.random.default_rng(0)
    return [
        {"image": np.zeros((BATCH, 1, 4, 4), np.uint8), "vector": rng.normal(size=(BATCH, VECTOR)).astype(np.float32)}
        for _ in range(count)
    ]


@given(st.integers(0, 4), st.integers(0, BATCH - 1), st.integers(0, 1), st.sampled_from([1, BATCH]))
def test_one_action_that_differs_is_found_in_its_case_and_batch(batch: int, row: int, action: int, size: int) -> None:
    cases = {"driven": _observations(5), "extreme": _observations(2)[1:]}
    changed = cases["driven"][batch]["vector"][row]

    def other(observation: Observation) -> np.ndarray:
        actions = _act(observation)
        if len(actions) == size:
            actions[(observation["vector"] == changed).all(axis=1), action] += 0.25
        return actions

    found = greatest_differences(_act, other, cases)
    assert found["driven"][str(size)] == pytest.approx(0.25)
    del found["driven"][str(size)]
    if batch != 1:  # the extreme case repeats that one
        assert {value for sizes in found.values() for value in sizes.values()} == {0.0}


@pytest.mark.parametrize(
    "wrong", [lambda a: a[:, :1], lambda a: a.astype(float), lambda a: a * np.float32("nan"), lambda a: a[None]]
)
def test_another_shape_or_type_or_no_number_is_no_small_difference(wrong: object) -> None:
    assert callable(wrong)
    found = greatest_differences(_act, lambda observation: wrong(_act(observation)), {"driven": _observations(1)})
    assert found == {"driven": {"1": float("inf"), str(BATCH): float("inf")}}


def test_extremes_hold_black_white_and_noise_of_the_policys_shape() -> None:
    batches = list(extreme_observations((4, 36, 40), VECTOR, 5.0, np.random.default_rng(1)))
    assert all(batch["image"].shape == (BATCH, 4, 36, 40) and batch["image"].dtype == np.uint8 for batch in batches)
    assert any((batch["image"] == 0).all() for batch in batches)
    assert any((batch["image"] == 255).all() for batch in batches)
    assert any(len(np.unique(batch["image"])) == 256 for batch in batches)
    vectors = np.concatenate([batch["vector"] for batch in batches])
    assert vectors.dtype == np.float32 and np.abs(vectors).max() > 4.5 and np.abs(vectors).max() <= 5.0
    blind = next(extreme_observations(NO_IMAGE, VECTOR, 5.0, np.random.default_rng(1)))
    assert blind["image"].shape == (BATCH, *NO_IMAGE)


def test_the_policy_drives_the_worlds_of_its_run() -> None:
    config = load_config(overrides=["camera.width=36", "camera.height=36", "network.crop_top=0"])
    asked = []

    def act(observation: Observation) -> np.ndarray:
        asked.append(observation)
        return np.full((BATCH, 2), [0.0, 1.0], np.float32)

    seen = driven_observations(config, act, decisions=6)
    assert len(seen) == 6 and all(mine is given_ for mine, given_ in zip(seen, asked, strict=True))
    assert seen[0]["image"].shape == (BATCH, 4, 36, 36)
    assert (seen[5]["vector"][:, 0] > seen[0]["vector"][:, 0]).all(), "full throttle"
    assert len(singles(seen[0])) == BATCH and singles(seen[0])[3]["vector"].shape == (1, seen[0]["vector"].shape[1])
