"""`checksums.json`: what each file in the checkpoint folder is, and its SHA-256."""

from __future__ import annotations

import json
import logging
import re
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from av_td3_system.checkpointing.atomic import atomic_write_text

logger = logging.getLogger(__name__)

FILE_NAME = "checksums.json"


@dataclass(frozen=True)
class CheckpointRecord:
    """One checkpoint file.

    Attributes:
        name: file name.
        sha256: hex, or None for a file whose record was lost.
        previous: SHA-256 of the version that this one replaces, valid too: the record is written
            before the file is moved into place, and a kill may come between.
        previous_step: environment step of that version.
        step: environment step, or None for a file that no run continues from.
        order: counts saves; after a rollback the newest save is not the one of the highest step.
        rotates: whether it makes room for newer ones.
        abandoned: the run went back behind it and does not continue from it.
        good: judged so by what came after it; at most one is, and it is not rotated away meanwhile.
        pieces: names of the files of `pieces.PieceStore` that it is made of.
        previous_pieces: those of the version that it replaces.
    """

    name: str
    sha256: str | None
    previous: str | None
    previous_step: int | None
    step: int | None
    order: int
    rotates: bool
    abandoned: bool = False
    good: bool = False
    pieces: tuple[str, ...] = ()
    previous_pieces: tuple[str, ...] = ()


class Ledger:
    """The records of a folder, read anew at each use: the file is the truth.

    Args:
        directory: folder of checkpoints.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = Path(directory)
        self._path = self._directory / FILE_NAME

    def read(self) -> dict[str, CheckpointRecord]:
        """Records of the files that exist, by name.

        A damaged or missing ledger is rebuilt from the file names, without hashes.
        """
        records = {name: record for name, record in self._parse().items() if (self._directory / name).is_file()}
        for path in sorted(self._directory.glob("*.pt")) if self._directory.is_dir() else ():
            if path.name not in records:
                records[path.name] = _guess(path.name)
        return records

    def write(self, records: dict[str, CheckpointRecord]) -> None:
        """Replace the ledger, durably."""
        content = {name: asdict(record) for name, record in sorted(records.items())}
        atomic_write_text(self._path, json.dumps(content, indent=1) + "\n")

    def update(self, *changed: CheckpointRecord, removed: tuple[str, ...] = ()) -> None:
        """Replace some records and drop others."""
        records = self.read()
        for record in changed:
            records[record.name] = record
        for name in removed:
            records.pop(name, None)
        self.write(records)

    def next_order(self) -> int:
        """Above every save so far."""
        return max([0, *(record.order for record in self.read().values())]) + 1

    def _parse(self) -> dict[str, CheckpointRecord]:
        try:
            content: dict[str, dict[str, Any]] = json.loads(self._path.read_text(encoding="utf-8"))
            return {name: _record(name, fields) for name, fields in content.items()}
        except FileNotFoundError:
            return {}
        except (ValueError, TypeError, AttributeError):
            logger.error("%s is damaged: checkpoints are loaded without their recorded hash", self._path)
            return {}


def rotating_name(algo: str, step: int) -> str:
    """`td3_25k.pt`, `td3_2.5k.pt`, `td3_12.345k.pt`: thousands of steps, exact.

    Raises:
        ValueError: the step is negative.
    """
    if step < 0:
        raise ValueError(f"step {step} is negative")
    thousands, rest = divmod(step, 1000)
    fraction = f".{rest:03d}".rstrip("0") if rest else ""
    return f"{algo}_{thousands}{fraction}k.pt"


def abandon(record: CheckpointRecord) -> CheckpointRecord:
    """The same file, no longer continued from."""
    return replace(record, abandoned=True)


def _record(name: str, fields: dict[str, Any]) -> CheckpointRecord:
    """A record as it was read.

    Raises:
        ValueError, TypeError, AttributeError: it is none, or names what is no file of the folder.
    """
    record = CheckpointRecord(
        **{
            **fields,
            "pieces": tuple(map(str, fields.get("pieces", ()))),
            "previous_pieces": tuple(map(str, fields.get("previous_pieces", ()))),
        }
    )
    if record.name != name or Path(name).name != name or not name.endswith(".pt"):
        raise ValueError(f"{name!r} is no checkpoint of this folder")
    numbers = (record.order, *(step for step in (record.step, record.previous_step) if step is not None))
    hashes = [value for value in (record.sha256, record.previous) if value is not None]
    if not all(type(number) is int for number in numbers) or not all(isinstance(value, str) for value in hashes):
        raise TypeError(f"the record of {name} is none")
    return record


def _guess(name: str) -> CheckpointRecord:
    """A record for a file that has none; a negative order ranks it below all that have one, by step."""
    step: int | None = None
    if match := re.fullmatch(r"[a-z0-9]+_(\d+)(?:\.(\d{1,3}))?k\.pt", name):
        step = int(match[1]) * 1000 + int((match[2] or "").ljust(3, "0"))
    elif match := re.fullmatch(r"(?:checkpoint|emergency_halt)_(\d+)\.pt", name):
        step = int(match[1])
    order = -(2**62) + step if step is not None else -(2**62)
    return CheckpointRecord(name, None, None, None, step, order, rotates=False)
