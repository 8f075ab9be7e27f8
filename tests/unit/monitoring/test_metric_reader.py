"""Metrics read back, from either record."""

from __future__ import annotations

from pathlib import Path

import pytest

from av_td3_system.monitoring import names
from av_td3_system.monitoring.metric_reader import holds_metrics, read_metrics
from av_td3_system.monitoring.sinks import JsonLinesSink, TensorBoardSink


@pytest.mark.parametrize("kind", ["json lines", "event file"])
def test_both_records_give_the_same_series(tmp_path: Path, kind: str) -> None:
    sink = JsonLinesSink(tmp_path / "metrics.jsonl") if kind == "json lines" else TensorBoardSink(tmp_path)
    sink.write(100, {names.Q_VALUE: 1.5, names.TD_ERROR: 2.5})
    sink.write(200, {names.Q_VALUE: float("nan"), names.TD_ERROR: 3.5})
    expected = {names.Q_VALUE: [(100, 1.5)], names.TD_ERROR: [(100, 2.5), (200, 3.5)]}
    assert read_metrics(tmp_path) == expected
    (file,) = tmp_path.iterdir()
    assert read_metrics(file) == expected
    assert holds_metrics(tmp_path)
    assert holds_metrics(file)


def test_event_files_are_read_whole(tmp_path: Path) -> None:
    """The accumulator's default keeps a random 10 000 of them."""
    sink = TensorBoardSink(tmp_path)
    for step in range(10_500):
        sink.write(step, {names.Q_VALUE: 1.0})
    assert len(read_metrics(tmp_path)[names.Q_VALUE]) == 10_500


def test_a_run_that_has_written_nothing_yet(tmp_path: Path) -> None:
    assert not holds_metrics(tmp_path)
    (tmp_path / "manifest.json").write_text("{}")
    assert holds_metrics(tmp_path)
    assert read_metrics(tmp_path) == {}
