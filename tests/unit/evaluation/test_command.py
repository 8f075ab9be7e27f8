"""The evaluate verb: flags change settings, figures come with their n and their seeds."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from av_td3_system.config.errors import BackendLost, UserError
from av_td3_system.config.load import load_config, with_overrides
from av_td3_system.environments.vector_env import TownVectorEnv
from av_td3_system.evaluation.command import run_evaluate, with_flags


def test_flags_change_the_settings_they_name() -> None:
    config = with_flags(load_config(), 2, 77, 9, 3, True)
    assert config.run.scenario == 2
    assert (config.evaluation.seed, config.evaluation.episodes, config.evaluation.num_envs) == (77, 9, 3)
    assert config.environment.blank_image
    assert with_flags(load_config(), None, None, None, None, False) == load_config()
    assert with_flags(load_config(), None, None, None, None, False, "TownC").environment.town == "TownC"


def test_an_impossible_flag_is_refused_by_its_name() -> None:
    with pytest.raises(UserError, match=r"^--episodes: evaluation\.episodes is 0"):
        with_flags(load_config(), None, None, 0, None, False)
    with pytest.raises(UserError, match="--split"):
        run_evaluate(None, policy="parked", split="train")


def test_settings_are_changed_over_the_runs_own_and_under_the_flags() -> None:
    run = load_config(overrides=["reward.terminal=21", "environment.town=TownB"])
    config = with_overrides(run, ["variation.steering=[0.8, 0.9]", "environment.town=TownC", "run.scenario=1"])
    assert (config.reward.terminal, config.variation.steering, config.environment.town) == (21, (0.8, 0.9), "TownC")
    assert with_flags(config, 2, None, None, None, False, "TownD").run.scenario == 2
    assert with_overrides(run, []) == run
    with pytest.raises(UserError, match=r"--set: unknown setting vehicle\.wings"):
        run_evaluate(None, policy="parked", overrides=["vehicle.wings=2"])


def test_a_changed_world_is_driven_and_named(capsys: pytest.CaptureFixture[str]) -> None:
    rewards = []
    for overrides in ([], ["vehicle.max_acceleration=0.5"]):
        run_evaluate(None, policy="straight", episodes=2, seed=500, overrides=overrides, as_json=True)
        result = json.loads(capsys.readouterr().out)
        assert result["overrides"] == overrides
        rewards.append(result["summary"]["episode_reward"])
    assert rewards[0] != rewards[1]


def test_json_holds_every_episode_and_its_seed(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_evaluate(None, policy="straight", episodes=3, seed=500, num_envs=2, as_json=True) == 0
    captured = capsys.readouterr()
    result = json.loads(captured.out)
    assert result["episode_seeds"] == [500, 501, 502] == [episode["episode_seed"] for episode in result["episodes"]]
    assert result["summary"]["n_episodes"] == 3
    assert result["split"] == "test"
    assert "evaluated 3/3 episodes" in captured.err


def test_what_was_driven_is_told_though_the_simulator_is_lost(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    step, ended = TownVectorEnv.step, 0

    def lost_after_two(self: TownVectorEnv, actions: np.ndarray) -> Any:
        nonlocal ended
        if ended == 2:
            raise BackendLost("no episode begins", "start a server")
        following = step(self, actions)
        ended += sum(record is not None for record in following[-1]["episodes"])
        return following

    monkeypatch.setattr(TownVectorEnv, "step", lost_after_two)
    with pytest.raises(BackendLost):
        run_evaluate(None, policy="straight", episodes=6, seed=500, num_envs=1, as_json=True)
    told = capsys.readouterr()
    result = json.loads(told.out)
    assert result["episode_seeds"] == [500, 501] == [episode["episode_seed"] for episode in result["episodes"]]
    assert result["summary"]["n_episodes"] == 2
    assert "2 of 6 episodes were driven" in told.err
    ended = 2
    with pytest.raises(BackendLost):
        run_evaluate(None, policy="straight", episodes=6, seed=500, num_envs=1, as_json=True)
    assert capsys.readouterr().out == "", "nothing was driven"


def test_the_table_states_n_and_the_interval(capsys: pytest.CaptureFixture[str]) -> None:
    run_evaluate(None, policy="straight", episodes=2, seed=500)
    table = capsys.readouterr().out
    assert "n 2 (episode seeds 500 to 501)" in table
    assert "success rate       0.000  (95 % Wilson 0.000 to 0.658)" in table
