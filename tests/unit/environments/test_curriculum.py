"""Training episodes are drawn by the stage in force when they begin, from their own seed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from av_td3_system.config.schema import Config, CurriculumConfig
from av_td3_system.environments.curriculum import Curriculum
from av_td3_system.environments.episode import EpisodeRecord
from av_td3_system.environments.vector_env import TownVectorEnv
from av_td3_system.town.weather import WEATHERS
from av_td3_system.training.worlds import batch_for_training
from tests.unit.environments.batches import same_worlds, town_config

OWN = ("ClearNoon", "CloudySunset")
SEEDS = st.integers(0, 2**63 - 1)
STAGES = st.lists(
    st.tuples(
        st.integers(1, 500),
        st.none() | st.lists(st.integers(0, 500), min_size=1, max_size=4),
        st.none() | st.lists(st.sampled_from(sorted(WEATHERS)), min_size=1, max_size=4),
    ),
    min_size=1,
    max_size=5,
)
BRIEF = {"route_length": (60.0, 80.0), "slowest_speed": 1000.0, "time_allowance": 0.5}  # over within 8 decisions


def curriculum_config(*stages: dict[str, Any]) -> CurriculumConfig:
    return CurriculumConfig.model_validate({"stages": list(stages)})


def with_stages(config: Config, *stages: dict[str, Any]) -> Config:
    return config.model_copy(update={"curriculum": curriculum_config(*stages)})


@given(STAGES, st.integers(0, 100), st.lists(SEEDS, min_size=1, max_size=20), st.integers(0, 3_000))
def test_whatever_the_seed_an_episode_is_of_its_stage(
    drawn: list[tuple[int, Any, Any]], vehicles: int, seeds: list[int], timestep: int
) -> None:
    begins = np.cumsum([0, *(length for length, _, _ in drawn)])
    stages = [
        {"from": int(begin), "vehicles": numbers, "weathers": weathers}
        for begin, (_, numbers, weathers) in zip(begins, drawn, strict=False)
    ]
    made = Curriculum(curriculum_config(*stages), vehicles, OWN)
    assert made.weathers[: len(OWN)] == OWN and len(set(made.weathers)) == len(made.weathers)
    stage = [stage for stage in stages if stage["from"] <= timestep][-1]
    for seed in seeds:
        number, weather = made.draw(timestep, seed)
        assert number in (stage["vehicles"] or [vehicles]) and number <= made.most_vehicles
        if stage["weathers"] is None:
            assert weather == seed % len(OWN), "as without a curriculum"
        else:
            assert made.weathers[weather] in stage["weathers"]
        assert made.draw(stage["from"], seed) == (number, weather), "it follows from stage and seed alone"


def test_lists_are_drawn_from_uniformly_and_apart() -> None:
    made = Curriculum(curriculum_config({"from": 0, "vehicles": [20, 50, 100], "weathers": ["WetNoon", *OWN]}), 20, OWN)
    draws = [made.draw(0, seed) for seed in range(9_000)]
    counts = [sum(draw == (number, weather) for draw in draws) for number in (20, 50, 100) for weather in range(3)]
    assert sum(counts) == 9_000
    assert all(850 < count < 1_150 for count in counts), "1000 each, five standard deviations of 30"


def driven(config: Config, worlds: int, decisions: int) -> tuple[TownVectorEnv, list[tuple[int, EpisodeRecord]]]:
    """Training worlds after so many decisions, and the records with the timestep at which each episode began."""
    env = batch_for_training(config, worlds, seed=5)
    env.reset()
    actions, began, found = np.tile(np.float32([0.0, 0.4]), (worlds, 1)), [0] * worlds, []
    for decision in range(1, decisions + 1):
        env.reach(decision * worlds)
        infos = env.step(actions)[-1]
        for w, record in enumerate(infos["episodes"]):
            if record is not None:
                found.append((began[w], record))
                began[w] = decision * worlds
    return env, found


@pytest.mark.parametrize("worlds", [1, 3])
def test_episodes_that_begin_in_a_stage_are_driven_in_its_traffic_and_weather(worlds: int) -> None:
    stages = (
        {"from": 0, "vehicles": [3]},
        {"from": 60, "vehicles": [0, 30], "weathers": ["WetNoon", "HardRainNight"]},
        {"from": 150, "weathers": ["FoggyNoon"]},
    )
    env, found = driven(with_stages(town_config(7, environment=BRIEF, on_route=5), *stages), worlds, 240 // worlds)
    own = town_config().environment.weathers
    for number, (vehicles, weathers) in enumerate(
        (({3}, own), ({0, 30}, ("WetNoon", "HardRainNight")), ({7}, ("FoggyNoon",)))
    ):
        first, after = (0, 60, 150, 10_000)[number : number + 2]
        records = [record for began, record in found if first <= began < after]
        assert len(records) >= 5
        assert {record.vehicles for record in records} == vehicles, "on_route is of them, not beside them"
        assert {record.weather for record in records} <= set(weathers)
    assert env.config.environment.weathers == (*own, "WetNoon", "HardRainNight", "FoggyNoon")


def test_a_single_stage_of_what_is_drawn_anyway_changes_nothing() -> None:
    config = town_config(20, environment=BRIEF, camera=True)
    plain, records = driven(config, 2, 30)
    for stage in ({"from": 0}, {"from": 0, "vehicles": [20]}, {"from": 0, "vehicles": [20, 20]}):
        env, same = driven(with_stages(config, stage), 2, 30)
        assert same == records and len(records) >= 4
        assert same_worlds(env.worlds.state, plain.worlds.state)
        assert (env.view.frames == plain.view.frames).all()


def test_a_weather_of_a_stage_looks_as_it_does_among_the_settings() -> None:
    weathers = {"weathers": ("HardRainNoon",)}
    plain, _ = driven(town_config(20, environment={**BRIEF, **weathers}, camera=True), 2, 12)
    env, _ = driven(with_stages(town_config(20, environment=BRIEF, camera=True), {"from": 0, **weathers}), 2, 12)
    assert (env.view.frames == plain.view.frames).all() and env.view.frames.std() > 5


def test_open_episodes_go_on_in_what_they_drew_when_a_stage_has_gone_by() -> None:
    config = with_stages(
        town_config(7, environment=BRIEF, camera=True),
        {"from": 0, "vehicles": [12], "weathers": ["HardRainNoon"]},
        {"from": 8, "vehicles": [30], "weathers": ["ClearNight"]},
    )
    env, _ = driven(config, 2, 3)
    other = batch_for_training(config, 2, seed=1)
    other.load_state_dict(env.state_dict())
    for batch in (env, other):
        for decision in range(4, 12):
            batch.reach(2 * decision)
            batch.step(np.tile(np.float32([0.0, 0.4]), (2, 1)))
    assert same_worlds(env.worlds.state, other.worlds.state)
    assert (env.view.frames == other.view.frames).all()
    assert (env.worlds.state["vehicles"] == 30).all()


@settings(max_examples=10)
@given(st.integers(0, 2**31 - 1))
def test_neither_the_number_of_worlds_nor_who_else_drives_changes_an_episode(seed: int) -> None:
    stages = ({"from": 0, "vehicles": [2, 9, 15], "weathers": ["WetNoon", *OWN]},)
    config = with_stages(town_config(4, environment=BRIEF), *stages)
    few, many = batch_for_training(config, 1, seed), batch_for_training(config, 4, seed)
    for env in (few, many):
        env.reset()
    assert same_worlds(few.worlds.state[0], many.worlds.state[0])
    assert few._weather[0] == many._weather[0]
