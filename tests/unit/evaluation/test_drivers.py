"""Which file is driven, and which settings belong to it."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
import torch

from av_td3_system.agents.policy import save_policy
from av_td3_system.agents.td3 import TD3
from av_td3_system.checkpointing.store import CheckpointStore
from av_td3_system.config.errors import UserError
from av_td3_system.config.load import load_config, resolved_yaml
from av_td3_system.config.schema import Config
from av_td3_system.environments.vector_env import TownVectorEnv
from av_td3_system.evaluation.command import run_evaluate
from av_td3_system.evaluation.drivers import SHIPPED, config_file, open_driver, policy_file
from av_td3_system.evaluation.protocol import evaluate_policy


@pytest.fixture
def run(tmp_path: Path) -> Path:
    folder = tmp_path / "run"
    (folder / "checkpoints").mkdir(parents=True)
    (folder / "config.yaml").write_text(resolved_yaml(load_config()))
    (folder / "policy.safetensors").touch()
    (folder / "checkpoints" / "td3_5k.pt").touch()
    return folder


def test_a_run_is_driven_by_its_best_policy_else_its_last(run: Path) -> None:
    assert policy_file(run).name == "policy.safetensors"
    (run / "best_policy.safetensors").touch()
    assert policy_file(run).name == "best_policy.safetensors"


def test_a_checkpoint_finds_the_settings_of_its_run(run: Path) -> None:
    checkpoint = run / "checkpoints" / "td3_5k.pt"
    assert policy_file(checkpoint) == checkpoint
    assert config_file(checkpoint) == run / "config.yaml"


def test_a_link_to_a_run_is_a_run(run: Path) -> None:
    link = run.parent / "latest"
    link.symlink_to(run)
    assert config_file(policy_file(link)).samefile(run / "config.yaml")


def test_the_packaged_policy_drives_as_its_origin_says(capsys: pytest.CaptureFixture[str]) -> None:
    driver = open_driver("pretrained", None, 0, device="cpu")
    origin = json.loads((SHIPPED / "origin.json").read_text())
    content = Path(driver.name).read_bytes()
    assert hashlib.sha256(content).hexdigest() == origin["sha256"] and len(content) < 10_000_000
    assert capsys.readouterr().err == "", "its settings are of today: python scripts/ship_policy.py --renew"
    assert (driver.config.run.algo, driver.config.run.seed) == (origin["algo"], origin["seed"])
    env = TownVectorEnv(driver.config, 4, split="validation")
    driven = evaluate_policy(driver.policy, env, [10_000, 10_001, 10_002, 10_003])
    assert sum(record.success for record in driven) >= 3, "it succeeds in 19 of 20"


def test_a_folder_of_that_name_is_a_run_like_any_other(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run.rename(tmp_path / "pretrained")
    monkeypatch.chdir(tmp_path)
    assert policy_file(Path("pretrained")) == Path("pretrained/policy.safetensors")


def test_what_cannot_be_driven_is_refused(run: Path, tmp_path: Path) -> None:
    for target, message in (
        (tmp_path / "nowhere", "does not exist"),
        (tmp_path, "holds no policy"),
        (run / "config.yaml", "no policy or checkpoint"),
    ):
        with pytest.raises(UserError, match=message):
            policy_file(target)
    lonely = tmp_path / "policy.safetensors"
    lonely.touch()
    with pytest.raises(UserError, match=r"no config\.yaml"):
        config_file(lonely)


def test_one_driver_is_asked_for() -> None:
    with pytest.raises(UserError, match="either"):
        open_driver(None, None, 0)
    with pytest.raises(UserError, match="either"):
        open_driver("runs/latest", "parked", 0)
    assert open_driver(None, "parked", 0).name == "parked"


SMALL = [
    "network.channels=[4, 4, 4]",
    "network.features=16",
    "network.hidden=[16]",
    "camera.width=36",
    "camera.height=36",
    "network.crop_top=0",
]


@pytest.fixture
def learned(tmp_path: Path) -> tuple[Path, TownVectorEnv, TD3]:
    """A run directory with an untrained policy and a checkpoint of the same agent."""
    config: Config = load_config(overrides=SMALL)
    env = TownVectorEnv(config, num_envs=2, seed=0, split="validation")
    spaces = env.single_observation_space
    vector_dim = spaces["vector"].shape[0]  # type: ignore[index]
    agent = TD3(config.agent, config.network, (4, 36, 36), vector_dim, 2, torch.device("cpu"), seed=3)
    run = tmp_path / "learned"
    store = CheckpointStore(run / "checkpoints", "td3")
    store.save({"agent": agent.state_dict()}, 5000)
    save_policy(run / "best_policy.safetensors", agent, frame_interval=config.camera.frame_interval)
    (run / "config.yaml").write_text(resolved_yaml(config))
    return run, env, agent


@pytest.mark.parametrize("file", ["", "best_policy.safetensors", "checkpoints/td3_5k.pt"])
def test_a_learned_driver_acts_as_the_agent_it_was_saved_from(
    learned: tuple[Path, TownVectorEnv, TD3], file: str
) -> None:
    run, env, agent = learned
    driver = open_driver(str(run / file), None, 0)
    observation, _ = env.reset(seed=0)
    assert driver.config.network.features == 16, "the settings are the run's"
    assert driver.policy(observation, env) == pytest.approx(agent.act(observation), abs=1e-5)


def test_a_policy_beside_the_settings_of_other_frames_is_refused(learned: tuple[Path, TownVectorEnv, TD3]) -> None:
    run, _, _ = learned
    settings = run / "config.yaml"
    assert "frame_interval: 3\n" in settings.read_text()
    settings.write_text(settings.read_text().replace("frame_interval: 3\n", "frame_interval: 1\n"))
    with pytest.raises(UserError, match="3 decisions apart"):
        open_driver(str(run), None, 0)


@pytest.mark.parametrize("file", ["best_policy.safetensors", "checkpoints/td3_5k.pt"])
def test_a_policy_of_another_navigation_is_refused(learned: tuple[Path, TownVectorEnv, TD3], file: str) -> None:
    run, _, _ = learned
    with pytest.raises(UserError, match=r"navigation=waypoints \(27 .*--set gives command \(10 numbers\)"):
        run_evaluate(str(run / file), overrides=["environment.navigation=command"])
    with pytest.raises(UserError, match=r"27 numbers.*--set gives waypoints \(17 numbers\)"):
        run_evaluate(str(run / file), overrides=["environment.waypoints=5"])
    settings = run / "config.yaml"
    assert settings.read_text().count("navigation: waypoints\n") == 1
    settings.write_text(settings.read_text().replace("navigation: waypoints\n", "navigation: command\n"))
    with pytest.raises(UserError, match=r"navigation=waypoints .*config\.yaml beside it gives command"):
        open_driver(str(run / file), None, 0)


def test_a_run_is_evaluated_in_its_own_settings(
    learned: tuple[Path, TownVectorEnv, TD3], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_evaluate(str(learned[0]), episodes=2, split="validation", blank_image=True) == 0
    assert "validation routes, image blank, n 2" in capsys.readouterr().out
