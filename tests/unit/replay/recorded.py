"""Made-up worlds whose episodes are kept in plain lists beside the replay: the slow reference of its tests."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
import torch

from av_td3_system.replay.batch import Batch
from av_td3_system.replay.choice import Sampling
from av_td3_system.replay.frame_replay import FrameReplay
from av_td3_system.replay.shape import ReplayShape
from av_td3_system.replay.sight import Sight

GAMMA, ACTIONS, VECTOR = 0.9, 2, 3
UNIFORM = Sampling()


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

    def __init__(
        self,
        capacity: int,
        envs: int,
        n_step: int,
        stack: int,
        seed: int = 0,
        interval: int = 1,
        sampling: Sampling = UNIFORM,
        file: Path | None = None,
        policy_dim: int = 0,
    ) -> None:
        self.rng = np.random.default_rng(seed)
        frames = (capacity, envs, (3, 3), VECTOR, n_step, GAMMA, stack)
        shape = ReplayShape(*frames, ACTIONS, interval, 2, policy_dim, sampling)
        self.replay = FrameReplay(shape, self.rng, file)
        self.wanted: dict[int, list[float]] = {}  # by the policy, by the id of the observation
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
        actions = np.array([action_of(i) for i in ids], np.float32)

        def sight(which: list[int]) -> Sight:
            images, vectors = map(np.array, zip(*(picture(i) for i in which), strict=True))
            return Sight(images, vectors, vectors[:, :2], np.array([wanted_first(i) for i in which], np.float32))

        self.replay.add(sight(ids), actions, np.array(rewards), ends, over, sight(final_ids))
        self.wanted |= {i: wanted_first(i) for i in ids + final_ids}

    def recall(self, wanted: float) -> None:
        """The policy now wants another thing on all that the last sample was acted on."""
        drawn = self.replay.drawn
        self.replay.recall(torch.full((drawn.shape[1], ACTIONS), wanted))
        for env, position in drawn.T.tolist():
            (episode,) = [e for e in self.worlds[env] if e.begin <= position < e.begin + len(e.ids)]
            self.wanted[episode.ids[position - episode.begin]] = [wanted] * ACTIONS

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
                        "before_end": len(episode.rewards) - k if episode.ended else 0,  # decisions; 0: no failure
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


def wanted_first(frame_id: int) -> list[float]:
    return [-frame_id / 500, frame_id / 500]


def ids_of(image: torch.Tensor) -> list[list[int]]:
    digits = image.int()
    assert (digits[..., 2, :] == torch.tensor([4, 5, 6])).all()
    return (digits[..., 0, 0] + 200 * digits[..., 0, 1]).tolist()


def check(batch: Batch, recorder: Recorder) -> set[int]:
    """Every transition of the batch is what happened; the ids of those it holds."""
    expected = recorder.expected()
    recalls = batch.next_policy.shape[1] > 0
    assert len(batch.next_image) == (0 if recalls else len(batch.image))
    stacks = ids_of(batch.image)
    next_stacks = [expected[own[-1]]["next_stack"] for own in stacks] if recalls else ids_of(batch.next_image)
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
        if recalls:
            assert batch.next_policy[i].tolist() == pytest.approx(recorder.wanted[next_stacks[i][-1]])
        assert float(batch.reward[i]) == pytest.approx(truth["reward"], abs=1e-5)
        assert float(batch.discount[i]) == pytest.approx(truth["discount"], abs=1e-6)
    return seen


def fill(recorder: Recorder, steps: int, seed: int = 1) -> None:
    rng = np.random.default_rng(seed)
    for _ in range(steps):
        recorder.step(rng.choice(["on", "on", "on", "on", "truncated", "terminated"], len(recorder.worlds)).tolist())
