"""Neighbouring lanes: which side, where along both, and what the marking allows."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from av_td3_system.town.lane_neighbours import LEFT, NOBODY, RIGHT
from av_td3_system.town.opendrive import read_opendrive
from av_td3_system.town.road_network import RoadNetwork, build_network

Write = Callable[..., Path]
Make = Callable[..., str]


def lane(identifier: int, mark: str = 'type="broken"', links: str = "") -> str:
    return (
        f'<lane id="{identifier}" type="driving"><link>{links}</link>'
        f'<width sOffset="0" a="3.5"/><roadMark sOffset="0" {mark}/></lane>'
    )


def section(s: float, left: str, right: str) -> str:
    centre = '<center><lane id="0" type="none"/></center>'
    return f'<laneSection s="{s}"><left>{left}</left>{centre}<right>{right}</right></laneSection>'


@pytest.fixture
def network(write_map: Write, make_road: Make) -> Callable[..., RoadNetwork]:
    def build(lanes: str, length: float = 100.0, **road: str) -> RoadNetwork:
        return build_network(read_opendrive(write_map(make_road("1", length, lanes=lanes, **road))))

    return build


def index(town: RoadNetwork, identifier: int) -> int:
    return next(i for i, key in enumerate(town.lane_keys) if key[2] == identifier)


def beside(town: RoadNetwork, identifier: int, side: int) -> int | None:
    other = int(town.lanes.neighbours.lane[index(town, identifier), side])
    return None if other == NOBODY else town.lane_keys[other][2]


def test_left_and_right_are_those_of_the_driver(network: Callable[..., RoadNetwork]) -> None:
    town = network(section(0, lane(2) + lane(1), lane(-1) + lane(-2)))
    assert [beside(town, i, LEFT) for i in (-1, -2, 1, 2)] == [None, -1, None, 1], "never the oncoming side"
    assert [beside(town, i, RIGHT) for i in (-1, -2, 1, 2)] == [-2, None, 2, None]


@pytest.mark.parametrize(
    ("mark", "inwards", "outwards"),
    [
        ('type="broken"', True, True),
        ('type="none"', True, True),
        ('type="solid"', False, False),
        ('type="solid solid"', False, False),
        ('type="broken solid"', False, True),
        ('type="solid broken"', True, False),
        ('type="solid" laneChange="both"', True, True),
        ('type="broken" laneChange="none"', False, False),
        ('type="broken" laneChange="increase"', True, False),
        ('type="broken" laneChange="decrease"', False, True),
    ],
)
def test_the_marking_between_decides(
    network: Callable[..., RoadNetwork], mark: str, inwards: bool, outwards: bool
) -> None:
    town = network(section(0, "", lane(-1, mark) + lane(-2, 'type="solid"')))
    assert (beside(town, -2, LEFT) == -1) == inwards
    assert (beside(town, -1, RIGHT) == -2) == outwards


def test_on_the_left_of_the_reference_line_ids_grow_to_the_right(network: Callable[..., RoadNetwork]) -> None:
    town = network(section(0, lane(2) + lane(1, 'type="broken" laneChange="increase"'), ""))
    assert beside(town, 1, RIGHT) == 2 and beside(town, 2, LEFT) is None


def test_places_beside_one_another_are_found_through_a_bend(network: Callable[..., RoadNetwork]) -> None:
    geometry = (
        '<geometry s="0" x="0" y="0" hdg="0" length="50"><line/></geometry>'
        '<geometry s="50" x="50" y="0" hdg="0" length="50"><arc curvature="0.03"/></geometry>'
    )
    town = network(section(0, lane(2) + lane(1), lane(-1) + lane(-2)), geometry=geometry)
    lanes = town.lanes
    for identifier, side in ((-1, RIGHT), (-2, LEFT), (1, RIGHT), (2, LEFT)):
        i = index(town, identifier)
        other = int(lanes.neighbours.lane[i, side])
        assert lanes.neighbours.start[i, side] == pytest.approx(0, abs=1e-6)
        assert lanes.neighbours.end[i, side] == pytest.approx(lanes.length[i], abs=1e-6)
        own = slice(lanes.first[i], lanes.first[i] + lanes.count[i])
        beside = slice(lanes.first[other], lanes.first[other] + lanes.count[other])
        s = np.linspace(0, lanes.length[other], lanes.count[other])
        x = np.interp(lanes.neighbours.position[own, side], s, lanes.x[beside])
        y = np.interp(lanes.neighbours.position[own, side], s, lanes.y[beside])
        apart = np.hypot(lanes.x[own] - x, lanes.y[own] - y)
        np.testing.assert_allclose(apart, 3.5, atol=0.02, err_msg="neither ahead nor behind")


def test_a_lane_that_ends_is_a_neighbour_while_it_lasts(network: Callable[..., RoadNetwork]) -> None:
    on = '<successor id="-1"/>'
    town = network(
        section(0, "", lane(-1, links=on) + lane(-2)) + section(60, "", lane(-1, links='<predecessor id="-1"/>'))
    )
    i, lanes = index(town, -1), town.lanes
    assert beside(town, -1, RIGHT) == -2
    assert (lanes.neighbours.start[i, RIGHT], lanes.neighbours.end[i, RIGHT]) == pytest.approx((0, 60), abs=0.1)
    assert beside(town, -2, LEFT) == -1


def test_only_the_crossable_stretch_counts(network: Callable[..., RoadNetwork]) -> None:
    kinds = ((0, "solid"), (30, "broken"), (80, "solid"))
    marks = "".join(f'<roadMark sOffset="{s}" type="{kind}"/>' for s, kind in kinds)
    inner = f'<lane id="-1" type="driving"><width sOffset="0" a="3.5"/>{marks}</lane>'
    town = network(section(0, "", inner + lane(-2)))
    i, neighbours = index(town, -2), town.lanes.neighbours
    assert (neighbours.start[i, LEFT], neighbours.end[i, LEFT]) == pytest.approx((30, 80), abs=0.1)


def test_in_a_junction_nobody_has_a_neighbour(network: Callable[..., RoadNetwork]) -> None:
    town = network(section(0, "", lane(-1) + lane(-2)), junction="5")
    assert (town.lanes.neighbours.lane == NOBODY).all()
