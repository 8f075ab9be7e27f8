"""The daily checklist: what it shows, what it calls wrong, and that nothing is wrong once the cause is gone."""

from __future__ import annotations

import json
import os
import shutil
import socket
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from av_td3_system.config.errors import UserError
from av_td3_system.monitoring import names
from av_td3_system.monitoring.run_directory import RunDirectory
from av_td3_system.monitoring.sinks import EventLog, JsonLinesSink
from av_td3_system.reporting import status_reading
from av_td3_system.reporting.status import WELL, WRONG, run_status
from tests.unit.reporting.written_run import age, change_manifest, driven, falling, tear, write_alert, write_run
from tests.unit.reporting.written_run import write_evaluation as evaluate


def state(capsys: pytest.CaptureFixture[str], run: RunDirectory, **asked: Any) -> dict[str, Any]:
    """What `--json` says, its exit code checked against it, and the words looked at once."""
    code = run_status(run.path, as_json=True, **asked)
    said: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert code == (WELL if said["ok"] else WRONG)
    run_status(run.path, **asked)
    words = capsys.readouterr().out
    assert "None" not in words
    assert ("all well" in words) == said["ok"]
    assert words.count("   next: ") == len(said["wrong"])
    return said


def wrong(capsys: pytest.CaptureFixture[str], run: RunDirectory, **asked: Any) -> list[str]:
    return [line["name"] for line in state(capsys, run, **asked)["wrong"]]


def test_a_finished_healthy_run_is_well(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = write_run(tmp_path / "run", evaluations=(100.0, 300.0, 200.0, 250.0))
    said = state(capsys, run)
    assert (said["step"], said["max_timesteps"], said["ended"], said["phase"]) == (
        20_000,
        20_000,
        "completed",
        "LEARNING",
    )
    assert said["wrong"] == []
    assert said["steps_per_second"] == pytest.approx(100.0)
    assert said["reward"]["direction"] == "improving"
    assert said["reward"]["tau"] == 1.0
    assert said["reward"]["blocks"][0] == pytest.approx(sum(range(250, 2001, 250)) / 8 / 100)
    assert said["changes"]["q_value"] == {"first": pytest.approx(2.25), "last": pytest.approx(18.25)}
    assert [said["evaluations"][which]["step"] for which in ("best", "last")] == [10_000, 20_000]
    assert said["evaluations"]["since_best"] == 2
    assert said["disk"]["per_timestep"] is None
    assert (said["gpu"], said["ram_gb"], said["alerts_in_all"]) == (None, 1.5, 0)
    files = {path.name: path.stat().st_mtime_ns for path in run.path.iterdir()}
    run_status(run.path)
    assert "no GPU in use" in capsys.readouterr().out
    assert files == {path.name: path.stat().st_mtime_ns for path in run.path.iterdir()}, "a reader changes nothing"


def test_a_running_run_has_a_rate_and_time_left(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = write_run(tmp_path / "run", "run.max_timesteps=50000", how=None, evaluations=(1.0, 2.0, 3.0, 4.0))
    with driven(run):
        said = state(capsys, run)
        run_status(run.path)
    assert said["liveness"]["alive"]
    assert said["liveness"]["pid"] in (None, os.getpid())
    assert said["liveness"]["usual"] == pytest.approx(5.0)
    assert said["seconds_left"] == pytest.approx(300.0)
    assert "running" in (words := capsys.readouterr().out)
    assert "step 20,000 of 50,000 (40 %), LEARNING, 100 steps/s, 5:00 left" in words


def test_a_killed_run_says_how_to_go_on(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = write_run(tmp_path / "a run", "run.max_timesteps=50000", how=None)
    said = state(capsys, run)["wrong"][0]
    assert said["name"] == "killed"
    assert said["following"] == f"av-td3 train --resume '{run.path}'"
    assert said["what"].endswith("ago. Nothing was saved yet, so it begins anew.")
    (run.checkpoints / "td3_5k.pt").touch()
    assert state(capsys, run)["wrong"][0]["what"].endswith("ago.")
    with driven(run):
        assert wrong(capsys, run) == []
    change_manifest(run, how="interrupted", ended="now")
    assert wrong(capsys, run) == [], "stopped by a signal after saving, as its owner wanted"
    (run.path / ".lock").unlink()
    change_manifest(run, how=None)
    assert wrong(capsys, run) == ["killed"]
    assert not (run.path / ".lock").exists(), "asking makes no file"


def test_a_stalled_run_is_told_from_one_that_evaluates(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = write_run(tmp_path / "run", "run.max_timesteps=50000", how=None, evaluations=(1.0, 2.0, 3.0), silent=200.0)
    with driven(run):
        assert wrong(capsys, run) == [], "the evaluation at 20000 is under way: 50 episodes of 500 steps at 100/s"
        run_status(run.path)
        assert "an evaluation is under way" in capsys.readouterr().out
        evaluate(run, 20_000, 4.0)
        assert wrong(capsys, run) == ["stalled"]
        age(run, 100.0)
        assert wrong(capsys, run) == []


def test_after_a_long_evaluation_such_a_silence_is_usual(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = write_run(tmp_path / "run", "run.max_timesteps=50000", how=None, evaluations=(1.0,) * 4, silent=200.0)
    with driven(run):
        assert wrong(capsys, run) == ["stalled"]
        lines = JsonLinesSink(run.metrics)
        lines.write(20_500, {names.STEPS_PER_SECOND: 5.0})  # 100 s
        lines.close()
        age(run, 200.0)
        assert wrong(capsys, run) == []
        age(run, 400.0)
        assert wrong(capsys, run) == ["stalled"]


def test_a_run_that_was_just_begun_may_compile(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = write_run(tmp_path / "run", steps=0, how=None, flags={"run.max_timesteps": 1000}, silent=300.0)
    run.metrics.unlink()
    with driven(run):
        said = state(capsys, run)
        assert (said["step"], said["window"], said["wrong"]) == (0, 0, [])
        assert said["phase"] == "EXPLORATION"
        change_manifest(run, started="2020-01-01T00:00:00+00:00")
        assert wrong(capsys, run) == ["stalled"]


def test_a_run_that_has_just_gone_on_may_be_starting_its_servers(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = max(free.getsockname()[1], 1024)
    run = write_run(tmp_path / "run", "run.backend=carla", f"carla.port={port}", "evaluation.num_envs=1", how=None)
    with run.lock():
        assert wrong(capsys, run) == ["carla_silent"]
        with closing(EventLog(run.events)) as events:
            events.write(20_000, "resume", checkpoint="td3_20k.pt")
        assert wrong(capsys, run) == []


def test_a_halted_run_is_wrong_until_it_went_on(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = write_run(tmp_path / "run", "run.max_timesteps=50000", how="halted")
    assert wrong(capsys, run) == ["halted"]
    write_alert(run, "td_error_explosion", "halt", 20_000)
    said = state(capsys, run)["wrong"]
    assert [line["name"] for line in said] == ["halted", "alert_td_error_explosion"]
    assert "at step 20000: td_error_explosion; it can go on" in said[0]["what"]
    assert said[1]["following"].startswith("av-td3 track --once ")
    assert "agent.actor_lr=0.0005 agent.critic_lr=0.0005" in said[0]["following"]
    write_alert(run, "disk_full", "halt", 20_000)
    said = state(capsys, run)["wrong"]
    assert said[0]["following"] == f"av-td3 train --resume {run.path}", "no learning rate fills a disk"
    assert said[2]["following"] == f"df -h {run.path}"
    change_manifest(run, how=None)
    with driven(run):
        assert wrong(capsys, run) == ["alert_td_error_explosion", "alert_disk_full"]


@pytest.mark.parametrize(("severity", "alarms"), [("halt", True), ("critical", True), ("warning", False)])
def test_grave_alerts_of_the_window_are_wrong(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], severity: str, alarms: bool
) -> None:
    run = write_run(tmp_path / "run")
    for step in (15_000, 16_000):
        write_alert(run, "parked", severity, step)
    said = state(capsys, run)
    assert [line["name"] for line in said["wrong"]] == (["alert_parked"] if alarms else [])
    if alarms:
        assert "2 times, last: Car parked at step 16000" in said["wrong"][0]["what"]
        assert said["wrong"][0]["following"].startswith("av-td3 rewards ")
    assert {"name", "severity", "step", "value", "threshold", "message"} == said["alerts"][0].keys()
    later = state(capsys, run, last=1000)
    assert (later["alerts"], later["alerts_in_all"], later["wrong"]) == ([], 2, [])


def test_remedies_and_resumes_are_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = write_run(tmp_path / "run")
    log = EventLog(run.events)
    log.write(9_000, "remedy", effect=None, message="remedy divergence after x at step 12000: on from td3_9k.pt")
    log.write(13_000, "remedy", effect={"trouble": []}, message="remedy divergence of step 12000: no trouble")
    log.close()
    change_manifest(run, resumes=[{"step": 9_000, "started": "2020-01-01T00:00:00+00:00"}])
    said = state(capsys, run)
    assert (len(said["remedies"]), said["resumes"]) == (2, 1)
    run_status(run.path)
    shown = capsys.readouterr().out
    assert "remedies 1, resumes 1" in shown and "remedy divergence of step 12000: no trouble" in shown


def test_an_interrupted_run_says_where_it_stands_and_how_to_go_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = write_run(tmp_path / "run")
    change_manifest(run, how="interrupted")
    (run.path / "results.json").write_text(json.dumps({"env_steps": 20_017}))
    run_status(run.path)
    shown = capsys.readouterr().out
    assert "interrupted at step 20,017 of" in shown
    assert f"to go on: av-td3 train --resume {run.path}" in shown


def test_a_falling_reward_is_wrong_where_it_is_looked_at(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = write_run(tmp_path / "run", reward=lambda step: falling(step) if step <= 8_000 else 500.0)
    assert wrong(capsys, run) == [], "it fell by a sixth and then held"
    run = write_run(tmp_path / "falling", reward=falling)
    said = state(capsys, run)
    assert said["reward"]["direction"] == "degrading"
    assert [line["name"] for line in said["wrong"]] == ["degrading"]
    short = state(capsys, run, last=1000)
    assert (short["reward"]["direction"], short["reward"]["episodes"]) == ("too few episodes", 4)
    flat = state(capsys, write_run(tmp_path / "flat", reward=lambda step: 300.0 + step % 750 / 10))
    assert (flat["reward"]["direction"], flat["wrong"]) == ("flat", [])


def test_a_disk_that_will_not_last_is_wrong(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    settings = ("run.max_timesteps=1000000000", "replay.capacity=1000000000")  # 7 TB of frames
    run = write_run(tmp_path / "run", *settings, how=None, evaluations=(1.0,) * 4)
    with driven(run):
        said = state(capsys, run)
        assert [line["name"] for line in said["wrong"]] == ["disk_projected"]
        assert said["disk"]["free_at_end"] < 0
        assert said["disk"]["per_timestep"] > 7000
        run.config.write_text(run.config.read_text().replace("1000000000", "30000"))
        said = state(capsys, run)
    assert said["wrong"] == []
    assert said["disk"]["free"] - said["disk"]["free_at_end"] < 1e9


def test_a_disk_that_is_nearly_full_is_wrong_for_a_run_that_writes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = shutil.disk_usage(tmp_path).total / 2**30
    run = write_run(tmp_path / "run", f"guards.rules.disk_full.threshold={whole}", how=None, evaluations=(1.0,) * 4)
    with driven(run):
        assert wrong(capsys, run) == ["disk_full"]
    change_manifest(run, how="completed")
    assert wrong(capsys, run) == []


def test_saved_replay_says_how_fast_it_grows(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = write_run(tmp_path / "run", "run.max_timesteps=40000", "run.save_freq=10000", how=None)
    run.replay.mkdir()
    (run.replay / "000001-aa.pt").write_bytes(bytes(20_000 * 50))
    (run.checkpoints / "td3_20k.pt").write_bytes(bytes(1000))
    with driven(run):
        disk = state(capsys, run)["disk"]
    logs = sum(path.stat().st_size for path in (run.metrics, run.episodes, run.events)) / 20_000
    assert disk["per_timestep"] == pytest.approx(50 + logs + 7 * 1000 / 20_000)


def test_numbers_that_are_not_finite_are_wrong_while_they_are_the_newest(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = write_run(tmp_path / "run")
    lines = JsonLinesSink(run.metrics)
    lines.write(20_500, {names.TD_ERROR: float("nan"), names.STEPS_PER_SECOND: 100.0})
    assert wrong(capsys, run) == ["non_finite"]
    lines.write(21_000, {names.TD_ERROR: 1.0, names.STEPS_PER_SECOND: 100.0})
    lines.close()
    assert wrong(capsys, run) == []


def test_torn_last_lines_are_passed_over(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = write_run(tmp_path / "run", evaluations=(1.0,))
    before = state(capsys, run)
    for path in (run.metrics, run.episodes, run.events, run.evaluations):
        tear(path)
    after = state(capsys, run)
    for changing in ("liveness", "disk"):
        before.pop(changing), after.pop(changing)
    assert before == after


def test_two_runs_are_compared_where_both_have_been(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = write_run(tmp_path / "td3", evaluations=(100.0, 200.0, 300.0, 400.0), metrics={names.Q_VALUE_STD: 4.0})
    other = write_run(tmp_path / "ddpg", steps=12_000, reward=lambda _: 50.0, evaluations=(80.0, 100.0))
    comparison = state(capsys, run, other=other.path)["comparison"]
    assert comparison["step"] == 12_000
    figures = comparison["figures"]
    assert figures["evaluation reward"] == {"run": 200.0, "other": 100.0, "ratio": 2.0, "difference": 100.0}
    assert figures["route completion"]["ratio"] == 1.0
    assert figures["training reward"]["run"] == pytest.approx(61.25), "the 48 episodes up to there"
    assert figures["training reward"]["other"] == 50.0
    assert figures["Q std"]["ratio"] == pytest.approx(0.8)
    run_status(run.path, other.path)
    assert f"at step 12,000 beside {other.path}: td3, scenario 0, seed 42" in capsys.readouterr().out
    elsewhere = write_run(tmp_path / "pendulum", flags={"run.env": "Pendulum-v1"})
    with pytest.raises(UserError, match="is of Pendulum-v1, not of the town"):
        run_status(run.path, elsewhere.path)


def test_another_environment_has_a_status_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = write_run(
        tmp_path / "run", reward=lambda step: -1.5 + step / 40_000, evaluations=(), flags={"run.env": "Pendulum-v1"}
    )
    said = state(capsys, run)
    assert said["name"] == "td3, Pendulum-v1, seed 42"
    assert said["reward"]["direction"] == "improving", "by a third, though by less than the town's margin of 10"


def test_a_gpu_is_shown_where_the_run_logs_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    run = write_run(tmp_path / "run", metrics={names.GPU_UTILIZATION: 81.5})
    assert state(capsys, run)["gpu"] == {"logged": {"utilization": 81.5}, "now": {}}
    run_status(run.path)
    assert "GPU         utilization 81.5 % (means of the window)" in capsys.readouterr().out
    now = {"name": "a GPU", "memory_used_gb": 1.25, "memory_total_gb": 16.0, "utilization": 70.0, "temperature": 61.0}
    monkeypatch.setattr(status_reading, "gpu_summary", lambda: now)
    change_manifest(run, how=None)
    with driven(run):
        run_status(run.path)
    said = "now memory used 1.25 GiB, memory total 16 GiB, utilization 70 %, temperature 61 C (a GPU)"
    assert said in capsys.readouterr().out


def test_what_is_no_run_is_refused(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(UserError, match="not a run directory"):
            run_status(path)
    run = write_run(tmp_path / "run", steps=1000)
    with pytest.raises(UserError, match="--last is 0"):
        run_status(run.path, last=0)
    run.manifest.write_text("{")
    with pytest.raises(UserError, match=r"manifest\.json is not readable"):
        run_status(run.path)


def test_compiling_before_the_first_line_does_not_slow_the_forecast(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = write_run(tmp_path / "run", "run.max_timesteps=2500", steps=1500, how=None)
    text = run.metrics.read_text()
    run.metrics.write_text(text.replace(f'"{names.STEPS_PER_SECOND}": 100.0', f'"{names.STEPS_PER_SECOND}": 1.0', 1))
    with driven(run):
        said = state(capsys, run)
    assert said["seconds_left"] == pytest.approx(10.0)
    assert said["liveness"]["usual"] == pytest.approx(5.0)
