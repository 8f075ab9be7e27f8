"""What a run writes while it goes, and what its guards get to see."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from av_td3_system.config.schema import Config
from av_td3_system.environments.episode import EpisodeRecord
from av_td3_system.monitoring import names
from av_td3_system.monitoring.run_directory import RunDirectory
from av_td3_system.monitoring.run_log import RunLog
from av_td3_system.training.figures import YAW_RATE_COLUMN
from av_td3_system.training.recorder import Recorder
from tests.records import make_episode, success
from tests.unit.training.small import VECTOR, lines_of, make_directory, small, with_rule

UPDATE: dict[str, float | bool] = {"td_error": 1.0, "q_value": 5.0, "critic_loss": 2.0, "finite": True}


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Any]:
    """Makes recorders of settings, each in a directory of its own."""
    logs: list[RunLog] = []
    recorders: list[Recorder] = []

    def make(config: Config) -> tuple[Recorder, RunDirectory]:
        directory = make_directory(tmp_path / str(len(logs)), config)
        logs.append(RunLog(directory.log))
        recorders.append(Recorder(directory, config, logs[-1]))
        return recorders[-1], directory

    yield make
    for recorder in recorders:
        recorder.__exit__(None, None, None)
    for log in reversed(logs):
        log.close()


def decide(recorder: Recorder, step: int, *ended: EpisodeRecord, **changes: Any) -> None:
    """One decision of two worlds at 4 and 6 m/s."""
    infos = {
        "speed": np.array([4.0, 6.0]),
        "reward_terms": np.array([[0.1, -0.2, 0.0, 0.0, 0.7], [0.1, -0.2, 0.0, 0.0, -0.7]]),
        "episodes": [*ended, None, None][:2],
        **changes,
    }
    vector, actions = np.zeros((2, VECTOR), np.float32), np.array([[0.0, 1.0], [-1.0, 0.3]], np.float32)
    recorder.decision(step, infos.pop("vector", vector), actions, infos)


def test_the_phase_changes_after_the_last_timestep_of_warm_up(opened: Any) -> None:
    recorder, directory = opened(small("exploration.learning_starts=12", "agent.exploration_noise=0.25"))
    assert [recorder.phase(step) for step in (1, 12, 13)] == ["EXPLORATION", "EXPLORATION", "LEARNING"]
    for step in (12, 13):
        recorder.interval(step)
    assert [line[names.EXPLORATION_NOISE] for line in lines_of(directory.metrics)] == [1.0, 0.25]
    recorder.interval(11, guided=True)
    assert lines_of(directory.metrics)[-1][names.EXPLORATION_NOISE] == 0.25, "the policy drives in the warm-up, too"
    log = directory.log.read_text()
    assert " step 12 EXPLORATION " in log and " step 13 LEARNING " in log


def test_an_episode_is_written_to_every_file(opened: Any) -> None:
    recorder, directory = opened(small())
    first, second = make_episode(episode_reward=12.5), success()
    decide(recorder, 6, first)
    decide(recorder, 15, second)
    assert recorder.episodes == 2
    assert lines_of(directory.episodes) == [
        {"step": 6, "episode": 1, **first.to_dict()},
        {"step": 15, "episode": 2, **second.to_dict()},
    ]
    metrics = lines_of(directory.metrics)
    assert [line["step"] for line in metrics] == [6, 15]
    assert [line[names.EPISODE_REWARD] for line in metrics] == [12.5, 600.0]
    assert [line[names.SUCCESS] for line in metrics] == [0.0, 1.0]
    assert metrics[0][names.EPISODE_LENGTH] == 500.0
    assert {term: metrics[0][names.REWARDS[term]] for term in first.reward_terms} == first.reward_terms
    log = directory.log.read_text()
    assert "Episode 1 step 6 EXPLORATION reward 12.50 length 500 outcome collision route_completion 0.50" in log
    assert "Episode 2 step 15 LEARNING reward 600.00" in log
    assert "progress_reward=230.000 episode=2 step=15" in log


def test_a_simulator_that_failed_is_told_of(opened: Any) -> None:
    recorder, directory = opened(small())
    decide(recorder, 4, faults=["hang: the client does not answer any more"])
    decide(recorder, 8, faults=[])
    told = [line for line in lines_of(directory.events) if line["kind"] == "simulator_failure"]
    assert [(line["step"], line["message"]) for line in told] == [(4, "hang: the client does not answer any more")]
    assert "made anew: hang" in directory.log.read_text()


def test_a_line_holds_the_means_since_the_last(opened: Any) -> None:
    recorder, directory = opened(small())
    for error in (1.0, 2.0, 6.0):
        recorder.update({**UPDATE, "td_error": error})
    decide(recorder, 20)
    recorder.interval(20)
    recorder.update({**UPDATE, "td_error": 10.0})
    recorder.interval(30)
    first, second = lines_of(directory.metrics)
    assert (first["step"], first[names.TD_ERROR], first[names.Q_VALUE]) == (20, 3.0, 5.0)
    assert first[names.ACTION_SATURATION] == 0.5, "two components of four"
    assert second[names.TD_ERROR] == 10.0 and names.ACTION_SATURATION not in second
    assert recorder.updates == 4
    assert recorder.latest[names.TD_ERROR] == 10.0
    assert " td_error=3 " in directory.log.read_text()


def test_shares_of_the_reward_are_of_magnitudes_since_the_last_line(opened: Any) -> None:
    recorder, directory = opened(small())
    decide(recorder, 3)
    recorder.interval(10)
    recorder.interval(20)
    recorder.interval(20)  # at the end of a run, where a line may just have been written
    first, second = lines_of(directory.metrics)
    shares = {term: first[tag] for term, tag in names.REWARD_SHARES.items()}
    assert shares == pytest.approx({"efficiency": 0.1, "lane_keeping": 0.2, "comfort": 0, "safety": 0, "progress": 0.7})
    assert not set(names.REWARD_SHARES.values()) & set(second)


def test_guards_judge_the_mean_since_the_last_check_and_it_alone(opened: Any) -> None:
    recorder, _ = opened(with_rule(small(), names.TD_ERROR, 50.0))
    for error in (10.0, 80.0):
        recorder.update({**UPDATE, "td_error": error})
    assert recorder.check(10) == []
    recorder.update({**UPDATE, "td_error": 80.0})
    (alert,) = recorder.check(20)
    assert (alert.name, alert.value, recorder.guards.verdict) == ("test_rule", 80.0, "halt")


def test_what_has_not_changed_is_not_judged_again(opened: Any) -> None:
    recorder, _ = opened(with_rule(small(), names.TD_ERROR, 50.0, persistence=2))
    recorder.update({**UPDATE, "td_error": 80.0})
    assert recorder.check(10) == recorder.check(20) == []
    recorder.update({**UPDATE, "td_error": 80.0})
    assert [alert.step for alert in recorder.check(30)] == [30]


@pytest.mark.parametrize(("metric", "value"), [(names.SPEED, 5.0), (names.YAW_RATE, 0.25), (names.EPISODE_REWARD, 7.0)])
def test_guards_see_what_the_car_does_and_earns(opened: Any, metric: str, value: float) -> None:
    recorder, _ = opened(with_rule(small("environment.yaw_rate_scale=0.5"), metric, value - 0.01))
    vector = np.zeros((2, VECTOR), np.float32)
    vector[:, YAW_RATE_COLUMN] = [-0.4, 0.6]
    decide(recorder, 10, make_episode(episode_reward=7.0), vector=vector)
    (alert,) = recorder.check(10)
    assert alert.value == pytest.approx(value)


def test_guards_watch_the_disk_as_last_sampled(opened: Any) -> None:
    recorder, _ = opened(small("guards.rules.disk_full.threshold=1e12"))
    assert recorder.check(10) == [], "not measured yet"
    recorder.interval(10)
    assert [alert.name for alert in recorder.check(20)] == ["disk_full"]


@pytest.mark.parametrize(
    ("subject", "changes"),
    [
        ("observation", {"vector": np.full((2, VECTOR), np.nan, np.float32)}),
        ("reward", {"reward_terms": np.full((2, 5), np.inf)}),
    ],
)
def test_what_is_not_finite_halts(opened: Any, subject: str, changes: dict[str, Any]) -> None:
    recorder, _ = opened(small())
    decide(recorder, 10, **changes)
    assert f"non_finite_{subject}" in {alert.name for alert in recorder.check(10)}
    assert recorder.guards.verdict == "halt"


def test_a_refused_update_halts_each_time_that_it_comes(opened: Any) -> None:
    recorder, _ = opened(small())
    raised = []
    for step, finite in ((10, False), (20, True), (30, False)):
        recorder.update({**UPDATE, "finite": finite})
        raised.append([alert.name for alert in recorder.check(step)])
    assert raised == [["non_finite_loss or gradient"], [], ["non_finite_loss or gradient"]]


def test_an_alert_is_written_to_every_file(opened: Any) -> None:
    recorder, directory = opened(with_rule(small(), names.TD_ERROR, 50.0, severity="critical"))
    recorder.update({**UPDATE, "td_error": 80.0})
    (alert,) = recorder.check(10)
    assert recorder.alerts == [alert]
    (event,) = lines_of(directory.events)
    assert {name: event[name] for name in ("step", "kind", "name", "severity", "value", "threshold")} == {
        "step": 10, "kind": "alert", "name": "test_rule", "severity": "critical", "value": 80.0, "threshold": 50.0,
    }  # fmt: skip
    assert lines_of(directory.metrics) == [{"step": 10, names.alert_tag("test_rule"): 1.0}]
    assert f"[ALERT] {alert.message}" in directory.log.read_text()


@pytest.mark.parametrize("rate", [None, 2.5])
def test_an_evaluation_is_written_without_what_was_not_measured(opened: Any, rate: float | None) -> None:
    recorder, directory = opened(with_rule(small(), names.Q_BIAS, 3.0))
    summary = {"episode_reward": 40.0, "success_rate": 0.5, "route_completion": 0.75, "collisions_per_km": rate}
    recorder.evaluation(30, summary, {"q_bias": 4.0})
    (line,) = lines_of(directory.metrics)
    expected = {
        names.EVAL_EPISODE_REWARD: 40.0, names.EVAL_SUCCESS_RATE: 0.5, names.EVAL_ROUTE_COMPLETION: 0.75,
        names.EVAL_COLLISIONS_PER_KM: rate,
    }  # fmt: skip
    assert line == {"step": 30, **{tag: value for tag, value in expected.items() if value is not None}}
    assert [alert.value for alert in recorder.check(40)] == [4.0], "the critic's bias is for the guards"


def test_the_progress_line_speaks_of_the_last_episodes(opened: Any) -> None:
    recorder, _ = opened(small())
    assert recorder.note(1) == "exploration"
    for reward in [1000.0] + [10.0, 30.0] * 10:
        decide(recorder, 3, make_episode(episode_reward=reward))
    assert recorder.note(30) == "learning, reward 20, completion 0.50"
