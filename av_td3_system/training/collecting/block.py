"""What a collector tells: some decisions in a row of its worlds, frames compressed."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from av_td3_system.replay.sight import Sight
from av_td3_system.training.explorer import Experience

LEVEL = 1  # of zlib: frames of the town shrink to a fifth; higher ones take longer than they spare


@dataclass(frozen=True)
class Pixels:
    """An array uint8, compressed."""

    shape: tuple[int, ...]
    packed: bytes

    @classmethod
    def of(cls, array: np.ndarray) -> Pixels:
        """Compress an array uint8."""
        return cls(array.shape, zlib.compress(np.ascontiguousarray(array).data, LEVEL))

    def array(self) -> np.ndarray:
        """As it was; not to be written to."""
        return np.frombuffer(zlib.decompress(self.packed), np.uint8).reshape(self.shape)


@dataclass(frozen=True)
class Sights:
    """Observations one after the other, as a replay keeps them; first axis T."""

    image: Pixels
    vector: np.ndarray
    surroundings: np.ndarray | None
    policy: np.ndarray | None

    @classmethod
    def of(cls, sights: Sequence[Sight]) -> Sights:
        """Put sights of the same shape together."""
        kept = [None if any(part is None for part in one) else np.stack(one) for one in zip(*sights, strict=True)]
        image, vector, surroundings, policy = kept
        assert image is not None and vector is not None
        return cls(Pixels.of(image), vector, surroundings, policy)

    def each(self) -> list[Sight]:
        """One by one."""
        kept = (self.image.array(), self.vector, self.surroundings, self.policy)
        return [Sight(*(None if one is None else one[t] for one in kept)) for t in range(len(self.vector))]  # type: ignore[arg-type]


@dataclass(frozen=True)
class Block:
    """T decisions in a row of n worlds.

    Attributes:
        seen: what was acted on. finals: the true last observations of episodes that ended, of one world each.
        actions: float32 (T, n, A). rewards: (T, n). following: float32 (T, n, D).
        over: bool (T, n), in whose order `finals` are.
        infos: arrays of each step, first axis T. told: the rest of each step's.
        last: what is seen now, of n worlds.
        drawn: int64 (n,), episodes begun.
    """

    seen: Sights
    finals: Sights | None
    actions: np.ndarray
    rewards: np.ndarray
    following: np.ndarray
    over: np.ndarray
    infos: dict[str, np.ndarray]
    told: list[dict[str, Any]]
    last: Sights
    drawn: np.ndarray

    @classmethod
    def of(cls, came: Sequence[Experience], last: Sight, drawn: np.ndarray) -> Block:
        """Pack decisions; of last observations only those that there are."""
        over = np.stack([one.infos["_final_obs"] for one in came])
        ends = [_row(one.last, int(w)) for one in came for w in np.flatnonzero(one.infos["_final_obs"])]
        arrays = [name for name, value in came[0].infos.items() if isinstance(value, np.ndarray)]
        return cls(
            seen=Sights.of([one.seen for one in came]),
            finals=Sights.of(ends) if ends else None,
            actions=np.stack([one.actions for one in came]),
            rewards=np.stack([one.rewards for one in came]),
            following=np.stack([one.following for one in came]),
            over=over,
            infos={name: np.stack([one.infos[name] for one in came]) for name in arrays},
            told=[{k: v for k, v in one.infos.items() if k not in arrays and k != "final_obs"} for one in came],
            last=Sights.of([last]),
            drawn=drawn.copy(),
        )

    def each(self) -> list[Experience]:
        """The decisions one by one; rows of `last` are undefined where an episode goes on."""
        finals = iter(self.finals.each() if self.finals is not None else ())
        found = []
        for t, seen in enumerate(self.seen.each()):
            ended = [(int(w), next(finals)) for w in np.flatnonzero(self.over[t])]
            infos = {**{name: rows[t] for name, rows in self.infos.items()}, **self.told[t]}
            last = _in_their_rows(seen, ended)
            found.append(Experience(seen, self.actions[t], self.rewards[t], last, infos, self.following[t]))
        return found


def side_by_side(parts: Sequence[Experience]) -> Experience:
    """One decision of all worlds, those of the first part first."""
    infos: dict[str, Any] = {}
    for name, value in parts[0].infos.items():
        every = [part.infos[name] for part in parts]
        array = isinstance(value, np.ndarray)
        infos[name] = np.concatenate(every) if array else [one for some in every for one in some]
    return Experience(
        seen=beside([part.seen for part in parts]),
        actions=np.concatenate([part.actions for part in parts]),
        rewards=np.concatenate([part.rewards for part in parts]),
        last=beside([part.last for part in parts]),
        infos=infos,
        following=np.concatenate([part.following for part in parts]),
    )


def beside(sights: Sequence[Sight]) -> Sight:
    """Sights of several collectors' worlds as one."""
    return Sight(*(None if one[0] is None else np.concatenate(one) for one in zip(*sights, strict=True)))  # type: ignore[arg-type]


def _row(sight: Sight, world: int) -> Sight:
    return Sight(*(None if kept is None else kept[world] for kept in sight))  # type: ignore[arg-type]


def _in_their_rows(like: Sight, rows: Sequence[tuple[int, Sight]]) -> Sight:
    """A sight as large as `like` with these worlds' rows; without any it is `like` itself, which nobody looks at."""
    if not rows:
        return like
    found = Sight(*(None if kept is None else np.zeros_like(kept) for kept in like))  # type: ignore[arg-type]
    for world, row in rows:
        for kept, value in zip(found, row, strict=True):
            if kept is not None and value is not None:
                kept[world] = value
    return found
