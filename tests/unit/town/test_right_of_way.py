"""Who lets whom pass: shared stretches are never shared at the same time."""

from __future__ import annotations

import pytest

from av_td3_system.town.geometry import rectangles_overlap
from av_td3_system.town.right_of_way import (
    along_lane,
    conflict_end,
    distance_to_line,
    find_conflict,
    time_to_cover,
)
from av_td3_system.town.state import NONE
from av_td3_system.town.world import TownWorlds
from tests.unit.town.crossroads import (
    CROSSING,
    MERGE,
    conflicting_pairs,
    make_worlds,
    occupies,
    put_before,
    tick,
)


@pytest.fixture
def two() -> TownWorlds:
    return make_worlds(2)


def overlap(worlds: TownWorlds) -> bool:
    w = worlds.state[0]
    a, b = ((w["x"][i], w["y"][i], w["heading"][i], w["size"][i, 0], w["size"][i, 1]) for i in (0, 1))
    return bool(rectangles_overlap(*a, *b))


@pytest.mark.parametrize("kind", [CROSSING, MERGE])
@pytest.mark.parametrize("offset", [0.0, 3.0, 8.0])
def test_two_vehicles_pass_one_after_the_other(two: TownWorlds, kind: int, offset: float) -> None:
    pairs = conflicting_pairs(two, kind, 6)
    assert pairs
    for first, second in pairs:
        put_before(two, 0, first, 15.0, 5.0)
        put_before(two, 1, second, 15.0 + offset, 5.0)
        passed = set()
        for _ in range(600):
            tick(two)
            assert not overlap(two)
            if kind == CROSSING:
                assert not (occupies(two, 0, first, second) and occupies(two, 1, second, first))
            for i, connector in ((0, first), (1, second)):
                if two.state[0]["leaving"][i] == connector:
                    passed.add(i)
            if len(passed) == 2:
                break
        assert passed == {0, 1}


def test_the_earlier_grant_does_not_wait_and_the_later_does(two: TownWorlds) -> None:
    first, second = conflicting_pairs(two, CROSSING, 1)[0]
    put_before(two, 0, first, 12.0, 5.0)
    put_before(two, 1, second, 14.0, 5.0)
    granted: dict[int, int] = {}
    entered: list[int] = []
    for _ in range(600):
        tick(two)
        for i, (own, other) in enumerate(((first, second), (second, first))):
            if two.state[0]["granted"][i] == own:
                granted[i] = int(two.state[0]["order"][i])
            if i not in entered and occupies(two, i, own, other):
                entered.append(i)
    assert len(entered) == 2 and granted[entered[0]] < granted[entered[1]]


def test_conflicts_are_mutual_and_lie_on_the_lane(two: TownWorlds) -> None:
    roads = two.roads
    for own, other in conflicting_pairs(two, CROSSING, 20) + conflicting_pairs(two, MERGE, 20):
        assert find_conflict(roads, other, own) != NONE
        assert 0.0 < conflict_end(roads, own, other) <= roads.lane["length"][own] + 1e-6
    assert find_conflict(roads, 0, 0) == NONE


def test_position_along_the_connecting_lane_is_continuous(two: TownWorlds) -> None:
    own = conflicting_pairs(two, CROSSING, 1)[0][0]
    put_before(two, 0, own, 10.0, 5.0)
    put_before(two, 1, own, 60.0, 0.0)
    half = 0.5 * two.state[0]["size"][0, 0]
    assert distance_to_line(two.roads, two.state[0], 0) == pytest.approx(10.0)
    assert along_lane(two.roads, two.state[0], 0, own) == pytest.approx(-10.0 - half)
    before = -10.0 - half
    for _ in range(300):
        tick(two)
        if two.state[0]["lane"][0] not in (own, two.state[0]["path"][1, 0]) and two.state[0]["leaving"][0] != own:
            break
        here = along_lane(two.roads, two.state[0], 0, own)
        assert before <= here < before + 1.0
        before = here
    assert before > two.roads.lane["length"][own]


@pytest.mark.parametrize(("speed", "acceleration", "top"), [(0.0, 1.0, 5.0), (3.0, 2.0, 8.0), (9.0, 1.0, 5.0)])
def test_time_to_cover_agrees_with_integration(speed: float, acceleration: float, top: float) -> None:
    for distance in (0.5, 4.0, 30.0):
        x, v, t = 0.0, speed, 0.0
        while x < distance:
            v = v + acceleration * 1e-4 if v < top else v
            x += v * 1e-4
            t += 1e-4
        assert time_to_cover(distance, speed, acceleration, top) == pytest.approx(t, rel=0.01)
    assert time_to_cover(-1.0, speed, acceleration, top) == 0.0
