"""The replay against a naive list of episodes: every window, every ring, every stack."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from av_td3_system.checkpointing.plain_state import to_plain
from av_td3_system.config.errors import UserError
from av_td3_system.replay.frame_replay import FrameReplay
from av_td3_system.replay.shape import ReplayShape
from av_td3_system.replay.sight import Sight
from av_td3_system.replay.windows import count_valid, window
from tests.unit.replay.recorded import ACTIONS, GAMMA, VECTOR, Recorder, check, fill, ids_of, picture

outcome = st.sampled_from(["on", "on", "on", "on", "truncated", "terminated"])


@settings(max_examples=60, deadline=None)
@given(
    envs=st.integers(1, 3),
    slots=st.integers(16, 30),
    n_step=st.integers(1, 4),
    stack=st.integers(1, 4),
    interval=st.integers(1, 3),
    recalls=st.booleans(),
    data=st.data(),
)
def test_equals_a_list_of_episodes(
    envs: int, slots: int, n_step: int, stack: int, interval: int, recalls: bool, data: st.DataObject
) -> None:
    kept = ACTIONS if recalls else 0
    recorder = Recorder(envs * slots, envs, n_step, stack, interval=interval, policy_dim=kept)
    reach = (stack - 1) * interval
    steps = data.draw(st.lists(st.lists(outcome, min_size=envs, max_size=envs), min_size=1, max_size=60))
    for number, outcomes in enumerate(steps):
        recorder.step(outcomes)
        if number % 7 and number != len(steps) - 1:
            continue
        expected = recorder.expected()
        rings = recorder.replay._slots
        sampleable = {
            (env, position)
            for env in range(envs)
            for position in range(recorder.written[env] + 3)
            if window(rings, env, position, n_step, reach)
        }
        assert sampleable == {(truth["env"], truth["position"]) for truth in expected.values()}
        assert count_valid(rings, n_step, reach) == len(expected)
        if expected:
            check(recorder.replay.sample(32), recorder)
            if recalls:
                recorder.recall(number / 100)
        else:
            with pytest.raises(ValueError, match="no complete transition"):
                recorder.replay.sample(1)


def test_all_transitions_are_drawn_equally_often() -> None:
    recorder = Recorder(60, 3, n_step=3, stack=4)
    fill(recorder, 50)
    expected = recorder.expected()
    draws = [stack[-1] for stack in ids_of(recorder.replay.sample(200 * len(expected)).image)]
    counts = np.array([draws.count(own) for own in expected])
    chi_square = ((counts - 200) ** 2 / 200).sum()
    assert chi_square < len(expected) + 5 * np.sqrt(2 * len(expected))


@pytest.mark.parametrize(
    ("interval", "expected"),
    [
        (1, {(1, 1, 1, 1), (1, 1, 1, 3), (1, 1, 3, 5), (1, 3, 5, 7), (3, 5, 7, 9)}),
        (2, {(1, 1, 1, 1), (1, 1, 1, 3), (1, 1, 1, 5), (1, 1, 3, 7), (1, 1, 5, 9)}),
    ],
)
def test_frames_of_a_stack_are_evenly_spaced_and_the_first_is_repeated(
    interval: int, expected: set[tuple[int, ...]]
) -> None:
    recorder = Recorder(100, 1, n_step=1, stack=4, interval=interval)
    for outcomes in (["on"],) * 6:
        recorder.step(outcomes)
    batch = recorder.replay.sample(200)
    stacks = {tuple(stack) for stack in ids_of(batch.image)}
    assert stacks == expected  # ids of one world grow by two a decision


def test_truncation_bootstraps_from_the_true_last_observation_and_termination_does_not() -> None:
    for end, discount in (("truncated", GAMMA**2), ("terminated", 0.0)):
        recorder = Recorder(100, 1, n_step=3, stack=2)
        for outcomes in (["on"], [end], ["on"], ["on"]):
            recorder.step(outcomes)
        batch = recorder.replay.sample(100)
        first = [stack[-1] for stack in ids_of(batch.image)].index(1)
        assert ids_of(batch.next_image)[first] == [3, 4]  # 4 is the final observation, 5 begins the next episode
        assert float(batch.discount[first]) == pytest.approx(discount)


def test_a_return_cannot_end_inside_an_episode() -> None:
    recorder = Recorder(100, 1, 1, 1)
    zeros = np.zeros(1)
    sight = Sight(*(array[None] for array in picture(1)))
    with pytest.raises(ValueError, match="return_ends"):
        recorder.replay.add(sight, np.zeros((1, 2)), zeros, zeros == 0, zeros == 1, sight)


def test_length_counts_what_the_rings_hold() -> None:
    recorder = Recorder(60, 2, n_step=2, stack=3)
    fill(recorder, 20)
    assert len(recorder.replay) == 40
    fill(recorder, 60)
    held = sum(
        episode.begin + k >= recorder.written[env] - recorder.size
        for env, episodes in enumerate(recorder.worlds)
        for episode in episodes
        for k in range(len(episode.rewards))
    )
    assert len(recorder.replay) == held < 60


def test_memory_of_a_transition() -> None:
    replay = FrameReplay(ReplayShape(1_000_000, 16, (84, 84), 27, 3, 0.98), np.random.default_rng(0))
    assert 84 * 84 < replay.bytes_per_transition < 8000


def test_state_restores_what_is_sampled_next() -> None:
    recorder = Recorder(60, 2, n_step=2, stack=3, seed=5)
    fill(recorder, 17)
    state = to_plain(recorder.replay.state_dict())
    twin = Recorder(60, 2, n_step=2, stack=3, seed=0)
    fill(twin, 90, seed=8)  # what was there before must not shine through
    twin.replay.load_state_dict(state)
    twin.rng.bit_generator.state = recorder.rng.bit_generator.state
    twin.worlds, twin.written, twin.next_id = recorder.worlds, list(recorder.written), recorder.next_id
    one, other = recorder.replay.sample(50), twin.replay.sample(50)
    assert all(torch.equal(a, b) for a, b in zip(one, other, strict=True))
    assert len(twin.replay) == len(recorder.replay)
    fill(twin, 60)
    check(twin.replay.sample(200), twin)


def test_a_state_of_another_shape_is_refused() -> None:
    state = Recorder(60, 2, 2, 3).replay.state_dict()
    with pytest.raises(UserError, match="another shape"):
        Recorder(60, 3, 2, 3).replay.load_state_dict(state)


def test_a_capacity_below_one_window_is_refused() -> None:
    with pytest.raises(UserError, match=r"replay\.capacity"):
        FrameReplay(ReplayShape(12, 2, (2, 2), 3, 3, 0.9), np.random.default_rng(0))


def test_memory_that_was_never_written_is_not_part_of_the_state(monkeypatch: pytest.MonkeyPatch) -> None:
    """An episode's last observation has no action; its slot must be equal in equal runs all the same."""

    def state() -> dict[str, np.ndarray]:
        recorder = Recorder(60, 2, n_step=2, stack=3)
        for outcomes in (["on", "on"], ["terminated", "on"], ["on", "truncated"]):
            recorder.step(outcomes)
        return recorder.replay.state_dict()["rows"]

    clean = state()
    monkeypatch.setattr(np, "empty", lambda shape, dtype=float: np.full(shape, 7, dtype))  # memory that was in use
    used = state()
    assert all(np.array_equal(clean[name], used[name]) for name in clean)


def test_what_the_policy_wants_is_kept_by_its_state_and_takes_no_number_that_is_none() -> None:
    recorder, twin = (Recorder(60, 2, n_step=2, stack=3, seed=5, policy_dim=ACTIONS) for _ in range(2))
    fill(recorder, 17)
    recorder.replay.sample(30)
    recorder.recall(0.5)
    state = to_plain(recorder.replay.state_dict())
    recorder.replay.recall(torch.full((30, ACTIONS), float("nan")))
    check(recorder.replay.sample(30), recorder)
    twin.replay.load_state_dict(state)
    twin.worlds, twin.written, twin.wanted = recorder.worlds, recorder.written, recorder.wanted
    check(twin.replay.sample(30), twin)
    with pytest.raises(UserError, match="another shape"):
        Recorder(60, 2, n_step=2, stack=3).replay.load_state_dict(state)


def test_what_has_been_overwritten_since_recalls_nothing() -> None:
    recorder = Recorder(20, 1, n_step=1, stack=1, policy_dim=ACTIONS)
    recorder.step(["on"])
    recorder.step(["on"])
    recorder.replay.sample(1)
    for _ in range(25):
        recorder.step(["on"])
    recorder.replay.recall(torch.full((1, ACTIONS), 0.5))
    assert not (recorder.replay._slots.policy == 0.5).any()


def test_a_policy_that_does_not_say_what_it_wants_is_missed() -> None:
    replay = FrameReplay(ReplayShape(20, 1, (3, 3), VECTOR, 1, GAMMA, policy_dim=ACTIONS), np.random.default_rng(0))
    sight, no = Sight(np.zeros((1, 3, 3), np.uint8), np.zeros((1, VECTOR), np.float32)), np.zeros(1, bool)
    with pytest.raises(ValueError, match="what the policy wants"):
        replay.add(sight, np.zeros((1, ACTIONS), np.float32), np.zeros(1), no, no, sight)


def test_surroundings_that_are_not_given_are_missed() -> None:
    replay = FrameReplay(ReplayShape(20, 1, (3, 3), VECTOR, 1, GAMMA, surroundings_dim=2), np.random.default_rng(0))
    sight, no = Sight(np.zeros((1, 3, 3), np.uint8), np.zeros((1, VECTOR), np.float32)), np.zeros(1, bool)
    with pytest.raises(ValueError, match="surroundings"):
        replay.add(sight, np.zeros((1, ACTIONS), np.float32), np.zeros(1), no, no, sight)
