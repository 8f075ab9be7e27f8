"""What lies before failures: exactly that, in every ring, and uniformly."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from av_td3_system.checkpointing.plain_state import to_plain
from av_td3_system.replay.choice import Sampling
from tests.unit.replay.recorded import Recorder, check, fill

outcome = st.sampled_from(["on", "on", "on", "truncated", "terminated"])


def before_failures(recorder: Recorder, decisions: int) -> set[int]:
    """Ids of what may be sampled and lies at most so many decisions before a failure."""
    return {own for own, truth in recorder.expected().items() if 0 < truth["before_end"] <= decisions}


def queued(recorder: Recorder) -> list[tuple[int, int]]:
    """Environment and position of all that is kept, in order."""
    failures = recorder.replay._choice.failures
    return [
        (env, int(failures.queue[env, i % recorder.size]))
        for env in range(len(recorder.worlds))
        for i in range(failures.head[env], failures.tail[env])
    ]


@settings(max_examples=60)
@given(
    envs=st.integers(1, 3),
    n_step=st.integers(1, 4),
    stack=st.integers(1, 4),
    decisions=st.integers(1, 40),
    data=st.data(),
)
def test_it_holds_what_may_be_sampled_before_a_failure_and_nothing_else(
    envs: int, n_step: int, stack: int, decisions: int, data: st.DataObject
) -> None:
    sampling = Sampling(failure_share=1.0, failure_decisions=decisions)
    recorder = Recorder(16 * envs, envs, n_step, stack, sampling=sampling)
    for outcomes in data.draw(st.lists(st.lists(outcome, min_size=envs, max_size=envs), min_size=1, max_size=60)):
        recorder.step(outcomes)
        expected, wanted = recorder.expected(), before_failures(recorder, decisions)
        held = queued(recorder)
        assert len(held) == len(wanted) == len(recorder.replay._choice.failures)
        assert set(held) == {(expected[own]["env"], expected[own]["position"]) for own in wanted}
        if wanted:
            assert check(recorder.replay.sample(8), recorder) <= wanted


def test_they_are_drawn_equally_often() -> None:
    recorder = Recorder(90, 3, n_step=2, stack=3, sampling=Sampling(failure_share=1.0, failure_decisions=4))
    fill(recorder, 200)
    wanted = before_failures(recorder, 4)
    drawn = recorder.replay.sample(300 * len(wanted)).vector[:, 0].numpy().astype(int)
    counts = np.array([(drawn == own).sum() for own in wanted])
    assert counts.sum() == len(drawn) and len(wanted) > 10
    assert ((counts - 300) ** 2 / 300).sum() < len(wanted) + 5 * np.sqrt(2 * len(wanted))


@pytest.mark.parametrize("exponent", [None, 0.4])
def test_the_share_is_of_each_batch_and_the_rest_is_drawn_as_ever(exponent: float | None) -> None:
    sampling = Sampling(priority_exponent=exponent, failure_share=0.25, failure_decisions=1)
    recorder = Recorder(400, 2, n_step=1, stack=2, sampling=sampling)
    for outcomes in [["on", "on"]] * 80 + [["terminated", "truncated"]] + [["on", "on"]] * 3:
        recorder.step(outcomes)
    (failed,) = before_failures(recorder, 1)
    drawn = recorder.replay.sample(64).vector[:, 0]
    assert (drawn[:16] == failed).all()
    assert len(set(drawn[16:].tolist())) > 30


def test_without_failures_all_of_the_batch_is_drawn_as_ever() -> None:
    recorders = [
        Recorder(60, 2, 1, 2, seed=3, sampling=sampling)
        for sampling in (Sampling(), Sampling(failure_share=0.5, failure_decisions=3))
    ]
    for recorder in recorders:
        for outcomes in (["on", "truncated"], ["on", "on"], ["truncated", "on"]):
            recorder.step(outcomes)
    one, other = (recorder.replay.sample(32) for recorder in recorders)
    assert all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


@pytest.mark.parametrize("steps", [12, 150])
def test_a_restored_replay_knows_them_in_the_same_order(steps: int) -> None:
    sampling = Sampling(failure_share=0.5, failure_decisions=5)
    recorder = Recorder(80, 2, n_step=2, stack=3, seed=5, sampling=sampling)
    fill(recorder, steps)
    twin = Recorder(80, 2, n_step=2, stack=3, sampling=sampling)
    fill(twin, 55, seed=9)
    twin.replay.load_state_dict(to_plain(recorder.replay.state_dict()))
    assert queued(twin) == queued(recorder) != []
    twin.rng.bit_generator.state = recorder.rng.bit_generator.state
    assert all(torch.equal(a, b) for a, b in zip(recorder.replay.sample(50), twin.replay.sample(50), strict=True))
