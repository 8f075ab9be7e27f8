"""Lane arrays of the built-in town, of small maps and of CARLA's."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import connected_components

from av_td3_system.config.errors import UserError
from av_td3_system.town.road_network import LaneArrays, RoadNetwork, load_network
from tests.unit.town.conftest import LANES

Write = Callable[..., Path]
Make = Callable[..., str]


def joints(lanes: LaneArrays) -> tuple[np.ndarray, np.ndarray]:
    """Distance (m) and change of heading (degrees) from each lane's end to each successor's start."""
    origin = np.repeat(np.arange(len(lanes.first)), lanes.successor_count)
    end, start = (lanes.first + lanes.count - 1)[origin], lanes.first[lanes.successors]
    turned = lanes.heading[end] - lanes.heading[start]
    gap = np.hypot(lanes.x[end] - lanes.x[start], lanes.y[end] - lanes.y[start])
    return gap, np.degrees(np.abs(np.arctan2(np.sin(turned), np.cos(turned))))


def components(lanes: LaneArrays) -> int:
    count = len(lanes.first)
    origin = np.repeat(np.arange(count), lanes.successor_count)
    graph = csr_matrix((np.ones(len(origin)), (origin, lanes.successors)), shape=(count, count))
    return int(connected_components(graph, connection="strong")[0])


def check_arrays(lanes: LaneArrays) -> None:
    """What every kernel relies on."""
    for array in (*lanes[:-1], *lanes.neighbours):
        assert isinstance(array, np.ndarray)
        assert array.flags.c_contiguous
    assert lanes.x.dtype == lanes.heading.dtype == np.float64
    assert lanes.successors.dtype == lanes.conflict_lane.dtype == lanes.first.dtype == np.int32
    assert lanes.count.sum() == len(lanes.x) == len(lanes.curvature)
    for i in range(len(lanes.first)):
        own = slice(lanes.first[i], lanes.first[i] + lanes.count[i])
        steps = np.hypot(np.diff(lanes.x[own]), np.diff(lanes.y[own]))
        np.testing.assert_allclose(steps, lanes.length[i] / (lanes.count[i] - 1), atol=0.02)  # Town01 jumps 1 cm
        for j in lanes.successors[lanes.successor_first[i] : lanes.successor_first[i] + lanes.successor_count[i]]:
            before = lanes.predecessors[
                lanes.predecessor_first[j] : lanes.predecessor_first[j] + lanes.predecessor_count[j]
            ]
            assert i in before
    assert len(lanes.predecessors) == len(lanes.successors)
    assert np.all(lanes.conflict_enter <= lanes.conflict_leave)


def test_town_a_arrays_are_sound(town_a: RoadNetwork) -> None:
    check_arrays(town_a.lanes)


def test_town_a_has_the_size_of_a_training_town(town_a: RoadNetwork) -> None:
    lanes = town_a.lanes
    xmin, ymin, xmax, ymax = town_a.bounds
    assert 380 < xmax - xmin < 440
    assert 280 < ymax - ymin < 340
    assert 3500 < lanes.length[lanes.junction < 0].sum() < 5500
    assert len(town_a.junction_ids) == 11
    np.testing.assert_allclose(lanes.speed_limit, 30 / 3.6)
    np.testing.assert_allclose(lanes.width, 3.5)


def test_town_a_lanes_join_without_step_or_kink(town_a: RoadNetwork) -> None:
    gap, kink = joints(town_a.lanes)
    assert gap.max() < 0.05
    assert kink.max() < 1.0


def test_every_lane_of_town_a_reaches_every_other(town_a: RoadNetwork) -> None:
    assert np.all(town_a.lanes.successor_count > 0)
    assert components(town_a.lanes) == 1


def test_town_a_bends_can_be_driven(town_a: RoadNetwork) -> None:
    lanes = town_a.lanes
    for i in range(len(lanes.first)):
        own = slice(lanes.first[i], lanes.first[i] + lanes.count[i])
        smallest = 8.0 if lanes.junction[i] >= 0 else 20.0
        assert np.abs(lanes.curvature[own]).max() < 1 / smallest


def test_town_a_ways_turn_by_their_label_and_never_back(town_a: RoadNetwork) -> None:
    lanes = town_a.lanes
    ways = np.flatnonzero(lanes.junction >= 0)
    change = lanes.heading[lanes.first[ways] + lanes.count[ways] - 1] - lanes.heading[lanes.first[ways]]
    change = np.arctan2(np.sin(change), np.cos(change))
    assert np.abs(change).max() < np.radians(130)
    np.testing.assert_array_equal(lanes.turn[ways], np.where(np.abs(change) > np.radians(20), np.sign(change), 0))
    assert set(lanes.turn[ways]) == {-1, 0, 1}
    assert not lanes.turn[lanes.junction < 0].any()


def test_town_a_drives_on_the_right(town_a: RoadNetwork) -> None:
    lanes = town_a.lanes
    for i in np.flatnonzero(lanes.junction < 0):
        other = lanes.opposite[i]
        assert lanes.opposite[other] == i
        a, b = lanes.first[i], lanes.first[other] + lanes.count[other] - 1
        left = np.array([-np.sin(lanes.heading[a]), np.cos(lanes.heading[a])])
        assert left @ [lanes.x[b] - lanes.x[a], lanes.y[b] - lanes.y[a]] == pytest.approx(3.5, abs=0.01)


def test_conflicts_of_town_a_are_mutual_and_of_one_junction(town_a: RoadNetwork) -> None:
    lanes = town_a.lanes
    own = np.repeat(np.arange(len(lanes.first)), lanes.conflict_count)
    pairs = {(int(a), int(b)): int(k) for a, b, k in zip(own, lanes.conflict_lane, lanes.conflict_kind, strict=True)}
    assert all(pairs[b, a] == kind for (a, b), kind in pairs.items())
    np.testing.assert_array_equal(lanes.junction[own], lanes.junction[lanes.conflict_lane])
    assert np.all(lanes.junction[own] >= 0)
    assert set(pairs.values()) == {0, 1, 2}
    assert np.all(lanes.conflict_leave <= lanes.length[own] + 1e-9)


def test_left_lanes_run_against_the_reference_line(write_map: Write, make_road: Make) -> None:
    arc = '<geometry s="0" x="0" y="0" hdg="0" length="31.4"><arc curvature="0.05"/></geometry>'
    lanes = load_network(write_map(make_road(length=31.4, geometry=arc))).lanes
    right, left = 0, 1
    assert lanes.length[right] == pytest.approx(31.4 * 21.75 / 20, rel=1e-3)
    assert lanes.length[left] == pytest.approx(31.4 * 18.25 / 20, rel=1e-3)
    np.testing.assert_allclose(lanes.curvature[: lanes.count[right]], 1 / 21.75, rtol=1e-3)
    np.testing.assert_allclose(lanes.curvature[lanes.first[left] :], -1 / 18.25, rtol=1e-3)
    assert (lanes.x[0], lanes.y[0]) == pytest.approx((0, -1.75))
    assert (lanes.x[-1], lanes.y[-1]) == pytest.approx((0, 1.75))
    assert np.cos(lanes.heading[-1]) == pytest.approx(-1)


def test_the_heading_follows_a_widening_lane(write_map: Write, make_road: Make) -> None:
    lanes_xml = """<laneOffset s="0" a="0" b="0.1" c="0" d="0"/><laneSection s="0">
    <center><lane id="0" type="none"/></center><right>
    <lane id="-1" type="driving"><width sOffset="0" a="3" b="0.04"/></lane></right></laneSection>"""
    lanes = load_network(write_map(make_road(lanes=lanes_xml))).lanes
    np.testing.assert_allclose(lanes.heading, np.arctan(0.1 - 0.02), atol=1e-9)
    assert lanes.width[0] == pytest.approx(3 + 0.04 * 20, abs=0.01)


def test_a_lane_speed_beats_the_road_and_silence_means_thirty(write_map: Write, make_road: Make) -> None:
    lanes_xml = """<laneSection s="0"><center><lane id="0" type="none"/></center><right>
    <lane id="-1" type="driving"><width sOffset="0" a="3"/><speed sOffset="0" max="5" unit="m/s"/></lane>
    <lane id="-2" type="driving"><width sOffset="0" a="3"/></lane></right></laneSection>"""
    road = make_road(lanes=lanes_xml, extra='<type s="0"><speed max="12" unit="m/s"/></type>')
    np.testing.assert_allclose(load_network(write_map(road)).lanes.speed_limit, [12.0, 5.0])
    np.testing.assert_allclose(load_network(write_map(make_road())).lanes.speed_limit, 30 / 3.6)


def test_unknown_towns_and_maps_without_driving_lanes_are_refused(write_map: Write, make_road: Make) -> None:
    with pytest.raises(UserError, match="TownA"):
        load_network("TownZ")
    with pytest.raises(UserError, match="no lane is for driving"):
        load_network(write_map(make_road().replace('"driving"', '"sidewalk"')))


@pytest.mark.parametrize(("name", "junctions"), [("Town01", 12), ("Town04", 27)])
def test_carla_maps_load_without_dead_ends(carla_map: Callable[[str], Path], name: str, junctions: int) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # Town04 has hills
        network = load_network(carla_map(name))
    gap, kink = joints(network.lanes)
    assert gap.max() < 0.05
    assert kink.max() < 1.0
    assert np.all(network.lanes.successor_count > 0)
    assert len(network.junction_ids) == junctions
    if name == "Town01":
        check_arrays(network.lanes)
        assert components(network.lanes) == 1
        assert set(network.lanes.speed_limit[network.lanes.junction < 0]) == {25 * 0.44704}


def test_lanes_that_are_linked_but_lie_apart_are_refused(write_map: Write, make_road: Make) -> None:
    on = """<laneSection s="0"><center><lane id="0" type="none"/></center><right><lane id="-1" type="driving"><link>
    <predecessor id="-1"/><successor id="-1"/></link><width sOffset="0" a="3"/></lane></right></laneSection>"""
    away = '<geometry s="0" x="40" y="2.5" hdg="0" length="40"><line/></geometry>'
    after = '<successor elementType="road" elementId="b" contactPoint="start"/>'
    roads = make_road("a", lanes=on, link=after), make_road("b", lanes=on, geometry=away)
    with pytest.raises(UserError, match=r"small: road 'a': lane -1 ends 2\.5 m from the start of lane -1 of road 'b'"):
        load_network(write_map(*roads))


@pytest.mark.parametrize(
    "lanes",
    [
        '<laneOffset s="0" a="0" b="1e300" c="0" d="0"/>',
        '<laneOffset s="0" a="0" b="0" c="0" d="1e9"/>',
        "".join(f'<laneOffset s="{0.2 * k}" a="{1e4 * (k % 2)}" b="0" c="0" d="0"/>' for k in range(200)),
    ],
)
def test_a_lane_without_a_sound_course_is_refused(write_map: Write, make_road: Make, lanes: str) -> None:
    with pytest.raises(UserError, match=r"road '1': lane -1 has no sound course"), np.errstate(all="ignore"):
        load_network(write_map(make_road(lanes=lanes + LANES)))


def test_a_map_too_large_to_draw_is_refused_by_its_furthest_road(write_map: Write, make_road: Make) -> None:
    away = '<geometry s="0" x="3000" y="4000" hdg="0" length="40"><line/></geometry>'
    with pytest.raises(UserError, match=r"small: road 'far'.*at most 6 km\^2"):
        load_network(write_map(make_road("a"), make_road("b"), make_road("far", geometry=away)))


def test_where_lanes_are_renumbered_they_go_straight_on(write_map: Write, make_road: Make) -> None:
    # A lane begins inside: offset and ids jump at s = 20, the outer lane stays where it is.
    def lane(identifier: int, before: int, after: int) -> str:
        links = f'<link><predecessor id="{before}"/><successor id="{after}"/></link>'
        return f'<lane id="{identifier}" type="driving">{links}<width sOffset="0" a="3"/></lane>'

    centre = '<center><lane id="0" type="none"/></center>'
    lanes = (
        '<laneOffset s="0" a="0"/><laneOffset s="20" a="3"/>'
        f'<laneSection s="0">{centre}<right>{lane(-1, -1, -2)}</right></laneSection>'
        f'<laneSection s="20">{centre}<right>{lane(-1, 0, -1)}{lane(-2, -1, -2)}</right></laneSection>'
    )
    network = load_network(write_map(make_road(lanes=lanes)))
    for i, _ in enumerate(network.lanes.first):
        own = slice(network.lanes.first[i], network.lanes.first[i] + network.lanes.count[i])
        assert np.ptp(network.lanes.y[own]) < 1e-9 and np.abs(network.lanes.heading[own]).max() < 1e-9
    first, second = network.outlines
    np.testing.assert_allclose(first.high[:, -1], 0.0)
    np.testing.assert_allclose(second.high[:, 0], [0.0, 3.0])
