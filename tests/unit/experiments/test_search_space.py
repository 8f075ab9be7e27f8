"""Axes as text, and what is refused."""

from __future__ import annotations

import pytest

from av_td3_system.config.errors import UserError
from av_td3_system.config.load import load_config
from av_td3_system.experiments.search_space import GRID_OF_THE_PLAN, grid, parse_space, settings_of


def test_the_plan_grid_has_27_settings_that_can_be_run() -> None:
    axes = parse_space(GRID_OF_THE_PLAN)
    points = grid(axes)
    assert len(points) == 27
    config = load_config(overrides=settings_of(axes, points[-1]))
    assert (config.agent.actor_lr, config.agent.critic_lr) == (1e-3, 1e-3)
    assert (config.agent.exploration_noise, config.agent.batch_size) == (0.2, 512)


def test_values_are_yaml_and_tied_settings_share_them() -> None:
    lists, text = parse_space(["network.hidden=[64],[64, 64]", "agent.critic_loss=mse,huber"])
    assert lists.values == ([64], [64, 64]) and text.settings("huber") == ('agent.critic_loss="huber"',)
    (tied,) = parse_space(["agent.actor_lr + agent.critic_lr=1e-5"])
    assert tied.name == "agent.actor_lr+agent.critic_lr"
    assert load_config(overrides=tied.settings(1e-5)).agent.critic_lr == 1e-5
    (nothing,) = parse_space(["agent.gradient_clip=null,10"])
    assert load_config(overrides=nothing.settings(None)).agent.gradient_clip is None


@pytest.mark.parametrize(
    ("space", "words"),
    [
        ((), "holds no axis"),
        (("agent.gamma",), "not of the form"),
        (("agent.gamma+=0.9",), "not of the form"),
        (("agent.gamma=",), "is empty"),
        (("agent.gamma=0.9,,0.8",), "no list of values"),
        (("agent.gamma=0.9,",), "no list of values"),
        (("agent.gamma=0.9]",), "no list of values"),
        (("agent.batch_size=64,64.0",), "64 twice"),
        (("agent.gamma=.nan",), "no setting has"),
        (("agent.gamma=0.9", "agent.tau+agent.gamma=0.01"), "gives agent.gamma twice"),
        (("reward.approach=1,2",), "judged by it"),
        (("run.seed=1,2",), "tuning gives it"),
        (("agent.batch_size=" + ",".join(map(str, range(2, 1003))),), "1001 combinations"),
    ],
)
def test_refused(space: tuple[str, ...], words: str) -> None:
    with pytest.raises(UserError, match=words):
        parse_space(space)
