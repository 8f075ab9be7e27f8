"""Borders, one-sided sections, marks in detail and lanes that are not for cars."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from av_td3_system.config.errors import UserError
from av_td3_system.town.lane_graph import chains, followers
from av_td3_system.town.map_elements import Lane, LaneSection, MarkStripe
from av_td3_system.town.narrow_lanes import CLOSED
from av_td3_system.town.opendrive import read_opendrive
from av_td3_system.town.outline import lane_borders, section_outline

Write = Callable[..., Path]
Make = Callable[..., str]
Read = Callable[..., tuple[LaneSection, ...]]

CENTRE = '<center><lane id="0" type="none"/></center>'
WIDTH = '<width sOffset="0" a="3.5"/>'


@pytest.fixture
def read(write_map: Write, make_road: Make) -> Read:
    """Sections of a road of 40 m with the given `<lanes>`."""

    def sections(lanes: str) -> tuple[LaneSection, ...]:
        return read_opendrive(write_map(make_road(lanes=lanes))).roads["1"].sections

    return sections


def lane(identifier: int, inside: str = WIDTH, kind: str = "driving", more: str = "") -> str:
    return f'<lane id="{identifier}" type="{kind}" {more}>{inside}</lane>'


def right(*lanes: str) -> str:
    return f'<laneSection s="0">{CENTRE}<right>{"".join(lanes)}</right></laneSection>'


def one(sections: tuple[LaneSection, ...], identifier: int = -1) -> Lane:
    return sections[0].lanes[identifier]


def test_borders_become_widths(write_map: Write, make_road: Make) -> None:
    def border(*rows: str) -> str:
        return "".join(f"<border {row}/>" for row in rows)

    left = lane(1, border('sOffset="0" a="3" b="0.01"')) + lane(
        2, border('sOffset="0" a="7" b="0" c="0.002"', 'sOffset="15" a="7.45" b="0.06" c="0" d="-0.0001"')
    )
    lanes = (
        f'<laneSection s="0"><left>{left}</left>{CENTRE}<right>'
        f'{lane(-1, border("""sOffset="0" a="-4" """))}</right></laneSection>'
    )
    road = read_opendrive(write_map(make_road(lanes=lanes))).roads["1"]
    s = np.linspace(0, 40, 81)
    borders = lane_borders(road, road.sections[0], s)
    first = 3 + 0.01 * s
    second = np.where(s < 15, 7 + 0.002 * s**2, 7.45 + 0.06 * (s - 15) - 0.0001 * (s - 15) ** 3)
    np.testing.assert_allclose(borders[1], (np.zeros(81), first), atol=1e-9)
    np.testing.assert_allclose(borders[2], (first, second), atol=1e-9)
    np.testing.assert_allclose(borders[-1], (np.full(81, -4.0), np.zeros(81)), atol=1e-9)


def test_where_a_side_has_widths_its_borders_are_ignored(read: Read) -> None:
    both = one(read(right(lane(-1, WIDTH + '<border sOffset="0" a="-9"/>'))))
    np.testing.assert_allclose(both.width(np.array([0.0, 20.0])), 3.5)


def test_a_side_with_a_border_missing_is_refused(read: Read) -> None:
    with pytest.raises(UserError, match=r"road '1': lane -2 has no <border>"):
        read(right(lane(-1, '<border sOffset="0" a="-3"/>'), lane(-2, "")))


def test_one_side_may_begin_a_section_alone(write_map: Write, make_road: Make) -> None:
    link = '<link><successor id="{}"/><predecessor id="{}"/></link>'
    wide = '<width sOffset="0" a="3" b="0.1"/>'
    marks = '<roadMark sOffset="0" type="solid"/><roadMark sOffset="25" type="broken"/>'
    lanes = (
        f'<laneSection s="0"><left>{lane(1, wide + marks)}</left>{CENTRE}'
        f"<right>{lane(-1, link.format(-1, -1) + WIDTH)}</right></laneSection>"
        f'<laneSection s="10" singleSide="true">{CENTRE}<right>{lane(-1, link.format(-1, -1) + WIDTH)}{lane(-2)}'
        "</right></laneSection>"
    )
    town = read_opendrive(write_map(make_road(lanes=lanes)))
    first, second = town.roads["1"].sections
    assert sorted(second.lanes) == [-2, -1, 0, 1] and sorted(first.lanes) == [-1, 0, 1]
    np.testing.assert_allclose(second.lanes[1].width(np.array([0.0, 30.0])), [4.0, 7.0])  # goes on from 3 + 0.1 * 10
    assert [(m.s_offset, m.kind) for m in second.lanes[1].marks] == [(0.0, "solid"), (15.0, "broken")]
    assert [chain for chain in chains(town, followers(town)) if chain[0][2] == 1] == [[("1", 1, 1), ("1", 0, 1)]]


@pytest.mark.parametrize(
    ("inside", "open_"),
    [
        ('<access sOffset="0" restriction="bus" rule="allow"/>', False),
        ('<access sOffset="0" restriction="passengerCar" rule="deny"/>', False),
        ('<access sOffset="0" restriction="passengerCar" rule="allow"/>', True),
        ('<access sOffset="0" restriction="trucks" rule="deny"/>', True),
        ('<access sOffset="0" restriction="none" rule="allow"/>', True),
    ],
)
def test_lanes_without_right_for_cars_are_closed(read: Read, inside: str, open_: bool) -> None:
    assert one(read(right(lane(-1, inside + WIDTH)))).kind == ("driving" if open_ else CLOSED)


@pytest.mark.parametrize(
    ("lanes", "reason"),
    [
        (right(lane(-1, more='direction="reversed"')), "'reversed'"),
        (right(lane(1)), "stands in <right>"),
        (right(lane(-1), lane(-1)), "two lanes of one id"),
        (right(lane(-1, '<width sOffset="0" a="3" d="1"/>')), "m wide"),
        (right(lane(-1).replace('"-1"', '"1e400"')), "finite"),
        (right(lane(-1).replace('"-1"', '"-1.5"')), "whole number"),
    ],
)
def test_lanes_that_make_no_sense_are_refused(read: Read, lanes: str, reason: str) -> None:
    with pytest.raises(UserError, match=r"small\.xodr: road '1'") as caught:
        read(lanes)
    assert reason in caught.value.message


def test_a_way_for_both_directions_is_driven_by_its_side(read: Read) -> None:
    assert one(read(right(lane(-1, more='direction="both"')))).kind == "driving"
    assert one(read(right(lane(-1, kind="biking", more='direction="reversed"')))).kind == "biking"


def test_a_mark_is_read_with_its_colour_and_lines(read: Read) -> None:
    detail = '<type name="x" width="0.1"><line length="3" space="6" tOffset="0.2" sOffset="0"/></type>'
    mark = f'<roadMark sOffset="0" type="broken" color="yellow" width="0.3">{detail}</roadMark>'
    (found,) = one(read(right(lane(-1, WIDTH + mark)))).marks
    assert found.color == "yellow" and found.stripes == (MarkStripe(0.2, 0.1, 3.0, 6.0),)


@pytest.mark.parametrize(
    ("kind", "identifier", "expected"),
    [
        ("solid", -1, [(-3.5, False)]),
        ("solid broken", -1, [(-3.4, False), (-3.6, True)]),  # the inner line first
        ("solid broken", 1, [(3.4, False), (3.6, True)]),
        ("solid broken", 0, [(0.1, False), (-0.1, True)]),  # the left line first
        ("broken broken", 0, [(0.1, True), (-0.1, True)]),
        ("curb", 0, []),
        ("botts dots", 0, []),
    ],
)
def test_both_lines_of_a_double_mark_are_painted(
    write_map: Write, make_road: Make, kind: str, identifier: int, expected: list[tuple[float, bool]]
) -> None:
    mark = f'<roadMark sOffset="0" type="{kind}" width="0.1"/>'
    left, centre, beside = (lane(i, (WIDTH if i else "") + (mark if i == identifier else "")) for i in (1, 0, -1))
    lanes = f'<laneSection s="0"><left>{left}</left><center>{centre}</center><right>{beside}</right></laneSection>'
    outline = section_outline(read_opendrive(write_map(make_road(lanes=lanes))).roads["1"], 0, -1, {})
    assert [(round(float(m.offset[0]), 6), m.dashed) for m in outline.marks] == expected
