"""Who is where, listed once a tick, so that nobody has to look through all vehicles to find a few.

With the lists the cost of a tick grows with the number of vehicles and not with its square. They are scratch memory
of a thread, not part of the world: all in them follows from the world's record.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np

from av_td3_system.town.kernel import kernel
from av_td3_system.town.roads import Roads
from av_td3_system.town.state import NONE, WorldRecord

BUCKETS = 256  # lists of vehicles; lanes share one where their numbers leave the same remainder
LONGEST = 40.0  # m, longer than any vehicle

ListsRecord: TypeAlias = Any  # one element of the structured array, as the kernels see it


def lists_dtype(max_vehicles: int) -> np.dtype:
    """The lists of one world with room for M vehicles. `next` links the vehicles of a bucket, in ascending order."""
    m = (max_vehicles,)
    return np.dtype(
        [
            ("head", np.int32, (BUCKETS,)),  # first vehicle of each bucket, NONE
            ("next", np.int32, m),  # the one after each vehicle, NONE
            ("changing", np.int32, m),  # vehicles that are still on a lane they come from
            ("changers", np.int32),  # how many
            ("holding", np.int32, m),  # vehicles that may pass a junction or leave one, and some that did a moment ago
            ("holders", np.int32),
            ("junction", np.int32, (max_vehicles, 2)),  # by vehicle: of the lane it may pass, and that it leaves
            ("asking", np.int32, m),  # vehicles that ask for a junction, ascending
            ("askers", np.int32),
            ("answered", np.uint8, m),  # by asking vehicle: whether it has had its turn
            ("roomless", np.uint8, m),  # by asking vehicle: whether the lane beyond the junction is full
            ("ego_lane", np.int32),  # index into the route of the lane that the ego's centre is on
        ],
        align=True,
    )


@kernel()
def ego_lane_index(world: WorldRecord) -> int:
    """Index into the route of the lane that the ego's centre is on."""
    k = 0
    while k + 1 < world.route_lanes and world.route_lane_start[k + 1] <= world.route_s:
        k += 1
    return k


@kernel()
def list_vehicles(roads: Roads, world: WorldRecord, lists: ListsRecord) -> None:
    """Fill the lists with the world as it stands; a change of lane or a grant later in the tick is added to them."""
    for bucket in range(BUCKETS):
        lists.head[bucket] = NONE
    for i in range(world.vehicles - 1, -1, -1):
        bucket = world.lane[i] % BUCKETS
        lists.next[i] = lists.head[bucket]
        lists.head[bucket] = i
    changers = holders = 0
    for i in range(world.vehicles):
        if world.from_lane[i] != NONE:
            lists.changing[changers] = i
            changers += 1
        granted, leaving = world.granted[i], world.leaving[i]
        if granted != NONE or leaving != NONE:
            lists.junction[i, 0] = roads.lane[granted].junction if granted != NONE else NONE
            lists.junction[i, 1] = roads.lane[leaving].junction if leaving != NONE else NONE
            lists.holding[holders] = i
            holders += 1
    lists.changers = changers
    lists.holders = holders
    lists.askers = 0
    lists.ego_lane = ego_lane_index(world)


@kernel()
def first_on(lists: ListsRecord, lane: int) -> int:
    """First vehicle of the list that lane `lane` is in, NONE; go on with `lists.next`, and check each one's lane."""
    return lists.head[lane % BUCKETS]


@kernel()
def move_to_lane(lists: ListsRecord, i: int, lane: int, other: int) -> None:
    """Vehicle `i` begins to change from `lane` to `other`."""
    old, new = lane % BUCKETS, other % BUCKETS
    if lists.head[old] == i:
        lists.head[old] = lists.next[i]
    else:
        j = lists.head[old]
        while lists.next[j] != i:
            j = lists.next[j]
        lists.next[j] = lists.next[i]
    lists.next[i] = lists.head[new]
    lists.head[new] = i
    lists.changing[lists.changers] = i
    lists.changers += 1


@kernel()
def holds_in(lists: ListsRecord, i: int, junction: int) -> bool:
    """Whether a vehicle of the list `holding` may hold a lane of that junction."""
    return lists.junction[i, 0] == junction or lists.junction[i, 1] == junction


@kernel()
def add_holder(lists: ListsRecord, i: int, junction: int) -> None:
    """Vehicle `i` is granted a lane of that junction: put it in its place among the holders."""
    lists.junction[i, 0] = junction
    for h in range(lists.holders):
        if lists.holding[h] == i:  # it is leaving another one
            return
    lists.junction[i, 1] = NONE
    place = lists.holders
    while place > 0 and lists.holding[place - 1] > i:
        lists.holding[place] = lists.holding[place - 1]
        place -= 1
    lists.holding[place] = i
    lists.holders += 1
