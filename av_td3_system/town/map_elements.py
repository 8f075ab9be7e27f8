"""What an OpenDRIVE map is made of, as plain immutable values (names and signs are the standard's)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from av_td3_system.town.plan_view import FloatArray, PlanView


@dataclass(frozen=True)
class PiecewiseCubic:
    """The polynomials a + b ds + c ds^2 + d ds^3 in rows of `coefficients` (k, 4).

    `ds` is measured from the last of `starts` (k,) m before s; before all of them the first piece
    goes on backwards. Without pieces the value is zero.
    """

    starts: FloatArray
    coefficients: FloatArray

    def __call__(self, s: FloatArray) -> FloatArray:
        """Values (n,) at `s` (n,)."""
        if not len(self.starts):
            return np.zeros_like(s)
        which = np.clip(np.searchsorted(self.starts, s + 1e-9, side="right") - 1, 0, None)
        ds = s - self.starts[which]
        a, b, c, d = self.coefficients[which].T
        return np.asarray(a + ds * (b + ds * (c + ds * d)))


@dataclass(frozen=True)
class RoadMark:
    """Paint on the outer border of a lane from `s_offset` m after the section's start."""

    s_offset: float
    kind: str
    width: float  # m
    lane_change: str | None = None  # "both" | "none" | "increase" | "decrease" (of lane ids); None: the kind says it


@dataclass(frozen=True)
class Lane:
    """One lane of one section; `identifier` > 0 left, < 0 right of the reference line, 0 centre."""

    identifier: int
    kind: str
    width: PiecewiseCubic  # of s from the section's start
    predecessor: int | None
    successor: int | None
    marks: tuple[RoadMark, ...]
    speeds: tuple[tuple[float, float], ...]  # (s_offset m, m/s)


@dataclass(frozen=True)
class LaneSection:
    """Lanes by identifier between `start` and `end` m of a road."""

    start: float
    end: float
    lanes: dict[int, Lane]


@dataclass(frozen=True)
class RoadLink:
    """What a road's start or end is joined to; `contact` is empty for junctions."""

    kind: str  # "road" | "junction"
    identifier: str
    contact: str  # "start" | "end" | ""


@dataclass(frozen=True)
class Road:
    """One road; `junction` is None unless the road is a connection inside a junction."""

    identifier: str
    length: float
    junction: str | None
    predecessor: RoadLink | None
    successor: RoadLink | None
    plan_view: PlanView
    lane_offset: PiecewiseCubic
    sections: tuple[LaneSection, ...]
    speeds: tuple[tuple[float, float], ...]  # (s m, m/s)


@dataclass(frozen=True)
class Connection:
    """One way through a junction."""

    incoming_road: str
    connecting_road: str
    contact: str  # end of the connecting road that touches the incoming road
    lane_links: tuple[tuple[int, int], ...]  # (from, to)


@dataclass(frozen=True)
class Junction:
    """A junction and its connections."""

    identifier: str
    connections: tuple[Connection, ...]


@dataclass(frozen=True)
class OpenDriveMap:
    """A whole map, in the order of the file."""

    name: str
    roads: dict[str, Road]
    junctions: dict[str, Junction]
