"""The verb with real runs: interrupted and killed it comes to the same end; what it will cost is told before."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from av_td3_system.cli import main
from av_td3_system.experiments.climb.plan import PLAN, record_plan
from av_td3_system.monitoring.json_lines import read_json_lines
from av_td3_system.monitoring.run_directory import RunDirectory
from tests.unit.experiments.climb.written_runs import GATE, plan
from tests.unit.training.small import SETTINGS

pytestmark = pytest.mark.slow

# Never better by a hundredfold, never worse: whatever is learned, the verdict is `extend` at 10K and at 20K.
UNDECIDED = ("gate.improvement=1000", "gate.halt_reward=-1e9", "gate.halt_td_error=1e9", "gate.halt_q_value=1e9")
STEPS = ("gate.baseline_step=30", "gate.rung_step=60", "gate.rung_100k_step=300", "gate.rung_1m_step=600")
FEW = ("gate.episodes=3", "gate.rung_episodes=3", "gate.bootstrap_samples=100")
BASE = [one for one in SETTINGS if not one.startswith(("run.max", "run.eval", "run.save", "evaluation.video"))]


def flags(out: Path, *more: str) -> list[str]:
    given = ["ladder", "--out", str(out), "--seeds", "1", "--to", "100K", "--no-contingencies", *more]
    return [*given, "--jobs", "1", "--set", *BASE, *UNDECIDED, *STEPS, *FEW]


def until(condition: Callable[[], bool], process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + 240
    while not condition():
        assert process.poll() is None and time.monotonic() < end, "it ended before that, or never comes to it"
        time.sleep(0.02)


def reached(out: Path, step: int) -> bool:
    lines = read_json_lines(out / "td3_seed_1" / "metrics.jsonl")
    return bool(lines) and lines[-1]["step"] >= step


def end(out: Path) -> dict[str, Any]:
    return json.loads((out / "td3_seed_1" / "results.json").read_text())


def verdicts(out: Path) -> list[tuple[Any, ...]]:
    lines = [line for line in read_json_lines(out / "climb.jsonl") if line["kind"] == "verdict"]
    return [(line["stage"], line["seed"], line["verdict"], line["step"]) for line in lines]


def test_stopped_and_killed_it_comes_to_the_same_end(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    assert main(flags(whole)) == 3, "undecided at 20K is no pass"
    said = capsys.readouterr()
    assert "| td3 seed 1 | **extend**" in said.out and "halted: a rung failed" in said.out
    assert (whole / "documents" / "10K_VALIDATION_RESULTS.md").is_file() and (whole / "LADDER.md").is_file()

    def start() -> subprocess.Popen[bytes]:
        return subprocess.Popen([sys.executable, "-m", "av_td3_system", *flags(broken)], stderr=subprocess.DEVNULL)

    stopped = start()
    until(lambda: reached(broken, 20), stopped)
    stopped.send_signal(signal.SIGTERM)
    assert stopped.wait() == 143
    killed = start()
    until(lambda: reached(broken, 70), killed)
    killed.kill()
    killed.wait()
    assert main(flags(broken)) == 3
    assert end(broken)["state_hash"] == end(whole)["state_hash"] and end(broken)["env_steps"] == 120
    assert verdicts(broken) == verdicts(whole) == [("10k", 1, "extend", 60), ("20k", 1, "extend", 120)]
    evaluated = [line["step"] for line in read_json_lines(broken / "td3_seed_1" / "evaluations.jsonl")]
    assert evaluated == [0, 0, 0, *range(15, 121, 15)], "trivial policies, then each evaluation once"


def test_what_it_will_cost_is_measured_and_nothing_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(flags(tmp_path / "none", "--dry-run", "--compare", "ddpg")) == 0
    said = capsys.readouterr().out
    assert "100k: to 300 timesteps, evaluated every 15, saved every 75" in said
    assert "| 100k | 2 | 240 | " in said and "timesteps a second" in said and "Disk at the top" in said
    assert not (tmp_path / "none").exists()


def test_a_folder_in_use_keeps_its_plan(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    record_plan(tmp_path, plan())
    before = (tmp_path / PLAN).read_text()
    with RunDirectory(tmp_path).lock():
        assert main(["ladder", "--out", str(tmp_path), "--seeds", "1", "2", "3", "4", "--set", *GATE]) == 2
    assert (tmp_path / PLAN).read_text() == before and "Traceback" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (("--to", "7K"), "--to is '7K'"),
        (("--jobs", "0"), "--jobs is 0"),
        (("--examination", "-1"), "--examination is -1"),
        (("--seeds", "-1"), "run.seed"),
        (("--compare", "td3"), "climbs already"),
        (("--set", "agent.gama=1"), "agent.gama"),
        (("--algo", "sac"), "sac"),
    ],
)
def test_what_cannot_be_climbed_is_refused_before_anything_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], more: tuple[str, ...], message: str
) -> None:
    assert main(["ladder", "--out", str(tmp_path / "none"), *more]) == 2
    error = capsys.readouterr().err
    assert message in error and "Traceback" not in error and not (tmp_path / "none").exists()
