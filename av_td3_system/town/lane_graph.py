"""Which lane follows which: the links of an OpenDRIVE map, resolved in driving direction.

A lane of one section is keyed by (road id, section index, lane id). Right lanes (id < 0) are
driven along the reference line, left lanes against it.
"""

from __future__ import annotations

from collections.abc import Iterator

from av_td3_system.town.map_elements import OpenDriveMap, Road

LaneKey = tuple[str, int, int]

DRIVABLE = frozenset({"driving", "entry", "exit", "onRamp", "offRamp", "connectingRamp", "bidirectional", "slipLane"})


def drivable_keys(town: OpenDriveMap) -> list[LaneKey]:
    """Keys of all drivable lanes, roads in the order of the file, lanes from right to left."""
    return [
        (road.identifier, k, identifier)
        for road in town.roads.values()
        for k, section in enumerate(road.sections)
        for identifier in sorted(section.lanes)
        if identifier != 0 and section.lanes[identifier].kind in DRIVABLE
    ]


def _entered(road: Road | None, contact: str, identifier: int | None) -> Iterator[LaneKey]:
    """The lane `identifier` of `road`, if it is driven away from the contact point."""
    if road is None or identifier is None:
        return
    if (contact == "start" and identifier < 0) or (contact == "end" and identifier > 0):
        yield road.identifier, 0 if contact == "start" else len(road.sections) - 1, identifier


def _touches(connecting: Road, contact: str, road: str, road_end: str) -> bool:
    """Whether the connecting road says itself that its `contact` end lies at `road_end` of `road`.

    Roads may meet one junction with both ends; the junction's table alone does not tell which.
    """
    link = connecting.predecessor if contact == "start" else connecting.successor
    return link is None or link.kind != "road" or (link.identifier == road and link.contact == road_end)


def _following(town: OpenDriveMap, key: LaneKey) -> Iterator[LaneKey]:
    road, k, identifier = town.roads[key[0]], key[1], key[2]
    lane = road.sections[k].lanes[identifier]
    forward = identifier < 0
    target = lane.successor if forward else lane.predecessor
    if k != (len(road.sections) - 1 if forward else 0):
        if target is not None and (target < 0) == forward:
            yield key[0], k + (1 if forward else -1), target
        return
    link = road.successor if forward else road.predecessor
    if link is None:
        return
    if link.kind == "road":
        yield from _entered(town.roads.get(link.identifier), link.contact, target)
        return
    junction = town.junctions.get(link.identifier)
    for connection in junction.connections if junction else ():
        connecting = town.roads.get(connection.connecting_road)
        if connection.incoming_road != key[0] or connecting is None:
            continue
        if _touches(connecting, connection.contact, key[0], "end" if forward else "start"):
            for origin, destination in connection.lane_links:
                if origin == identifier:
                    yield from _entered(connecting, connection.contact, destination)


def followers(town: OpenDriveMap) -> dict[LaneKey, list[LaneKey]]:
    """For every drivable lane the drivable lanes that may be driven next, without repetition."""
    keys = drivable_keys(town)
    known = set(keys)
    return {key: [n for n in dict.fromkeys(_following(town, key)) if n in known] for key in keys}


def chains(town: OpenDriveMap, links: dict[LaneKey, list[LaneKey]]) -> list[list[LaneKey]]:
    """Lanes joined over the sections of their road wherever one simply goes on in the other.

    Returns:
        Every drivable lane in exactly one chain, chains in the order of `drivable_keys` of their
        first lane in driving direction.
    """
    arrivals: dict[LaneKey, list[LaneKey]] = {key: [] for key in links}
    for key, following in links.items():
        for follower in following:
            arrivals[follower].append(key)

    def goes_on(key: LaneKey) -> LaneKey | None:
        following = links[key]
        if len(following) != 1 or following[0][0] != key[0] or abs(following[0][1] - key[1]) != 1:
            return None
        return following[0] if arrivals[following[0]] == [key] else None

    continued = {goes_on(key) for key in links}
    result = []
    for key in links:
        if key in continued:
            continue
        chain = [key]
        while (after := goes_on(chain[-1])) is not None:
            chain.append(after)
        result.append(chain)
    return result
