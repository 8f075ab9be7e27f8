"""Metrics and events reach their files under their names."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from av_td3_system.monitoring import names
from av_td3_system.monitoring.json_lines import read_json_lines
from av_td3_system.monitoring.sinks import EpisodeLog, EventLog, JsonLinesSink, MetricSink, Sinks, TensorBoardSink


def _sinks(directory: Path, resume_step: int | None = None) -> Sinks:
    both: list[MetricSink] = [
        TensorBoardSink(directory, resume_step),
        JsonLinesSink(directory / "metrics.jsonl", resume_step),
    ]
    return Sinks(both)


def test_both_records_agree_after_a_resume(tmp_path: Path) -> None:
    sinks = _sinks(tmp_path)
    for step in (500, 1000, 1500):
        sinks.write(step, {names.Q_VALUE: 1.0, names.alert_tag("parked"): 1.0})
    sinks.close()
    sinks = _sinks(tmp_path, resume_step=1000)
    sinks.write(1500, {names.Q_VALUE: 2.0})
    sinks.close()
    lines = read_json_lines(tmp_path / "metrics.jsonl")
    assert [(line["step"], line[names.Q_VALUE]) for line in lines] == [(500, 1.0), (1000, 1.0), (1500, 2.0)]
    events = EventAccumulator(str(tmp_path))
    events.Reload()
    assert [(e.step, e.value) for e in events.Scalars(names.Q_VALUE)] == [(500, 1.0), (1000, 1.0), (1500, 2.0)]
    assert [e.step for e in events.Scalars("alerts/parked")] == [500, 1000]


def test_every_tag_is_accepted_and_an_invented_one_refused(tmp_path: Path) -> None:
    sinks = _sinks(tmp_path)
    sinks.write(1, dict.fromkeys(names.TAGS, 0.5))
    events = EventAccumulator(str(tmp_path))
    events.Reload()
    assert set(events.Tags()["scalars"]) == set(names.TAGS)
    for sink in (TensorBoardSink(tmp_path), JsonLinesSink(tmp_path / "metrics.jsonl")):
        with pytest.raises(ValueError, match="train/q_vlaue"):
            sink.write(2, {"train/q_vlaue": 1.0})


def test_events(tmp_path: Path) -> None:
    log = EventLog(tmp_path / "events.jsonl")
    log.write(1000, "phase", phase="LEARNING")
    log.write(2000, "alert", name="parked", value=float("nan"))
    first, second = read_json_lines(tmp_path / "events.jsonl")
    assert (first["step"], first["kind"], first["phase"]) == (1000, "phase", "LEARNING")
    assert datetime.fromisoformat(first["time"]).tzinfo is not None
    assert second["value"] is None
    with pytest.raises(ValueError, match="kind"):
        log.write(1, "party")


def test_episodes_rewind(tmp_path: Path) -> None:
    path = tmp_path / "episodes.jsonl"
    log = EpisodeLog(path)
    for number, step in enumerate((100, 180, 260), start=1):
        log.write(step, number, {"episode_reward": 1.5, "reward_terms": {"safety": -20.0}})
    log.close()
    EpisodeLog(path, resume_step=200).write(270, 3, {"episode_reward": 2.5})
    assert [(e["episode"], e["episode_reward"]) for e in read_json_lines(path)] == [(1, 1.5), (2, 1.5), (3, 2.5)]
