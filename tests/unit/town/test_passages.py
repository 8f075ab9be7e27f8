"""The turns of routes: against the headings of the streets before and behind each junction, sample by sample."""

from __future__ import annotations

import math
from itertools import groupby

import numpy as np
import pytest

from av_td3_system.config.schema import Config
from av_td3_system.town.passages import FOLLOW, LEFT, RIGHT, STRAIGHT, TURNS, label_passages, line_gaps, next_turn
from av_td3_system.town.road_network import LaneArrays
from av_td3_system.town.town import load_town
from av_td3_system.town.world import TownWorlds

EMPTY = Config.model_validate({"traffic": {"vehicles": (0, 0, 0)}})
WORLDS = 16
REACH = 40.0
CLEAR_TURN = math.radians(60.0)


@pytest.fixture(scope="module", params=["TownA", "TownB", "TownC", "TownD"])
def worlds(request: pytest.FixtureRequest) -> TownWorlds:
    batch = TownWorlds(load_town(request.param), EMPTY, WORLDS, "train")
    for w in range(WORLDS):
        batch.begin(w, 300 + w)
    return batch


def end_heading(lanes: LaneArrays, lane: int, last: bool) -> float:
    """Direction, rad, of the chord over the last or first two metres of a lane."""
    first, count = int(lanes.first[lane]), int(lanes.count[lane])
    a, b = (first + count - 5, first + count - 1) if last else (first, first + 4)
    return math.atan2(lanes.y[b] - lanes.y[a], lanes.x[b] - lanes.x[a])


def passages_of(lanes: LaneArrays, world: np.void) -> list[tuple[float, float, int]]:
    """Arc length of entry and exit, and turn, of every passage of a route: the streets' directions compared."""
    route = [int(lane) for lane in world["route_lane"][: world["route_lanes"]]]
    found = []
    for junction, group in groupby(range(len(route)), lambda k: int(lanes.junction[route[k]])):
        run = list(group)
        if junction < 0:
            continue
        leaves = end_heading(lanes, route[run[0] - 1], last=True)
        after = run[-1] + 1
        enters = end_heading(lanes, route[min(after, len(route) - 1)], last=after == len(route))
        change = math.degrees(math.remainder(enters - leaves, 2 * math.pi))
        turn = STRAIGHT if abs(change) < 35 else LEFT if change > 0 else RIGHT
        found.append((float(world["route_lane_start"][run[0]]), float(world["route_lane_start"][run[-1] + 1]), turn))
    return found


def test_turn_and_distance_are_those_of_the_streets(worlds: TownWorlds) -> None:
    told = set()
    for world in worlds.state:
        passages = passages_of(worlds.town.network.lanes, world)
        for s in np.arange(0.0, world["route_length"], 1.7):
            world["route_s"] = s
            ahead = [(max(enter - s, 0.0), turn) for enter, leave, turn in passages if leave > s and enter - s < REACH]
            expected = min(ahead) if ahead else (REACH, FOLLOW)
            turn, distance = next_turn(world, REACH)
            assert (distance, turn) == (pytest.approx(expected[0], abs=1e-9), expected[1]), s
            told.add(turn)
    assert told == set(range(TURNS)), "every command occurs in every built-in town"


def test_the_distance_falls_to_nothing_and_stays_there_until_the_exit(worlds: TownWorlds) -> None:
    for world in worlds.state[:4]:
        for enter, leave, turn in passages_of(worlds.town.network.lanes, world):
            if not REACH < enter < world["route_length"]:
                continue
            world["route_s"] = enter - 3.0
            assert next_turn(world, REACH) == (turn, pytest.approx(3.0))
            for s in (enter, 0.5 * (enter + leave), leave - 1e-6):
                world["route_s"] = s
                assert next_turn(world, REACH) == (turn, 0.0)
            world["route_s"] = leave
            assert next_turn(world, REACH)[1] > 0.0


def test_the_ways_from_a_lane_have_names_of_their_own(worlds: TownWorlds) -> None:
    """Else a driver who is told one could not know which is meant."""
    lanes = worlds.town.network.lanes
    world = worlds.state[0].copy()
    for lane in np.flatnonzero(lanes.junction < 0):
        first = lanes.successor_first[lane]
        names = []
        for connecting in lanes.successors[first : first + lanes.successor_count[lane]]:
            world["route_lane"][:2], world["route_lanes"] = (lane, connecting), 2
            label_passages(worlds.roads, world)
            names.append(int(world["route_turn"][1]))
        assert len(set(names)) == len(names) and FOLLOW not in names


def test_connecting_lanes_of_one_junction_are_one_passage(worlds: TownWorlds) -> None:
    lanes, roads = worlds.town.network.lanes, worlds.roads
    first, last = lanes.heading[lanes.first], lanes.heading[lanes.first + lanes.count - 1]
    inside = lanes.junction >= 0
    left, right = (np.flatnonzero(inside & (sign * (last - first) > CLEAR_TURN)) for sign in (1, -1))
    pair = next((a, b) for a in left for b in right if lanes.junction[a] == lanes.junction[b])
    street = int(np.flatnonzero(~inside)[0])
    world = worlds.state[0].copy()
    for route in ((street, *pair, street), (street, pair[0], pair[0], street, pair[1])):
        world["route_lane"][: len(route)], world["route_lanes"] = route, len(route)
        label_passages(roads, world)
        told = world["route_turn"][: len(route)].tolist()
        assert told[0] == FOLLOW
        change = np.degrees(sum(last[i] - first[i] for i in route[1:3]))
        expected = STRAIGHT if abs(change) < 35 else LEFT if change > 0 else RIGHT
        assert told[1] == told[2] == expected and told[3] == FOLLOW
    assert told[4] == RIGHT and told[1] == LEFT


def test_a_roundabout_is_entered_and_left_to_the_right_and_passed_by_to_the_left() -> None:
    worlds = TownWorlds(load_town("TownD"), EMPTY, 1, "train")
    network = worlds.town.network
    ring = {k for k, name in enumerate(network.junction_ids) if name.startswith("62")}
    seen: set[tuple[int, ...]] = set()
    for seed in range(200):
        worlds.begin(0, seed)
        world = worlds.state[0]
        on_ring = [
            int(world["route_turn"][k])
            for k in range(int(world["route_lanes"]))
            if network.lanes.junction[world["route_lane"][k]] in ring
        ]
        seen.add(tuple(on_ring))
    whole = {turns for turns in seen if len(turns) > 2}
    assert whole and all(a != STRAIGHT for turns in seen for a in turns)
    assert any(turns[0] == RIGHT and LEFT in turns and turns[-1] == RIGHT for turns in whole)


def test_the_gap_to_the_line_is_of_the_front_and_negative_beyond_it(worlds: TownWorlds) -> None:
    front, near = 2.3, 0
    for world in worlds.state:
        passages = passages_of(worlds.town.network.lanes, world)
        for s in np.arange(0.0, world["route_length"], 1.7):
            world["route_s"] = s
            (told,) = line_gaps(np.array([world]), front)
            ahead = [(entry, leave) for entry, leave, _ in passages if leave > s]
            if not ahead or ahead[0][0] - s >= 60.0:
                assert told == np.inf
            else:
                near += 1
                assert told == pytest.approx(max(ahead[0][0] - s, 0.0) - front)
    assert near > 100
