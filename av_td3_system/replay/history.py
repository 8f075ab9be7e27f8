"""What a replay is given, as rows that never change: to save what is new alone, and to tell two histories apart.

Of a slot everything but what the policy wants there and how often it is drawn is written once. So a save needs no more
than the rows since the one before, and a replay is put together again from all of them, in order, into rings of any
size. Positions are those of `windows`: they grow for ever, and position p lies in slot p % S.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from av_td3_system.replay.windows import LONGEST_STACK, Slots

WRITTEN_ONCE = ("frame", "vector", "surroundings", "action", "reward", "flags", "age")
DIGEST = hashlib.sha256().digest_size

Rows = dict[str, np.ndarray]
"""`first` and `last`, int64 (E,): positions from `first` to before `last` of each world, one world after the other, of
every array that is written once; frames as uint8."""


class History:
    """A running SHA-256 of all that each world has given: two replays with the same digests were given the same.

    Args:
        worlds: E.
    """

    def __init__(self, worlds: int) -> None:
        self.digest = np.zeros((worlds, DIGEST), np.uint8)

    def extend(self, worlds: np.ndarray, *given: np.ndarray | None) -> None:
        """One row of each of these worlds (int64 (M,)), arrays (M, ...) or None, in a fixed order."""
        if not len(worlds):
            return
        arrays = [np.ascontiguousarray(part).reshape(len(worlds), -1) for part in given if part is not None]
        rows = np.concatenate([self.digest[worlds], *(array.view(np.uint8) for array in arrays if array.size)], axis=1)
        for world, row in zip(worlds, rows, strict=True):
            self.digest[world] = np.frombuffer(hashlib.sha256(row.data).digest(), np.uint8)


def held_since(slots: Slots, since: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    """First and last position of each world that is held and not older than `since` (E,); None: all that are held."""
    oldest = np.maximum(slots.written - slots.flags.shape[1], 0)
    return (oldest if since is None else np.maximum(oldest, since)), slots.written.copy()


def gather(ring: np.ndarray, first: np.ndarray, last: np.ndarray) -> np.ndarray:
    """Rows (sum of last - first, ...) of a ring (E, S, ...): a copy."""
    size = ring.shape[1]
    return np.concatenate([ring[w, np.arange(a, b) % size] for w, (a, b) in enumerate(zip(first, last, strict=True))])


def scatter(ring: np.ndarray, rows: np.ndarray, first: np.ndarray, last: np.ndarray) -> None:
    """Put rows back where they were; of those that share a slot the newest stays."""
    size, begin = ring.shape[1], 0
    for w, (a, b) in enumerate(zip(first, last, strict=True)):
        kept = max(a, b - size)
        ring[w, np.arange(kept, b) % size] = rows[begin + kept - a : begin + b - a]
        begin += b - a


def rows_of(slots: Slots, first: np.ndarray, last: np.ndarray) -> Rows:
    """All that is written once, from `first` to before `last`."""
    rows = {name: gather(getattr(slots, name), first, last) for name in WRITTEN_ONCE}
    rows["frame"] = rows["frame"].view(np.uint8)
    return {"first": first, "last": last, **rows}


def put_rows(slots: Slots, rows: Mapping[str, Any]) -> None:
    """Write rows into their slots; what is held of later positions there must be put after them."""
    first, last = np.asarray(rows["first"]), np.asarray(rows["last"])
    for name in WRITTEN_ONCE:
        ring, some = getattr(slots, name), np.ascontiguousarray(rows[name])
        scatter(ring, some.view(np.uint64) if name == "frame" else some, first, last)


def fits(slots: Slots, rows: Mapping[str, Any]) -> bool:
    """Whether rows are of as many worlds and of the same shapes."""
    return len(rows["first"]) == len(slots.written) and all(
        tuple(rows[name].shape[1:]) == (_row_bytes(slots) if name == "frame" else getattr(slots, name).shape[2:])
        for name in WRITTEN_ONCE
    )


def _row_bytes(slots: Slots) -> tuple[int]:
    return (slots.frame.shape[2] * slots.frame.itemsize,)


def cut_before(slots: Slots, first: np.ndarray) -> None:
    """Make `first` (E,) the oldest positions: nothing before is drawn, and no stack reaches back beyond them.

    Nothing is changed of a world that holds all that its ring has room for.
    """
    size, held = slots.flags.shape[1], held_since(slots, None)[0]
    for w, begin in enumerate(first):
        if begin <= held[w]:
            continue
        slots.flags[w, np.arange(held[w], begin) % size] = 0
        positions = np.arange(begin, min(begin + LONGEST_STACK, slots.written[w]))
        slots.age[w, positions % size] = np.minimum(slots.age[w, positions % size], positions - begin)
