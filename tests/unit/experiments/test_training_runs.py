"""Runs as processes: made once, gone on with, stopped together."""

from __future__ import annotations

import os
import signal
import threading
import time
from pathlib import Path

import pytest

from av_td3_system.experiments.training_runs import Interrupted, Wanted, log_of, make_runs
from av_td3_system.monitoring.json_lines import read_json_lines
from av_td3_system.reporting.run_files import how_it_ended
from tests.unit.training.small import SETTINGS

pytestmark = pytest.mark.slow


def wanted(directory: Path, *settings: str, timesteps: int = 60, seed: int = 1) -> Wanted:
    flags = ("--seed", str(seed), "--max-timesteps", str(timesteps), "--eval-freq", "30", "--set")
    return Wanted(directory, (*flags, *SETTINGS, "evaluation.episodes=1", *settings), timesteps)


def test_what_is_missing_is_made_and_nothing_else(tmp_path: Path) -> None:
    runs = [wanted(tmp_path / f"seed{seed}", seed=seed) for seed in (1, 2)]
    broken = wanted(tmp_path / "broken", "agent.gamma=2")
    assert make_runs([*runs, broken], jobs=2) == [broken.directory]
    assert "agent.gamma" in log_of(broken.directory).read_text(), "what went wrong can be read"
    assert [how_it_ended(run.directory) for run in runs] == ["completed", "completed"]
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("seed*/*")}
    assert make_runs(runs, jobs=2) == []
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("seed*/*")} == before


def test_a_signal_stops_all_runs_and_the_next_call_goes_on(tmp_path: Path) -> None:
    runs = [wanted(tmp_path / f"seed{seed}", seed=seed, timesteps=1200) for seed in (1, 2, 3)]

    def stop() -> None:
        while not any(len(read_json_lines(run.directory / "metrics.jsonl")) > 3 for run in runs):
            time.sleep(0.05)
        os.kill(os.getpid(), signal.SIGTERM)

    stopper = threading.Thread(target=stop, daemon=True)
    stopper.start()
    with pytest.raises(Interrupted) as stopped:
        make_runs(runs, jobs=2)
    stopper.join()
    assert stopped.value.code == 143
    assert not runs[2].directory.exists(), "nothing is begun after a signal"
    begun = [run for run in runs[:2] if how_it_ended(run.directory) == "interrupted"]
    assert begun
    reached = int(read_json_lines(begun[0].directory / "events.jsonl")[-1]["step"])
    resumed = [wanted(run.directory, timesteps=1200) for run in begun]
    assert make_runs(resumed, jobs=2) == []
    assert how_it_ended(begun[0].directory) == "completed"
    assert reached < 1200
    steps = [line["step"] for line in read_json_lines(begun[0].directory / "evaluations.jsonl")]
    assert steps == sorted(steps), "it went on, and did not begin anew"
