"""The part of a map that can be driven for ever: dead ends are closed to traffic before anything is built.

Vehicles wander from lane to lane and routes go on beyond their goal, so every lane in use must go on, and lead
to every other, by a lane change if need be. What does not, a spur to the edge of the map or a lane that ends,
stays road without traffic.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from dataclasses import replace

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

from av_td3_system.config.errors import UserError
from av_td3_system.town.lane_graph import LaneKey, followers
from av_td3_system.town.lane_neighbours import lanes_beside
from av_td3_system.town.map_elements import OpenDriveMap
from av_td3_system.town.narrow_lanes import CLOSED

LEAST_SHARE = 0.5  # of all lane metres that the circuit must hold


def keep_circuit(town: OpenDriveMap) -> OpenDriveMap:
    """The map with traffic on its largest circuit only.

    Args:
        town: as read.

    Returns:
        The same roads; drivable lanes outside the largest set of lanes that all go on and lead to each other
        are of type `restricted`.

    Raises:
        UserError: there is no circuit, or it holds less than half of the drivable metres (the map falls apart).

    Warns:
        UserWarning: lanes were closed.
    """
    links = followers(town)
    if not links:
        raise UserError(f"{town.name}: no lane is for driving", hint='lanes to drive on need type="driving"')
    circuit = _largest_circuit(town, links)
    outside = [key for key in links if key not in circuit]
    if not circuit:
        road, _, lane = next(key for key in links if not links[key]) if not all(links.values()) else outside[0]
        raise UserError(
            f"{town.name}: road {road!r}: lane {lane} leads nowhere, and no lane of the map leads back to itself",
            hint="join the roads to a circuit, by links or junctions",
        )
    share = _metres(town, circuit) / _metres(town, links)
    if share < LEAST_SHARE - 1e-3:  # a ring road's two directions have half each
        raise UserError(
            f"{town.name}: road {outside[0][0]!r}: the map falls apart; lanes that lead to each other are only "
            f"{share:.0%} of it, and this one is none of them",
            hint="check the links and junctions of the roads",
        )
    if outside:
        roads = list(dict.fromkeys(road for road, _, _ in outside))
        warnings.warn(
            f"{town.name}: {len(outside)} lanes on {len(roads)} roads are not on the circuit and closed to traffic "
            f"(first: road {roads[0]!r})",
            stacklevel=2,
        )
    return _closed(town, set(outside)) if outside else town


def _largest_circuit(town: OpenDriveMap, links: dict[LaneKey, list[LaneKey]]) -> set[LaneKey]:
    """The largest set in which every lane has a successor and reaches every other; empty without one."""
    kept: set[LaneKey] = set(links)
    while True:
        kept = _largest_part(town, {key: [n for n in links[key] if n in kept] for key in links if key in kept})
        if all(any(n in kept for n in links[key]) for key in kept):
            return kept
        kept = {key for key in kept if any(n in kept for n in links[key])}


def _largest_part(town: OpenDriveMap, links: dict[LaneKey, list[LaneKey]]) -> set[LaneKey]:
    keys = list(links)
    number = {key: i for i, key in enumerate(keys)}
    onward = [(number[a], number[b]) for a in keys for b in links[a]]
    sideways = [(number[a], number[b]) for a in keys for b in lanes_beside(town, a) if b in number]
    pairs = np.array(onward + sideways, dtype=np.int64).reshape(-1, 2)
    graph = csr_array((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), shape=(len(keys), len(keys)))
    _, part = connected_components(graph, directed=True, connection="strong")
    rings = {part[a] for a, b in onward if part[a] == part[b]}  # two lanes side by side are none by themselves
    metres = {p: _metres(town, [keys[i] for i in np.flatnonzero(part == p)]) for p in sorted(rings)}
    if not metres:
        return set()
    best = max(metres, key=lambda p: metres[p])
    return {keys[i] for i in np.flatnonzero(part == best)}


def _metres(town: OpenDriveMap, keys: Iterable[LaneKey]) -> float:
    sections = (town.roads[road].sections[k] for road, k, _ in keys)
    return sum(section.end - section.start for section in sections)


def _closed(town: OpenDriveMap, outside: set[LaneKey]) -> OpenDriveMap:
    roads = {}
    for name, road in town.roads.items():
        sections = tuple(
            replace(
                section,
                lanes={
                    i: replace(lane, kind=CLOSED) if (name, k, i) in outside else lane
                    for i, lane in section.lanes.items()
                },
            )
            for k, section in enumerate(road.sections)
        )
        roads[name] = replace(road, sections=sections)
    return replace(town, roads=roads)
