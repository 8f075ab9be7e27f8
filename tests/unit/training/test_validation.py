"""Held-out evaluation: the same episodes each time, all of them, driven without chance."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from av_td3_system.agents.baselines import TRIVIAL
from av_td3_system.checkpointing.plain_state import state_hash
from av_td3_system.config.schema import Config
from av_td3_system.environments.vector_env import TownVectorEnv
from av_td3_system.ladder.read_run import read_evaluations
from av_td3_system.monitoring.progress import Progress
from av_td3_system.monitoring.run_directory import RunDirectory
from av_td3_system.training.learner import Learner
from av_td3_system.training.validation import AgentPolicy, Validator
from tests.unit.training.small import lines_of, make_directory, seen, small

SEEDS = [500, 501, 502]


def held_out(*overrides: str) -> Config:
    return small("evaluation.seed=500", *overrides)


def made(path: Path, *overrides: str) -> tuple[Validator, Learner, RunDirectory]:
    config = held_out(*overrides)
    directory = make_directory(path, config)
    return Validator(directory, config), Learner(config), directory


def test_the_same_policy_on_the_same_episodes_has_the_same_summary(tmp_path: Path) -> None:
    validator, learner, directory = made(tmp_path)
    before = state_hash(learner.agent.state_dict())
    first, second = validator.validate(10, learner.agent), validator.validate(20, learner.agent)
    assert first == second
    assert state_hash(learner.agent.state_dict()) == before, "measuring does not teach"
    lines = lines_of(directory.evaluations)
    assert [(line["step"], line["kind"]) for line in lines] == [(10, "validation"), (20, "validation")]
    assert lines[0]["episodes"] == lines[1]["episodes"]
    assert [episode["episode_seed"] for episode in lines[0]["episodes"]] == SEEDS
    assert validator.history == [(10, first), (20, first)]
    assert first["n_episodes"] == 3 and np.isfinite(first["calibration"]["q_bias"])


def test_a_rung_is_driven_once_with_and_without_the_camera(tmp_path: Path) -> None:
    validator, learner, directory = made(
        tmp_path, "gate.rung_episodes=5", "environment.blank_image=false", "evaluation.num_envs=3"
    )
    learner.agent.act_averaged = lambda observation: np.stack(  # type: ignore[method-assign]
        [observation["image"].mean((1, 2, 3)) / 255 - 0.5, np.full(len(observation["image"]), 0.5)], 1
    ).astype(np.float32)  # steers by how bright it is
    validator.examine(30, learner.agent)
    lines = lines_of(directory.evaluations)
    assert [(line["step"], line["kind"]) for line in lines] == [(30, "rung"), (30, "blank"), (30, "shuffled")]
    driven = [[(e["episode_seed"], e["distance"]) for e in line["episodes"]] for line in lines]
    assert [seed for seed, _ in driven[0]] == [500, 501, 502, 503, 504]
    assert driven[0] != driven[1] != driven[2] != driven[0], "each saw something else"
    assert lines[0]["calibration"] and not lines[1]["calibration"]
    assert validator.history == [], "no validation of the schedule"
    validator.examine(30, learner.agent)
    assert lines_of(directory.evaluations) == lines


def test_it_is_the_averaged_policy_that_drives_and_is_calibrated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    validator, learner, _ = made(tmp_path)

    def learning(_: object) -> np.ndarray:
        raise AssertionError("the policy that learns is not the one that is evaluated")

    monkeypatch.setattr(learner.agent, "act", learning)
    assert learner.agent.average is not None
    assert validator.validate(10, learner.agent)["n_episodes"] == 3


def test_another_policy_is_another_summary(tmp_path: Path) -> None:
    validator, learner, _ = made(tmp_path)
    other = Learner(held_out("run.seed=7"))
    assert validator.validate(10, learner.agent) != validator.validate(20, other.agent)


def test_the_quota_of_each_world_is_fixed_beforehand(tmp_path: Path) -> None:
    validator, learner, _ = made(tmp_path)
    for _ in range(2):
        env = validator._environment()
        drawn = env._drawn.copy()
        validator.validate(10, learner.agent)
        assert (env._drawn - drawn).tolist() == [2, 1], "three episodes in two worlds"
    assert validator._environment() is env and env.split == "validation"


@pytest.mark.parametrize("worlds", [1, 50])
def test_the_number_of_worlds_changes_nothing(tmp_path: Path, worlds: int) -> None:
    validator, learner, _ = made(tmp_path / "two")
    other, _, directory = made(tmp_path / "other", f"evaluation.num_envs={worlds}")
    expected, found = validator.validate(10, learner.agent), other.validate(10, learner.agent)
    assert found["n_episodes"] == 3 and found["outcomes"] == expected["outcomes"]
    assert found["episode_reward"] == pytest.approx(expected["episode_reward"], abs=0.01)
    assert [episode["episode_seed"] for episode in lines_of(directory.evaluations)[0]["episodes"]] == SEEDS


def test_trivial_policies_are_judged_on_the_same_episodes(tmp_path: Path) -> None:
    validator, _, directory = made(tmp_path)
    validator.judge_trivial()
    lines = {line["kind"]: line for line in lines_of(directory.evaluations)}
    assert tuple(lines) == TRIVIAL and {line["step"] for line in lines.values()} == {0}
    for line in lines.values():
        assert [episode["episode_seed"] for episode in line["episodes"]] == SEEDS
    parked, straight = lines["parked"]["summary"], lines["straight"]["summary"]
    assert parked["outcomes"]["stuck"] == 3 and parked["route_completion"] < 0.05
    assert straight["route_completion"] > 0.1 and straight["outcomes"]["stuck"] == 0
    assert validator.history == [], "they are no validations of the agent"
    assert [evaluation.kind for evaluation in read_evaluations(directory.path)] == list(TRIVIAL)


def test_a_drive_tells_how_many_of_its_episodes_are_done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a slow simulator they take an hour, in which nothing else is said."""
    told: list[int] = []
    monkeypatch.setattr(Progress, "update", lambda self, done, note="": told.append(done))
    validator, learner, _ = made(tmp_path, "gate.rung_episodes=4")
    validator.judge_trivial()
    assert sorted(set(told)) == told[: len(set(told))] and told[-1] == len(TRIVIAL) * len(SEEDS)
    told.clear()
    validator.examine(30, learner.agent)
    assert told == sorted(told) and told[-1] == 3 * 4
    told.clear()
    validator.examine(30, learner.agent)
    assert told == [], "what was done is not done again"


def test_the_agent_is_asked_about_driving_worlds_alone() -> None:
    config = held_out()
    env, agent = TownVectorEnv(config, 3, split="validation"), Learner(config).agent
    env.active[:] = [True, False, True]
    asked: list[int] = []

    class Counting:
        def act_averaged(self, observation: dict[str, np.ndarray]) -> Any:
            asked.append(len(observation["vector"]))
            return agent.act_averaged(observation)

    actions = AgentPolicy(Counting())(seen(50), env)  # type: ignore[arg-type]
    assert asked == [2]
    assert not actions[1].any() and np.array_equal(actions[[0, 2]], agent.act_averaged(seen(50, worlds=2)))
