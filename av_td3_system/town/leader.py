"""Who drives ahead of a vehicle on its path."""

from __future__ import annotations

import numpy as np

from av_td3_system.town.kernel import kernel
from av_td3_system.town.lane_lists import LONGEST, ListsRecord, first_on
from av_td3_system.town.roads import Roads
from av_td3_system.town.state import NONE, PATH, WorldRecord

SIGHT = 60.0  # m ahead within which a leader is looked for
PARTING = 8.0  # m after a fork within which a vehicle on the other branch is still in the way


@kernel(forceinline=True)
def leader(roads: Roads, world: WorldRecord, lists: ListsRecord, i: int) -> tuple[float, float]:
    """Gap (m, bumper to bumper) and speed of the nearest vehicle ahead on the path of vehicle `i`.

    That is one on the lanes of the path, one that changes to or from the lane, or one just after a fork.
    """
    own, origin, s = world.lane[i], world.from_lane[i], world.s[i]
    half = 0.5 * world.size[i, 0]
    best, who = SIGHT, NONE
    j = first_on(lists, own)
    while j != NONE:
        if world.lane[j] == own and (world.s[j] > s or (world.s[j] == s and j > i)):
            best, who = _nearer(world, half, world.s[j] - s, j, best, who)
        j = lists.next[j]
    for c in range(lists.changers):
        j = lists.changing[c]
        if world.from_lane[j] == own and world.lane[j] != own and world.from_s[j] > s:
            best, who = _nearer(world, half, world.from_s[j] - s, j, best, who)
    if origin != NONE and origin != own:
        j = first_on(lists, origin)
        while j != NONE:
            if world.lane[j] == origin and world.from_lane[j] != own and world.s[j] > world.from_s[i]:
                best, who = _nearer(world, half, world.s[j] - world.from_s[i], j, best, who)
            j = lists.next[j]
    offset = roads.lane[own].length - s
    for k in range(1, PATH):
        if offset - half - 0.5 * LONGEST > best:
            break
        lane = world.path[i, k]
        if not _is_before(world, i, k, lane):
            best, who = _nearest_on(world, lists, i, lane, -np.inf, np.inf, offset, best, who)
        if k == 1:
            best, who = _nearest_after_fork(roads, world, lists, i, lane, -np.inf, offset, best, who)
        offset += roads.lane[lane].length
    if s < PARTING + 0.5 * LONGEST and not _same_fork(roads, own, world.path[i, 1]):
        best, who = _nearest_after_fork(roads, world, lists, i, own, s, -s, best, who)
    return (best, world.speed[who]) if who != NONE else (np.inf, 0.0)


@kernel(forceinline=True)
def _nearer(world: WorldRecord, half: float, along: float, j: int, best: float, who: int) -> tuple[float, int]:
    """The nearer of vehicle `j`, whose centre is `along` m ahead, and the nearest so far; of equals the first."""
    gap = along - half - 0.5 * world.size[j, 0]
    if gap < best or (gap == best and j < who):
        return gap, j
    return best, who


@kernel()
def _nearest_on(
    world: WorldRecord,
    lists: ListsRecord,
    i: int,
    lane: int,
    after: float,
    before: float,
    offset: float,
    best: float,
    who: int,
) -> tuple[float, int]:
    """The nearest so far or one on `lane` with its centre after `after` and its rear before `before`, m.

    `offset` is how far ahead of vehicle `i` the lane begins, m.
    """
    half = 0.5 * world.size[i, 0]
    j = first_on(lists, lane)
    while j != NONE:
        # whoever comes from the lane of `i` has been looked at there
        there = world.lane[j] == lane and world.from_lane[j] != world.lane[i]
        if there and world.s[j] > after and world.s[j] - 0.5 * world.size[j, 0] < before:
            best, who = _nearer(world, half, offset + world.s[j], j, best, who)
        j = lists.next[j]
    return best, who


@kernel()
def _same_fork(roads: Roads, a: int, b: int) -> bool:
    """Whether two connecting lanes part from the same lane."""
    if roads.lane[a].junction < 0 or roads.lane[a].junction != roads.lane[b].junction:
        return False
    return roads.predecessors[roads.lane[a].predecessor_first] == roads.predecessors[roads.lane[b].predecessor_first]


@kernel()
def _nearest_after_fork(
    roads: Roads,
    world: WorldRecord,
    lists: ListsRecord,
    i: int,
    branch: int,
    after: float,
    offset: float,
    best: float,
    who: int,
) -> tuple[float, int]:
    """The nearest so far or one that has just parted from `branch`; `after` and `offset` as in `_nearest_on`."""
    if roads.lane[branch].junction < 0:
        return best, who
    stem = roads.predecessors[roads.lane[branch].predecessor_first]
    first = roads.lane[stem].successor_first
    for n in range(first, first + roads.lane[stem].successor_count):
        lane = roads.successors[n]
        if not _is_before(world, i, PATH, lane) and _same_fork(roads, lane, branch):
            best, who = _nearest_on(world, lists, i, lane, after, PARTING, offset, best, who)
    return best, who


@kernel(forceinline=True)
def _is_before(world: WorldRecord, i: int, k: int, lane: int) -> bool:
    """Whether `lane` occurs on the path of vehicle `i` before its element `k`, or is the lane it comes from."""
    for earlier in range(k):
        if world.path[i, earlier] == lane:
            return True
    return world.from_lane[i] == lane
