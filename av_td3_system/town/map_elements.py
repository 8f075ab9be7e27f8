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

    def __call__(self, s: FloatArray, until: float = np.inf) -> FloatArray:
        """Values (n,) at `s` (n,); pieces that begin at `until` or later are left out, the last before goes on."""
        if not len(self.starts):
            return np.zeros_like(s)
        at = np.minimum(s + 1e-9, until - 1e-6)
        which = np.clip(np.searchsorted(self.starts, at, side="right") - 1, 0, None)
        ds = s - self.starts[which]
        a, b, c, d = self.coefficients[which].T
        return np.asarray(a + ds * (b + ds * (c + ds * d)))

    def minus(self, other: PiecewiseCubic) -> PiecewiseCubic:
        """The difference to another such function, again with a piece wherever either begins one."""
        starts = np.unique(np.concatenate((self.starts, other.starts)))
        return PiecewiseCubic(starts, self._moved_to(starts) - other._moved_to(starts))

    def _moved_to(self, starts: FloatArray) -> FloatArray:
        """Coefficients (m, 4) of the same polynomials written from `starts` (m,)."""
        which = np.clip(np.searchsorted(self.starts, starts, side="right") - 1, 0, None)
        h = starts - self.starts[which]
        a, b, c, d = self.coefficients[which].T
        return np.stack((a + h * (b + h * (c + h * d)), b + h * (2 * c + 3 * h * d), c + 3 * h * d, d), axis=1)


Speed = tuple[float, float | None]  # (from which m on, m/s; None: the map says nothing)


@dataclass(frozen=True)
class MarkStripe:
    """One line of a mark given in detail, `offset` m left of the border it marks."""

    offset: float
    width: float  # m
    length: float  # m painted ...
    space: float  # ... and m between; 0 for a solid line


@dataclass(frozen=True)
class RoadMark:
    """Paint on the outer border of a lane from `s_offset` m after the section's start."""

    s_offset: float
    kind: str
    width: float  # m
    lane_change: str | None = None  # "both" | "none" | "increase" | "decrease" (of lane ids); None: the kind says it
    color: str = "standard"
    stripes: tuple[MarkStripe, ...] = ()  # where the map describes the lines; else `kind` says it all


@dataclass(frozen=True)
class Lane:
    """One lane of one section; `identifier` > 0 left, < 0 right of the reference line, 0 centre."""

    identifier: int
    kind: str
    width: PiecewiseCubic  # of s from the section's start
    predecessor: int | None
    successor: int | None
    marks: tuple[RoadMark, ...]
    speeds: tuple[Speed, ...]  # from m after the section's start


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
class Signal:
    """A sign or a traffic light beside a road, or a reference to one that stands at another."""

    identifier: str
    s: float  # m of the road
    t: float  # m left of its reference line
    orientation: str  # "+" for traffic along the reference line, "-" against it, "none" for both
    kind: str  # "traffic light" | "speed limit" | "other"
    code: str  # type and subtype in the country's catalogue, "274-50"
    country: str
    name: str
    dynamic: bool
    value: float | None  # of a speed limit m/s, else as written
    lanes: tuple[tuple[int, int], ...]  # ranges of lane ids it is meant for; none: all
    reference: bool = False  # stands elsewhere, counts here


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
    speeds: tuple[Speed, ...]  # from m of the road
    signals: tuple[Signal, ...] = ()


@dataclass(frozen=True)
class Connection:
    """One way through a junction."""

    incoming_road: str
    connecting_road: str
    contact: str  # end of the connecting road that touches the incoming road
    lane_links: tuple[tuple[int, int], ...]  # (from, to); none: the connecting road's own links say it


@dataclass(frozen=True)
class Junction:
    """A junction and its connections; in a direct one the connected roads meet without a road between them."""

    identifier: str
    connections: tuple[Connection, ...]
    direct: bool = False


@dataclass(frozen=True)
class OpenDriveMap:
    """A whole map, in the order of the file."""

    name: str
    roads: dict[str, Road]
    junctions: dict[str, Junction]
