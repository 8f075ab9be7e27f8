"""Settings that experiments turn: each trains, is evaluated and judged, and its policy drives again from its file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from av_td3_system.config.errors import UserError
from av_td3_system.evaluation.command import run_evaluate
from av_td3_system.training.run import train
from tests.unit.training.small import lines_of, small

SHORT = ("run.max_timesteps=60", "run.eval_freq=30", "evaluation.episodes=2", "environment.blank_image=false")
IMAGE = (
    "network.critic_input=image",
    "network.critic_way=false",
    "agent.perception_weight=0",
    "agent.target_action=computed",
)


@pytest.mark.parametrize(
    "settings",
    [
        ("environment.navigation=command",),
        ("environment.navigation=command", *IMAGE),
        ("network.critic_way=true", "reward.right_of_way=20"),
        ("network.critic_way=true", "environment.navigation=command"),
        ("environment.action_repeat=1",),
        ("environment.action_repeat=4", "agent.n_step=5"),
        ("camera.fov=70", "camera.frame_interval=1"),
        ("camera.fov=130", "camera.frame_interval=5"),
        ("network.random_shift=4", "network.head_layer_norm=true"),
        ("agent.policy_average=0.1", "agent.bfloat16=true"),
        (*IMAGE, "network.shared_encoder=true", "network.random_shift=2"),
        (*IMAGE, "network.shared_encoder=false", "network.head_layer_norm=true"),
    ],
    ids=lambda settings: " ".join(settings),
)
def test_a_setting_trains_and_its_policy_is_evaluated(
    tmp_path: Path, settings: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    assert train(small(*SHORT, *settings), run, "av-td3 train") in (0, 3)  # the gate may halt so short a run
    assert json.loads((run / "results.json").read_text())["ended"] == "completed"
    validations = [line for line in lines_of(run / "evaluations.jsonl") if line["kind"] == "validation"]
    assert [line["step"] for line in validations] == [30, 60]
    capsys.readouterr()
    assert run_evaluate(str(run), episodes=2, split="validation", as_json=True) == 0
    told = json.loads(capsys.readouterr().out)
    best = max(validations, key=lambda line: line["summary"]["episode_reward"])
    assert told["summary"]["episode_reward"] == pytest.approx(best["summary"]["episode_reward"], rel=1e-3, abs=1e-3)
    other = "waypoints" if "environment.navigation=command" in settings else "command"
    with pytest.raises(UserError, match=f"gives {other}"):
        run_evaluate(str(run), overrides=[f"environment.navigation={other}"])
