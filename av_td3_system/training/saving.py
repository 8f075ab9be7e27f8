"""Saving a run and taking it up again: the replay by what is new, everything else whole."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from av_td3_system.checkpointing.checkpoint_file import CheckpointError
from av_td3_system.checkpointing.disk_space import wants_room
from av_td3_system.checkpointing.pieces import Piece, PieceStore
from av_td3_system.checkpointing.plain_state import to_numpy
from av_td3_system.checkpointing.pruning import Pruned, prune
from av_td3_system.checkpointing.store import CheckpointStore, Loaded
from av_td3_system.replay.device_replay import DeviceReplay
from av_td3_system.replay.frame_replay import FrameReplay

logger = logging.getLogger(__name__)

T = TypeVar("T")

FORMAT = 2  # of what a checkpoint holds; a change that older programs or newer ones cannot read raises it


class Saver:
    """Checkpoints that a run can go on from.

    A checkpoint names the pieces of the replay that belong to it, so a run that goes on from it never learns from what
    was driven later.

    Args:
        store: of checkpoints.
        pieces: of the replay.
        replay: of the run.
        keep_steps: milestones whose checkpoints are never rotated away.
    """

    def __init__(
        self,
        store: CheckpointStore,
        pieces: PieceStore,
        replay: FrameReplay | DeviceReplay,
        keep_steps: Collection[int] = (),
    ) -> None:
        self.store, self._files, self._replay, self._keep_steps = store, pieces, replay, keep_steps
        self._pieces: list[Piece] = []  # oldest first, each with the positions `first` to before `last` that it holds
        self._saved: np.ndarray | None = None  # positions (E,) up to which they reach

    def save(self, state: dict[str, Any], milestone: int) -> Path:
        """Save as the checkpoint of this milestone, which rotates unless it is to be kept for good.

        Raises:
            OSError: the disk is gone, or full though it was pruned; what was saved before is whole, and of this
                save nothing is left.
        """

        def write() -> Path:
            whole = self._with_replay(state)
            return self.store.save(whole, milestone, keep=milestone in self._keep_steps, pieces=self._names)

        path = self._all_or_nothing(write)
        self._clear(())
        return path

    def save_named(self, state: dict[str, Any], name: str, step: int) -> Path:
        """Save under a name that is never rotated away.

        Raises:
            OSError: as for `save`.
        """

        def write() -> Path:
            whole = self._with_replay(state)
            return self.store.save_named(whole, name, step, pieces=self._names)

        return self._all_or_nothing(write)

    def with_room(self, write: Callable[[], T]) -> T:
        """`write()`; where there is no room for it, once more after `prune`.

        Raises:
            OSError: it still cannot be written.
        """
        try:
            return write()
        except OSError as error:
            if not wants_room(error):
                raise
            freed = self.prune()
            logger.warning("no room to save: removed %.1f MB of what can be spared", freed.bytes / 1e6)
            return write()

    def prune(self) -> Pruned:
        """Free what the run can do without, as `checkpointing.pruning`; what it is made of now stays.

        For a disk that is nearly full; not during a save.

        Raises:
            OSError: the log cannot be written; what could be removed is.
        """
        return prune(self.store, self._files, self._names)

    def newest(self) -> Loaded | None:
        """The checkpoint that a run would go on from, whole with all its pieces; None where there is none."""
        try:
            found = self.load()
        except (CheckpointError, OSError):
            return None
        return None if found.damaged else found

    def _all_or_nothing(self, write: Callable[[], Path]) -> Path:
        """`with_room`, and after a failure as if nothing had been tried: the next save writes the same rows again."""
        before = self._pieces, self._saved
        try:
            return self.with_room(write)
        except OSError:
            self._pieces, self._saved = before
            with contextlib.suppress(OSError):
                self._clear(self._names)
            raise

    def _clear(self, needed: Collection[str]) -> None:
        """Remove all pieces but these and those of checkpoints; none where it is not known which those are."""
        of_checkpoints = self.store.pieces()
        if of_checkpoints is not None:
            self._files.keep_only({*of_checkpoints, *needed})

    @property
    def _names(self) -> list[str]:
        return [str(piece["name"]) for piece in self._pieces]

    def _with_replay(self, state: dict[str, Any]) -> dict[str, Any]:
        first, last = self._replay.held(self._saved)
        if (last > first).any():
            piece = self._files.write(self._replay.rows_since(self._saved))
            self._pieces = [*self._pieces, {**piece, "first": first.tolist(), "last": last.tolist()}]
            self._saved = last
        oldest, _ = self._replay.held(None)
        self._pieces = [piece for piece in self._pieces if (np.array(piece["last"]) > oldest).any()]
        return {**state, "format": FORMAT, "replay": {"books": self._replay.books(), "pieces": self._pieces}}

    def load(self) -> Loaded:
        """The newest checkpoint that a run can go on from, its pieces verified.

        Raises:
            CheckpointError: there is none, or it is of a version that saved no replay, or another format.
        """
        loaded = self.store.load_latest(lambda state: self._files.damaged(_pieces_of(state)))
        if loaded.state.get("format") != FORMAT:
            raise CheckpointError(
                f"{loaded.path} was written by a version of this program that a run cannot go on from: its format is "
                f"{loaded.state.get('format', 'from before there was one')}, this version's is {FORMAT}",
                hint="its policy can still be evaluated; begin a new run, or use the version that manifest.json names",
            )
        return loaded

    def restore(self, loaded: Loaded) -> int:
        """Put the replay together again; how many transitions are lost because their pieces are damaged.

        Raises:
            CheckpointError: a piece was damaged since `load`.
            UserError: the replay of the settings has another shape.
        """
        state = loaded.state
        pieces, since = _pieces_of(state), None
        before = int(np.asarray(state["replay"]["books"]["written"]).sum())
        if loaded.damaged:
            good = [not self._files.damaged([piece]) for piece in pieces]
            pieces = pieces[len(good) - good[::-1].index(False) :]  # what follows the last damaged one
            since = np.asarray(pieces[0]["first"] if pieces else state["replay"]["books"]["written"])
        books: Mapping[str, Any] = to_numpy(state["replay"]["books"])
        self._replay.restore(books, (to_numpy(rows) for rows in self._files.read(pieces)), since)
        self._pieces = pieces
        self._saved = np.asarray(books["written"]).copy()
        self._clear(self._names)
        return 0 if since is None else before - int((np.asarray(books["written"]) - since).sum())

    def cut(self, since: np.ndarray) -> None:
        """Rows from these positions (E,) on have changed since they were saved, and are to be saved again."""
        if self._saved is not None:
            self._saved = np.minimum(self._saved, since)


def _pieces_of(state: Mapping[str, Any]) -> list[Piece]:
    return list(state.get("replay", {}).get("pieces", []))
