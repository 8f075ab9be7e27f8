"""What a replay was given, saved in pieces: put together again it is the same, in rings of any size."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from av_td3_system.checkpointing.plain_state import state_hash, to_numpy, to_plain
from av_td3_system.config.errors import UserError
from av_td3_system.replay.choice import Sampling
from av_td3_system.replay.device_replay import DeviceReplay
from av_td3_system.replay.frame_replay import FrameReplay
from av_td3_system.replay.history import gather, scatter
from av_td3_system.replay.sight import Sight
from av_td3_system.replay.windows import EPISODE_OVER, FINAL, TRANSITION
from tests.unit.replay.recorded import ACTIONS, Recorder

outcome = st.sampled_from(["on", "on", "on", "truncated", "terminated"])
OUTCOMES = st.lists(st.lists(outcome, min_size=2, max_size=2), min_size=1, max_size=70)


def piece(rows: dict[str, np.ndarray]) -> Any:
    """As a checkpoint gives it back."""
    return to_numpy(to_plain(rows))


@given(size=st.integers(1, 7), written=st.lists(st.integers(0, 30), min_size=1, max_size=3))
def test_rows_come_back_where_they_were(size: int, written: list[int]) -> None:
    last = np.array(written)
    first = np.maximum(last - size, 0)
    ring = np.arange(len(written) * size * 2).reshape(len(written), size, 2)
    other = np.full_like(ring, -1)
    scatter(other, gather(ring, first, last), first, last)
    for w, (a, b) in enumerate(zip(first, last, strict=True)):
        held = np.arange(a, b) % size
        assert np.array_equal(other[w, held], ring[w, held])


@given(steps=OUTCOMES, every=st.integers(1, 20), prioritized=st.booleans())
def test_pieces_of_any_length_make_the_same_replay(steps: list[list[str]], every: int, prioritized: bool) -> None:
    sampling = Sampling(priority_exponent=0.4) if prioritized else Sampling()
    recorder, twin = (Recorder(60, 2, 2, 3, 5, sampling=sampling, policy_dim=ACTIONS) for _ in range(2))
    pieces, saved = [], None
    for number, outcomes in enumerate(steps, start=1):
        recorder.step(outcomes)
        if number % every == 0 or number == len(steps):
            pieces.append(piece(recorder.replay.rows_since(saved)))
            saved = recorder.replay.held(None)[1]
    twin.replay.restore(piece(recorder.replay.books()), pieces)
    assert state_hash(twin.replay.state_dict()) == state_hash(recorder.replay.state_dict())
    assert len(twin.replay) == len(recorder.replay)


def test_larger_and_smaller_rings_hold_what_they_can() -> None:
    recorder = Recorder(60, 2, n_step=2, stack=3)
    for _ in range(25):
        recorder.step(["on", "on"])
    state = piece(recorder.replay.state_dict())
    for capacity, held in ((200, 25), (60, 25), (20, 10)):
        other = Recorder(capacity, 2, n_step=2, stack=3).replay
        other.load_state_dict(state)
        assert [len(rows) for rows in (other.rows_since(None)["reward"],)] == [2 * held]
        assert np.array_equal(other.rows_since(None)["reward"][:held], state["rows"]["reward"][25 - held : 25])


def test_equal_histories_have_equal_digests_and_others_have_not() -> None:
    def digest(*steps: list[str]) -> bytes:
        recorder = Recorder(60, 2, n_step=2, stack=3)
        for outcomes in steps:
            recorder.step(outcomes)
        return bytes(recorder.replay.books()["history"].tobytes())

    assert digest(["on", "on"], ["on", "on"]) == digest(["on", "on"], ["on", "on"])
    assert digest(["on", "on"], ["on", "on"]) != digest(["on", "on"], ["truncated", "on"])
    assert digest(["on", "on"]) != digest(["on", "on"], ["on", "on"])


def test_what_is_lost_is_neither_drawn_nor_seen_in_a_stack() -> None:
    recorder, twin = (Recorder(200, 2, n_step=2, stack=3, seed=5) for _ in range(2))
    for _ in range(30):
        recorder.step(["on", "on"])
    since = np.array([20, 20])
    twin.replay.restore(piece(recorder.replay.books()), [piece(recorder.replay.rows_since(since))], since)
    assert len(twin.replay) == 20
    twin.replay.sample(400)
    assert twin.replay.drawn[1].min() == 20
    slots = twin.replay._slots
    assert (slots.age[:, 20:30] == np.arange(10)).all()
    assert not (slots.flags[:, :20] & TRANSITION).any()


def test_what_was_lost_stays_lost_when_it_is_restored_once_more() -> None:
    recorder, first, second = (Recorder(200, 2, n_step=2, stack=3, seed=5) for _ in range(3))
    for _ in range(30):
        recorder.step(["on", "on"])
    since = np.array([20, 20])
    rest = piece(recorder.replay.rows_since(since))  # as it was saved before anything was lost
    first.replay.restore(piece(recorder.replay.books()), [rest], since)
    second.replay.restore(piece(first.replay.books()), [rest])
    slots = second.replay._slots
    assert (slots.age[:, 20:30] == np.arange(10)).all() and (slots.age == first.replay._slots.age).all()
    assert not (slots.flags[:, :20] & TRANSITION).any()


def test_a_ring_that_has_grown_shows_nothing_that_the_old_one_had_lost() -> None:
    small, large = (Recorder(size, 1, n_step=2, stack=3, seed=5) for size in (24, 200))
    pieces = []
    since = np.array([0])
    for _ in range(6):
        for _ in range(10):
            small.step(["on"])
        pieces.append(piece(small.replay.rows_since(since)))
        since = small.replay._slots.written.copy()
    oldest = int(small.replay.books()["first"][0])
    assert oldest == 60 - 24
    large.replay.restore(piece(small.replay.books()), pieces[3:])  # those that hold what the ring did, and more
    slots = large.replay._slots
    assert not (slots.flags[0, :oldest] & TRANSITION).any()
    assert (slots.age[0, oldest : oldest + 10] == np.arange(10)).all()
    large.replay.sample(400)
    assert large.replay.drawn[1].min() == oldest


@pytest.mark.parametrize("kind", [FrameReplay, DeviceReplay])
def test_a_cut_ends_open_episodes_and_says_which_rows_have_changed(kind: type) -> None:
    recorder = Recorder(60, 2, n_step=2, stack=3)
    recorder.step(["on", "on"])
    recorder.step(["on", "truncated"])  # the second world's next episode has not begun
    shape, replay = recorder.replay.shape, recorder.replay
    if kind is DeviceReplay:
        import torch

        replay = DeviceReplay(torch.device("cpu"), shape, np.random.default_rng(0))
        replay.load_state_dict(piece(recorder.replay.state_dict()))
    numbers = (np.ones((2, shape.vector_dim), np.float32), np.ones((2, 2), np.float32), None)
    seen = Sight(np.ones((2, *shape.image_shape), np.uint8), *numbers)
    since = replay.cut(seen)
    assert since.tolist() == [1, 3]
    rows = replay.rows_since(since)
    assert rows["flags"].tolist() == [TRANSITION + EPISODE_OVER, FINAL]
    assert rows["frame"][1][: int(np.prod(shape.image_shape))].tolist() == [1] * int(np.prod(shape.image_shape))


def test_other_shapes_are_refused() -> None:
    state = piece(Recorder(60, 2, n_step=2, stack=3).replay.state_dict())
    with pytest.raises(UserError, match="another shape"):
        Recorder(60, 3, n_step=2, stack=3).replay.load_state_dict(state)
