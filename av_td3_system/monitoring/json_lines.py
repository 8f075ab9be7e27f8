"""JSON Lines files of record: append one line at a time, survive a kill, rewind on resume."""

from __future__ import annotations

import json
import logging
import math
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from av_td3_system.monitoring.append import append_whole

logger = logging.getLogger(__name__)


class JsonLinesFile:
    """An append-only file of JSON objects, each on a line of its own and each with a `step`.

    Steps never fall along the file, so dropping everything after a step is one truncation. A last
    line torn by a kill is cut off when the file is opened again.

    Args:
        path: file to append to; created if missing.
        resume_step: drop lines of later steps, which belong to a future that a resumed run repeats.
        resume_bytes: drop everything behind so many bytes, for what a run adds at its end whatever its step.
    """

    def __init__(self, path: Path, resume_step: int | None = None, resume_bytes: int | None = None) -> None:
        self.path = Path(path)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        keep = _length_to_keep(self.path, resume_step)
        if resume_bytes is not None:
            keep = min(keep, resume_bytes)
        self._file = open(self.path, "ab", buffering=0)  # noqa: SIM115 (closed by close())
        if keep < self.path.stat().st_size:
            self._file.truncate(keep)

    def append(self, values: Mapping[str, Any]) -> None:
        """Write one object.

        JSON has no NaN or infinity: such floats become null, and the top-level keys that held them
        are listed under `non_finite`.

        Raises:
            OSError: the disk is full or gone; the file then ends with the last whole line.
        """
        plain, non_finite = _without_non_finite(values)
        if non_finite:
            plain["non_finite"] = non_finite
        line = json.dumps(plain, ensure_ascii=False, allow_nan=False).encode() + b"\n"
        append_whole(self._file, line)

    def sync(self) -> int:
        """Force what was appended to the disk; how many bytes the file has."""
        os.fsync(self._file.fileno())
        return os.fstat(self._file.fileno()).st_size

    def close(self) -> None:
        """Close the file; further appends fail."""
        self._file.close()


def read_json_lines(path: Path) -> list[dict[str, Any]]:
    """All objects of a JSON Lines file, oldest first; a missing file is an empty one.

    A torn last line (a run is writing, or was killed) is passed over in silence, an unreadable
    line elsewhere with a warning.
    """
    try:
        content = Path(path).read_bytes()
    except FileNotFoundError:
        return []
    objects: list[dict[str, Any]] = []
    for number, line in enumerate(_whole_lines(content), start=1):
        value = _parse(line)
        if value is None:
            logger.warning("%s: line %d is not a JSON object and is passed over", path, number)
        else:
            objects.append(value)
    return objects


def _whole_lines(content: bytes) -> Iterator[bytes]:
    yield from content.split(b"\n")[:-1]


def _parse(line: bytes) -> dict[str, Any] | None:
    try:
        value = json.loads(line)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def _length_to_keep(path: Path, resume_step: int | None) -> int:
    """Bytes from the start that hold whole lines up to `resume_step`."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return 0
    whole = content.rfind(b"\n") + 1
    if resume_step is None:
        return whole
    length = 0
    for line in _whole_lines(content):
        value = _parse(line)
        step = value.get("step") if value else None
        if isinstance(step, (int, float)) and step > resume_step:
            break
        length += len(line) + 1
    return length


def _without_non_finite(values: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    plain: dict[str, Any] = {}
    non_finite: list[str] = []
    for key, value in values.items():
        plain[key], clean = _clean(value)
        if not clean:
            non_finite.append(key)
    return plain, non_finite


def _clean(value: Any) -> tuple[Any, bool]:
    """The value with null for non-finite floats, and whether there were none."""
    if isinstance(value, float) and not math.isfinite(value):
        return None, False
    if isinstance(value, Mapping):
        pairs = {key: _clean(item) for key, item in value.items()}
        return {key: item for key, (item, _) in pairs.items()}, all(ok for _, ok in pairs.values())
    if isinstance(value, (list, tuple)):
        items = [_clean(item) for item in value]
        return [item for item, _ in items], all(ok for _, ok in items)
    if hasattr(value, "item") and getattr(value, "ndim", None) == 0:  # a NumPy or torch scalar
        return _clean(value.item())
    return value, True
