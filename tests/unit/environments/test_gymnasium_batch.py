"""Environments of any maker as worlds: ends, cuts, scaling, seeds."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
import pytest

from av_td3_system.config.errors import UserError
from av_td3_system.environments.gymnasium_batch import GymnasiumBatch
from av_td3_system.evaluation.protocol import evaluate_policy
from tests.unit.environments import tiny_envs

tiny_envs.register()


def rest(observation: Any, env: Any) -> np.ndarray:
    return np.zeros((env.num_envs, env.action_dim), np.float32)


def steps(batch: GymnasiumBatch, count: int) -> list[tuple[Any, ...]]:
    batch.reset()
    return [batch.step(np.zeros((batch.num_envs, batch.action_dim))) for _ in range(count)]


@pytest.mark.parametrize(("name", "ends"), [("Tiny/Ends-v0", True), ("Tiny/Cut-v0", False), ("Tiny/Both-v0", True)])
def test_a_termination_ends_the_return_and_a_cut_does_not(name: str, ends: bool) -> None:
    batch = GymnasiumBatch(name, 2, seed=5)
    _, before, last, after = steps(batch, 4)
    for observation, rewards, terminated, truncated, infos in (before, after):
        assert not (terminated | truncated | infos["_final_obs"] | infos["return_ends"]).any()
        assert "final_obs" not in infos and infos["episodes"] == [None, None]
        assert rewards.tolist() == observation["vector"][:, 1].tolist()
    following, rewards, terminated, truncated, infos = last
    assert terminated.all() == infos["return_ends"].all() == ends and truncated.all() == (not ends)
    assert infos["_final_obs"].all()
    assert infos["final_obs"]["vector"][:, 1].tolist() == [3, 3], "the true last observation"
    assert following["vector"][:, 1].tolist() == [0, 0], "the next episode's first"
    assert (infos["final_obs"]["vector"][:, 0] != following["vector"][:, 0]).all()
    for record in infos["episodes"]:
        assert (record.episode_reward, record.length) == (6.0, 3)
        assert record.outcome == ("terminated" if ends else "truncated")


def test_actions_fill_the_bounds_and_observations_are_flat() -> None:
    batch = GymnasiumBatch("Tiny/Cut-v0")
    observation, _ = batch.reset()
    assert observation["vector"].shape == (1, 2) and observation["vector"].dtype == np.float32
    assert observation["image"].shape == (1, 0, 0, 0) and (batch.vector_dim, batch.action_dim) == (2, 2)
    for action in ([-1, -1], [0, 0], [1, 1], [3, -3]):
        batch.step(np.array([action], np.float32))
    taken = batch._envs[0].unwrapped.taken
    assert [action.tolist() for action in taken] == [[[-2, 0]], [[1, 5]], [[4, 10]], [[4, 0]]]
    assert taken[0].shape == batch._box.shape and taken[0].dtype == batch._box.dtype


def test_what_was_seen_does_not_change_behind_ones_back() -> None:
    batch = GymnasiumBatch("Tiny/Cut-v0")
    observation, _ = batch.reset()
    before = observation["vector"].copy()
    following, *_ = batch.step(np.zeros((1, 2)))
    assert np.array_equal(observation["vector"], before) and not np.array_equal(following["vector"], before)


def test_actions_of_another_shape_are_refused() -> None:
    batch = GymnasiumBatch("Tiny/Cut-v0")
    batch.reset()
    with pytest.raises(ValueError, match="shape"):
        batch.step(np.zeros((1, 3)))


def test_training_episodes_are_the_seeds_own_and_no_evaluations() -> None:
    def seeds(seed: int, worlds: int = 2) -> list[int]:
        found = [infos["episodes"] for *_, infos in steps(GymnasiumBatch("Tiny/Ends-v0", worlds, seed), 6)]
        return [record.episode_seed for records in found for record in records if record is not None]

    assert seeds(1) == seeds(1) and len(set(seeds(1))) == 4
    assert not set(seeds(1)) & set(seeds(2))
    assert all(2**31 <= seed < 2**32 for seed in seeds(1)), "evaluations begin below, and some take 32 bits at most"


def test_an_evaluation_plays_the_given_episodes_and_no_others() -> None:
    found = {}
    for worlds in (1, 2, 5):
        records = evaluate_policy(rest, GymnasiumBatch("Tiny/Reach-v0", worlds), [7, 8, 9])
        assert [record.episode_seed for record in records] == [7, 8, 9] and {r.length for r in records} == {20}
        found[worlds] = [record.episode_reward for record in records]
    assert found[1] == found[2] == found[5] and len(set(found[1])) == 3


def test_an_episode_that_is_not_finite_has_no_result() -> None:
    with pytest.raises(UserError, match="Tiny/Poison-v0 gave an observation"):
        evaluate_policy(rest, GymnasiumBatch("Tiny/Poison-v0"), [7])
    assert np.isnan(steps(GymnasiumBatch("Tiny/Poison-v0"), 12)[-1][0]["vector"]).all(), (
        "training goes on to the guards"
    )


def test_a_restored_batch_begins_the_next_episodes() -> None:
    batch, other = GymnasiumBatch("Tiny/Ends-v0", 2, seed=1), GymnasiumBatch("Tiny/Ends-v0", 2, seed=9)
    steps(batch, 3)
    other.load_state_dict(batch.state_dict())
    assert np.array_equal(batch.reset()[0]["vector"], other.reset()[0]["vector"])


def test_a_known_environment_is_stepped_as_by_itself() -> None:
    batch = GymnasiumBatch("Pendulum-v1", seed=3)
    seen, _ = batch.reset()
    alone = gymnasium.make("Pendulum-v1")
    first, _ = alone.reset(seed=int(batch._episode_seed[0]))
    assert np.allclose(seen["vector"][0], first)
    for action in (0.3, -1.0):
        seen, rewards, *_ = batch.step(np.array([[action]]))
        first, reward, *_ = alone.step(np.array([2 * action], np.float32))
        assert np.allclose(seen["vector"][0], first) and np.isclose(rewards[0], float(reward))
