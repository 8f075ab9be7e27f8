"""Where metrics and events of a run are written: TensorBoard, `metrics.jsonl` and the other logs of record."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Protocol

from av_td3_system.monitoring.event_file import EventFile
from av_td3_system.monitoring.json_lines import JsonLinesFile
from av_td3_system.monitoring.names import is_tag

EVENT_KINDS = (
    "phase",
    "stage",
    "alert",
    "verdict",
    "remedy",
    "checkpoint",
    "resume",
    "stop",
    "simulator_failure",
)


class MetricSink(Protocol):
    """Takes metrics at an environment step."""

    def write(self, step: int, values: Mapping[str, float]) -> None:
        """Write `values` (tag -> value); visible to readers when the call returns."""

    def close(self) -> None:
        """Release the file."""


class TensorBoardSink:
    """Scalars as TensorBoard event file directly in the run directory, one curve over all resumes.

    Args:
        directory: run directory.
        resume_step: scalars of later steps are taken back.
    """

    def __init__(self, directory: Path, resume_step: int | None = None) -> None:
        self._events = EventFile(directory, resume_step)

    def write(self, step: int, values: Mapping[str, float]) -> None:
        """Write `values` at `step`.

        Raises:
            ValueError: a key is no tag of `names`.
        """
        _refuse_unknown(values)
        self._events.add_scalars(step, values)

    def close(self) -> None:
        """Close the event file."""
        self._events.close()


class JsonLinesSink:
    """Metrics of record: one JSON object per write with `step` and the tags as keys.

    Args:
        path: `metrics.jsonl`.
        resume_step: lines of later steps are dropped.
        resume_bytes: as of `JsonLinesFile`.
    """

    def __init__(self, path: Path, resume_step: int | None = None, resume_bytes: int | None = None) -> None:
        self._lines = JsonLinesFile(path, resume_step, resume_bytes)

    def write(self, step: int, values: Mapping[str, float]) -> None:
        """Append one line; NaN and infinities become null and are listed under `non_finite`.

        Raises:
            ValueError: a key is no tag of `names`.
        """
        _refuse_unknown(values)
        self._lines.append({"step": int(step), **{tag: float(value) for tag, value in values.items()}})

    def sync(self) -> int:
        """Force the lines to the disk; how many bytes the file has."""
        return self._lines.sync()

    def close(self) -> None:
        """Close the file."""
        self._lines.close()


class Sinks:
    """Several sinks as one."""

    def __init__(self, sinks: Sequence[MetricSink]) -> None:
        self._sinks = tuple(sinks)

    def write(self, step: int, values: Mapping[str, float]) -> None:
        """Write to each sink in turn."""
        for sink in self._sinks:
            sink.write(step, values)

    def close(self) -> None:
        """Close each sink."""
        for sink in self._sinks:
            sink.close()


class EventLog:
    """`events.jsonl`: what happened to the run, each line with `step`, `kind`, `time` (UTC) and fields.

    Args:
        path: `events.jsonl`.
        resume_step: lines of later steps are dropped, or None to keep the whole history.
    """

    def __init__(self, path: Path, resume_step: int | None = None) -> None:
        self._lines = JsonLinesFile(path, resume_step)

    def write(self, step: int, kind: str, **fields: Any) -> None:
        """Append one event.

        Raises:
            ValueError: `kind` is not one of `EVENT_KINDS`.
        """
        if kind not in EVENT_KINDS:
            raise ValueError(f"event kind {kind!r} is not one of {', '.join(EVENT_KINDS)}")
        now = datetime.now(timezone.utc).isoformat(timespec="seconds")
        self._lines.append({"step": int(step), "kind": kind, "time": now, **fields})

    def sync(self) -> None:
        """Force the lines to the disk."""
        self._lines.sync()

    def close(self) -> None:
        """Close the file."""
        self._lines.close()


class EpisodeLog:
    """`episodes.jsonl`: one line per finished training episode.

    Args:
        path: `episodes.jsonl`.
        resume_step: lines of later steps are dropped.
    """

    def __init__(self, path: Path, resume_step: int | None = None) -> None:
        self._lines = JsonLinesFile(path, resume_step)

    def write(self, step: int, number: int, record: Mapping[str, Any]) -> None:
        """Append an episode: its number in the run, the step it ended at, and its record's fields."""
        self._lines.append({"step": int(step), "episode": int(number), **record})

    def sync(self) -> None:
        """Force the lines to the disk."""
        self._lines.sync()

    def close(self) -> None:
        """Close the file."""
        self._lines.close()


def _refuse_unknown(values: Mapping[str, float]) -> None:
    unknown = [tag for tag in values if not is_tag(tag)]
    if unknown:
        raise ValueError(f"not in monitoring.names: {', '.join(sorted(unknown))}")
