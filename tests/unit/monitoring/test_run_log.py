"""The log's lines are those that the action plan greps for."""

from __future__ import annotations

import logging
import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import pytest

from av_td3_system.config.schema import GuardConfig
from av_td3_system.monitoring import names
from av_td3_system.monitoring.guards import Guards
from av_td3_system.monitoring.run_log import EXPLORATION, LEARNING, RunLog, phase_of

ROOT = Path(__file__).resolve().parents[3]
_STAMP = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d "
_RECORD = {
    "episode_reward": 512.345,
    "length": 480,
    "outcome": "goal_reached",
    "route_completion": 1.0,
    "reward_terms": {"efficiency": -1.5, "lane_keeping": -2.0, "comfort": -0.25, "safety": 0.0, "progress": 516.095},
}


def _grep(pattern: str, path: Path) -> list[str]:
    done = subprocess.run(["grep", "-E", pattern, path], capture_output=True, text=True)
    return done.stdout.splitlines()


def test_lines_of_the_plan(tmp_path: Path) -> None:
    path = tmp_path / "train.log"
    (alert,) = (
        a for _ in range(5) for a in Guards(GuardConfig()).check(0, {names.CRITIC_LOSS: float("nan")}) if _ == 0
    )
    with RunLog(path) as log:
        log.interval(1000, phase_of(1000, 1000), {names.STEPS_PER_SECOND: 512.25})
        log.phase(1001, LEARNING)
        log.interval(1500, phase_of(1500, 1000), {names.EPISODE_REWARD: 75.67, names.Q_VALUE: 33.2})
        log.episode(12, 1800, LEARNING, _RECORD)
        log.alert(alert)
        log.warning("No improvement")
        logging.getLogger("av_td3_system.checkpointing.store").info("Saved checkpoint: x/td3_2.5k.pt")
    lines = path.read_text().splitlines()
    assert [re.sub("^" + _STAMP, "", line) for line in lines] == [
        "step 1000 EXPLORATION steps_per_second=512.2",
        "step 1001 LEARNING phase begins",
        "step 1500 LEARNING episode_reward=75.67 q_value=33.2",
        "Episode 12 step 1800 LEARNING reward 512.35 length 480 outcome goal_reached route_completion 1.00",
        "reward_components efficiency_reward=-1.500 lane_keeping_reward=-2.000 comfort_penalty=-0.250"
        " safety_penalty=0.000 progress_reward=516.095 episode=12 step=1800",
        f"[ALERT] {alert.message}",
        "[WARNING] No improvement",
        "Saved checkpoint: x/td3_2.5k.pt",
    ]
    assert all(re.match(_STAMP, line) for line in lines)
    assert len(_grep("EXPLORATION|LEARNING", path)) == 4
    assert len(_grep("ALERT|WARNING|Episode|reward", path)) == 5
    assert len(_grep("reward_components|efficiency_reward|safety_penalty|comfort_penalty", path)) == 1


def test_phase_changes_after_the_last_warm_up_step() -> None:
    assert [phase_of(step, 1000) for step in (1, 1000, 1001)] == [EXPLORATION, EXPLORATION, LEARNING]


def test_a_resumed_run_appends(tmp_path: Path) -> None:
    for text in ("first", "second"):
        with RunLog(tmp_path / "train.log") as log:
            log.info(text)
    assert [line.split()[-1] for line in (tmp_path / "train.log").read_text().splitlines()] == ["first", "second"]


@pytest.mark.parametrize("debug", [True, False])
def test_debug_lines_are_shown_when_asked_for(tmp_path: Path, debug: bool) -> None:
    with RunLog(tmp_path / "train.log", debug=debug):
        logging.getLogger("av_td3_system.agents").debug("dead units 3")
    assert ("dead units" in (tmp_path / "train.log").read_text()) is debug


def test_leaving_restores_the_logger() -> None:
    logger = logging.getLogger("av_td3_system")
    before = (logger.level, logger.propagate, list(logger.handlers))
    with RunLog(None):
        assert logger.handlers
    assert (logger.level, logger.propagate, list(logger.handlers)) == before


_PRINTER = """
from av_td3_system.monitoring.run_log import RunLog
with RunLog(None) as log:
    log.warning("careful")
"""


def _on_terminal(**environment: str) -> str:
    """What a terminal shows of standard error."""
    reader, writer = pty.openpty()
    env = {key: value for key, value in os.environ.items() if key not in ("NO_COLOR", "TERM")} | environment
    subprocess.run([sys.executable, "-c", _PRINTER], cwd=ROOT, stderr=writer, env=env, check=True)
    shown = os.read(reader, 10_000).decode()
    os.close(reader)
    os.close(writer)
    return shown


def test_colour_on_a_terminal_only_and_unless_refused() -> None:
    assert "\x1b[" in _on_terminal(TERM="xterm")
    assert "\x1b[" not in _on_terminal(TERM="xterm", NO_COLOR="1")
    assert "\x1b[" not in _on_terminal(TERM="dumb")
    piped = subprocess.run([sys.executable, "-c", _PRINTER], cwd=ROOT, capture_output=True, text=True)
    assert "careful" in piped.stderr
    assert "\x1b[" not in piped.stderr
    assert "\r" not in piped.stderr


_LOSES_ITS_READER = """
import sys, time
from av_td3_system.monitoring.run_log import RunLog
with RunLog(None) as log:
    log.info("first")
    sys.stdin.readline()
    for n in range(100):
        log.info("nobody reads this")
sys.exit(130)
"""


def test_a_reader_that_goes_away_does_not_change_the_exit_code() -> None:
    """Ctrl-C in `train 2>&1 | tee log` ends `tee` first; the run still saves and says 130."""
    process = subprocess.Popen(
        [sys.executable, "-c", _LOSES_ITS_READER],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdin is not None
    assert "first" in process.stdout.readline()  # line by line although piped
    process.stdout.close()
    process.stdin.write("\n")
    process.stdin.close()
    assert process.wait(timeout=20) == 130
