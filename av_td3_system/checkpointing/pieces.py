"""Pieces of a state that only grows: written once, shared by all checkpoints that need them.

A replay of a million frames takes seven gigabytes; saving it whole at every checkpoint would take longer than learning
from it. So each save writes what is new as a piece, and a checkpoint names the pieces that it is made of.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any
from uuid import uuid4

from av_td3_system.checkpointing.atomic import sweep_temporaries
from av_td3_system.checkpointing.checkpoint_file import (
    CheckpointError,
    read_checkpoint,
    verify_sha256,
    write_checkpoint,
)

logger = logging.getLogger(__name__)

Piece = dict[str, Any]
"""`name` and `sha256` of a file in the folder, beside what its writer wants to know of it without opening it."""


class PieceStore:
    """Files `NUMBER-TOKEN.pt` in one folder; no name is used twice, so no checkpoint finds another's content.

    One process writes; others may read at the same time.

    Args:
        directory: made at the first write.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = Path(directory)
        self._swept = False

    def write(self, content: Mapping[str, Any]) -> Piece:
        """Store a piece durably; returns what a checkpoint must keep of it.

        Raises:
            OSError: the disk is full or gone; no file is left.
        """
        self.directory.mkdir(parents=True, exist_ok=True)
        if not self._swept:
            self._swept = True
            sweep_temporaries(self.directory)
        number = max([0, *(_number(path) for path in self.directory.glob("*.pt"))]) + 1
        name = f"{number:06d}-{uuid4().hex[:8]}.pt"
        with write_checkpoint(self.directory / name, content) as sha256:
            pass
        return {"name": name, "sha256": sha256}

    def damaged(self, pieces: Collection[Piece]) -> list[str]:
        """What is wrong with those that are missing or not what was written, a sentence each."""
        found = []
        for piece in pieces:
            try:
                self._verify(piece)
            except CheckpointError as error:
                found.append(error.message)
        return found

    def read(self, pieces: Collection[Piece]) -> Iterator[dict[str, Any]]:
        """Their contents one by one, arrays as processor tensors.

        Raises:
            CheckpointError: one is missing or damaged.
        """
        for piece in pieces:
            yield read_checkpoint(self._verify(piece))

    def keep_only(self, names: Collection[str]) -> dict[Path, int]:
        """Remove every other piece: no checkpoint needs it, or the run went back behind it.

        Returns:
            What was removed and how many bytes each had.
        """
        removed = {}
        for path in sorted(self.directory.glob("*.pt")) if self.directory.is_dir() else ():
            if path.name not in names:
                removed[path] = path.stat().st_size
                path.unlink()
                logger.debug("removed a piece that no checkpoint needs: %s", path)
        return removed

    def _verify(self, piece: Piece) -> Path:
        name = str(piece["name"])
        path = self.directory / name
        if Path(name).name != name:
            raise CheckpointError(f"{name!r} is no file of {self.directory}")
        if not path.is_file():
            raise CheckpointError(f"{path} is missing")
        try:
            verify_sha256(path, (str(piece["sha256"]),))
        except OSError as error:
            raise CheckpointError(f"{path} cannot be read: {error.strerror or error}") from error
        return path


def _number(path: Path) -> int:
    head = path.name.partition("-")[0]
    return int(head) if head.isdecimal() else 0
