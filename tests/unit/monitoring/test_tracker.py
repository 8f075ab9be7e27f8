"""The tracker's table, and the action plan's command as it is typed."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from av_td3_system.config.errors import UserError
from av_td3_system.monitoring import names
from av_td3_system.monitoring.sinks import JsonLinesSink, TensorBoardSink
from av_td3_system.monitoring.tracker import find_runs, read_row, track

ROOT = Path(__file__).resolve().parents[3]
_PLAN = [
    "--metrics",
    "episode_reward",
    "q_value",
    "td_error",
    "critic_loss",
    "--window",
    "1000",
    "--update-freq",
    "300",
]


def _make_run(directory: Path, level: float, last: int = 3000) -> None:
    sink = JsonLinesSink(directory / "metrics.jsonl")
    for step in range(500, last + 1, 500):
        values = {names.Q_VALUE: level + step, names.TD_ERROR: level, names.CRITIC_LOSS: 2 * level}
        if step == 1000:
            values[names.EPISODE_REWARD] = 7.0
        sink.write(step, values)
    sink.close()


def test_means_are_over_the_last_timesteps(tmp_path: Path) -> None:
    _make_run(tmp_path, 1.0)
    row = read_row(tmp_path, ["q_value", "train/td_error", "episode_reward", "success_rate"], window=1000)
    assert row.step == 3000
    # 2500 and 3000: the step 2000 is 1000 timesteps ago
    assert row.means == {"q_value": 2751.0, "train/td_error": 1.0, "episode_reward": None, "success_rate": None}
    assert read_row(tmp_path, ["episode_reward"], window=2500).means == {"episode_reward": 7.0}


def test_table(tmp_path: Path) -> None:
    _make_run(tmp_path / "a", 1.0)
    _make_run(tmp_path / "longer", 20.0)
    out = io.StringIO()
    track([str(tmp_path / "*")], ["q_value", "episode_reward"], once=True, stream=out)
    assert out.getvalue().splitlines() == [
        "run     step   q_value  episode_reward",
        "a       3000  2751.000               -",
        "longer  3000  2770.000               -",
    ]


def test_patterns_paths_and_parents(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("logs/td3_a", "logs/td3_b", "logs/ddpg_a"):
        _make_run(Path(name), 1.0)
    Path("logs/td3_empty").mkdir()
    Path("logs/latest").symlink_to("td3_b")
    assert find_runs(["logs/td3_*"]) == [Path("logs/td3_a"), Path("logs/td3_b")]
    assert find_runs(["logs/td3_b", "logs/td3_*"]) == [Path("logs/td3_b"), Path("logs/td3_a")]
    assert find_runs(["logs"]) == [Path("logs/ddpg_a"), Path("logs/td3_a"), Path("logs/td3_b")]
    assert find_runs(["logs/latest"]) == [Path("logs/latest")]


def test_event_files_serve_where_there_is_no_other_record(tmp_path: Path) -> None:
    sink = TensorBoardSink(tmp_path)
    sink.write(100, {names.Q_VALUE: 4.0})
    assert read_row(tmp_path, ["q_value"], window=1000).means == {"q_value": 4.0}


def test_it_goes_on_and_sees_new_values_and_runs(tmp_path: Path) -> None:
    _make_run(tmp_path / "a", 1.0, last=1000)
    out = io.StringIO()
    naps = []

    def sleep(seconds: float) -> None:
        naps.append(seconds)
        if len(naps) == 2:
            raise KeyboardInterrupt
        _make_run(tmp_path / "b", 1.0, last=2000)

    track([str(tmp_path / "*")], ["q_value"], update_freq=300, stream=out, sleep=sleep)
    assert naps == [300, 300]
    first, second = out.getvalue().split("\n\n")
    assert len(first.splitlines()) == 2
    assert [line.split()[:2] for line in second.splitlines()[1:]] == [["a", "1000"], ["b", "2000"]]


def test_mistakes_are_user_errors(tmp_path: Path) -> None:
    _make_run(tmp_path / "a", 1.0)
    (tmp_path / "empty").mkdir()
    for paths, metrics, window in (
        ([str(tmp_path / "none_*")], ["q_value"], 1000),
        ([str(tmp_path / "empty")], ["q_value"], 1000),
        ([str(tmp_path / "a")], ["q_vlaue"], 1000),
        ([str(tmp_path / "a")], ["q_value"], 0),
    ):
        with pytest.raises(UserError):
            track(paths, metrics, window=window, once=True, stream=io.StringIO())


def _script(*arguments: str, cwd: Path = ROOT, shell: str = "") -> subprocess.CompletedProcess[str]:
    command: list[str] | str = [sys.executable, "scripts/track_metrics.py", *arguments]
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    if shell:
        return subprocess.run(shell, shell=True, cwd=cwd, capture_output=True, text=True, env=environment)
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, env=environment)


@pytest.mark.parametrize("quote", ["", "'"], ids=["unquoted", "quoted"])
def test_the_plans_command(tmp_path: Path, quote: str) -> None:
    for name in ("TD3_100k_extended_1", "TD3_100k_extended_2"):
        _make_run(tmp_path / name, 1.0)
    pattern = f"{quote}{tmp_path}/TD3_100k_extended_*{quote}"
    done = _script(shell=f"{sys.executable} scripts/track_metrics.py --log-dir {pattern} {' '.join(_PLAN)} --once")
    assert done.returncode == 0, done.stderr
    header, *rows = done.stdout.splitlines()
    assert header.split() == ["run", "step", "episode_reward", "q_value", "td_error", "critic_loss"]
    assert [row.split() for row in rows] == [
        [f"TD3_100k_extended_{n}", "3000", "-", "2751.000", "1.000", "2.000"] for n in (1, 2)
    ]


def test_the_plans_command_runs_until_interrupted(tmp_path: Path) -> None:
    _make_run(tmp_path / "run", 1.0)
    process = subprocess.Popen(
        [sys.executable, "scripts/track_metrics.py", "--log-dir", str(tmp_path / "run"), *_PLAN],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # What a shell starts in the background ignores the signal, and so do its children.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    assert process.stdout is not None
    assert process.stdout.readline().startswith("run")
    assert process.stdout.readline().startswith("run")  # line by line although piped
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=20)
    assert (process.returncode, err) == (0, "")


def test_it_ends_when_nobody_reads(tmp_path: Path) -> None:
    _make_run(tmp_path / "run", 1.0)
    process = subprocess.Popen(
        [sys.executable, "scripts/track_metrics.py", "--log-dir", str(tmp_path / "run"), "--update-freq", "0.05"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    process.stdout.readline()
    process.stdout.close()
    assert process.wait(timeout=20) == 0
    assert process.stderr is not None
    assert process.stderr.read() == ""
    process.stderr.close()


def test_json_for_machines(tmp_path: Path) -> None:
    _make_run(tmp_path / "run", 1.0)
    done = _script("--log-dir", str(tmp_path / "run"), "--metrics", "q_value", "success_rate", "--once", "--json")
    assert json.loads(done.stdout) == {
        "run": str(tmp_path / "run"),
        "step": 3000,
        "q_value": 2751.0,
        "success_rate": None,
    }


def test_a_missing_run_is_exit_code_2_with_a_hint(tmp_path: Path) -> None:
    done = _script("--log-dir", str(tmp_path / "none_*"), "--once")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: no run matches")
    assert "\nhint: " in done.stderr


def test_the_tracker_does_not_load_torch() -> None:
    """It is started often and beside a training run; torch costs seconds and memory."""
    code = "import sys, av_td3_system.monitoring.tracker, av_td3_system.monitoring.sinks; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout == "False\n", done.stderr
