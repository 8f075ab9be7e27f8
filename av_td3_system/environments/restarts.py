"""Training episodes that begin again shortly before they failed.

An agent that seldom fails seldom learns what failing looks like: a failure ends the drive, and the next one begins far
from any other. So a share of failures is followed by another drive from a moment before (a restart distribution,
Tavakoli et al. 2018, arXiv:1811.11298, of states before failures): the same traffic, other noise, another way out.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from av_td3_system.config.learning_sections import ExplorationConfig

STRIDE = 4  # decisions between two moments that are kept


class Moment(NamedTuple):
    """Where a world stood after a decision; never changed once it is kept.

    Attributes:
        tick: ticks since the episode began.
        record: the world's record as it lies in memory, uint8.
        action: that had been taken last, float32 (2,).
    """

    tick: int
    record: np.ndarray
    action: np.ndarray


class Restarts:
    """The moments of each of N worlds that its episode can begin again from.

    Args:
        settings: share of failures, how far before them, how often in a row.
        records: the worlds' records (N,), one structured array for as long as this lives.
        tick: s.
        action_repeat: ticks a decision.
    """

    def __init__(self, settings: ExplorationConfig, records: np.ndarray, tick: float, action_repeat: int) -> None:
        self._share, self._limit = settings.restart_share, settings.restart_limit
        nearest, farthest = settings.restart_time
        self._ticks = round(nearest / tick), round(farthest / tick)
        self._stride = STRIDE * action_repeat
        self._records = records
        kept = self._ticks[1] // self._stride + 1
        self._moments: list[deque[Moment]] = [deque(maxlen=kept) for _ in records]
        self._in_a_row = np.zeros(len(records), np.int64)

    def begin(self, world: int) -> None:
        """An episode begins at its own beginning."""
        self._moments[world].clear()
        self._in_a_row[world] = 0

    def watch(self, mask: np.ndarray, actions: np.ndarray) -> None:
        """Keep where the masked worlds stand after a decision, those whose turn has come.

        Args:
            mask: bool (N,), worlds whose episode goes on.
            actions: that were taken, (N, 2).
        """
        ticks = self._records["tick"]
        for w in np.flatnonzero(mask & (ticks % self._stride == 0)):
            self._moments[w].append(Moment(int(ticks[w]), self._memory(int(w)).copy(), actions[w].copy()))

    def again(self, world: int, rng: np.random.Generator) -> np.ndarray | None:
        """Put a world that has failed back to a moment before, if it is to begin again.

        Args:
            world: index.
            rng: of this failure alone.

        Returns:
            The action that had been taken last at that moment; None where nothing was changed.
        """
        nearest, farthest = self._ticks
        now, moments = int(self._records["tick"][world]), self._moments[world]
        places = [i for i, moment in enumerate(moments) if nearest <= now - moment.tick <= farthest]
        if not places or self._in_a_row[world] >= self._limit or rng.random() >= self._share:
            return None
        self._in_a_row[world] += 1
        place = places[rng.integers(len(places))]
        moment = moments[place]
        self._memory(world)[:] = moment.record
        while len(moments) > place + 1:  # what came after has not happened
            moments.pop()
        return moment.action

    def in_a_row(self, world: int) -> int:
        """How often the present episode of a world has begun again; above 0 it did not begin at its beginning."""
        return int(self._in_a_row[world])

    def state_dict(self) -> dict[str, Any]:
        """All moments; they are shared with the state, since nobody changes them."""
        return {
            "layout": str(self._records.dtype),
            "moments": [[moment._asdict() for moment in moments] for moments in self._moments],
            "in_a_row": self._in_a_row.copy(),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what `state_dict` gave; moments of worlds that had other columns are forgotten."""
        known = state["layout"] == str(self._records.dtype)
        for moments, saved in zip(self._moments, state["moments"], strict=True):
            moments.clear()
            moments.extend(Moment(**moment) for moment in saved if known)
        self._in_a_row[...] = state["in_a_row"]

    def _memory(self, world: int) -> np.ndarray:
        """The bytes of a world's record, shared."""
        return self._records[world : world + 1].view(np.uint8)
