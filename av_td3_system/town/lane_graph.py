"""Which lane follows which: the links of an OpenDRIVE map, resolved in driving direction.

A lane of one section is keyed by (road id, section index, lane id). Right lanes (id < 0) are
driven along the reference line, left lanes against it.
"""

from __future__ import annotations

from collections.abc import Iterator

from av_td3_system.town.map_elements import Connection, OpenDriveMap, Road

LaneKey = tuple[str, int, int]

DRIVABLE = frozenset(
    {"driving", "entry", "exit", "onRamp", "offRamp", "connectingRamp", "bidirectional", "slipLane"}
    | {"mwyEntry", "mwyExit"}  # names of entry and exit until 1.3, still exported
)
NEGLIGIBLE = 0.05  # m


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
        yield from _through(town, connection, key, "end" if forward else "start")
        if junction and junction.direct:
            yield from _back_through(town, connection, junction.identifier, key, "end" if forward else "start")


def _through(town: OpenDriveMap, connection: Connection, key: LaneKey, leaving: str) -> Iterator[LaneKey]:
    """Lanes entered by a connection from the lane that leaves its road at the end `leaving`."""
    connecting = town.roads.get(connection.connecting_road)
    if connection.incoming_road != key[0] or connecting is None:
        return
    if not _touches(connecting, connection.contact, key[0], leaving):
        return
    for origin, destination in connection.lane_links or _own_links(connecting, connection.contact):
        if origin == key[2]:
            yield from _entered(connecting, connection.contact, destination)


def _own_links(connecting: Road, contact: str) -> list[tuple[int, int]]:
    """(incoming, own) lane ids by the word of a connecting road's lanes, where the junction has no table of them."""
    lanes = connecting.sections[0 if contact == "start" else -1].lanes.values()
    pairs = ((lane.predecessor if contact == "start" else lane.successor, lane.identifier) for lane in lanes)
    return [(origin, own) for origin, own in pairs if origin is not None]


def _back_through(
    town: OpenDriveMap, connection: Connection, junction: str, key: LaneKey, leaving: str
) -> Iterator[LaneKey]:
    """The same backwards: a direct junction joins two roads once for both directions of traffic."""
    incoming = town.roads.get(connection.incoming_road)
    if connection.connecting_road != key[0] or connection.contact != leaving or incoming is None:
        return
    for link, contact in ((incoming.predecessor, "start"), (incoming.successor, "end")):
        if link is not None and (link.kind, link.identifier) == ("junction", junction):
            for origin, destination in connection.lane_links:
                if destination == key[2]:
                    yield from _entered(incoming, contact, origin)


def followers(town: OpenDriveMap) -> dict[LaneKey, list[LaneKey]]:
    """For every drivable lane the drivable lanes that may be driven next, without repetition.

    Exporters leave lane sections and roads of millimetres behind; those shorter than `NEGLIGIBLE` are passed over,
    what comes before them goes on in what comes after.
    """
    keys = drivable_keys(town)
    known = set(keys)
    links = {key: [n for n in dict.fromkeys(_following(town, key)) if n in known] for key in keys}
    for key in [key for key in keys if _length(town, key) < NEGLIGIBLE]:
        after = [n for n in links.pop(key) if n != key]
        for other, following in links.items():
            if key in following:
                links[other] = list(dict.fromkeys(m for n in following for m in (after if n == key else [n])))
    return links


def _length(town: OpenDriveMap, key: LaneKey) -> float:
    section = town.roads[key[0]].sections[key[1]]
    return section.end - section.start


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
        if len(following) != 1 or following[0][0] != key[0] or (following[0][1] > key[1]) != (key[2] < 0):
            return None
        if following[0][1] == key[1]:  # a ring that follows itself
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
