"""Two runs, trained for some decisions, beside scripted drivers through the same episodes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from av_td3_system.cli import main
from av_td3_system.config.load import load_config
from av_td3_system.evaluation.compare_command import BASELINES
from av_td3_system.training.run import train
from tests.unit.training.small import small

GRID = ["--scenarios", "0", "--towns", "TownA", "--weathers", "ClearNoon", "--routes", "2", "--num-envs", "2"]


def test_runs_of_both_algorithms_are_compared_and_interruptions_cost_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # Episodes are over soon: whoever stands for a second is stuck.
    length = f"environment.route_length={list(load_config().environment.route_length)}"
    quick = ("run.max_timesteps=30", "run.eval_freq=15", "evaluation.episodes=1", "environment.stuck_time=1.0", length)
    for algo in ("td3", "ddpg"):
        train(small(*quick, f"run.algo={algo}"), tmp_path / algo, "av-td3 train")
    capsys.readouterr()
    targets = [str(tmp_path / "td3"), f"mine={tmp_path / 'ddpg'}", "idm-mobil", "--no-baselines"]
    out = tmp_path / "compared"
    assert main(["compare", *targets, "--out", str(out), *GRID]) == 0
    text = capsys.readouterr().out
    assert [line.split("|")[1].strip() for line in text.splitlines()[2:5]] == ["TD3", "mine", "idm-mobil"]
    assert {path.name for path in out.iterdir() if path.is_dir()} == {"TD3-0", "mine-0", "idm-mobil"}
    lines = (out / "TD3-0" / "episodes.jsonl").read_bytes()
    (out / "idm-mobil" / "episodes.jsonl").write_bytes(b"")
    assert main(["compare", *targets, "--out", str(out), *GRID]) == 0
    assert capsys.readouterr().out == text, "what was missing is driven again, to the same end"
    assert (out / "TD3-0" / "episodes.jsonl").read_bytes() == lines
    asked = json.loads((out / "idm-mobil" / "evaluation.json").read_text())
    assert asked["trained_in"]["scenario"] == 0


def test_what_cannot_be_compared_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = ["--out", str(tmp_path / "out")]
    for targets, words in (
        (["idm-mobil"], "needs at least one run"),
        ([str(tmp_path / "nothing")], "does not exist"),
        (["idm-mobil", "idm-mobil"], "given twice"),
    ):
        assert main(["compare", *targets, *out]) == 2
        assert words in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
    assert BASELINES[0] == "privileged" and "idm-mobil" in BASELINES
