"""Making room on a disk that is full or nearly so: what may go, and what never does."""

from __future__ import annotations

import logging
from collections.abc import Collection
from pathlib import Path
from typing import NamedTuple

from av_td3_system.checkpointing.atomic import TEMPORARY_PREFIX
from av_td3_system.checkpointing.pieces import PieceStore
from av_td3_system.checkpointing.store import CheckpointStore

logger = logging.getLogger(__name__)

KEPT = 2  # rotating checkpoints: one may be damaged


class Pruned(NamedTuple):
    """What was removed.

    Attributes:
        bytes: that were freed.
        names: of the files, checkpoints first.
    """

    bytes: int
    names: tuple[str, ...]


def prune(store: CheckpointStore, pieces: PieceStore, needed: Collection[str]) -> Pruned:
    """Remove all that a run can do without: older rotating checkpoints, pieces that nothing needs, torn files.

    The newest two rotating checkpoints stay, and all that does not rotate (best, final,
    emergency, the last one judged good).
    Only the writer of the folders may call this, and not while it is saving.

    Args:
        store: of checkpoints.
        pieces: of the replay.
        needed: names of pieces to keep beside those that a checkpoint needs.

    Raises:
        OSError: the log cannot be written; what could be removed is.
    """
    freed, names = 0, []
    # Space first, words later: on a full disk a line of the log is one more thing that fails.
    for folder in (store.directory, pieces.directory):
        for path in sorted(folder.glob(f"{TEMPORARY_PREFIX}*")):
            freed += _size(path)
            path.unlink(missing_ok=True)
            names.append(path.name)
    checkpoints = store.rotate(KEPT)
    of_checkpoints = store.pieces()
    loose = {} if of_checkpoints is None else pieces.keep_only({*of_checkpoints, *needed})
    freed += sum(checkpoints.values()) + sum(loose.values())
    for path in checkpoints:
        logger.info("Removed old checkpoint: %s", path)
    removed = (*(path.name for path in checkpoints), *names, *(path.name for path in loose))
    return Pruned(freed, removed)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
