"""Progress: plain lines in a pipe, a bar on a terminal."""

from __future__ import annotations

import contextlib
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from av_td3_system.monitoring.progress import Progress, format_duration

ROOT = Path(__file__).resolve().parents[3]


class _Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_pipe_gets_a_line_every_ten_seconds(capsys: pytest.CaptureFixture[str]) -> None:
    clock = _Clock()
    with Progress(10_000, clock=clock) as progress:
        for step in range(0, 2500, 10):  # 100 steps a second
            clock.now = step / 100
            progress.update(step, "LEARNING")
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines() == [
        "progress step 1000/10000 10.0% rate 100 steps/s left 1:30 LEARNING",
        "progress step 2000/10000 20.0% rate 100 steps/s left 1:20 LEARNING",
    ]
    assert "\r" not in err


def test_the_rate_of_a_resumed_run_leaves_out_what_was_done_before(capsys: pytest.CaptureFixture[str]) -> None:
    clock = _Clock()
    progress = Progress(10_000, start=9000, clock=clock)
    for second in range(1, 11):
        clock.now = float(second)
        progress.update(9000 + 50 * second)
    assert capsys.readouterr().err == "progress step 9500/10000 95.0% rate 50 steps/s left 0:10\n"


def test_the_rate_forgets_a_pause(capsys: pytest.CaptureFixture[str]) -> None:
    clock = _Clock()
    progress = Progress(100_000, clock=clock)
    step = 0
    for second in [*range(1, 20), *range(1000, 1100)]:
        clock.now = float(second)
        step += 100
        progress.update(step)
    assert "rate 100 steps/s" in capsys.readouterr().err.splitlines()[-1]


def test_a_rate_that_is_measured_anew_forgets_what_was(capsys: pytest.CaptureFixture[str]) -> None:
    clock = _Clock()
    progress = Progress(10_000, clock=clock)
    clock.now = 5.0
    progress.update(1000)
    progress.restart(1000)
    clock.now = 15.0
    progress.update(1100)
    assert "rate 10 steps/s left 14:50" in capsys.readouterr().err.splitlines()[-1]


def test_a_long_evaluation_does_not_pass_for_a_standstill(capsys: pytest.CaptureFixture[str]) -> None:
    clock = _Clock()
    progress = Progress(10_000, clock=clock)
    for second in [*range(1, 101), 200]:
        clock.now = float(second)
        progress.update(50 * min(second, 100))
    # 200 of the 10,000 timesteps took the last 4 s of learning and 100 s of evaluation.
    assert "rate 2 steps/s" in capsys.readouterr().err.splitlines()[-1]


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0:00"), (59.6, "1:00"), (123, "2:03"), (3723, "1:02:03"), (-1, "0:00")]
)
def test_durations(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text


_BAR = """
import time
from av_td3_system.monitoring.progress import Progress
from av_td3_system.monitoring.run_log import RunLog
with RunLog(None) as log, Progress(1000) as progress:
    for step in range(0, 1000, 100):
        progress.update(step, "LEARNING")
        time.sleep(0.1)
        log.info(f"line {step}")
"""


def test_a_terminal_gets_a_bar_and_whole_log_lines_above_it() -> None:
    reader, writer = pty.openpty()
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "120"}
    subprocess.run([sys.executable, "-c", _BAR], cwd=ROOT, stderr=writer, env=environment, check=True)
    os.close(writer)
    shown = ""
    with contextlib.suppress(OSError):  # the end of a terminal nobody writes to any more
        while part := os.read(reader, 4096):
            shown += part.decode(errors="replace")
    os.close(reader)
    assert "steps/s" in shown
    assert "LEARNING" in shown
    assert "\x1b[?25l" in shown  # a live display, that hid the cursor
    assert all(f"line {step}" in shown for step in range(0, 1000, 100))
