"""Event files that TensorBoard reads: one curve after any number of resumes, kills included."""

from __future__ import annotations

import glob
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from tensorboard.backend.event_processing import event_accumulator, plugin_event_accumulator

from av_td3_system.monitoring import names
from av_td3_system.monitoring.event_file import EventFile

ROOT = Path(__file__).resolve().parents[3]
TAG = names.EPISODE_REWARD


def _write(directory: Path, steps: range, sign: int = 1, resume_step: int | None = None) -> None:
    events = EventFile(directory, resume_step)
    for step in steps:
        events.add_scalars(step, {TAG: float(sign * step), names.Q_VALUE: 1.0})
    events.close()


def _curve(path: Path | str) -> list[tuple[int, float]]:
    accumulator = event_accumulator.EventAccumulator(str(path))
    accumulator.Reload()
    return [(event.step, event.value) for event in accumulator.Scalars(TAG)]


def test_scalars_are_readable_at_once(tmp_path: Path) -> None:
    events = EventFile(tmp_path)
    events.add_scalars(100, {TAG: 1.5})
    assert _curve(tmp_path) == [(100, 1.5)]
    events.add_scalars(200, {TAG: float("nan")})
    assert np.isnan(_curve(tmp_path)[-1][1])


def test_resumes_make_one_curve_for_folder_and_file_readers(tmp_path: Path) -> None:
    _write(tmp_path, range(0, 100, 10))
    _write(tmp_path, range(60, 120, 10), sign=-1, resume_step=50)  # back to 50
    _write(tmp_path, range(120, 150, 10), resume_step=110)  # nothing lost
    expected = [(s, s) for s in range(0, 60, 10)] + [(s, -s) for s in range(60, 120, 10)]
    expected += [(s, s) for s in range(120, 150, 10)]
    assert _curve(tmp_path) == expected
    (path,) = tmp_path.glob("events.out.tfevents.*")
    assert _curve(path) == expected
    for place in (tmp_path, path):  # the accumulator behind `tensorboard --load_fast=false`
        accumulator = plugin_event_accumulator.EventAccumulator(str(place))
        accumulator.Reload()
        assert [event.step for event in accumulator.Tensors(TAG)] == [step for step, _ in expected]


def test_the_action_plans_snippet_reads_the_whole_run(tmp_path: Path) -> None:
    """As in the plan, but for the pattern: `EventAccumulator` takes a path and expands no pattern."""
    run = tmp_path / "TD3_10k_validation_20250121-120000"
    _write(run, range(0, 100, 10))
    _write(run, range(60, 200, 10), resume_step=50)
    pattern = str(tmp_path / "TD3_10k_validation_*/events.out.tfevents.*")
    with pytest.raises(Exception, match="does not point to valid Events file"):
        event_accumulator.EventAccumulator(pattern)
    ea = event_accumulator.EventAccumulator(glob.glob(pattern)[0])
    ea.Reload()
    rewards = [e.value for e in ea.Scalars("train/episode_reward")]
    assert rewards == list(range(0, 200, 10))
    assert f"{np.mean(rewards[-10:]):.2f}" == "145.00"


def test_a_torn_record_does_not_hide_what_follows(tmp_path: Path) -> None:
    _write(tmp_path, range(0, 50, 10))
    (path,) = tmp_path.iterdir()
    whole = path.read_bytes()
    for cut in (1, 3, 20, 70):
        path.write_bytes(whole[:-cut])
        _write(tmp_path, range(50, 70, 10), resume_step=30)
        assert _curve(path) == [(s, s) for s in (0, 10, 20, 30, 50, 60)]


_WRITER = """
import sys
from pathlib import Path
from av_td3_system.monitoring.event_file import EventFile
events = EventFile(Path(sys.argv[1]))
for step in range(10**9):
    events.add_scalars(step, {"train/episode_reward": float(step)})
    if step == 20:
        print("writing", flush=True)
"""


def test_a_killed_writer_can_be_followed_by_another(tmp_path: Path) -> None:
    writer = subprocess.Popen(
        [sys.executable, "-c", _WRITER, str(tmp_path)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert writer.stdout is not None
    assert writer.stdout.readline() == "writing\n"
    time.sleep(0.05)
    writer.send_signal(signal.SIGKILL)
    writer.wait(timeout=10)
    writer.stdout.close()
    _write(tmp_path, range(11, 13), resume_step=10)
    assert _curve(tmp_path) == [(s, s) for s in range(13)]
