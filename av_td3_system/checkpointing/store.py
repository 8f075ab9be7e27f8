"""The checkpoints of a run: saved whole, kept by rule, loaded only when undamaged.

The folder `checkpoints/`:

- `td3_25k.pt`, `td3_50k.pt` ...: every `--save-freq` steps, the last five;
- `checkpoint_{step}.pt` (asked for by a guard), `emergency_halt_{step}.pt` (a guard ended the run),
  `best.pt`, `final.pt`, what is to be kept and the last one judged good: not rotated away;
- `checksums.json`: SHA-256, step and kind of each.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from av_td3_system.checkpointing.atomic import sweep_temporaries
from av_td3_system.checkpointing.checkpoint_file import (
    CheckpointError,
    file_sha256,
    read_checkpoint,
    verify_archive,
    verify_sha256,
    write_checkpoint,
)
from av_td3_system.checkpointing.disk_space import wants_room
from av_td3_system.checkpointing.ledger import CheckpointRecord, Ledger, abandon, rotating_name

logger = logging.getLogger(__name__)


class Loaded(NamedTuple):
    """A checkpoint that was read.

    Attributes:
        path: of its file.
        step: environment step.
        state: what was saved.
        damaged: what is wrong with the pieces that it is made of, a sentence each; there was no better one then.
    """

    path: Path
    step: int
    state: dict[str, Any]
    damaged: tuple[str, ...] = ()


class CheckpointStore:
    """Saves and loads the state of a run. One process writes; others may read at the same time.

    Args:
        directory: `checkpoints/` of a run; made at the first save.
        algo: td3 or ddpg, the prefix of file names.
        keep_last: rotating checkpoints kept, at least 1.
    """

    def __init__(self, directory: Path, algo: str, keep_last: int = 5) -> None:
        if keep_last < 1:
            raise ValueError(f"keep_last is {keep_last}, at least 1 is needed")
        self.directory = Path(directory)
        self._algo = algo
        self._keep_last = keep_last
        self._ledger = Ledger(self.directory)
        self._swept = False

    def save(self, state: dict[str, Any], step: int, *, keep: bool = False, pieces: Collection[str] = ()) -> Path:
        """Save as `td3_{k}k.pt`, then remove the oldest beyond `keep_last`.

        Args:
            state: nested dicts and lists of tensors, arrays, numbers and strings.
            step: environment step.
            keep: protect it from rotation (a rung or look of the ladder).
            pieces: names of the files that it needs beside its own (`pieces.PieceStore`).

        Raises:
            OSError: the disk is full or gone; nothing that was saved before is harmed.
        """
        path = self._write(state, rotating_name(self._algo, step), step, pieces, rotates=not keep)
        for removed in self.rotate(self._keep_last):
            logger.info("Removed old checkpoint: %s", removed)
        return path

    def save_named(
        self, state: dict[str, Any], name: str, step: int | None = None, pieces: Collection[str] = ()
    ) -> Path:
        """Save under a name of its own, never rotated away; an older file of that name is replaced.

        Args:
            state: as for `save`.
            name: such as `best.pt` or `emergency_halt_1200.pt`.
            step: environment step if a run can continue from it, so that `load_latest` considers it.
            pieces: as for `save`.

        Raises:
            ValueError: the name is no plain `*.pt` file name.
            OSError: as for `save`.
        """
        if Path(name).name != name or not name.endswith(".pt") or name.startswith("."):
            raise ValueError(f"{name!r} is no file name ending in .pt")
        return self._write(state, name, step, pieces, rotates=False)

    def load(self, path: Path) -> dict[str, Any]:
        """Load one checkpoint of this folder, arrays as processor tensors.

        Raises:
            CheckpointError: missing, damaged or not a checkpoint.
        """
        return load_checkpoint(path)

    def load_latest(self, damaged: Callable[[dict[str, Any]], list[str]] = lambda state: []) -> Loaded:
        """Load the newest save that a run can continue from; where it is damaged, the one before it.

        Args:
            damaged: what is wrong with the pieces that a state is made of. Only where all others are unusable is such
                a checkpoint returned: the newest of them.

        Raises:
            CheckpointError: none can be loaded.
        """
        candidates = self.resumable()
        last_resort: Loaded | None = None
        incomplete: Loaded | None = None
        for record in candidates:
            path = self.directory / record.name
            try:
                state, step, is_older = _load(path, record)
            except CheckpointError as error:
                logger.error("%s; falling back to the checkpoint before it", error.message)
                continue
            if step is None:
                continue
            if wrong := damaged(state):
                logger.error("%s needs what is damaged: %s; looking for one before it", path, "; ".join(wrong))
                incomplete = incomplete or Loaded(path, step, state, tuple(wrong))
                continue
            if not is_older:
                return Loaded(path, step, state)
            # A kill came just before the new version took the file's name.
            last_resort = last_resort or Loaded(path, step, state)
        if last_resort or incomplete:
            return last_resort or incomplete  # type: ignore[return-value]
        found = f"all {len(candidates)} are damaged" if candidates else "there is none"
        raise CheckpointError(f"no checkpoint in {self.directory} can be loaded: {found}", hint="begin a new run")

    def resumable(self) -> list[CheckpointRecord]:
        """Checkpoints that a run can continue from, newest save first."""
        records = [r for r in self._ledger.read().values() if r.step is not None and not r.abandoned]
        return sorted(records, key=lambda record: record.order, reverse=True)

    def pieces(self) -> set[str] | None:
        """Names of all pieces that some checkpoint needs; None where the record of one is lost, and nobody knows."""
        records = self._ledger.read().values()
        if any(record.sha256 is None for record in records):
            return None
        return {name for record in records for name in (*record.pieces, *record.previous_pieces)}

    def rotate(self, keep: int) -> dict[Path, int]:
        """Remove the oldest rotating checkpoints beyond `keep`; what they were and how many bytes each had."""
        rotating = [record for record in self._ledger.read().values() if record.rotates and not record.good]
        rotating.sort(key=lambda record: (not record.abandoned, record.order))  # abandoned ones go first
        removed = {}
        for record in rotating[: max(0, len(rotating) - min(keep, self._keep_last))]:
            path = self.directory / record.name
            removed[path] = path.stat().st_size
            path.unlink()
        if removed:
            # A record without a file is passed over by every reader: where there is no room for this it may wait.
            try:
                self._ledger.update(removed=tuple(path.name for path in removed))
            except OSError as error:
                if not wants_room(error):
                    raise
        return removed

    def keep_good(self, name: str) -> None:
        """Keep this checkpoint, the last one judged good, from rotation; the one before it rotates again."""
        records = self._ledger.read()
        if name not in records:
            raise CheckpointError(f"there is no checkpoint {self.directory / name}")
        if not records[name].good:
            before = [replace(record, good=False) for record in records.values() if record.good]
            self._ledger.update(*before, replace(records[name], good=True))

    def abandon_after(self, step: int) -> list[Path]:
        """After a rollback to `step`: no longer continue from what was saved beyond it; those files.

        They stay on the disk, under the rules of rotation.
        """
        beyond = [record for record in self.resumable() if record.step is not None and record.step > step]
        if beyond:
            self._ledger.update(*(abandon(record) for record in beyond))
        return [self.directory / record.name for record in beyond]

    def go_back_to(self, name: str) -> list[Path]:
        """No longer continue from what was saved after this checkpoint; those files.

        They stay on the disk, under the rules of rotation.

        Raises:
            CheckpointError: a run cannot continue from it.
        """
        records = self.resumable()
        chosen = next((record for record in records if record.name == name), None)
        if chosen is None:
            known = ", ".join(f"{record.name} (step {record.step})" for record in records) or "none"
            raise CheckpointError(
                f"a run cannot go on from {self.directory / name}", hint=f"it can go on from: {known}"
            )
        later = [record for record in records if record.order > chosen.order]
        if later:
            self._ledger.update(*(abandon(record) for record in later))
        return [self.directory / record.name for record in later]

    def sweep(self) -> None:
        """Remove what an interrupted save left behind. Done at the first save; only the writer may."""
        self._swept = True
        for leftover in sweep_temporaries(self.directory):
            logger.warning("removed what an interrupted save left behind: %s", leftover)

    def _write(
        self, state: dict[str, Any], name: str, step: int | None, pieces: Collection[str], *, rotates: bool
    ) -> Path:
        self.directory.mkdir(parents=True, exist_ok=True)
        if not self._swept:
            self.sweep()
        path = self.directory / name
        previous, previous_step, previous_pieces = self._present(name)
        with write_checkpoint(path, state) as sha256:
            # Recorded before the file takes its name: a file under its name always has a valid hash.
            self._ledger.update(
                CheckpointRecord(
                    name,
                    sha256,
                    previous=previous,
                    previous_step=previous_step,
                    step=step,
                    order=self._ledger.next_order(),
                    rotates=rotates,
                    pieces=tuple(pieces),
                    previous_pieces=previous_pieces,
                ),
            )
        logger.info("Saved checkpoint: %s", path)
        return path

    def _present(self, name: str) -> tuple[str | None, int | None, tuple[str, ...]]:
        """Hash, step and pieces of the file that has this name now.

        It is not what was recorded last where a kill came between that record and the file: taking the record's
        word for it, a second such kill would leave a file that no record knows.
        """
        record = self._ledger.read().get(name)
        if record is None:
            return None, None, ()
        if record.previous is not None and file_sha256(self.directory / name) == record.previous:
            return record.previous, record.previous_step, record.previous_pieces
        return record.sha256, record.step, record.pieces


def load_checkpoint(path: Path) -> dict[str, Any]:
    """Load any checkpoint file, verified against the `checksums.json` beside it, else by its own checksums.

    Raises:
        CheckpointError: missing, damaged or not a checkpoint.
    """
    path = Path(path)
    state, _, _ = _load(path, Ledger(path.parent).read().get(path.name))
    return state


def _load(path: Path, record: CheckpointRecord | None) -> tuple[dict[str, Any], int | None, bool]:
    """State and step of a checkpoint, and whether it is the version that its record replaces."""
    try:
        return _verified(path, record)
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read: {error.strerror or error}") from error


def _verified(path: Path, record: CheckpointRecord | None) -> tuple[dict[str, Any], int | None, bool]:
    if not path.is_file():
        raise CheckpointError(f"there is no checkpoint {path}")
    if record is None or record.sha256 is None:
        logger.warning("%s has no recorded SHA-256; its own checksums are verified instead", path)
        verify_archive(path)
        return read_checkpoint(path), record.step if record else None, False
    hashes = (record.sha256,) if record.previous is None else (record.sha256, record.previous)
    is_older = verify_sha256(path, hashes) != record.sha256
    return read_checkpoint(path), record.previous_step if is_older else record.step, is_older
