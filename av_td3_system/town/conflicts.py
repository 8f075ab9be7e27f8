"""Where connecting lanes of one junction come too close for two cars."""

from __future__ import annotations

from itertools import combinations
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

CLEARANCE = 3.0  # m between centre lines below which two cars cannot pass
CROSSING, MERGE, DIVERGE = 0, 1, 2


class Conflict(NamedTuple):
    """Along lane `own`, from `enter` to `leave` m, `other` is within the clearance."""

    own: int
    other: int
    enter: float
    leave: float
    kind: int


def junction_conflicts(
    members: list[int],
    points: dict[int, NDArray[np.float64]],
    lengths: dict[int, float],
    successors: dict[int, set[int]],
    predecessors: dict[int, set[int]],
    clearance: float = CLEARANCE,
) -> list[Conflict]:
    """Conflicts among the connecting lanes of one junction, both directions of each pair.

    Args:
        members: the lanes.
        points: centre-line samples (n, 2) in m, uniformly spaced, per lane.
        lengths: m, per lane.
        successors: lanes after each lane; a shared one makes a merge.
        predecessors: lanes before each lane; a shared one makes a diverge.
        clearance: m.
    """
    found = []
    for a, b in combinations(members, 2):
        offsets = points[a][:, None, :] - points[b][None, :, :]
        near = np.einsum("ijk,ijk->ij", offsets, offsets) < clearance**2
        if not near.any():
            continue
        kind = MERGE if successors[a] & successors[b] else DIVERGE if predecessors[a] & predecessors[b] else CROSSING
        for own, other, mask in ((a, b, near.any(axis=1)), (b, a, near.any(axis=0))):
            hits = np.flatnonzero(mask)
            step = lengths[own] / (len(mask) - 1)
            found.append(Conflict(own, other, float(hits[0] * step), float(hits[-1] * step), kind))
    return found
