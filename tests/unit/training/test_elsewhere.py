"""Runs outside the town: the same loop, files and ends, and something is learned."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from av_td3_system.agents.policy import load_policy
from av_td3_system.checkpointing.store import CheckpointStore
from av_td3_system.config.errors import UserError
from av_td3_system.config.load import load_config, load_resolved
from av_td3_system.config.schema import Config
from av_td3_system.evaluation.command import run_evaluate
from av_td3_system.ladder.command import run_gate
from av_td3_system.monitoring import names
from av_td3_system.monitoring.run_directory import RunDirectory
from av_td3_system.reporting.results import REQUIRED
from av_td3_system.reporting.rewards import read_rewards
from av_td3_system.training.learner import Learner
from av_td3_system.training.resume import resume
from av_td3_system.training.run import train
from av_td3_system.training.worlds import training_worlds
from tests.unit.environments import tiny_envs
from tests.unit.training.small import lines_of

tiny_envs.register()
SMALL = ("run.device=cpu", "run.threads=1", "run.seed=1", "network.hidden=[32,32]", "agent.batch_size=64")
QUICK = ("agent.actor_lr=3e-3", "agent.critic_lr=3e-3", "agent.tau=0.02", "exploration.learning_starts=200")


def elsewhere(env: str, *overrides: str, algo: str = "td3") -> Config:
    return load_config(algo, overrides=[*SMALL, *QUICK, *overrides], flags={"run.env": env})


@pytest.fixture(scope="module", params=["td3", "ddpg"])
def run(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Config, RunDirectory]:
    """A finished run of the point that is to be brought to the middle."""
    length = ("run.max_timesteps=1400", "run.eval_freq=700", "run.save_freq=700", "run.log_interval=200")
    config = elsewhere("Tiny/Reach-v0", *length, algo=request.param)
    directory = RunDirectory(tmp_path_factory.mktemp("runs") / request.param)
    assert train(config, directory.path, "av-td3 train --env Tiny/Reach-v0") == 0
    return config, directory


def test_a_control_task_is_learned(run: tuple[Config, RunDirectory]) -> None:
    _, directory = run
    first, last = (line["summary"]["episode_reward"] for line in lines_of(directory.evaluations))
    resting = -20 * 1.5**2 / 3  # expected of a policy that stays where it begins
    assert max(first, last) > 0.25 * resting, "two decisions from the outside to the middle cost a tenth of it"


def test_a_run_leaves_what_any_run_leaves(run: tuple[Config, RunDirectory]) -> None:
    config, directory = run
    assert load_resolved(directory.config) == config
    assert json.loads(directory.manifest.read_text())["how"] == "completed"
    lines = lines_of(directory.evaluations)
    assert [(line["kind"], line["step"]) for line in lines] == [("validation", 700), ("validation", 1400)]
    assert [episode["episode_seed"] for episode in lines[0]["episodes"]] == list(range(10_000, 10_010))
    assert np.isfinite(lines[1]["calibration"]["q_bias"])
    results = json.loads(directory.results_json.read_text())
    assert set(REQUIRED) <= results.keys() and results["gate"] is None and results["alerts"] == []
    assert (results["env"], results["scenario"], results["backend"]) == ("Tiny/Reach-v0", None, "gymnasium")
    assert (results["env_steps"], results["episodes"], results["updates"]) == (1400, 70, 1200)
    assert results["eval"]["last"]["n_episodes"] == 10 and results["eval"]["last"]["success_rate"] is None
    episodes = lines_of(directory.episodes)
    assert len(episodes) == 70 and {episode["outcome"] for episode in episodes} == {"truncated"}
    tags = set().union(*lines_of(directory.metrics))
    assert {names.EPISODE_REWARD, names.TD_ERROR, names.Q_VALUE, names.EVAL_EPISODE_REWARD} <= tags
    assert not {names.SUCCESS, names.EVAL_SUCCESS_RATE, *names.REWARDS.values()} & tags
    assert f"# {config.run.algo.upper()}, Tiny/Reach-v0, seed 1" in directory.results_md.read_text()
    saved = {path.name for path in directory.checkpoints.iterdir()}
    assert {"best.pt", "final.pt", f"{config.run.algo}_1.4k.pt"} <= saved
    for path in (directory.log, directory.path / "learning_curve.png", directory.event_files[0]):
        assert path.stat().st_size > 0
    policy = load_policy(directory.best_policy, "cpu")
    assert policy.image_shape == (0, 0, 0) and policy.vector_dim == 1


def test_it_can_be_evaluated_on_other_episodes(
    run: tuple[Config, RunDirectory], capsys: pytest.CaptureFixture[str]
) -> None:
    _, directory = run

    def evaluated(*target: Path, **flags: Any) -> dict[str, Any]:
        assert run_evaluate(str(target[0]), as_json=True, **flags) == 0
        return dict(json.loads(capsys.readouterr().out))

    tested = evaluated(directory.path)
    played = {episode["episode_seed"] for line in lines_of(directory.evaluations) for episode in line["episodes"]}
    assert tested["summary"]["n_episodes"] == 10 and not played & set(tested["episode_seeds"])
    best = max(line["summary"]["episode_reward"] for line in lines_of(directory.evaluations))
    again = evaluated(directory.path, split="validation")
    assert again["summary"]["episode_reward"] == pytest.approx(best, abs=1e-3)
    last = evaluated(directory.checkpoints / "final.pt", split="validation", episodes=3, num_envs=1)
    assert last["episode_seeds"] == [10_000, 10_001, 10_002]
    assert run_evaluate(str(directory.path), seed=5, episodes=2) == 0
    printed = capsys.readouterr().out
    assert "Tiny/Reach-v0, n 2 (episode seeds 5 to 6)" in printed and "(0 terminated, 2 truncated)" in printed


def test_what_is_of_the_town_is_refused(run: tuple[Config, RunDirectory]) -> None:
    _, directory = run
    flags: tuple[dict[str, Any], ...] = (
        {"town": "TownB"},
        {"scenario": 0},
        {"blank_image": True},
        {"image": "blank"},
        {"image": "leader_erased"},
    )
    for given in flags:
        with pytest.raises(UserError, match="is of the town"):
            run_evaluate(str(directory.path), **given)
    with pytest.raises(UserError, match=r"run\.env"):
        run_evaluate(str(directory.path), overrides=["run.env=Pendulum-v1"])
    with pytest.raises(UserError, match="judges driving"):
        run_gate([directory.path])
    with pytest.raises(UserError, match="no terms"):
        read_rewards(directory.path)


@pytest.mark.parametrize(("env", "discount"), [("Tiny/Ends-v0", 0.0), ("Tiny/Cut-v0", 0.99)])
def test_beyond_a_cut_is_bootstrapped_from_the_true_last_observation(env: str, discount: float) -> None:
    config = elsewhere(env, "run.num_envs=2")
    worlds = training_worlds(config)
    learner = Learner(config, worlds)
    observation, _ = worlds.reset()
    for step in range(0, 80, 2):
        actions = learner.act(observation, exploring=True)
        following, rewards, _, _, infos = worlds.step(actions)
        learner.remember(step, observation, actions, rewards, infos, following)
        observation = following
    batch = learner.sample()
    episode, taken = batch.vector.T
    next_episode, next_taken = batch.next_vector.T
    assert torch.equal(episode, next_episode) and torch.equal(next_taken, taken + 1)
    assert torch.equal(batch.reward, taken + 1)
    last = taken == 2
    assert last.any() and not last.all()
    assert torch.allclose(batch.discount, torch.where(last, discount, 0.99))
    assert batch.image.shape == (64, 0, 0, 0) and batch.action.abs().max() > 0.5


def test_the_warm_up_is_uniform_and_the_noise_is_around_the_policy() -> None:
    config = elsewhere("Tiny/Reach-v0", "run.num_envs=50")
    learner = Learner(config, training_worlds(config))
    seen = {"image": np.zeros((50, 0, 0, 0), np.uint8), "vector": np.full((50, 1), 0.5, np.float32)}
    random = np.concatenate([learner.act(seen, exploring=True) for _ in range(100)])
    assert random.dtype == np.float32 and np.abs(random).max() <= 1
    assert np.quantile(random, [0.1, 0.5, 0.9]) == pytest.approx([-0.8, 0.0, 0.8], abs=0.05)
    noise = np.concatenate([learner.act(seen, exploring=False) - learner.agent.act(seen) for _ in range(100)])
    assert (noise.mean(), noise.std()) == (pytest.approx(0, abs=0.01), pytest.approx(0.1, rel=0.05))


def test_what_is_not_finite_halts_the_run(tmp_path: Path) -> None:
    config = elsewhere("Tiny/Poison-v0", "run.max_timesteps=300")
    assert train(config, tmp_path / "run", "av-td3 train") == 3
    results = json.loads((tmp_path / "run" / "results.json").read_text())
    assert results["ended"] == "halted" and results["env_steps"] == 10, "at once, and before it is remembered"
    assert [alert["name"] for alert in results["alerts"]] == ["non_finite_observation"]
    saved = CheckpointStore(tmp_path / "run" / "checkpoints", "td3").load_latest().state
    assert torch.isfinite(saved["environment"]["vector"]).all()


def test_a_refusal_leaves_no_directory_and_a_run_without_a_place_has_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UserError, match="Discrete"):
        train(elsewhere("CartPole-v1"), tmp_path / "run", "av-td3 train")
    assert not (tmp_path / "run").exists()
    monkeypatch.chdir(tmp_path)
    assert train(elsewhere("Tiny/Reach-v0", "run.max_timesteps=5"), None, "av-td3 train") == 0
    assert (tmp_path / "runs" / "latest").resolve().name.startswith("td3_Tiny-Reach-v0_seed1_")


def test_the_same_seed_is_the_same_run(tmp_path: Path) -> None:
    hashes = set()
    for place in ("first", "second"):
        train(elsewhere("Tiny/Reach-v0", "run.max_timesteps=260"), tmp_path / place, "av-td3 train")
        hashes.add(json.loads((tmp_path / place / "results.json").read_text())["state_hash"])
    assert len(hashes) == 1


def test_it_goes_on_with_its_open_episodes_cut(tmp_path: Path) -> None:
    config = elsewhere("Tiny/Cut-v0", "run.max_timesteps=62", "run.num_envs=2", "run.save_freq=31")
    train(config, tmp_path / "run", "av-td3 train")
    assert resume(tmp_path / "run", [], {"run.max_timesteps": 200}, "av-td3 train") == 0
    directory = RunDirectory(tmp_path / "run")
    assert json.loads(directory.manifest.read_text())["resume"] == "episode_cut"
    results = json.loads(directory.results_json.read_text())
    assert (results["ended"], results["env_steps"]) == ("completed", 200)
    # Saved with the episodes cut, the replay can be put together once more.
    assert resume(tmp_path / "run", [], {"run.max_timesteps": 260}, "av-td3 train") == 0
    steps = [line["step"] for line in lines_of(directory.episodes)]
    assert steps == sorted(steps)
