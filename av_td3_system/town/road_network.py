"""The lanes of a town as flat arrays: every road lane and every connecting lane, in driving direction."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from av_td3_system.config.errors import UserError
from av_td3_system.town.conflicts import Conflict, junction_conflicts
from av_td3_system.town.lane_course import LaneCourse, lane_course
from av_td3_system.town.lane_graph import LaneKey, chains, followers
from av_td3_system.town.lane_neighbours import Neighbours, find_neighbours
from av_td3_system.town.map_elements import OpenDriveMap
from av_td3_system.town.opendrive import read_opendrive
from av_td3_system.town.outline import SectionOutline, section_outline
from av_td3_system.town.plan_view import FloatArray
from av_td3_system.town.signal_places import PlacedSignal, place_signals
from av_td3_system.town.xml_source import name_file

MAPS = Path(__file__).parent / "maps"
TURN = np.deg2rad(20.0)  # change of heading from which a connecting lane is a turn
WIDEST_GAP = 2.0  # m between the end of a lane and the start of the next
LARGEST_AREA = 6e6  # m^2 of the rectangle around all roads; the rasters of the ground take 200 bytes a m^2

IntArray = NDArray[np.int32]


class LaneArrays(NamedTuple):
    """L lanes, P samples, S links, C conflicts; all arrays C-contiguous.

    Samples of lane i are `first[i] : first[i] + count[i]`, uniformly `length / (count - 1)` m
    apart, the first and last lying on the lane's ends. Links and conflicts are slices likewise.
    """

    first: IntArray  # (L,)
    count: IntArray  # type: ignore[assignment]  # (L,); shadows tuple.count
    length: FloatArray  # (L,) m
    width: FloatArray  # (L,) m, median
    speed_limit: FloatArray  # (L,) m/s
    junction: IntArray  # (L,) -1 for road lanes, else junction index
    turn: NDArray[np.int8]  # (L,) 0 straight or road lane, +1 left, -1 right
    opposite: IntArray  # (L,) nearest oncoming lane of the same road or -1
    successor_first: IntArray  # (L,)
    successor_count: IntArray  # (L,)
    successors: IntArray  # (S,)
    predecessor_first: IntArray  # (L,)
    predecessor_count: IntArray  # (L,)
    predecessors: IntArray  # (S,)
    x: FloatArray  # (P,) m
    y: FloatArray  # (P,) m
    heading: FloatArray  # (P,) rad, of the driving direction
    curvature: FloatArray  # (P,) 1/m, left positive
    conflict_first: IntArray  # (L,)
    conflict_count: IntArray  # (L,)
    conflict_lane: IntArray  # (C,) the other lane
    conflict_enter: FloatArray  # (C,) m on the own lane
    conflict_leave: FloatArray  # (C,) m on the own lane
    conflict_kind: NDArray[np.int8]  # (C,) 0 crossing, 1 merge, 2 diverge
    neighbours: Neighbours  # (L, 2) left and right


@dataclass(frozen=True)
class RoadNetwork:
    """A town's lanes and what is needed to paint its roads.

    `signals` are the signs and lights of the map, which nobody obeys yet. `bounds` is (xmin, ymin, xmax, ymax) in m
    over all lane borders; `junction_centres` (J, 2) m; `lane_keys[i]` names the (road id, section, lane id) at which
    lane i starts.
    """

    name: str
    lanes: LaneArrays
    outlines: tuple[SectionOutline, ...]
    bounds: tuple[float, float, float, float]
    junction_ids: tuple[str, ...]
    junction_centres: FloatArray
    lane_keys: tuple[LaneKey, ...]
    signals: tuple[PlacedSignal, ...] = ()


def _slices(groups: list[list[int]]) -> tuple[IntArray, IntArray, IntArray]:
    count = np.array([len(g) for g in groups], dtype=np.int32)
    first = (np.cumsum(count) - count).astype(np.int32)
    return first, count, np.array([i for g in groups for i in g], dtype=np.int32)


def _opposite(town: OpenDriveMap, chain: list[LaneKey], lane_at: dict[LaneKey, int]) -> int:
    road, k, identifier = chain[len(chain) // 2]
    oncoming = [i for i in town.roads[road].sections[k].lanes if i * identifier < 0 and (road, k, i) in lane_at]
    return lane_at[road, k, min(oncoming, key=abs)] if oncoming else -1


def _conflicts(
    samples: list[LaneCourse], junction: IntArray, after: list[list[int]], before: list[list[int]]
) -> list[list[Conflict]]:
    grouped: list[list[Conflict]] = [[] for _ in samples]
    for j in range(int(junction.max(initial=-1)) + 1):
        members = [int(i) for i in np.flatnonzero(junction == j)]
        found = junction_conflicts(
            members,
            {i: np.column_stack((samples[i].x, samples[i].y)) for i in members},
            {i: samples[i].length for i in members},
            {i: set(after[i]) for i in members},
            {i: set(before[i]) for i in members},
        )
        for conflict in found:
            grouped[conflict.own].append(conflict)
    return grouped


def _turn(sample: LaneCourse) -> int:
    change = float(sample.heading[-1] - sample.heading[0])
    return 0 if abs(change) <= TURN else int(np.sign(change))


def build_network(town: OpenDriveMap) -> RoadNetwork:
    """Turns a parsed map into lane arrays; see `load_network`."""
    with name_file(town.name):
        return _build(town)


def _build(town: OpenDriveMap) -> RoadNetwork:
    links = followers(town)
    lane_chains = chains(town, links)
    if not lane_chains:
        raise UserError(f"{town.name}: no lane is for driving", hint='lanes to drive on need type="driving"')
    lane_at = {key: i for i, chain in enumerate(lane_chains) for key in chain}
    roads = [town.roads[chain[0][0]] for chain in lane_chains]
    used = [j for j in town.junctions if any(road.junction == j for road in roads)]
    junction_index: dict[str | None, int] = {name: i for i, name in enumerate(used)}
    samples = [lane_course(road, chain) for road, chain in zip(roads, lane_chains, strict=True)]

    after = [sorted({lane_at[n] for n in links[chain[-1]]}) for chain in lane_chains]
    _check_joints(town, lane_chains, samples, after)
    before: list[list[int]] = [[] for _ in lane_chains]
    for i, following in enumerate(after):
        for follower in following:
            before[follower].append(i)
    junction = np.array([junction_index.get(road.junction, -1) for road in roads], dtype=np.int32)
    conflicts = _conflicts(samples, junction, after, before)
    flat = [conflict for group in conflicts for conflict in group]
    first, count, _ = _slices([list(range(len(s.x))) for s in samples])
    lanes = LaneArrays(
        first,
        count,
        np.array([s.length for s in samples]),
        np.array([s.width for s in samples]),
        np.array([s.speed for s in samples]),
        junction,
        np.array([_turn(s) if j >= 0 else 0 for s, j in zip(samples, junction, strict=True)], dtype=np.int8),
        np.array([_opposite(town, chain, lane_at) for chain in lane_chains], dtype=np.int32),
        *_slices(after),
        *_slices(before),
        np.concatenate([s.x for s in samples]),
        np.concatenate([s.y for s in samples]),
        np.concatenate([s.heading for s in samples]),
        np.concatenate([s.curvature for s in samples]),
        *_slices([[c.other for c in group] for group in conflicts]),
        np.array([c.enter for c in flat], dtype=np.float64),
        np.array([c.leave for c in flat], dtype=np.float64),
        np.array([c.kind for c in flat], dtype=np.int8),
        find_neighbours(
            town, lane_chains, lane_at, [s.station for s in samples], lambda lane, s: samples[lane].along(s)
        ),
    )
    outlines = _outlines(town, lane_at, junction_index)
    bounds = _bounds(outlines)
    area = (bounds[2] - bounds[0]) * (bounds[3] - bounds[1])
    if not area <= LARGEST_AREA:
        raise _too_large(town.name, outlines, area)
    return RoadNetwork(
        name=town.name,
        lanes=lanes,
        outlines=outlines,
        bounds=bounds,
        junction_ids=tuple(used),
        junction_centres=_centres(samples, junction, len(used)),
        lane_keys=tuple(chain[0] for chain in lane_chains),
        signals=place_signals(town),
    )


def _check_joints(
    town: OpenDriveMap, lane_chains: list[list[LaneKey]], samples: list[LaneCourse], after: list[list[int]]
) -> None:
    """Refuses lanes that are linked, but end elsewhere than the next one begins."""
    for i, following in enumerate(after):
        for j in following:
            gap = float(np.hypot(samples[j].x[0] - samples[i].x[-1], samples[j].y[0] - samples[i].y[-1]))
            if not gap <= WIDEST_GAP:
                (road, _, lane), (other, _, then) = lane_chains[i][-1], lane_chains[j][0]
                raise UserError(
                    f"road {road!r}: lane {lane} ends {gap:.1f} m from the start of lane {then} of road {other!r}, to "
                    "which it is linked",
                    hint="check the geometry of both roads and the contact points of their links",
                )


def _too_large(name: str, outlines: tuple[SectionOutline, ...], area: float) -> UserError:
    centre = np.median([(o.x[0], o.y[0]) for o in outlines], axis=0)
    furthest = max(
        outlines, key=lambda o: float(np.nan_to_num(np.hypot(o.x - centre[0], o.y - centre[1]), nan=np.inf).max())
    )
    return UserError(
        f"{name}: road {furthest.road!r} lies furthest out of a map of {area / 1e6:.3g} km^2; "
        f"at most {LARGEST_AREA / 1e6:g} km^2 are drawn",
        hint="cut the part to drive in out of the map, or check that road's coordinates",
    )


def _outlines(
    town: OpenDriveMap, lane_at: dict[LaneKey, int], junctions: dict[str | None, int]
) -> tuple[SectionOutline, ...]:
    result = []
    for road in town.roads.values():
        for k, section in enumerate(road.sections):
            lanes = {i: lane_at[road.identifier, k, i] for i in section.lanes if (road.identifier, k, i) in lane_at}
            result.append(section_outline(road, k, junctions.get(road.junction, -1), lanes))
    return tuple(result)


def _bounds(outlines: tuple[SectionOutline, ...]) -> tuple[float, float, float, float]:
    xs, ys = [], []
    for o in outlines:
        for t in (o.low, o.high):
            xs.append((o.x - np.sin(o.heading) * t).ravel())
            ys.append((o.y + np.cos(o.heading) * t).ravel())
    x, y = np.concatenate(xs), np.concatenate(ys)
    return float(x.min()), float(y.min()), float(x.max()), float(y.max())


def _centres(samples: list[LaneCourse], junction: IntArray, count: int) -> FloatArray:
    """Mean of the ends of each junction's connecting lanes, (J, 2) m."""
    centres = np.zeros((count, 2))
    for j in range(count):
        ends = [(s.x[k], s.y[k]) for s, own in zip(samples, junction, strict=True) if own == j for k in (0, -1)]
        centres[j] = np.mean(ends, axis=0)
    return centres


def load_network(town: str | Path) -> RoadNetwork:
    """Loads a town.

    Args:
        town: name of a built-in town ("TownA") or path of an OpenDRIVE file.

    Returns:
        Its lanes and road outlines, in OpenDRIVE's metres (x east, y north, headings from +x).

    Raises:
        UserError: no such town, or a file that cannot be read (see `read_opendrive`).
    """
    path = Path(town)
    if not path.suffix and not path.exists():
        built_in = sorted(p.stem for p in MAPS.glob("*.xodr"))
        if path.name not in built_in:
            raise UserError(
                f"no built-in town {str(town)!r}", hint=f"built-in: {', '.join(built_in)}; or give an .xodr file"
            )
        path = MAPS / f"{path.name}.xodr"
    return build_network(read_opendrive(path))
