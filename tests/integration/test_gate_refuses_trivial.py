"""Trivial policies, really driven on the validation routes, do not pass the 10K gate."""

from __future__ import annotations

import pytest

from av_td3_system.agents.baselines import TRIVIAL, make_policy
from av_td3_system.config.load import load_config
from av_td3_system.environments.episode import EpisodeRecord
from av_td3_system.environments.seeding import fixed_seeds
from av_td3_system.environments.vector_env import TownVectorEnv
from av_td3_system.evaluation.protocol import evaluate_policy
from av_td3_system.ladder.gate import judge
from av_td3_system.ladder.inputs import GateInputs

Records = dict[str, list[EpisodeRecord]]


@pytest.fixture(scope="module")
def driven() -> Records:
    """50 validation episodes of each; being stuck is called sooner, to save time."""
    config = load_config(overrides=["environment.stuck_time=20", "environment.blank_image=true"])
    env = TownVectorEnv(config, num_envs=25, seed=0, split="validation")
    seeds = fixed_seeds(config.evaluation.seed, 50)
    return {name: evaluate_policy(make_policy(name), env, seeds) for name in (*TRIVIAL, "pid-pursuit")}


def _inputs(driven: Records, early: str, late: str) -> GateInputs:
    completion = {name: sum(r.route_completion for r in driven[name]) / 50 for name in TRIVIAL}
    return GateInputs(10_000, driven[late], driven[early], completion, td_error=[1.0] * 10, q_value=[30.0] * 10)


@pytest.mark.parametrize("early", TRIVIAL)
@pytest.mark.parametrize("late", TRIVIAL)
def test_a_trivial_policy_does_not_proceed(driven: Records, early: str, late: str) -> None:
    assert judge(_inputs(driven, early, late), load_config().gate).verdict != "proceed"


def test_learning_to_drive_does(driven: Records) -> None:
    """The gate is not closed to everyone: from straight ahead to following the route."""
    assert judge(_inputs(driven, "straight", "pid-pursuit"), load_config().gate).verdict == "proceed"
