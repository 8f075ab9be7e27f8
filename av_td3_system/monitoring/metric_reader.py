"""Reading the metrics of a run back: `metrics.jsonl`, or TensorBoard event files where there is none."""

from __future__ import annotations

from pathlib import Path

from av_td3_system.monitoring.json_lines import read_json_lines
from av_td3_system.monitoring.names import is_tag
from av_td3_system.monitoring.run_directory import RunDirectory

Series = dict[str, list[tuple[int, float]]]
"""tag -> [(environment step, value), ...], oldest first."""


def read_metrics(path: Path) -> Series:
    """All metrics of a run directory, or of one event file or JSON Lines file.

    Values that were not finite are left out. A run that has written nothing yet gives no series.
    """
    path = Path(path)
    if path.is_dir():
        run = RunDirectory(path)
        return _from_json_lines(run.metrics) if run.metrics.exists() else _from_events(path)
    return _from_events(path) if "tfevents" in path.name else _from_json_lines(path)


def holds_metrics(path: Path) -> bool:
    """Whether `path` is a run directory, or a file of metrics."""
    if path.is_file():
        return path.suffix == ".jsonl" or "tfevents" in path.name
    run = RunDirectory(path)
    return run.metrics.exists() or run.manifest.exists() or bool(run.event_files)


def _from_json_lines(path: Path) -> Series:
    series: Series = {}
    for line in read_json_lines(path):
        step = line.get("step")
        if not isinstance(step, int):
            continue
        for tag, value in line.items():
            if is_tag(tag) and isinstance(value, (int, float)):
                series.setdefault(tag, []).append((step, float(value)))
    return series


def _from_events(path: Path) -> Series:
    from tensorboard.backend.event_processing import event_accumulator

    if path.is_dir() and not RunDirectory(path).event_files:
        return {}
    everything = {event_accumulator.SCALARS: 0}
    events = event_accumulator.EventAccumulator(str(path), size_guidance=everything)
    events.Reload()
    return {
        tag: [(int(event.step), float(event.value)) for event in events.Scalars(tag) if event.value == event.value]
        for tag in events.Tags()["scalars"]
    }
