"""What is said of the vector is what the town writes into it."""

from __future__ import annotations

import numpy as np
import pytest

from av_td3_system.config.load import load_config
from av_td3_system.environments.observation import vector_dim
from av_td3_system.environments.vector_env import TownVectorEnv
from av_td3_system.export.notes import TURN_NAMES, vector_entries
from av_td3_system.town.passages import FOLLOW, LEFT, RIGHT, STRAIGHT


@pytest.mark.parametrize("overrides", [[], ["environment.navigation=command"], ["environment.waypoints=5"]])
def test_every_number_of_the_vector_is_named_once(overrides: list[str]) -> None:
    config = load_config(overrides=overrides)
    names = [entry["name"] for entry in vector_entries(config.environment, config.vehicle)]
    assert len(names) == vector_dim(config.environment) == len(set(names))


def test_the_entries_times_their_scale_are_the_car() -> None:
    config = load_config(overrides=["environment.speed_scale=7", "vehicle.max_steer=0.5"])
    env = TownVectorEnv(config, 2, seed=3, split="validation")
    env.reset()
    for _ in range(8):
        observation = env.step(np.tile(np.array([0.3, 0.8], np.float32), (2, 1)))[0]
    entries = vector_entries(config.environment, config.vehicle)
    told = {entry["name"]: observation["vector"][:, place] * entry["divided_by"] for place, entry in enumerate(entries)}
    state = env.worlds.state
    for name, truth in (
        ("speed", "ego_speed"),
        ("yaw_rate", "ego_yaw_rate"),
        ("steering_angle", "ego_steer"),
        ("lateral_deviation", "lateral"),
        ("heading_error", "heading_error"),
    ):
        np.testing.assert_allclose(told[name], state[truth], rtol=1e-5, atol=1e-6)
    assert told["last_steering"] == pytest.approx(0.3) and told["last_pedal"] == pytest.approx(0.8)
    assert (told["speed"] > 0.5).all()


def test_turns_are_named_in_the_towns_order() -> None:
    assert [TURN_NAMES[turn] for turn in (FOLLOW, LEFT, RIGHT, STRAIGHT)] == ["follow", "left", "right", "straight"]
