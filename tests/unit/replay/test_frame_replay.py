"""The replay against a naive list of episodes: every window, every ring, every stack."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from av_td3_system.checkpointing.plain_state import to_plain
from av_td3_system.config.errors import UserError
from av_td3_system.replay.batch import Batch
from av_td3_system.replay.frame_replay import FrameReplay
from av_td3_system.replay.windows import count_valid, window

GAMMA, ACTIONS, VECTOR = 0.9, 2, 3


@dataclass
class Episode:
    """What truly happened: observation k, action k, reward k; one more observation where it is over."""

    begin: int  # position of its first observation among all that the world's ring has been given
    ids: list[int] = field(default_factory=list)
    rewards: list[float] = field(default_factory=list)
    over: bool = False
    ended: bool = False


class Recorder:
    """Drives made-up worlds into a replay and keeps the episodes in plain lists."""

    def __init__(self, capacity: int, envs: int, n_step: int, stack: int, seed: int = 0, interval: int = 1) -> None:
        rng = np.random.default_rng(seed)
        self.replay = FrameReplay(capacity, envs, (3, 3), VECTOR, n_step, GAMMA, rng, stack, ACTIONS, interval, 2)
        self.size, self.n_step = -(-capacity // envs), n_step
        self.back = [d * interval for d in reversed(range(stack))]  # frames before the newest, oldest first
        self.worlds: list[list[Episode]] = [[Episode(0)] for _ in range(envs)]
        self.written = [0] * envs
        self.next_id = 1

    def step(self, outcomes: list[str]) -> None:
        """One decision of every world, which goes `on`, is `truncated` or is `terminated`."""
        ids, final_ids = [], []
        rewards = [((self.next_id * 7) % 11) - 5.0 for _ in outcomes]
        for env, outcome in enumerate(outcomes):
            episode = self.worlds[env][-1]
            episode.ids.append(self.next_id)
            episode.rewards.append(rewards[env])
            ids.append(self.next_id)
            final_ids.append(self.next_id + 1)
            self.next_id += 2
            self.written[env] += 1
            if outcome != "on":
                episode.ids.append(final_ids[-1])
                episode.over, episode.ended = True, outcome == "terminated"
                self.written[env] += 1
                self.worlds[env].append(Episode(self.written[env]))
        over = np.array([outcome != "on" for outcome in outcomes])
        ends = np.array([outcome == "terminated" for outcome in outcomes])
        images, vectors = zip(*(picture(i) for i in ids), strict=True)
        final_images, final_vectors = zip(*(picture(i) for i in final_ids), strict=True)
        actions = np.array([action_of(i) for i in ids], np.float32)
        self.replay.add(
            np.array(images),
            np.array(vectors),
            actions,
            np.array(rewards),
            ends,
            over,
            np.array(final_images),
            np.array(final_vectors),
            np.array(vectors)[:, :2],
            np.array(final_vectors)[:, :2],
        )

    def expected(self) -> dict[int, dict[str, object]]:
        """What may be sampled, by the id of the observation acted on."""
        transitions = {}
        for env, episodes in enumerate(self.worlds):
            oldest = max(0, self.written[env] - self.size)
            for episode in episodes:
                for k in range(len(episode.rewards)):
                    first_frame = max(0, k - self.back[0])
                    if episode.begin + first_frame < oldest:
                        continue
                    last = min(k + self.n_step, len(episode.rewards)) if episode.over else k + self.n_step
                    if last >= len(episode.ids):
                        continue
                    stopped = episode.ended and last == len(episode.rewards)
                    transitions[episode.ids[k]] = {
                        "env": env,
                        "position": episode.begin + k,
                        "stack": [episode.ids[max(0, k - d)] for d in self.back],
                        "next_stack": [episode.ids[max(0, last - d)] for d in self.back],
                        "reward": sum(GAMMA ** (j - k) * episode.rewards[j] for j in range(k, last)),
                        "discount": 0.0 if stopped else GAMMA ** (last - k),
                    }
        return transitions


def picture(frame_id: int) -> tuple[np.ndarray, np.ndarray]:
    """A frame that carries its id in base 200, and a state vector that does."""
    return np.array([[frame_id % 200, frame_id // 200, 1], [7, 9, 3], [4, 5, 6]], np.uint8), np.full(
        VECTOR, frame_id, np.float32
    )


def action_of(frame_id: int) -> list[float]:
    return [frame_id / 1000, -frame_id / 1000]


def ids_of(image: torch.Tensor) -> list[list[int]]:
    digits = image.int()
    assert (digits[..., 2, :] == torch.tensor([4, 5, 6])).all()
    return (digits[..., 0, 0] + 200 * digits[..., 0, 1]).tolist()


def check(batch: Batch, recorder: Recorder) -> set[int]:
    """Every transition of the batch is what happened; the ids of those it holds."""
    expected = recorder.expected()
    stacks, next_stacks = ids_of(batch.image), ids_of(batch.next_image)
    seen = set()
    for i in range(len(stacks)):
        own = stacks[i][-1]
        seen.add(own)
        assert own in expected, "this transition should not be sampled"
        truth = expected[own]
        assert stacks[i] == truth["stack"]
        assert next_stacks[i] == truth["next_stack"]
        assert batch.vector[i].tolist() == [own] * VECTOR
        assert batch.next_vector[i].tolist() == [next_stacks[i][-1]] * VECTOR
        assert batch.surroundings[i].tolist() == [own] * 2
        assert batch.next_surroundings[i].tolist() == [next_stacks[i][-1]] * 2
        assert batch.action[i].tolist() == pytest.approx(action_of(own))
        assert float(batch.reward[i]) == pytest.approx(truth["reward"], abs=1e-5)
        assert float(batch.discount[i]) == pytest.approx(truth["discount"], abs=1e-6)
    return seen


outcome = st.sampled_from(["on", "on", "on", "on", "truncated", "terminated"])


@settings(max_examples=60, deadline=None)
@given(
    envs=st.integers(1, 3),
    slots=st.integers(16, 30),
    n_step=st.integers(1, 4),
    stack=st.integers(1, 4),
    interval=st.integers(1, 3),
    data=st.data(),
)
def test_equals_a_list_of_episodes(
    envs: int, slots: int, n_step: int, stack: int, interval: int, data: st.DataObject
) -> None:
    recorder, reach = Recorder(envs * slots, envs, n_step, stack, interval=interval), (stack - 1) * interval
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
        else:
            with pytest.raises(ValueError, match="no complete transition"):
                recorder.replay.sample(1)


def fill(recorder: Recorder, steps: int, seed: int = 1) -> None:
    rng = np.random.default_rng(seed)
    for _ in range(steps):
        recorder.step(rng.choice(["on", "on", "on", "on", "truncated", "terminated"], len(recorder.worlds)).tolist())


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
    image, vector = (array[None] for array in picture(1))
    with pytest.raises(ValueError, match="return_ends"):
        recorder.replay.add(image, vector, np.zeros((1, 2)), zeros, zeros == 0, zeros == 1, image, vector)


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
    replay = FrameReplay(1_000_000, 16, (84, 84), 27, 3, 0.98, np.random.default_rng(0))
    assert 84 * 84 < replay.bytes_per_transition < 8000


def test_state_restores_what_is_sampled_next() -> None:
    recorder = Recorder(60, 2, n_step=2, stack=3, seed=5)
    fill(recorder, 17)
    state = to_plain(recorder.replay.state_dict())
    twin = Recorder(60, 2, n_step=2, stack=3, seed=0)
    fill(twin, 90, seed=8)  # what was there before must not shine through
    twin.replay.load_state_dict(state)
    twin.replay._rng.bit_generator.state = recorder.replay._rng.bit_generator.state
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
        FrameReplay(12, 2, (2, 2), 3, 3, 0.9, np.random.default_rng(0))


def test_memory_that_was_never_written_is_not_part_of_the_state(monkeypatch: pytest.MonkeyPatch) -> None:
    """An episode's last observation has no action; its slot must be equal in equal runs all the same."""

    def state() -> dict[str, np.ndarray]:
        recorder = Recorder(60, 2, n_step=2, stack=3)
        for outcomes in (["on", "on"], ["terminated", "on"], ["on", "truncated"]):
            recorder.step(outcomes)
        return recorder.replay.state_dict()["rings"]

    clean = state()
    monkeypatch.setattr(np, "empty", lambda shape, dtype=float: np.full(shape, 7, dtype))  # memory that was in use
    used = state()
    assert all(np.array_equal(clean[name], used[name]) for name in clean)


def test_surroundings_that_are_not_given_are_missed() -> None:
    replay = FrameReplay(20, 1, (3, 3), VECTOR, 1, GAMMA, np.random.default_rng(0), 4, ACTIONS, 1, 2)
    image, vector, no = np.zeros((1, 3, 3), np.uint8), np.zeros((1, VECTOR), np.float32), np.zeros(1, bool)
    with pytest.raises(ValueError, match="surroundings"):
        replay.add(image, vector, np.zeros((1, ACTIONS), np.float32), np.zeros(1), no, no, image, vector)
