"""What an agent of vectors cannot work with is refused in a sentence."""

from __future__ import annotations

import sys

import pytest

from av_td3_system.config.errors import UserError
from av_td3_system.environments.gymnasium_make import make_environment
from tests.unit.environments import tiny_envs

tiny_envs.register()


@pytest.mark.parametrize(
    ("name", "message", "hint"),
    [
        ("Hoper-v5", "there is no Gymnasium environment Hoper-v5", "did you mean Hopper-v5"),
        ("Hopper-v77", "there is no Gymnasium environment Hopper-v77", "Hopper-v5"),
        ("elsewhere/Task-v0", "there is no Gymnasium environment", "package:Name-v0"),
        ("no_such_module:Task-v0", "cannot be made: .*no_such_module", "install"),
        ("Tiny/Image-v0", r"images of shape \(8, 8, 3\)", "town"),
        ("Tiny/GreyImage-v0", r"images of shape \(8, 8\)", "town"),
        ("Tiny/Parts-v0", "observes a Dict, but must observe a Box", "vector"),
        ("AvTd3/Town-v0", "observes a Dict", "vector"),
        ("Tiny/Choice-v0", "takes a Discrete action", "real"),
        ("CartPole-v1", "takes a Discrete action", "real"),
        ("Tiny/Endless-v0", "without finite bounds", "RescaleAction"),
        ("Tiny/Empty-v0", "without numbers", ""),
    ],
)
def test_refusals_name_the_environment_and_a_way_out(name: str, message: str, hint: str) -> None:
    with pytest.raises(UserError, match=message) as refused:
        make_environment(name)
    assert hint in refused.value.hint and "\n" not in refused.value.message


def test_a_missing_simulator_is_told_with_the_extra_that_brings_it(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in [name for name in sys.modules if name.startswith("gymnasium.envs.mujoco")]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, "mujoco", None)
    with pytest.raises(UserError, match=r"^Hopper-v5 needs a package that is not installed: MuJoCo") as refused:
        make_environment("Hopper-v5")
    assert ".[gym]" in refused.value.hint


def test_mujocos_tasks_are_made_where_it_is_installed() -> None:
    pytest.importorskip("mujoco", reason="needs MuJoCo: pip install -e '.[gym]'")
    env = make_environment("Hopper-v5")
    assert env.observation_space.shape == (11,) and env.action_space.shape == (3,)
    env.close()
