"""Links in driving direction: both contact points, both sides, sections, junctions."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from av_td3_system.town.lane_graph import chains, drivable_keys, followers
from av_td3_system.town.opendrive import read_opendrive

Write = Callable[..., Path]
Make = Callable[..., str]


def lane(identifier: int, predecessor: int | None = None, successor: int | None = None, kind: str = "driving") -> str:
    links = "" if predecessor is None else f'<predecessor id="{predecessor}"/>'
    links += "" if successor is None else f'<successor id="{successor}"/>'
    return f'<lane id="{identifier}" type="{kind}"><link>{links}</link><width sOffset="0" a="3.5"/></lane>'


def section(s: float, left: str, right: str) -> str:
    centre = '<center><lane id="0" type="none"/></center>'
    return f'<laneSection s="{s}"><left>{left}</left>{centre}<right>{right}</right></laneSection>'


def straight(s: float, x: float, heading: float, length: float) -> str:
    return f'<geometry s="{s}" x="{x}" y="0" hdg="{heading}" length="{length}"><line/></geometry>'


def road_end(which: str, road: str, contact: str) -> str:
    return f'<{which} elementType="road" elementId="{road}" contactPoint="{contact}"/>'


def test_roads_in_one_direction_join_end_to_start(write_map: Write, make_road: Make) -> None:
    a = make_road("a", lanes=section(0, lane(1, None, 1), lane(-1, None, -1)), link=road_end("successor", "b", "start"))
    b = make_road("b", lanes=section(0, lane(1, 1), lane(-1, -1)), link=road_end("predecessor", "a", "end"))
    links = followers(read_opendrive(write_map(a, b)))
    assert links["a", 0, -1] == [("b", 0, -1)]
    assert links["b", 0, 1] == [("a", 0, 1)]
    assert links["a", 0, 1] == links["b", 0, -1] == []


def test_roads_head_to_head_join_left_to_right(write_map: Write, make_road: Make) -> None:
    a = make_road("a", lanes=section(0, lane(1, None, -1), lane(-1, None, 1)), link=road_end("successor", "b", "end"))
    b = make_road("b", lanes=section(0, lane(1, None, -1), lane(-1, None, 1)), link=road_end("successor", "a", "end"))
    links = followers(read_opendrive(write_map(a, b)))
    assert links["a", 0, -1] == [("b", 0, 1)]
    assert links["b", 0, -1] == [("a", 0, 1)]


def test_a_link_into_oncoming_traffic_is_not_followed(write_map: Write, make_road: Make) -> None:
    a = make_road("a", lanes=section(0, "", lane(-1, None, 1)), link=road_end("successor", "b", "start"))
    b = make_road("b", lanes=section(0, lane(1), lane(-1)), link="")
    assert followers(read_opendrive(write_map(a, b)))["a", 0, -1] == []


def test_sections_of_a_road_become_one_lane_unless_lanes_split(write_map: Write, make_road: Make) -> None:
    lanes = (
        section(0, lane(1, None, 1), lane(-1, None, -1))
        + section(10, lane(1, 1, 1), lane(-1, -1, -1))
        + section(20, lane(1, 1), lane(-1, -1) + lane(-2, -1))
    )
    town = read_opendrive(write_map(make_road("r", lanes=lanes)))
    found = chains(town, followers(town))
    assert [("r", 0, -1), ("r", 1, -1), ("r", 2, -1)] in found
    assert [("r", 2, 1), ("r", 1, 1), ("r", 0, 1)] in found
    assert [("r", 2, -2)] in found
    assert sum(len(chain) for chain in found) == len(drivable_keys(town)) == 7


def test_only_drivable_lanes_take_part(write_map: Write, make_road: Make) -> None:
    lanes = section(0, lane(1, kind="sidewalk"), lane(-1) + lane(-2, kind="shoulder"))
    assert drivable_keys(read_opendrive(write_map(make_road("r", lanes=lanes)))) == [("r", 0, -1)]


def test_a_road_meeting_one_junction_with_both_ends_is_not_confused(write_map: Write, make_road: Make) -> None:
    ends = "".join(f'<{which} elementType="junction" elementId="9"/>' for which in ("predecessor", "successor"))
    loop = make_road("loop", lanes=section(0, lane(1), lane(-1)), link=ends)
    # One way leaves the loop's end, the other its start (driven by the left lane).
    out = make_road(
        "out", junction="9", lanes=section(0, "", lane(-1, -1, 1)),
        link=road_end("predecessor", "loop", "end") + road_end("successor", "loop", "end"),
    )  # fmt: skip
    back = make_road(
        "back", junction="9", lanes=section(0, "", lane(-1, 1, -1)),
        link=road_end("predecessor", "loop", "start") + road_end("successor", "loop", "start"),
    )  # fmt: skip
    rows = "".join(
        f'<connection id="{i}" incomingRoad="loop" connectingRoad="{road}" contactPoint="start">'
        f'<laneLink from="-1" to="-1"/><laneLink from="1" to="-1"/></connection>'
        for i, road in enumerate(("out", "back"))
    )
    links = followers(read_opendrive(write_map(loop, out, back, f'<junction id="9">{rows}</junction>')))
    assert links["loop", 0, -1] == [("out", 0, -1)]
    assert links["loop", 0, 1] == [("back", 0, -1)]
    assert links["out", 0, -1] == [("loop", 0, 1)]
    assert links["back", 0, -1] == [("loop", 0, -1)]


def test_sections_and_roads_of_millimetres_are_passed_over(write_map: Write, make_road: Make) -> None:
    # Exporters write them; CARLA's Town03 has a road of 0.2 micrometres, Town07 five such sections in a row.
    on = lane(-1, -1, -1)
    a = make_road(
        "a",
        lanes="".join(section(s, "", on) for s in (0, 20, 20.00000005, 20.02, 39.9999999)),
        link=road_end("successor", "b", "start"),
    )
    b = make_road(
        "b",
        1e-7,
        geometry=straight(0, 40, 0, 1e-7),
        lanes=section(0, "", on),
        link=road_end("predecessor", "a", "end") + road_end("successor", "c", "start"),
    )
    c = make_road(
        "c", geometry=straight(0, 40, 0, 40), lanes=section(0, "", on), link=road_end("predecessor", "b", "end")
    )
    town = read_opendrive(write_map(a, b, c))
    links = followers(town)
    assert links == {("a", 0, -1): [("a", 3, -1)], ("a", 3, -1): [("c", 0, -1)], ("c", 0, -1): []}
    assert chains(town, links) == [[("a", 0, -1), ("a", 3, -1)], [("c", 0, -1)]]


def test_a_ring_of_nothing_but_millimetres_leads_nowhere(write_map: Write, make_road: Make) -> None:
    ring = make_road(
        "r",
        0.01,
        geometry=straight(0, 0, 0, 0.01),
        lanes=section(0, "", lane(-1, -1, -1)),
        link=road_end("successor", "r", "start") + road_end("predecessor", "r", "end"),
    )
    assert followers(read_opendrive(write_map(ring))) == {}


def direct_junction(a_side: str, b_contact: str, links: str) -> str:
    return (
        f'<junction id="9" type="direct"><connection id="0" incomingRoad="{a_side}" linkedRoad="b" '
        f'contactPoint="{b_contact}">{links}</connection></junction>'
    )


def test_a_direct_junction_joins_both_directions(write_map: Write, make_road: Make) -> None:
    junction = '<{} elementType="junction" elementId="9"/>'
    both = section(0, lane(1), lane(-1) + lane(-2))
    a = make_road("a", lanes=both, link=junction.format("successor"))
    b = make_road("b", lanes=both, geometry=straight(0, 40, 0, 40), link=junction.format("predecessor"))
    table = '<laneLink from="1" to="1"/><laneLink from="-1" to="-1"/><laneLink from="-2" to="-2"/>'
    links = followers(read_opendrive(write_map(a, b, direct_junction("a", "start", table))))
    assert links["a", 0, -1] == [("b", 0, -1)] and links["a", 0, -2] == [("b", 0, -2)]
    assert links["b", 0, 1] == [("a", 0, 1)]
    assert links["a", 0, 1] == links["b", 0, -1] == []


def test_without_a_table_of_lanes_the_connecting_roads_links_count(write_map: Write, make_road: Make) -> None:
    a = make_road(
        "a", lanes=section(0, "", lane(-1) + lane(-2)), link='<successor elementType="junction" elementId="9"/>'
    )
    way = make_road("w", lanes=section(0, "", lane(-1, -2)), link=road_end("predecessor", "a", "end"), junction="9")
    junction = '<junction id="9"><connection incomingRoad="a" connectingRoad="w" contactPoint="start"/></junction>'
    links = followers(read_opendrive(write_map(a, way, junction)))
    assert links["a", 0, -2] == [("w", 0, -1)] and links["a", 0, -1] == []
