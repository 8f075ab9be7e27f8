"""The learner: warm-up first, then the policy; true ends of episodes; nothing lost in its state."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from av_td3_system.agents.exploration import WarmupExploration
from av_td3_system.checkpointing.plain_state import state_hash, to_numpy, to_plain
from av_td3_system.environments.observation import vector_dim
from av_td3_system.training.learner import Learner
from tests.unit.training.small import VECTOR, seen, small

NONE, ALL = np.zeros(3, bool), np.ones(3, bool)


def end(over: np.ndarray, return_ends: np.ndarray = NONE, final: int = 9) -> dict[str, Any]:
    """What a step says of its ends; `final` is the true last observation."""
    infos: dict[str, Any] = {"_final_obs": over, "return_ends": return_ends}
    return {**infos, "final_obs": seen(final)} if over.any() else infos


def learner_of(*overrides: str) -> Learner:
    """One whose targets look at the next image, unless it is told otherwise: nothing has to be acted on first."""
    return Learner(small("agent.target_action=computed", *overrides))


def remember(learner: Learner, value: int, over: np.ndarray = NONE, return_ends: np.ndarray = NONE) -> None:
    actions = np.full((3, 2), value / 100, np.float32)
    learner.remember(100, seen(value), actions, np.full(3, float(value)), end(over, return_ends), seen(value))


def test_the_helpers_observation_is_the_environments() -> None:
    assert vector_dim(small().environment) == VECTOR


def test_warm_up_looks_at_nothing_and_the_policy_looks() -> None:
    config = small("agent.exploration_noise=0", "exploration.motion_share=0")
    learner = Learner(config)
    seed = np.random.SeedSequence(config.run.seed).spawn(4)[0]
    alone = WarmupExploration(3, config.exploration, 0.1, np.random.Generator(np.random.PCG64(seed)))
    first, second = learner.act(seen(0), exploring=True), learner.act(seen(200), exploring=True)
    assert np.array_equal(first, alone.act()) and np.array_equal(second, alone.act())
    remember(learner, 1, over=ALL)  # from the next episode on the policy has the pedal, too
    for value in (0, 200):
        assert np.array_equal(learner.act(seen(value), exploring=False), learner.agent.act(seen(value)))


def test_the_warm_ups_pedal_is_kept_until_the_episode_is_over() -> None:
    learner = learner_of("agent.exploration_noise=0", "exploration.motion_share=0")
    policy = learner.agent.act(seen(50))
    mixed = learner.act(seen(50), exploring=False)
    assert np.array_equal(mixed[:, 0], policy[:, 0]) and not np.isclose(mixed[:, 1], policy[:, 1]).any()
    remember(learner, 1, over=np.array([False, True, False]))
    mixed = learner.act(seen(50), exploring=False)
    assert (mixed[:, 1] == policy[:, 1]).tolist() == [False, True, False]


def test_the_policy_explores_with_the_noise_that_is_set() -> None:
    learner = learner_of("agent.exploration_noise=0.2", "exploration.motion_share=0")
    remember(learner, 1, over=ALL)
    policy = learner.agent.act(seen(0))
    assert np.abs(policy).max() < 0.6, "so that hardly any noise is clipped"
    steps = [learner.act(seen(0), exploring=False) - policy for _ in range(200)]
    assert np.std(steps) == pytest.approx(0.2, rel=0.15)


def test_an_episodes_last_transition_leads_to_its_true_last_observation() -> None:
    learner = learner_of("agent.batch_size=64", "agent.gamma=0.9")
    ends = np.array([True, False, False])
    remember(learner, 1)
    remember(learner, 2, over=np.array([True, True, False]), return_ends=ends)
    remember(learner, 3)
    batch = learner.sample()
    acted = batch.vector[:, 0]
    assert set(acted.tolist()) == {1.0, 2.0}, "where the third leads to is not known yet"
    assert torch.equal(batch.reward, acted) and torch.allclose(batch.action, acted[:, None] / 100)
    following = batch.next_vector[:, 0]
    assert set(following[acted == 1].tolist()) == {2.0}
    assert set(following[acted == 2].tolist()) == {3.0, 9.0}
    assert torch.equal(batch.next_image[:, -1, 0, 0].float(), following)
    assert torch.equal(batch.surroundings[:, 0], acted) and torch.equal(batch.next_surroundings[:, 0], following)
    columns = (acted.tolist(), following.tolist(), batch.discount.tolist())
    discounts = {(a, f, round(d, 3)) for a, f, d in zip(*columns, strict=True)}
    assert discounts == {(1.0, 2.0, 0.9), (2.0, 3.0, 0.9), (2.0, 9.0, 0.9), (2.0, 9.0, 0.0)}


def test_the_next_episode_does_not_see_the_frames_of_the_last() -> None:
    learner = learner_of("agent.batch_size=64")
    for value in (1, 2):
        remember(learner, value, over=np.full(3, value == 2))
    remember(learner, 3)
    remember(learner, 4)
    batch = learner.sample()
    stacks = {tuple(stack) for stack in batch.image[:, :, 0, 0].tolist()}
    assert stacks == {(1, 1, 1, 1), (1, 1, 1, 2), (3, 3, 3, 3)}


def test_there_is_a_batch_once_enough_is_stored() -> None:
    learner = learner_of("agent.batch_size=8")
    ready = []
    for value in range(1, 5):
        remember(learner, value)
        ready.append(learner.can_learn())
    assert ready == [False, False, True, True]


def test_what_can_be_learned_from_can_be_sampled() -> None:
    """Three transitions fill the batch, but none of them is followed by three rewards yet."""
    learner = learner_of("agent.batch_size=3", "agent.n_step=3")
    for value in range(1, 6):
        remember(learner, value)
        if learner.can_learn():
            assert len(learner.sample().reward) == 3
    assert learner.can_learn()


def test_a_restored_learner_goes_on_to_the_bit() -> None:
    learner, restored = Learner(small()), Learner(small("run.seed=7"))
    for value in range(1, 8):
        learner.act(seen(value), exploring=value < 5)
        remember(learner, value, over=np.array([value == 5, False, value == 6]))
    learner.sample()
    restored.agent.load_state_dict(to_plain(learner.agent.state_dict()))
    restored.load_state_dict(to_numpy(to_plain(learner.state_dict())))
    restored.replay.load_state_dict(to_plain(learner.replay.state_dict()))
    for value in range(8, 12):
        for exploring in (True, False):
            assert np.array_equal(learner.act(seen(value), exploring), restored.act(seen(value), exploring))
        for one in (learner, restored):
            remember(one, value, over=np.full(3, value == 9))
        for a, b in zip(learner.sample(), restored.sample(), strict=True):
            assert torch.equal(a, b)
    for part, other in ((learner, restored), (learner.replay, restored.replay)):
        assert state_hash(part.state_dict()) == state_hash(other.state_dict())


def test_the_shortest_run_has_room_to_remember() -> None:
    learner = learner_of("run.max_timesteps=1", "agent.n_step=5", "replay.capacity=1000000")
    remember(learner, 1)
    assert len(learner.replay) == 3


def test_the_newest_frame_of_an_observation_is_stored() -> None:
    learner = learner_of("agent.batch_size=64")

    def stacked(value: int) -> dict[str, np.ndarray]:
        observation = seen(value)
        observation["image"] = observation["image"] + np.arange(4, dtype=np.uint8)[:, None, None]
        return observation

    for value, over in ((10, NONE), (20, ALL), (30, NONE), (40, NONE)):
        infos = {"_final_obs": over, "return_ends": NONE, **({"final_obs": stacked(90)} if over.any() else {})}
        learner.remember(100, stacked(value), np.zeros((3, 2), np.float32), np.zeros(3), infos, stacked(value))
    batch = learner.sample()
    assert set(batch.image[:, -1, 0, 0].tolist()) == {13, 23, 33}
    assert set(batch.next_image[:, -1, 0, 0].tolist()) == {23, 93, 43}


def test_noise_is_added_to_the_policys_part_of_an_action_alone() -> None:
    config = small("agent.exploration_noise=0.3", "exploration.motion_share=0")
    learner = Learner(config)
    seed = np.random.SeedSequence(config.run.seed).spawn(4)[0]
    alone = WarmupExploration(3, config.exploration, 0.1, np.random.Generator(np.random.PCG64(seed)))
    actions, warmup = learner.act(seen(50), exploring=False), alone.act()
    assert np.array_equal(actions[:, 1], warmup[:, 1]), "the warm-up keeps the pedal until the episode is over"
    assert not np.isclose(actions[:, 0], learner.agent.act(seen(50))[:, 0]).any()


def test_the_policy_that_learns_explores_and_not_its_average(monkeypatch: pytest.MonkeyPatch) -> None:
    learner = learner_of()

    def averaged(_: object) -> np.ndarray:
        raise AssertionError("the average is for evaluation")

    monkeypatch.setattr(learner.agent, "act_averaged", averaged)
    assert learner.act(seen(50), exploring=False).shape == (3, 2)


def test_the_end_of_an_episode_resets_both_explorations(monkeypatch: pytest.MonkeyPatch) -> None:
    learner = learner_of("exploration.learning_starts=12")
    told: dict[str, Any] = {}
    monkeypatch.setattr(learner.explorer.warmup, "reset", lambda over: told.update(warmup=over.tolist()))
    monkeypatch.setattr(
        learner.explorer.motion, "reset", lambda over, since: told.update(motion=over.tolist(), since=since)
    )
    over = np.array([False, True, False])
    remember(learner, 1, over=over)
    assert told["warmup"] == told["motion"] == over.tolist()
    assert told["since"] == 100 - learner.config.learning_starts, "the share falls from the first update on"


def test_seconds_before_a_failure_are_decisions() -> None:
    """Decisions of 0.1 s: the last three lie at most 0.3 s before the end."""
    learner = learner_of("agent.batch_size=64", "replay.before_failure_share=1", "replay.before_failure_time=0.3")
    for value in range(1, 9):
        remember(learner, value, over=np.full(3, value == 7), return_ends=np.full(3, value == 7))
    assert set(learner.sample().vector[:, 0].tolist()) == {5.0, 6.0, 7.0}


def test_targets_recall_what_the_policy_wants_on_the_next_observation() -> None:
    """From the first decision on, on last observations too, and as an actor update has found it since."""
    knowing = ("network.critic_input=surroundings", "network.shared_encoder=false", "agent.target_action=recalled")
    learner = learner_of(*knowing, "agent.batch_size=64", "agent.n_step=1")
    wanted = {}
    for value, over in ((10, NONE), (20, ALL), (30, NONE), (40, NONE)):
        learner.act(seen(value), exploring=value < 30)
        wanted[value] = learner.agent.act(seen(value))[0]
        remember(learner, value, over=over)
    wanted[9] = learner.agent.act(seen(9))[0]
    batch = learner.sample()
    assert len(batch.next_image) == 0 and set(batch.vector[:, 0].tolist()) == {10, 20, 30}
    for now, following, action in zip(batch.vector, batch.next_vector, batch.next_policy, strict=True):
        assert (int(now[0]), int(following[0])) in {(10, 20), (20, 9), (30, 40)}
        np.testing.assert_allclose(action, wanted[int(following[0])], atol=1e-6)
    learner.agent.policy_action = torch.full((64, 2), 0.5)
    learner.learned()
    again = learner.sample()
    for following, action in zip(again.next_vector[:, 0].tolist(), again.next_policy, strict=True):
        assert (action == 0.5).all() == (following == 20), "40 begins no transition yet, 9 never does"


def test_what_was_learned_from_weighs_as_its_errors_say() -> None:
    settings = ("replay.prioritized=true", "replay.priority_exponent=0.5", "agent.critic_loss=huber")
    learner = learner_of(*settings)
    for value in range(1, 6):
        remember(learner, value)
    learner.sample()
    learner.agent.td_error = torch.full((4,), 9.0)
    learner.learned()
    books = learner.replay.books()
    weights = books["priorities"]["weights"].reshape(3, -1)  # of all three worlds, as many each
    drawn = {tuple(pair) for pair in learner.replay.drawn.T.tolist()}
    assert {tuple(pair) for pair in np.argwhere(weights == 3.0).tolist()} == drawn


def test_how_long_a_run_will_be_changes_nothing_that_is_drawn() -> None:
    """The first part of a longer run is the shorter run, though its rings are longer."""
    drawn = []
    for length in (100, 1000):
        learner = learner_of("replay.capacity=100000", f"run.max_timesteps={length}")
        for value in range(1, 30):
            remember(learner, value)
        drawn.append([learner.sample() and learner.replay.drawn.tolist() for _ in range(3)])
    assert drawn[0] == drawn[1]
