"""What a ladder has decided so far: an append-only file from which it goes on after any interruption.

climb.jsonl  {"kind": "attempt",  "attempt", "settings", "why", "contingency", "found"}
             {"kind": "verdict",  "attempt", "stage", "algo", "seed", "run", "step", "verdict", "why", "gate"}
             {"kind": "rollback", "attempt", "stage", "algo", "seed", "run", "checkpoint", "settings"}
             {"kind": "tried",    "attempt", "contingency", "found"}
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from av_td3_system.config.errors import UserError
from av_td3_system.monitoring.json_lines import JsonLinesFile, read_json_lines

BOOK = "climb.jsonl"
Line = dict[str, Any]


@dataclass(frozen=True)
class Climber:
    """One run of the ladder.

    Attributes:
        attempt: 0 with the settings as given, then one more for each contingency.
        algo: algorithm.
        seed: of training.
    """

    attempt: int
    algo: str
    seed: int

    def home(self, folder: Path) -> Path:
        """Folder of its attempt."""
        return folder if self.attempt == 0 else folder / f"attempt_{self.attempt}"

    def directory(self, folder: Path) -> Path:
        """Its run directory."""
        return self.home(folder) / f"{self.algo}_seed_{self.seed}"


class Book:
    """The lines of a ladder's decisions.

    Args:
        folder: of the ladder; it exists.

    Raises:
        UserError: a line of it is lost.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / BOOK
        self.lines: list[Line] = read_json_lines(self._path)
        if [line.get("attempt") for line in self.attempts] != list(range(len(self.attempts))):
            raise UserError(f"{self._path} lacks the line of an attempt", "was it edited? Begin anew in another --out")

    def write(self, kind: str, **values: Any) -> None:
        """Add one line, and bring it to the disk."""
        file = JsonLinesFile(self._path)
        try:
            file.append({"kind": kind, **values})
            file.sync()
        finally:
            file.close()
        self.lines = read_json_lines(self._path)

    def of(self, kind: str) -> list[Line]:
        """All lines of a kind, oldest first."""
        return [line for line in self.lines if line.get("kind") == kind]

    @property
    def attempts(self) -> list[Line]:
        """All attempts, oldest first."""
        return self.of("attempt")

    def verdict(self, climber: Climber, stages: Sequence[str]) -> Line | None:
        """The newest verdict on a run at one of these stages; None before there is one, or after a rollback there."""
        found = None
        for line in self.lines:
            if _is_of(line, climber) and line.get("stage") in stages:
                found = line if line["kind"] == "verdict" else None
        return found

    def rollbacks(self, climber: Climber) -> list[Line]:
        """What a run went back to, oldest first."""
        return [line for line in self.of("rollback") if _is_of(line, climber)]


def _is_of(line: Line, climber: Climber) -> bool:
    mine = (climber.attempt, climber.algo, climber.seed)
    return (line.get("attempt"), line.get("algo"), line.get("seed")) == mine
