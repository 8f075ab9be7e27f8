"""Prioritised draws: in exact proportion, never of what has no window, and told errors of the right transitions."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from av_td3_system.checkpointing.plain_state import to_plain
from av_td3_system.replay.choice import Sampling
from tests.unit.replay.recorded import Recorder, check, fill, ids_of

LAP = Sampling(priority_exponent=0.4)
outcome = st.sampled_from(["on", "on", "on", "truncated", "terminated"])


def own_ids(recorder: Recorder, size: int) -> np.ndarray:
    """Ids of the observations acted on, as drawn."""
    return np.array([stack[-1] for stack in ids_of(recorder.replay.sample(size).image)])


def error_of(own: np.ndarray) -> np.ndarray:
    return (own % 7) * 3.0 - 9.0


def learn(recorder: Recorder, size: int = 64) -> None:
    """Learn from a batch; each transition's error is its own."""
    own = own_ids(recorder, size)
    recorder.replay.prioritize(recorder.replay.drawn, error_of(own))


@settings(max_examples=40)
@given(envs=st.integers(1, 3), n_step=st.integers(1, 3), data=st.data())
def test_only_complete_windows_are_drawn_and_the_rest_weighs_nothing(
    envs: int, n_step: int, data: st.DataObject
) -> None:
    recorder = Recorder(18 * envs, envs, n_step, stack=3, sampling=LAP)
    for number, outcomes in enumerate(
        data.draw(st.lists(st.lists(outcome, min_size=envs, max_size=envs), max_size=50))
    ):
        recorder.step(outcomes)
        if number % 5 == 4 and recorder.expected():
            check(recorder.replay.sample(16), recorder)
            learn(recorder, 16)
    weights, flags = recorder.replay._choice.priorities.weights, recorder.replay._slots.flags
    assert np.array_equal(weights > 0, (flags & 1) > 0)


def test_draws_are_in_proportion_to_the_errors() -> None:
    recorder = Recorder(60, 3, n_step=2, stack=3, sampling=LAP)
    fill(recorder, 50)
    for _ in range(30):
        learn(recorder)
    held = np.array(list(recorder.expected()))
    weights = np.maximum(np.abs(error_of(held)), 1.0) ** 0.4
    drawn = own_ids(recorder, 400 * len(held))
    counts = np.array([(drawn == own).sum() for own in held])
    expected = len(drawn) * weights / weights.sum()
    assert ((counts - expected) ** 2 / expected).sum() < len(held) + 5 * np.sqrt(2 * len(held))
    assert weights.max() > 2 * weights.min(), "or this says nothing"


def test_a_new_transition_weighs_as_much_as_the_heaviest_so_far() -> None:
    recorder = Recorder(60, 1, n_step=1, stack=1, sampling=LAP)
    fill(recorder, 5)
    weights = recorder.replay._choice.priorities.weights
    assert weights.max() == 1.0
    recorder.replay.prioritize(np.array([[0], [0]]), np.array([-32.0]))
    recorder.replay.prioritize(np.array([[0], [0]]), np.array([2.0]))
    slot = recorder.written[0] % recorder.size
    recorder.step(["on"])
    assert weights[0, 0] == pytest.approx(2**0.4) and weights[0, slot] == pytest.approx(4.0)


def test_small_errors_weigh_alike() -> None:
    recorder = Recorder(60, 1, n_step=1, stack=1, sampling=LAP)
    for _ in range(4):
        recorder.step(["on"])
    recorder.replay.prioritize(np.array([[0, 0, 0], [0, 1, 2]]), np.array([0.0, -0.5, 1.0]))
    assert recorder.replay._choice.priorities.weights[0, :3].tolist() == [1.0, 1.0, 1.0]


def test_errors_come_too_late_for_what_was_overwritten() -> None:
    recorder = Recorder(20, 1, n_step=1, stack=1, sampling=LAP)
    for _ in range(20):
        recorder.step(["on"])
    late = np.array([[0, 0], [3, 12]])
    for _ in range(5):
        recorder.step(["on"])
    recorder.replay.prioritize(late, np.array([100.0, 32.0]))
    weights = recorder.replay._choice.priorities.weights[0]
    assert weights[3] == 1.0 and weights[12] == pytest.approx(4.0)
    recorder.step(["on"])
    assert weights[25 % 20] == pytest.approx(4.0), "an error of what is gone sets no mark for what is new"


def test_an_error_that_is_no_number_changes_nothing() -> None:
    recorder = Recorder(20, 1, n_step=1, stack=1, sampling=LAP)
    for _ in range(5):
        recorder.step(["on"])
    before = recorder.replay._choice.priorities._tree.nodes.copy()
    recorder.replay.prioritize(np.array([[0, 0], [1, 2]]), np.array([np.nan, np.inf]))
    assert np.array_equal(recorder.replay._choice.priorities._tree.nodes, before)


def test_the_state_restores_every_weight_to_the_bit() -> None:
    recorder = Recorder(60, 2, n_step=2, stack=3, seed=5, sampling=LAP)
    fill(recorder, 70)
    for _ in range(5):
        learn(recorder)
    twin = Recorder(60, 2, n_step=2, stack=3, sampling=LAP)
    fill(twin, 31, seed=9)
    learn(twin)
    twin.replay.load_state_dict(to_plain(recorder.replay.state_dict()))
    mine, other = (one.replay._choice.priorities for one in (recorder, twin))
    assert np.array_equal(mine._tree.nodes, other._tree.nodes) and mine._greatest == other._greatest
    twin.rng.bit_generator.state = recorder.rng.bit_generator.state
    assert all(torch.equal(a, b) for a, b in zip(recorder.replay.sample(50), twin.replay.sample(50), strict=True))


def test_a_state_without_weights_begins_with_equal_ones() -> None:
    recorder, twin = Recorder(60, 2, 2, 3), Recorder(60, 2, 2, 3, sampling=LAP)
    fill(recorder, 25)
    twin.replay.load_state_dict(to_plain(recorder.replay.state_dict()))
    priorities = twin.replay._choice.priorities
    assert priorities._tree.total == len(recorder.replay) == priorities.weights.sum()


def test_nothing_is_drawn_before_a_window_is_complete() -> None:
    recorder = Recorder(60, 2, n_step=3, stack=2, sampling=LAP)
    with pytest.raises(ValueError, match="no complete transition"):
        recorder.replay.sample(1)
    recorder.step(["on", "on"])
    with pytest.raises(ValueError, match="no complete transition"):
        recorder.replay.sample(1)
