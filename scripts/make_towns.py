"""Writes the built-in towns as OpenDRIVE (needs `scenariogeneration`, a developer extra).

Towns in the manner of CARLA's Town01: one lane per direction, pavements, T- and four-way junctions, 30 km/h.
Streets are polylines between junctions whose corners are rounded by arcs; ways through a junction are
single arcs, because every arm ends at the same distance from the junction's node and points at it.
The output does not depend on time or chance. Layouts are in `town_layouts.py`.

    python scripts/make_towns.py [FOLDER]
"""

from __future__ import annotations

import math
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

from scenariogeneration import xodr
from town_layouts import LAYOUTS, Layout, Node
from town_roads import LANE_WIDTH, Arm, arc_way, connecting, street, street_plan, ways
from town_roundabout import add_roundabout

OUTPUT = Path(__file__).parent.parent / "av_td3_system" / "town" / "maps"


def build(layout: Layout) -> xodr.OpenDrive:
    """The whole town."""
    town = xodr.OpenDrive(layout.name, revMinor="5")
    arms: dict[str, list[tuple[Arm, int]]] = {name: [] for name in layout.nodes}  # with the junction each ends in
    for number, (start, end, corners) in enumerate(layout.streets, start=1):
        name, count = f"{start}-{end}", 2 if (start, end) in layout.wide else 1
        plan, first, last = street_plan(name, layout.nodes[start], layout.nodes[end], corners)
        road = street(number, name, plan, count)
        from_junction = _junction_id(layout, start, len(arms[start]))
        to_junction = _junction_id(layout, end, len(arms[end]))
        road.add_predecessor(xodr.ElementType.junction, from_junction)
        road.add_successor(xodr.ElementType.junction, to_junction)
        arms[start].append((Arm(number, xodr.ContactPoint.start, first, count), from_junction))
        arms[end].append((Arm(number, xodr.ContactPoint.end, last + math.pi, count), to_junction))
        town.add_road(road)
    number = 1001
    for name, (x, y, setback) in layout.nodes.items():
        if name in layout.round:
            number = add_roundabout(town, (x, y), setback, layout.round[name], arms[name], number)
        else:
            number = _add_crossing(town, name, layout.nodes[name], arms[name], number)
    return town


def _junction_id(layout: Layout, name: str, arm: int) -> int:
    """One junction a node; in a roundabout one where each street meets the ring."""
    place = list(layout.nodes).index(name)
    return 500 + 20 * place + arm if name in layout.round else 100 + place


def _add_crossing(town: xodr.OpenDrive, name: str, node: Node, arms: list[tuple[Arm, int]], number: int) -> int:
    """Add all ways through a junction; returns the next free road id."""
    x, y, setback = node
    identifier = arms[0][1]
    junction = xodr.Junction(name, identifier)
    for origin, _ in arms:
        found = ways(origin, [arm for arm, _ in arms if arm.street != origin.street])
        pose = (
            x + setback * math.cos(origin.heading),
            y + setback * math.sin(origin.heading),
            origin.heading + math.pi,
        )
        for way in found:
            # The rightmost way carries the pavement of the corner that it goes round.
            pavement = way.turn == min(other.turn for other in found) and way.first + way.lanes > origin.lanes
            plan = arc_way(pose, way.turn, setback, LANE_WIDTH * (way.first - 1))
            town.add_road(connecting(number, identifier, plan, origin, way, pavement))
            connection = xodr.Connection(origin.street, number, xodr.ContactPoint.start)
            for place in range(way.lanes):
                connection.add_lanelink(origin.side(True) * (way.first + place), -1 - place)
            junction.add_connection(connection)
            number += 1
    town.add_junction(junction)
    return number


def write(layout: Layout, path: Path) -> None:
    """Write one town."""
    element = build(layout).get_element()
    header = element.find("header")
    assert header is not None
    header.set("date", "2025-01-01T00:00:00")  # the library puts the current time here
    header.set("vendor", "av_td3_system")
    ElementTree.indent(element, " ")
    ElementTree.ElementTree(element).write(path, encoding="utf-8", xml_declaration=True)


def main(arguments: list[str]) -> None:
    """Write all towns to the folder given, or to their place in the package."""
    folder = Path(arguments[0]) if arguments else OUTPUT
    folder.mkdir(parents=True, exist_ok=True)
    for layout in LAYOUTS:
        write(layout, folder / f"{layout.name}.xodr")
        print(folder / f"{layout.name}.xodr")


if __name__ == "__main__":
    main(sys.argv[1:])
