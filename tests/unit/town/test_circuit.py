"""Traffic is kept where every lane leads to every other; a map without such a part is refused."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path

import pytest

from av_td3_system.config.errors import UserError
from av_td3_system.town.circuit import CLOSED, keep_circuit
from av_td3_system.town.lane_graph import drivable_keys, followers
from av_td3_system.town.opendrive import read_opendrive

Write = Callable[..., Path]
Make = Callable[..., str]

ONE_WAY = """<laneSection s="0"><center><lane id="0" type="none"/></center><right><lane id="-1" type="driving">
<link><predecessor id="-1"/><successor id="-1"/></link><width sOffset="0" a="3.5"/></lane></right></laneSection>"""


def one_way(make_road: Make, name: str, before: str | None, after: str | None, length: float = 40.0) -> str:
    links = "" if before is None else f'<predecessor elementType="road" elementId="{before}" contactPoint="end"/>'
    links += "" if after is None else f'<successor elementType="road" elementId="{after}" contactPoint="start"/>'
    return make_road(name, length, lanes=ONE_WAY, link=links)


def test_a_circuit_is_left_as_it_is(write_map: Write, make_road: Make) -> None:
    town = read_opendrive(write_map(one_way(make_road, "a", "b", "b"), one_way(make_road, "b", "a", "a")))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert keep_circuit(town) is town


def test_a_ring_that_follows_itself_is_a_circuit(write_map: Write, make_road: Make) -> None:
    town = read_opendrive(write_map(one_way(make_road, "ring", "ring", "ring")))
    assert drivable_keys(keep_circuit(town)) == [("ring", 0, -1)]


def test_dead_ends_are_closed_and_named(write_map: Write, make_road: Make) -> None:
    ring = one_way(make_road, "ring", "ring", "ring", 100.0)
    town = read_opendrive(write_map(ring, one_way(make_road, "ramp", None, "ring"), name="spur.xodr"))
    with pytest.warns(UserWarning, match=r"spur: 1 lanes on 1 roads.*'ramp'"):
        kept = keep_circuit(town)
    assert drivable_keys(kept) == [("ring", 0, -1)]
    assert kept.roads["ramp"].sections[0].lanes[-1].kind == CLOSED
    assert kept.roads["ramp"].sections[0].lanes[-1].width == town.roads["ramp"].sections[0].lanes[-1].width


@pytest.mark.parametrize("short", ["a", "b"])
def test_of_two_circuits_the_longer_is_kept(write_map: Write, make_road: Make, short: str) -> None:
    rings = [one_way(make_road, name, name, name, 30.0 if name == short else 90.0) for name in ("a", "b")]
    town = read_opendrive(write_map(*rings))
    with pytest.warns(UserWarning, match=f"'{short}'"):
        kept = followers(keep_circuit(town))
    assert list(kept) == [({"a": "b", "b": "a"}[short], 0, -1)]


def test_two_lanes_side_by_side_are_no_circuit_however_long(write_map: Write, make_road: Make) -> None:
    lane = '<lane id="{}" type="driving"><link>{}</link><width sOffset="0" a="3.5"/><roadMark type="broken"/></lane>'
    both = lane.format(-1, '<successor id="-1"/>') + lane.format(-2, '<successor id="-1"/>')
    lanes = f'<laneSection s="0"><center><lane id="0" type="none"/></center><right>{both}</right></laneSection>'
    ramp = make_road(
        "ramp", 90.0, lanes=lanes, link='<successor elementType="road" elementId="ring" contactPoint="start"/>'
    )
    ring = one_way(make_road, "ring", "ring", "ring", 200.0)
    with pytest.warns(UserWarning, match=r"2 lanes on 1 roads.*'ramp'"):
        kept = keep_circuit(read_opendrive(write_map(ramp, ring)))
    assert drivable_keys(kept) == [("ring", 0, -1)]
    with pytest.raises(UserError, match=r"road 'ramp': the map falls apart.*36%"):
        keep_circuit(read_opendrive(write_map(ramp, one_way(make_road, "ring", "ring", "ring", 100.0))))


def test_lanes_that_are_joined_by_a_lane_change_alone_are_one_circuit(write_map: Write, make_road: Make) -> None:
    # Two rings side by side, as the lanes of a ring road: nobody gets from one to the other but by changing lanes.
    lane = (
        '<lane id="{0}" type="driving"><link><predecessor id="{0}"/><successor id="{0}"/></link>'
        '<width sOffset="0" a="3.5"/><roadMark type="{1}"/></lane>'
    )
    for mark, expected in (("broken", 2), ("solid", 1)):
        both = lane.format(-1, mark) + lane.format(-2, "solid")
        lanes = f'<laneSection s="0"><center><lane id="0" type="none"/></center><right>{both}</right></laneSection>'
        ends = ("predecessor", "end"), ("successor", "start")
        link = "".join(f'<{end} elementType="road" elementId="ring" contactPoint="{at}"/>' for end, at in ends)
        town = read_opendrive(write_map(make_road("ring", 100.0, lanes=lanes, link=link)))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            assert len(drivable_keys(keep_circuit(town))) == expected


def test_a_road_that_leads_nowhere_is_refused_by_name(write_map: Write, make_road: Make) -> None:
    town = read_opendrive(
        write_map(one_way(make_road, "first", None, "last"), one_way(make_road, "last", "first", None))
    )
    with pytest.raises(UserError, match=r"road 'last': lane -1 leads nowhere") as caught:
        keep_circuit(town)
    assert caught.value.hint


def test_a_map_that_falls_apart_is_refused(write_map: Write, make_road: Make) -> None:
    rings = [one_way(make_road, name, name, name) for name in "abc"]
    with pytest.raises(UserError, match=r"road 'b': the map falls apart.*33%"):
        keep_circuit(read_opendrive(write_map(*rings)))


def test_a_map_without_lanes_is_refused(write_map: Write, make_road: Make) -> None:
    lanes = '<laneSection s="0"><center><lane id="0" type="none"/></center></laneSection>'
    with pytest.raises(UserError, match="no lane is for driving"):
        keep_circuit(read_opendrive(write_map(make_road(lanes=lanes))))


@pytest.mark.parametrize("name", ["Town01", "Town04"])
def test_carlas_towns_are_circuits_but_for_spurs(carla_map: Callable[[str], Path], name: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        kept = keep_circuit(read_opendrive(carla_map(name)))
    links = followers(kept)
    assert len(links) > 100 and all(links.values())
