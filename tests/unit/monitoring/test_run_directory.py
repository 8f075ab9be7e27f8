"""The run directory: default names, refusals, `latest`, the lock."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from av_td3_system.config.errors import UserError
from av_td3_system.monitoring.run_directory import RunDirectory

ROOT = Path(__file__).resolve().parents[3]


def _create(path: Path | None, root: Path) -> RunDirectory:
    return RunDirectory.create(path, algo="td3", scenario=1, seed=42, root=root)


def test_names_are_those_of_the_contract(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path)
    named = {value for key in dir(RunDirectory) if isinstance(value := getattr(run, key), Path)} - {tmp_path}
    assert {path.name for path in named} == {
        "manifest.json", "config.yaml", "train.log", "metrics.jsonl", "episodes.jsonl", "events.jsonl", "checkpoints",
        "evaluations.jsonl", "videos", "policy.safetensors", "best_policy.safetensors", "results.json", "RESULTS.md",
        "replay", "remedies.json", "initial.pt",
    }  # fmt: skip
    assert all(path.parent == tmp_path for path in named)


def test_default_names_and_latest(tmp_path: Path) -> None:
    root = tmp_path / "runs"
    first, second = _create(None, root), _create(None, root)
    assert re.fullmatch(r"td3_scenario1_seed42_\d{8}-\d{6}", first.path.name)
    assert first.path != second.path
    assert first.checkpoints.is_dir()
    assert first.videos.is_dir()
    assert not first.is_used
    assert (root / "latest").resolve() == second.path.resolve()
    assert not Path(os.readlink(root / "latest")).is_absolute()  # the folder may be moved
    assert {path.name for path in root.iterdir()} == {first.path.name, second.path.name, "latest"}


def test_a_given_place_is_used_and_latest_left_alone(tmp_path: Path) -> None:
    run = _create(tmp_path / "logs" / "TD3_10k", tmp_path / "runs")
    assert run.path == tmp_path / "logs" / "TD3_10k"
    assert not (tmp_path / "runs").exists()
    _create(tmp_path / "runs" / "mine", tmp_path / "runs")
    assert (tmp_path / "runs" / "latest").resolve() == (tmp_path / "runs" / "mine").resolve()


@pytest.mark.parametrize(
    "trace", ["manifest.json", "metrics.jsonl", "initial.pt", "events.out.tfevents.1.host.2.0", "checkpoints/td3_1k.pt"]
)
def test_a_used_directory_is_refused(tmp_path: Path, trace: str) -> None:
    run = _create(tmp_path / "run", tmp_path)
    (run.path / trace).write_text("x")
    with pytest.raises(UserError, match="already holds a run") as error:
        _create(run.path, tmp_path)
    assert "--log-dir" in error.value.hint


def test_an_empty_directory_or_one_with_other_files_is_taken(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "notes.txt").write_text("x")
    assert _create(tmp_path / "run", tmp_path).checkpoints.is_dir()


def test_places_that_cannot_be_written_are_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    for place in (tmp_path / "file", tmp_path / "file" / "run", Path("/proc/run")):
        with pytest.raises(UserError, match="cannot write"):
            _create(place, tmp_path)


def test_open(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="not a run directory"):
        RunDirectory.open(tmp_path)
    (tmp_path / "manifest.json").write_text("{}")
    assert RunDirectory.open(tmp_path).path == tmp_path


def test_a_folder_named_latest_is_no_hindrance(tmp_path: Path) -> None:
    (tmp_path / "latest" / "x").mkdir(parents=True)
    run = _create(None, tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"latest", run.path.name}


_HOLDER = """
import sys, time
from pathlib import Path
from av_td3_system.monitoring.run_directory import RunDirectory
with RunDirectory(Path(sys.argv[1])).lock():
    print("held", flush=True)
    time.sleep(60)
"""


def test_two_processes_cannot_train_in_one_directory(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path)
    holder = subprocess.Popen(
        [sys.executable, "-c", _HOLDER, str(tmp_path)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    with pytest.raises(UserError, match="another process"), run.lock():
        pass
    holder.kill()
    holder.wait(timeout=10)
    holder.stdout.close()
    with run.lock():  # a killed process holds nothing
        pass
