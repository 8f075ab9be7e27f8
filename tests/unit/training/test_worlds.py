"""Training worlds are busier and less patient; those that a run is judged in are as the settings say."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from av_td3_system.environments.vector_env import TownVectorEnv
from av_td3_system.training.validation import Validator
from av_td3_system.training.worlds import for_training, training_worlds
from tests.unit.training.small import make_directory, small

SAME_TRAFFIC = ("exploration.on_route=null", "exploration.hazard_rate=null", "exploration.hazard_interval=null")
BUSIER = (
    "exploration.on_route=7",
    "exploration.hazard_rate=null",
    "exploration.hazard_interval=3",
    "exploration.crossing_share=0.2",
)


@pytest.mark.parametrize(("idle", "stuck", "expected"), [(20, 90, 20.0), (20, 5, 5.0)])
def test_they_are_cut_at_a_standstill(idle: int, stuck: int, expected: float) -> None:
    config = small(f"exploration.idle_limit={idle}", f"environment.stuck_time={stuck}", *SAME_TRAFFIC)
    changed = for_training(config)
    assert changed.environment.stuck_time == expected
    same = changed.environment.model_copy(update={"stuck_time": config.environment.stuck_time})
    assert changed.model_copy(update={"environment": same}) == config


def test_they_are_busier() -> None:
    config = small(*BUSIER)
    expected = config.traffic.model_copy(update={"on_route": 7, "hazard_interval": 3.0, "crossing_share": 0.2})
    assert training_worlds(config).config.traffic == expected != config.traffic
    assert config.traffic.vehicles != (9, 9, 9)
    assert training_worlds(small("exploration.vehicles=9")).config.traffic.vehicles == (9, 9, 9)


def test_those_that_judge_are_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = small(*BUSIER)
    validator = Validator(make_directory(tmp_path, config), config)
    built: list[TownVectorEnv] = []
    assign = TownVectorEnv.assign_episodes

    def noted(env: TownVectorEnv, seeds: Sequence[Sequence[int]]) -> None:
        built.append(env)
        assign(env, seeds)

    monkeypatch.setattr(TownVectorEnv, "assign_episodes", noted)
    validator.judge_trivial()
    built.append(validator._environment())
    assert len(built) > 1
    assert all(env.config == config and env.worlds.config == config for env in built)


def test_surroundings_are_observed_where_the_critic_reads_them() -> None:
    assert "surroundings" in training_worlds(small()).single_observation_space.spaces
    seeing = small(
        "network.critic_input=image",
        "network.critic_way=false",
        "agent.perception_weight=0",
        "agent.target_action=computed",
    )
    assert "surroundings" not in training_worlds(seeing).single_observation_space.spaces
