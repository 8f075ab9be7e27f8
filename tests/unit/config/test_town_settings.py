"""Outside the town its settings are refused, and the published ones stand."""

from __future__ import annotations

from pathlib import Path

import pytest

from av_td3_system.config.errors import UserError
from av_td3_system.config.load import load_config, load_resolved, resolved_yaml, with_overrides
from av_td3_system.config.refusals import setting_names
from av_td3_system.config.town_settings import SECTIONS, SETTINGS

ELSEWHERE = {"run.env": "Hopper-v5"}


@pytest.mark.parametrize("algo", ["td3", "ddpg"])
def test_the_settings_are_the_original_authors(algo: str) -> None:
    config = load_config(algo, flags=ELSEWHERE)
    agent, network = config.agent, config.network
    assert (agent.gamma, agent.tau, agent.batch_size) == (0.99, 0.005, 256)
    assert (agent.actor_lr, agent.critic_lr, agent.exploration_noise, agent.noise_clip) == (3e-4, 3e-4, 0.1, 0.5)
    assert (network.hidden, network.head_layer_norm, network.initialization) == ((256, 256), False, "default")
    assert (agent.gradient_clip, agent.n_step, agent.updates_per_step) == (None, 1, 1.0)
    assert (agent.saturation_cost, agent.policy_average) == (0.0, 1.0)
    assert (config.run.num_envs, config.learning_starts, config.replay.capacity) == (1, 25_000, 1_000_000)
    assert (config.run.eval_freq, config.evaluation.episodes) == (5_000, 10)
    smoothing = (agent.twin_critics, agent.policy_noise, agent.policy_delay)
    assert smoothing == ((True, 0.2, 2) if algo == "td3" else (False, 0.0, 1))


def test_a_file_or_override_names_the_environment_too(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text("run: {env: Hopper-v5}")
    assert load_config(files=[file]).agent.gradient_clip is None
    assert load_config(overrides=["run.env=Hopper-v5"]).learning_starts == 25_000
    town = load_config(files=[file], overrides=["run.env=null"])
    assert town == load_config(), "taken back"


@pytest.mark.parametrize("override", ["traffic.on_route=3", "camera.width=40", "exploration.steer_std=1", "reward={}"])
def test_a_setting_of_the_town_is_refused_by_name(override: str) -> None:
    name = override.partition("=")[0]
    if override == "reward={}":
        load_config(overrides=[override], flags=ELSEWHERE)  # sets nothing
        return
    with pytest.raises(UserError, match=f"^--set: {name} steers the town"):
        load_config(overrides=[override], flags=ELSEWHERE)
    with pytest.raises(UserError, match=f"^--set: {name} steers the town"):
        with_overrides(load_config(flags=ELSEWHERE), [override])


def test_a_flag_or_file_of_the_town_is_refused_by_its_name() -> None:
    with pytest.raises(UserError, match=r"^--scenario: run\.scenario"):
        load_config(flags={**ELSEWHERE, "run.scenario": 1})
    with pytest.raises(UserError, match=r"^td3_paper\.yaml: camera\.frame_interval"):
        load_config(files=["td3_paper.yaml"], flags=ELSEWHERE)


def test_what_is_refused_are_settings() -> None:
    assert set(SETTINGS) | set(SECTIONS) <= set(setting_names())


def test_a_run_outside_the_town_is_read_as_it_was_written(tmp_path: Path) -> None:
    config = load_config("ddpg", flags=ELSEWHERE)
    path = tmp_path / "config.yaml"
    path.write_text(resolved_yaml(config))
    assert load_resolved(path) == config


def test_a_critic_of_surroundings_is_refused_where_there_are_none(tmp_path: Path) -> None:
    text = resolved_yaml(load_config()).replace("env: null", "env: Hopper-v5")
    path = tmp_path / "config.yaml"
    path.write_text(text)
    with pytest.raises(UserError, match="Hopper-v5 has no surroundings"):
        load_resolved(path)
