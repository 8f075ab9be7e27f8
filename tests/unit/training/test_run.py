"""One run from its settings to its exit code."""

from __future__ import annotations

import json
import logging
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from av_td3_system.agents.baselines import TRIVIAL
from av_td3_system.config.errors import UserError
from av_td3_system.config.load import load_resolved
from av_td3_system.monitoring import names
from av_td3_system.monitoring.run_directory import RunDirectory
from av_td3_system.training.run import crowded, train
from tests.unit.training.small import lines_of, small, with_rule

COMMAND = "av-td3 train --log-dir 'my runs/first'"
SHORT = ("run.max_timesteps=12", "evaluation.episodes=1")


@pytest.fixture
def signalled() -> Iterator[None]:
    """The process is told to stop as soon as its run has a directory."""

    class Stopping(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if record.getMessage().startswith("run directory"):
                os.kill(os.getpid(), signal.SIGTERM)

    logger, handler = logging.getLogger("av_td3_system"), Stopping()
    logger.addHandler(handler)
    yield
    logger.removeHandler(handler)


def test_a_run_leaves_all_that_a_reader_expects_and_its_place_is_taken(tmp_path: Path) -> None:
    config = small(*SHORT, "run.eval_freq=6")
    directory = RunDirectory(tmp_path / "runs" / "first")
    assert train(config, directory.path, COMMAND) == 0
    assert load_resolved(directory.config) == config
    manifest = json.loads(directory.manifest.read_text())
    assert manifest["command"] == ["av-td3", "train", "--log-dir", "my runs/first"]
    assert (manifest["seed"], manifest["how"]) == (42, "completed") and manifest["ended"]
    kinds = [(line["kind"], line["step"]) for line in lines_of(directory.evaluations)]
    assert kinds == [*((name, 0) for name in TRIVIAL), ("validation", 6), ("validation", 12)]
    results = json.loads(directory.results_json.read_text())
    assert (results["ended"], results["env_steps"]) == ("completed", 12)
    for path in (directory.log, directory.metrics, directory.policy, directory.best_policy, directory.results_md):
        assert path.stat().st_size > 0
    before = directory.results_json.read_bytes()
    with pytest.raises(UserError, match="already holds a run"):
        train(config, directory.path, COMMAND)
    assert directory.results_json.read_bytes() == before


def test_a_place_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(UserError, match="cannot write"):
        train(small(), tmp_path / "file" / "run", COMMAND)
    assert (tmp_path / "file").read_text() == "x"


def test_a_missing_device_is_refused_before_anything_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(UserError, match="CUDA"):
        train(small("run.device=cuda"), tmp_path / "run", COMMAND)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(("load", "threads", "told"), [(1.9, 0, True), (0.4, 0, False), (1.9, 1, False)])
def test_a_busy_machine_is_said_to_be_one(
    monkeypatch: pytest.MonkeyPatch, load: float, threads: int, told: bool
) -> None:
    monkeypatch.setattr("os.getloadavg", lambda: (load, 0.0, 0.0))
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    monkeypatch.setattr("torch.get_num_threads", lambda: 2)
    advice = crowded(threads)
    assert (advice is not None) == told
    if advice is not None:
        assert "1.9" in advice and "--set run.threads=1" in advice


def test_a_halted_run_says_so_in_its_exit_code(tmp_path: Path) -> None:
    config = with_rule(small(*SHORT), names.SPEED, -1.0)
    assert train(config, tmp_path / "run", COMMAND) == 3
    assert json.loads((tmp_path / "run" / "manifest.json").read_text())["how"] == "halted"


def test_a_stopped_run_says_so_in_its_exit_code(tmp_path: Path, signalled: None) -> None:
    assert train(small(*SHORT), tmp_path / "run", COMMAND) == 143
    assert json.loads((tmp_path / "run" / "results.json").read_text())["ended"] == "interrupted"
    assert (tmp_path / "run" / "checkpoints" / "final.pt").is_file()


@pytest.mark.parametrize(
    "bad",
    [
        "environment.town=Nowhere",
        "camera.width=20",
        "environment.weathers=[Sunny]",
        "environment.route_length=[9e5,9e5]",
    ],
)
def test_what_is_refused_leaves_no_directory(tmp_path: Path, bad: str) -> None:
    with pytest.raises(UserError):
        train(small(*SHORT, bad), tmp_path / "run", COMMAND)
    assert not (tmp_path / "run").exists()
