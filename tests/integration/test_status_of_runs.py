"""The daily checklist on runs that really were killed, halted and resumed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from av_td3_system.monitoring import names
from av_td3_system.reporting.status import run_status
from av_td3_system.training.learner import Learner
from av_td3_system.training.resume import resume
from av_td3_system.training.run import train
from tests.unit.training.small import small, with_rule

LENGTH = ("run.max_timesteps=60", "run.eval_freq=30", "run.save_freq=20", "evaluation.episodes=2")
COMMAND = "av-td3 train"


class Killed(BaseException):
    """Stands for a kill: nothing is caught, nothing is saved after it."""


def status(run: Path, capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    capsys.readouterr()
    code = run_status(run, as_json=True)
    said: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert code == (0 if said["ok"] else 3)
    return said


def test_a_run_from_its_first_line_over_a_kill_to_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run, act, seen = tmp_path / "run", Learner.act, []

    def watched(self: Learner, observation: Any, exploring: bool) -> Any:
        seen.append(status(run, capsys))
        if len(seen) == 15:
            raise Killed
        return act(self, observation, exploring)

    with monkeypatch.context() as patched:
        patched.setattr(Learner, "act", watched)
        with pytest.raises(Killed):
            train(small(*LENGTH), run, COMMAND)
    assert all(said["ok"] and said["liveness"]["alive"] for said in seen), "alive and well at every decision"
    assert (seen[0]["step"], seen[0]["phase"]) == (0, "EXPLORATION")
    assert (seen[-1]["step"], seen[-1]["phase"]) == (42, "LEARNING")
    assert seen[-1]["evaluations"]["last"]["step"] == 30
    said = status(run, capsys)
    assert [line["name"] for line in said["wrong"]] == ["killed"]
    assert said["wrong"][0]["following"] == f"av-td3 train --resume {run}"
    assert resume(run, [], {}, f"{COMMAND} --resume") == 0
    said = status(run, capsys)
    assert (said["ok"], said["ended"], said["step"], said["resumes"]) == (True, "completed", 60, 1)


def test_a_halted_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = tmp_path / "run"
    assert train(with_rule(small(*LENGTH), names.SPEED, -1.0), run, COMMAND) == 3
    said = status(run, capsys)
    assert [line["name"] for line in said["wrong"]] == ["halted", "alert_test_rule"]
    assert (said["alerts_in_all"], said["alerts"][0]["severity"], said["alerts"][0]["threshold"]) == (1, "halt", -1.0)
