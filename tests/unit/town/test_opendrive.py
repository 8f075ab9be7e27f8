"""What the reader understands, and what it refuses by the name of the road."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from av_td3_system.config.errors import UserError
from av_td3_system.town.opendrive import read_opendrive
from av_td3_system.town.opendrive_lanes import NO_LIMIT
from tests.unit.town.conftest import HEADER, LANES

Write = Callable[..., Path]
Make = Callable[..., str]


def straight(length: float | str, s: float = 0.0) -> str:
    return f'<geometry s="{s}" x="0" y="0" hdg="0" length="{length}"><line/></geometry>'


def refusal(path: Path) -> str:
    with pytest.raises(UserError) as caught:
        read_opendrive(path)
    assert caught.value.hint
    return caught.value.message


def test_a_road_is_read_with_its_lanes(write_map: Write, make_road: Make) -> None:
    road = read_opendrive(write_map(make_road("7", 40))).roads["7"]
    assert road.length == 40
    assert sorted(road.sections[0].lanes) == [-1, 0, 1]
    assert road.sections[0].end == 40


@pytest.mark.parametrize(
    ("speed", "expected"),
    [('max="36" unit="km/h"', 10.0), ('max="25" unit="mph"', 11.176), ('max="9" unit="m/s"', 9.0), ('max="9"', 9.0)],
)
def test_speeds_are_read_in_every_unit(write_map: Write, make_road: Make, speed: str, expected: float) -> None:
    road = make_road(extra=f'<type s="0" type="town"><speed {speed}/></type>')
    assert read_opendrive(write_map(road)).roads["1"].speeds == ((0.0, pytest.approx(expected)),)


def test_where_the_map_says_nothing_of_speed_the_last_limit_ends(write_map: Write, make_road: Make) -> None:
    kinds = (
        '<type s="30" type="town"/>',
        '<type s="0" type="motorway"><speed max="no limit"/></type>',
        '<type s="10" type="town"><speed max="undefined"/></type>',
        '<type s="20" type="town"><speed max="5"/></type>',
    )
    town = read_opendrive(write_map(make_road(extra="".join(kinds))))
    assert town.roads["1"].speeds == ((0.0, NO_LIMIT), (10.0, None), (20.0, 5.0), (30.0, None))


def test_widths_are_piecewise_cubics(write_map: Write, make_road: Make) -> None:
    lanes = """<laneSection s="0"><center><lane id="0" type="none"/></center><right><lane id="-1" type="driving">
    <width sOffset="10" a="4" b="0" c="0.01" d="0.001"/><width sOffset="0" a="3" b="0.1" c="0" d="0"/>
    </lane></right></laneSection>"""
    width = read_opendrive(write_map(make_road(lanes=lanes))).roads["1"].sections[0].lanes[-1].width
    np.testing.assert_allclose(width(np.array([0.0, 5.0, 10.0, 20.0])), [3.0, 3.5, 4.0, 6.0])


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ({"length": 0.0}, "length 0 m"),
        ({"geometry": ""}, "planView"),
        ({"geometry": '<geometry s="0" x="0" y="0" hdg="0" length="0"><line/></geometry>'}, "length 0 m"),
        ({"geometry": '<geometry s="0" x="0" y="0" hdg="0" length="40"><poly3 a="0"/></geometry>'}, "'b'"),
        ({"geometry": '<geometry s="0" x="0" y="0" hdg="0" length="40"><nurbs/></geometry>'}, "<nurbs>"),
        ({"geometry": '<geometry s="0" x="0" y="0" hdg="0" length="40"/>'}, "no shape"),
        ({"geometry": '<geometry s="0" x="nan" y="0" hdg="0" length="40"><line/></geometry>'}, "finite"),
        ({"geometry": '<geometry s="0" x="0" y="0" length="40"><line/></geometry>'}, "'hdg'"),
        ({"lanes": ""}, "laneSection"),
        ({"lanes": '<laneSection s="40"/>'}, "begins at s = 40 m"),
        ({"lanes": LANES + '<laneSection s="41"/>'}, "beyond the road's 40 m"),
        ({"length": 50.0, "geometry": straight(40)}, "lacks 10.00 m at its end"),
        ({"geometry": straight(40, s=3)}, "lacks 3.00 m at its start"),
        ({"length": 1e6}, "long"),
        ({"geometry": straight(1e9)}, "long"),
        (
            {"geometry": straight(40).replace("<line/>", '<spiral curvStart="0" curvEnd="9"/>')},
            "winds up",
        ),
        ({"length": -4.0}, "length -4 m"),
        ({"geometry": straight("inf")}, "finite"),
        ({"link": '<successor elementType="bridge" elementId="2"/>'}, "'bridge'"),
        ({"extra": '<include file="more.xml"/>'}, "<include>"),
        ({"extra": '<signals><signal id="1" s="3"/></signals>'}, "'t'"),
        ({"link": '<successor elementType="road" elementId="2"/>'}, "contactPoint"),
        ({"extra": '<type s="0"><speed max="3" unit="knots"/></type>'}, "knots"),
        ({"extra": '<type s="0"><speed max="-3"/></type>'}, "not positive"),
    ],
)
def test_a_bad_road_is_refused_by_name_and_reason(
    write_map: Write, make_road: Make, arguments: dict[str, object], reason: str
) -> None:
    message = refusal(write_map(make_road("ok"), make_road("bad", **arguments)))
    assert "'bad'" in message
    assert reason in message


def test_a_jump_in_the_reference_line_is_refused(write_map: Write, make_road: Make) -> None:
    pieces = (
        '<geometry s="0" x="0" y="0" hdg="0" length="20"><line/></geometry>'
        '<geometry s="20" x="20" y="2" hdg="0" length="20"><line/></geometry>'
    )
    assert "jumps by 2.00 m at s = 20.00 m" in refusal(write_map(make_road(geometry=pieces)))


def test_left_hand_traffic_and_twins_are_refused_with_the_name_of_the_file(write_map: Write, make_road: Make) -> None:
    message = refusal(write_map(make_road().replace("<road ", '<road rule="LHT" '), name="england.xodr"))
    assert "left-hand" in message and "england.xodr" in message and "'1'" in message
    assert "'3': occurs twice" in refusal(write_map(make_road("3"), make_road("3")))
    twins = '<junction id="9"/><junction id="9"/>'
    assert "junction '9' occurs twice" in refusal(write_map(make_road(), twins))


@pytest.mark.parametrize(
    ("revision", "said"), [("1.4", ""), ("1.7", ""), ("1.2", "1.2"), ("1.9", "1.9"), ("", "which")]
)
def test_other_minor_revisions_are_read_with_a_warning(
    write_map: Write, make_road: Make, revision: str, said: str
) -> None:
    path = write_map(make_road())
    major, _, minor = revision.partition(".")
    header = f'<header revMajor="{major}" revMinor="{minor}"/>' if revision else "<header/>"
    path.write_text(path.read_text().replace(HEADER, header))
    if said:
        with pytest.warns(UserWarning, match=f"small.xodr.*{said}"):
            read_opendrive(path)
    else:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            read_opendrive(path)


def test_another_major_revision_is_refused(write_map: Write, make_road: Make) -> None:
    path = write_map(make_road())
    path.write_text(path.read_text().replace(HEADER, '<header revMajor="2" revMinor="0"/>'))
    assert "OpenDRIVE 2.0" in refusal(path)


def test_links_to_what_is_not_there_are_named(write_map: Write, make_road: Make) -> None:
    road = make_road("a", link='<successor elementType="road" elementId="ghost" contactPoint="start"/>')
    junction = '<junction id="7"><connection incomingRoad="a" connectingRoad="b" contactPoint="start"/></junction>'
    with pytest.warns(UserWarning, match=r"small.xodr: 2 links.*road 'a' to road 'ghost'"):
        read_opendrive(write_map(road, junction))


def test_a_virtual_junction_leaves_its_road_whole_with_a_warning(write_map: Write, make_road: Make) -> None:
    link = '<laneLink from="-1" to="-1"/>'
    way = f'<connection incomingRoad="1" connectingRoad="1" contactPoint="start">{link}</connection>'
    with pytest.warns(UserWarning, match="junction '7'"):
        town = read_opendrive(write_map(make_road(), f'<junction id="7" type="virtual">{way}</junction>'))
    assert town.junctions["7"].connections == ()


def test_what_is_no_map_is_refused(write_map: Write, tmp_path: Path) -> None:
    assert "no roads" in refusal(write_map())
    assert "cannot read" in refusal(tmp_path / "absent.xodr")
    for text, reason in (("<OpenDRIVE><road", "well-formed"), ("", "well-formed"), ("<html/>", "<html>")):
        path = tmp_path / "wrong.xodr"
        path.write_text(text)
        assert reason in refusal(path)


@pytest.mark.parametrize(
    "declaration",
    [
        '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]>',
        '<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/hostname">]>',
        '<!DOCTYPE x SYSTEM "http://127.0.0.1:9/x.dtd">',
    ],
)
def test_document_types_are_refused_before_entities_exist(tmp_path: Path, make_road: Make, declaration: str) -> None:
    path = tmp_path / "entities.xodr"
    path.write_text(f'<?xml version="1.0"?>{declaration}<OpenDRIVE>{make_road()}</OpenDRIVE>')
    assert "document type" in refusal(path)


def test_elevation_is_ignored_with_a_warning(write_map: Write, make_road: Make) -> None:
    def profile(b: float) -> str:
        return f'<elevationProfile><elevation s="0" a="3" b="{b}" c="0" d="0"/></elevationProfile>'

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        read_opendrive(write_map(make_road(extra=profile(0.0))))
    banked = '<lateralProfile><superelevation s="0" a="0.1" b="0" c="0" d="0"/></lateralProfile>'
    for extra in (profile(0.05), banked):
        with pytest.warns(UserWarning, match="1 roads is ignored.*'hill'") as said:
            read_opendrive(write_map(make_road("flat"), make_road("hill", extra=extra)))
        assert len(said) == 1
