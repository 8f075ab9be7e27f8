"""Episodes that begin again before they failed: from where, how often, and that nobody else does."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from av_td3_system.config.layout import LAST_ACTION
from av_td3_system.config.learning_sections import ExplorationConfig
from av_td3_system.environments.restarts import STRIDE, Restarts
from av_td3_system.environments.vector_env import TownVectorEnv
from av_td3_system.training.worlds import batch_for_training, validation_worlds
from tests.unit.environments.batches import same_worlds, town_config

AHEAD = np.array([[0.0, 1.0], [0.3, 1.0]], np.float32)  # the second world leaves the road soon
KEPT = np.dtype([("tick", np.int64), ("place", np.float64)], align=True)
TICK, REPEAT = 0.05, 2


def worlds(**exploration: Any) -> TownVectorEnv:
    config = town_config(0, camera=True)
    settings = config.exploration.model_copy(update={"restart_share": 1.0, **exploration})
    env = TownVectorEnv(config.model_copy(update={"exploration": settings}), 2, seed=5, restarts=True)
    env.reset()
    return env


def until_over(env: TownVectorEnv, world: int = 1) -> dict[str, Any]:
    """Step until an episode of that world ends; what the step before left of all worlds, and what the last gave."""
    for _ in range(400):
        before = env.worlds.state.copy()
        observation, _, _, _, infos = env.step(AHEAD)
        if infos["episodes"][world] is not None:
            return {"before": before, "observation": observation, "record": infos["episodes"][world], **infos}
    raise AssertionError("no episode ended")


def test_a_failed_episode_begins_again_where_it_was_a_moment_before() -> None:
    env = worlds()
    history: dict[int, np.ndarray] = {}
    while True:
        observation, _, _, _, infos = env.step(AHEAD)
        if infos["episodes"][1] is not None:
            break
        history[int(env.worlds.state["tick"][1])] = env.worlds.state[1:2].copy()
    record, tick = infos["episodes"][1], int(env.worlds.state["tick"][1])
    assert record.outcome in ("off_road", "wrong_way") and record.restarts == 0
    assert same_worlds(env.worlds.state[1:2], history[tick]), "to the bit"
    back = record.time - env.worlds.state["time"][1]
    assert 1.2 - 1e-9 <= back <= 4.0 + 1e-9
    assert env._episode_seed[1] == record.episode_seed, "the same episode"
    image = observation["image"][1]
    assert (image == image[-1]).all() and image.any(), "the stack is filled with what is seen there"
    assert np.all(env.view.ticks[1] == tick)
    np.testing.assert_array_equal(observation["vector"][1, LAST_ACTION : LAST_ACTION + 2], AHEAD[1])


def test_the_last_observation_is_of_the_failure_and_the_sums_begin_anew() -> None:
    env = worlds()
    first = until_over(env)
    assert first["final_obs"]["vector"][1].any()
    assert not np.array_equal(first["final_obs"]["vector"][1], first["observation"]["vector"][1])
    again = until_over(env)["record"]
    assert again.restarts == 1 and again.episode_seed == first["record"].episode_seed
    assert again.length < 50 and again.length == pytest.approx(
        (again.time - (first["record"].time - 4.0)) / 0.1, abs=29
    )


def test_so_often_in_a_row_and_then_another_episode() -> None:
    env = worlds(restart_limit=2)
    records = [until_over(env)["record"] for _ in range(4)]
    assert [record.restarts for record in records] == [0, 1, 2, 0]
    assert len({record.episode_seed for record in records[:3]}) == 1
    assert records[3].episode_seed != records[0].episode_seed
    assert env._drawn[1] == 2, "a restart is no new episode"


def test_the_other_world_takes_no_notice() -> None:
    env, plain = worlds(), worlds(restart_share=0.0)
    assert plain.restarts is None
    actions = np.array([[0.0, -1.0], AHEAD[1]], np.float32)  # the first one stands
    for _ in range(120):
        env.step(actions)
        plain.step(actions)
    assert env._episode_seed[0] == plain._episode_seed[0]
    assert same_worlds(env.worlds.state[:1], plain.worlds.state[:1])


def test_restored_worlds_begin_again_where_the_others_do() -> None:
    env = worlds(restart_share=0.7)
    until_over(env)
    for _ in range(9):
        env.step(AHEAD)
    kept = env.state_dict()
    other = worlds(restart_share=0.7)
    other.load_state_dict(kept)
    for _ in range(150):
        first, second = env.step(AHEAD), other.step(AHEAD)
        assert first[4]["episodes"] == second[4]["episodes"]
        assert np.array_equal(first[0]["image"], second[0]["image"])
    assert same_worlds(env.worlds.state, other.worlds.state)


def test_only_training_worlds_begin_again() -> None:
    config = town_config(0)
    settings = config.exploration.model_copy(update={"restart_share": 1.0})
    config = config.model_copy(update={"exploration": settings})
    assert batch_for_training(config, 1, 0).restarts is not None
    validation = validation_worlds(config, 1)
    assert isinstance(validation, TownVectorEnv) and validation.restarts is None


def small(settings: dict[str, Any]) -> tuple[Restarts, np.ndarray]:
    records = np.zeros(1, KEPT)
    return Restarts(ExplorationConfig(**settings), records, TICK, REPEAT), records


@given(
    ended=st.integers(1, 300),
    near=st.floats(0.2, 3.0),
    further=st.floats(0.5, 4.0),
    seed=st.integers(0, 2**32),
)
def test_never_nearer_nor_farther_than_the_settings_say(ended: int, near: float, further: float, seed: int) -> None:
    restarts, records = small({"restart_share": 1.0, "restart_time": (near, near + further), "restart_limit": 5})
    decisions, rng = ended, np.random.default_rng(seed)
    mask = np.ones(1, np.bool_)
    for turn in range(6):
        for _ in range(decisions):
            records["tick"] += REPEAT
            records["place"] = 7.0 * records["tick"]
            restarts.watch(mask, np.full((1, 2), records["tick"][0] / 1000.0, np.float32))
        now = int(records["tick"][0])
        action = restarts.again(0, rng)
        if action is None:
            reachable = near + STRIDE * REPEAT * TICK + TICK  # so late the first time there is a moment before
            assert turn > 0 or now * TICK <= reachable or further < STRIDE * REPEAT * TICK
            break
        there = int(records["tick"][0])
        assert near - TICK <= (now - there) * TICK <= near + further + TICK
        assert records["place"][0] == 7.0 * there and action[0] == np.float32(there / 1000.0)
        decisions = int(rng.integers(1, 40))


def test_about_so_many_of_all_failures() -> None:
    restarts, records = small({"restart_share": 0.3, "restart_limit": 10_000})
    mask, taken = np.ones(1, np.bool_), 0
    for seed in range(1000):
        for _ in range(40):
            records["tick"] += REPEAT
            restarts.watch(mask, np.zeros((1, 2), np.float32))
        taken += restarts.again(0, np.random.default_rng(seed)) is not None
    assert 250 < taken < 350


def test_moments_of_other_columns_are_forgotten() -> None:
    restarts, records = small({"restart_share": 1.0})
    for _ in range(60):
        records["tick"] += REPEAT
        restarts.watch(np.ones(1, np.bool_), np.zeros((1, 2), np.float32))
    state = restarts.state_dict()
    assert len(state["moments"][0]) > 5
    wider = np.zeros(1, np.dtype([*KEPT.descr, ("colour", np.float64)]))
    wider["tick"] = records["tick"]
    other = Restarts(ExplorationConfig(restart_share=1.0), wider, TICK, REPEAT)
    other.load_state_dict(state)
    assert other.again(0, np.random.default_rng(0)) is None
