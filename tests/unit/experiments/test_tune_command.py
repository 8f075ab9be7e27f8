"""The verb, with real runs: interrupted, killed, gone on with, refused."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from av_td3_system.cli import main
from av_td3_system.config.load import load_config, load_resolved
from av_td3_system.experiments.training_runs import Interrupted
from av_td3_system.experiments.tune_command import run_tuning, tune
from av_td3_system.monitoring.json_lines import read_json_lines
from av_td3_system.reporting.run_files import how_it_ended
from tests.unit.experiments.test_tuning_plan import SMALL
from tests.unit.experiments.written_trials import Writer
from tests.unit.training.small import SETTINGS

HALTS = "guards.rules.test_rule={metric: train/td_error, threshold: 1e6, unit: none, severity: halt}"
BASE = [one for one in SETTINGS if not one.startswith(("run.max", "run.eval", "run.save", "evaluation.e"))]
SPACE = ["--space", "agent.actor_lr+agent.critic_lr=1e-4", "guards.rules.test_rule.threshold=1e5,-1e5"]
SHORT = ["--rungs", "20", "40", "--reduction", "2", "--episodes", "2", "--jobs", "2"]


def until(condition: Callable[[], bool], process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + 240
    while not condition():
        assert process.poll() is None and time.monotonic() < end, "it ended before that, or never comes to it"
        time.sleep(0.05)


@pytest.mark.slow
def test_stopped_and_killed_it_comes_to_its_end_and_nothing_is_trained_twice(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "tuning"
    flags = ["tune", "--out", str(out), *SPACE, *SHORT, "--json", "--set", *BASE, HALTS]

    def start() -> subprocess.Popen[bytes]:
        return subprocess.Popen([sys.executable, "-m", "av_td3_system", *flags], stderr=subprocess.DEVNULL)

    stopped = start()
    until(lambda: any(out.glob("trial*/metrics.jsonl")), stopped)
    stopped.send_signal(signal.SIGTERM)
    assert stopped.wait() == 143
    assert {how_it_ended(run) for run in out.glob("trial*-seed42")} <= {"interrupted", "completed", None}
    killed = start()
    until(lambda: any(how_it_ended(run) == "completed" for run in out.glob("trial*-seed42")), killed)
    killed.kill()
    killed.wait()
    assert main(flags) == 0

    found = json.loads(capsys.readouterr().out)
    base, sound, halting = sorted(found["trials"], key=lambda row: row["trial"])
    assert [row["state"] for row in (base, sound, halting)] == ["completed", "completed", "failed"]
    assert (base["rung"], sound["rung"], halting["rung"]) == (40, 40, None)
    assert "trial002-seed42 halted" in halting["reason"] and found["tried"] == 2
    for trial in (0, 1):
        lines = read_json_lines(out / f"trial00{trial}-seed42" / "evaluations.jsonl")
        assert [line["step"] for line in lines if line["kind"] == "validation"] == [20, 40]
    assert load_resolved(out / "trial001-seed42" / "config.yaml").agent.actor_lr == 1e-4

    chosen = load_config(files=[out / "best.yaml"], overrides=[*BASE, HALTS])
    assert chosen.agent.actor_lr == (1e-4 if found["best"] == 1 else 1e-3)
    assert "2 settings were tried" in (out / "best.yaml").read_text()
    before = {path: path.stat().st_mtime_ns for path in out.glob("trial*/**/*")}
    assert main(flags) == 0
    assert {path: path.stat().st_mtime_ns for path in out.glob("trial*/**/*")} == before

    straight = ["train", "--log-dir", str(tmp_path / "straight"), "--max-timesteps", "40", "--eval-freq", "40"]
    straight += ["--set", *BASE, HALTS, "agent.actor_lr=1e-4", "agent.critic_lr=1e-4", "evaluation.episodes=2"]
    assert subprocess.run([sys.executable, "-m", "av_td3_system", *straight], capture_output=True).returncode == 0
    whole, by_rungs = (
        load_file(run / "policy.safetensors") for run in (tmp_path / "straight", out / "trial001-seed42")
    )
    assert whole.keys() == by_rungs.keys()
    assert all(np.array_equal(whole[name], by_rungs[name]) for name in whole), "exactly as without a stop"


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--rungs", "40", "20"], "ascending order"),
        (["--space", "agent.gamma="], "axis is empty"),
        (["--space", "agent.gamma=0.9,2"], "agent.gamma=2"),
        (["--space", "agent.gama=0.9"], "unknown setting agent.gama"),
        (["--jobs", "0"], "--jobs is 0"),
        (["--set", "agent.gamma=2"], "agent.gamma"),
    ],
)
def test_what_cannot_be_tuned_is_refused_before_anything_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], flags: list[str], words: str
) -> None:
    assert main(["tune", "--out", str(tmp_path / "out"), *flags]) == 2
    assert words in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_dry_run_says_what_it_would_cost(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    flags = ["tune", "--out", str(tmp_path / "out"), "--dry-run", "--space", "agent.tau=0.1,0.2,0.3"]
    assert main([*flags, "--seeds", "1", "2"]) == 0
    text = capsys.readouterr().out
    assert "| 2500 | 4 | 20000 | 8 |" in text and "| all | 4 | 50000 | 16 |" in text
    assert "16" in text and "800 in all" in text and "agent.tau=0.3" in text
    assert main([*flags, "--json"]) == 0
    plain = json.loads(capsys.readouterr().out)
    assert plain["entering"] == [4, 2, 2] and plain["timesteps"] == 4 * 2500 + 2 * 2500 + 2 * 5000
    assert not (tmp_path / "out").exists()


def test_python_takes_overrides_and_any_way_to_make_runs(tmp_path: Path) -> None:
    result = run_tuning(tmp_path / "out", SMALL, make=Writer(lambda trial, seed, rung: 100.0 * trial))
    assert result.better and result.overrides == ("agent.batch_size=64", "agent.tau=0.02")
    assert json.loads((tmp_path / "out" / "results.json").read_text())["best"] == 3
    assert load_config(files=[result.preset]) == load_config(overrides=result.overrides)
    assert (tmp_path / "out" / "TUNING.md").read_text().startswith("| trial |")


def test_a_signal_between_two_rounds_is_an_interruption(tmp_path: Path) -> None:
    def signalled(wanted: object, note: str) -> None:
        os.kill(os.getpid(), signal.SIGTERM)

    with pytest.raises(Interrupted) as stopped:
        run_tuning(tmp_path, SMALL, make=signalled)
    assert stopped.value.code == 143


def test_where_nothing_can_be_trained_the_verb_fails_and_goes_on_later(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from av_td3_system.experiments import tune_command

    monkeypatch.setattr(tune_command, "make_runs", lambda wanted, jobs, note: Writer(lambda *_: "lost")(wanted, note))
    assert tune(tmp_path, SMALL) == 3
    assert "no run came to an end" in capsys.readouterr().err
    monkeypatch.setattr(tune_command, "make_runs", lambda wanted, jobs, note: Writer(lambda *_: 1.0)(wanted, note))
    assert tune(tmp_path, SMALL) == 0
    assert capsys.readouterr().out.startswith("| trial |")
