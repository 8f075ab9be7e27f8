"""One world as a plain Gymnasium environment, checked by Gymnasium's and Stable-Baselines3's own checkers."""

from __future__ import annotations

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

from av_td3_system.environments import TOWN_ID, register_environments
from av_td3_system.environments.town_env import TownEnv
from av_td3_system.environments.vector_env import TownVectorEnv
from tests.unit.environments.batches import town_config


@pytest.fixture(autouse=True)
def _registered() -> None:
    register_environments()


@pytest.mark.filterwarnings("ignore")
def test_gymnasium_accepts_it() -> None:
    env = gymnasium.make(TOWN_ID, config=town_config(5, camera=True), render_mode="rgb_array")
    check_env(env.unwrapped)
    env.reset(seed=1)
    picture = env.render()
    assert picture.shape == (32, 32, 3) and picture.dtype == np.uint8 and picture.max() > 60


def test_a_coloured_camera_renders_in_colour() -> None:
    config = town_config(5, camera=True)
    config = config.model_copy(update={"camera": config.camera.model_copy(update={"color": "rgb"})})
    env = TownEnv(config, render_mode="rgb_array")
    image = env.reset(seed=1)[0]["image"]
    picture = env.render()
    assert picture is not None and np.array_equal(picture, image[-3:].transpose(1, 2, 0))


@pytest.mark.filterwarnings("ignore")
def test_stable_baselines_accepts_it() -> None:
    checker = pytest.importorskip("stable_baselines3.common.env_checker")
    checker.check_env(TownEnv(town_config(5)))


def test_make_vec_gives_the_batched_town() -> None:
    env = gymnasium.make_vec(TOWN_ID, num_envs=3, config=town_config(5))
    assert isinstance(env.unwrapped, TownVectorEnv)
    observation, _ = env.reset(seed=2)
    assert observation["vector"].shape[0] == 3
    assert env.step(env.action_space.sample())[1].shape == (3,)


def test_it_is_the_batch_of_one() -> None:
    one, batch = TownEnv(town_config(10)), TownVectorEnv(town_config(10), 1)
    first, _ = one.reset(seed=3)
    second, _ = batch.reset(seed=3)
    rng = np.random.default_rng(0)
    for _ in range(30):
        assert np.array_equal(first["vector"], second["vector"][0])
        action = rng.uniform(-1, 1, 2).astype(np.float32)
        first, reward, *_ = one.step(action)
        second, rewards, *_ = batch.step(action[None])
        assert reward == rewards[0]


def test_the_last_observation_and_the_record_come_with_the_end() -> None:
    env = TownEnv(town_config(0, environment={"stuck_time": 1.0}))
    env.reset(seed=1)
    for _ in range(20):
        _, _, terminated, _, info = env.step(np.array([0.0, -1.0], np.float32))
        if terminated:
            assert info["episode_record"]["outcome"] == "stuck" and not info["return_ends"]
            assert info["frame_ticks"].shape == (4,)
            return
    raise AssertionError("the episode did not end")
