"""Traffic keeps to where a car fits."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from av_td3_system.town.lane_graph import chains, followers
from av_td3_system.town.map_elements import OpenDriveMap
from av_td3_system.town.narrow_lanes import CLOSED, close_narrow_lanes
from av_td3_system.town.opendrive import read_opendrive
from av_td3_system.town.road_network import MAPS, build_network

Write = Callable[..., Path]
Make = Callable[..., str]

WIDTH = '<width sOffset="0" a="3.5"/>'


def lane(identifier: int, inside: str = WIDTH, link: str = "") -> str:
    return f'<lane id="{identifier}" type="driving"><link>{link}</link>{inside}</lane>'


def section(left: str, right: str) -> str:
    centre = '<center><lane id="0" type="none"/></center>'
    return f'<laneSection s="0"><left>{left}</left>{centre}<right>{right}</right></laneSection>'


def stretches(town: OpenDriveMap, identifier: int) -> list[tuple[float, float]]:
    """Where a lane of road 1 may be driven, m of the road."""
    sections = town.roads["1"].sections
    return [(s.start, s.end) for s in sections if identifier in s.lanes and s.lanes[identifier].kind != CLOSED]


def test_a_turning_lane_begins_where_a_car_fits(write_map: Write, make_road: Make) -> None:
    # 60 m of nothing, then 20 m of widening to 3.5 m: wide enough 10.3 m into that.
    growing = '<width sOffset="0" a="0"/><width sOffset="60" a="0" b="0.175"/><width sOffset="80" a="3.5"/>'
    mark = '<roadMark sOffset="0" type="solid"/><roadMark sOffset="90" type="broken"/><speed sOffset="0" max="9"/>'
    shrinking = '<width sOffset="0" a="3.5"/><width sOffset="20" a="3.52" b="-0.1"/>'
    road = make_road("1", 120.0, lanes=section(lane(1, shrinking), lane(-1, WIDTH) + lane(-2, growing + mark)))
    before = read_opendrive(write_map(road))
    town = close_narrow_lanes(before)
    assert stretches(town, -2) == [(pytest.approx(70.5), 120.0)]
    assert sum(end - start for start, end in stretches(town, 1)) == pytest.approx(37.0)
    assert sum(end - start for start, end in stretches(town, -1)) == 120.0
    by_lane = {chain[0][2]: chain for chain in chains(town, followers(town))}
    assert len(by_lane) == 3 and len(by_lane[-1]) == len(town.roads["1"].sections) == 3
    last = town.roads["1"].sections[-1]
    np.testing.assert_allclose(last.lanes[-2].width(np.array([0.0, 49.5])), [0.175 * 10.5, 3.5])
    assert [(m.s_offset, m.kind) for m in last.lanes[-2].marks] == [(0.0, "solid"), (19.5, "broken")]
    assert (build_network(town).lanes.length > 36).all()


def test_what_is_wide_or_goes_on_is_left_alone(write_map: Write, make_road: Make) -> None:
    linked = lane(-1, '<width sOffset="0" a="0" b="0.1"/>', '<predecessor id="-1"/>')
    town = read_opendrive(write_map(make_road(lanes=section(lane(1), linked))))
    assert close_narrow_lanes(town) == town
    for name in ("TownA", "TownD"):
        whole = read_opendrive(MAPS / f"{name}.xodr")
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert all(close_narrow_lanes(whole).roads[i].sections == road.sections for i, road in whole.roads.items())


def test_a_lane_that_is_thin_throughout_is_closed(write_map: Write, make_road: Make) -> None:
    town = close_narrow_lanes(
        read_opendrive(write_map(make_road(lanes=section("", lane(-1, '<width sOffset="0" a="1.7"/>')))))
    )
    assert stretches(town, -1) == []


@pytest.mark.parametrize(("radius", "closed"), [(2.5, True), (4.0, False)])
def test_bends_that_no_car_can_follow_are_closed(
    write_map: Write, make_road: Make, radius: float, closed: bool
) -> None:
    # The centre of lane -1 lies 1.75 m outside of the reference line in this bend to the left, lane 1 inside.
    length = (radius - 1.75) * np.pi / 2
    arc = (
        '<geometry s="0" x="0" y="0" hdg="0" length="10"><line/></geometry>'
        f'<geometry s="10" x="10" y="0" hdg="0" length="{length}"><arc curvature="{1 / (radius - 1.75)}"/></geometry>'
    )
    town = read_opendrive(write_map(make_road("1", 10 + length, geometry=arc, lanes=section("", lane(-1)))))
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        assert (stretches(close_narrow_lanes(town), -1) == []) == closed
    assert [("road '1'" in str(w.message)) for w in said] == [True] * closed
