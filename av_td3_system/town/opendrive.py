"""Reader of OpenDRIVE maps (ASAM OpenDRIVE 1.4-1.8): XML in, plain immutable values out.

Read are plan views (line, arc, spiral, poly3, paramPoly3), lane sections with polynomial widths or borders
and offsets, links, road marks, speeds, signals, and common and direct junctions. The world here is flat and
has no place on the globe: elevation and superelevation are ignored with a warning, `<geoReference>` and
`<offset>` without one. Everything that cannot be honoured is refused with a `UserError` that names the file,
the road and the reason.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from pathlib import Path

from av_td3_system.config.errors import UserError
from av_td3_system.town.map_elements import Connection, Junction, OpenDriveMap, Road
from av_td3_system.town.opendrive_roads import is_flat, read_road
from av_td3_system.town.xml_source import Element, integer, name_file, read_xml, refuse

MAJOR, MINORS = 1, range(4, 9)  # revisions this reader was written for
WITHOUT_WAYS = ("virtual", "crossing")  # junctions that do not interrupt their main road


def _check_revision(root: Element, name: str) -> None:
    header = root.find("header")
    major, minor = (None, None) if header is None else (header.get("revMajor"), header.get("revMinor"))
    if major is not None and major.strip() != str(MAJOR):
        raise UserError(f"is of OpenDRIVE {major}.{minor}", hint=f"export it as {MAJOR}.{MINORS[0]} to {MAJOR}.7")
    if major is None or minor is None or minor.strip() not in map(str, MINORS):
        said = "does not say of which revision it is" if minor is None else f"is of OpenDRIVE {major}.{minor}"
        warnings.warn(f"{name} {said}; it is read as {MAJOR}.7", stacklevel=4)


def _connections(junction: Element, name: str) -> Iterator[Connection]:
    direct = junction.get("type") == "direct"
    for item in junction.findall("connection"):
        incoming, road = item.get("incomingRoad"), item.get("linkedRoad" if direct else "connectingRoad")
        if incoming is None or road is None:
            continue  # without either nobody can drive it
        contact = item.get("contactPoint", "start")
        if contact not in ("start", "end"):
            raise refuse(road, f"in junction {name!r} it has contactPoint {contact!r}", 'it must be "start" or "end"')
        links = tuple((integer(link, "from", road), integer(link, "to", road)) for link in item.findall("laneLink"))
        yield Connection(incoming, road, contact, links)


def _junctions(root: Element, name: str) -> dict[str, Junction]:
    junctions: dict[str, Junction] = {}
    skipped = []
    for item in root.findall("junction"):
        identifier = item.get("id")
        if identifier is None or identifier in junctions:
            reason = "a <junction> has no id" if identifier is None else f"junction {identifier!r} occurs twice"
            raise UserError(reason, hint="give every junction its own id")
        kind = item.get("type", "default")
        if kind in WITHOUT_WAYS:
            skipped.append(identifier)
        ways = () if kind in WITHOUT_WAYS else tuple(_connections(item, identifier))
        junctions[identifier] = Junction(identifier, ways, kind == "direct")
    if skipped:
        warnings.warn(
            f"{name}: {len(skipped)} junctions leave their main road whole (virtual or crossing) and are not turned "
            f"off at (first: junction {skipped[0]!r})",
            stacklevel=4,
        )
    return junctions


def _roads(root: Element, name: str) -> dict[str, Road]:
    roads: dict[str, Road] = {}
    hilly = []
    for element in root.findall("road"):
        road = read_road(element)
        if road.identifier in roads:
            raise refuse(road.identifier, "occurs twice", "give every road its own id")
        roads[road.identifier] = road
        if not is_flat(element, road.identifier):
            hilly.append(road.identifier)
    if not roads:
        raise UserError("has no roads", hint="export the map again, with its roads")
    if hilly:
        warnings.warn(
            f"{name}: elevation of {len(hilly)} roads is ignored, the town is flat (first: road {hilly[0]!r})",
            stacklevel=4,
        )
    return roads


def _warn_of_dangling(town: OpenDriveMap, name: str) -> None:
    """Links to what is not in the file lead nowhere; they are no reason to refuse what is there."""
    dangling = []
    for road in town.roads.values():
        if road.junction is not None and road.junction not in town.junctions:
            dangling.append(f"road {road.identifier!r} to junction {road.junction!r}")
        for link in (road.predecessor, road.successor):
            known = link is None or link.identifier in (town.roads if link.kind == "road" else town.junctions)
            if link is not None and not known:
                dangling.append(f"road {road.identifier!r} to {link.kind} {link.identifier!r}")
    for junction in town.junctions.values():
        for way in junction.connections:
            for identifier in {way.incoming_road, way.connecting_road} - set(town.roads):
                dangling.append(f"junction {junction.identifier!r} to road {identifier!r}")
    if dangling:
        warnings.warn(
            f"{name}: {len(dangling)} links lead to what is not in the file (first: {dangling[0]})", stacklevel=4
        )


def read_opendrive(path: str | Path) -> OpenDriveMap:
    """Reads an OpenDRIVE file.

    Args:
        path: the `.xodr` file.

    Returns:
        The map, roads and junctions in the order of the file.

    Raises:
        UserError: the file is missing, too large, compressed, not well-formed XML, declares a document type, is of
            another major revision, has no roads, or one of its roads is incomplete or of an unsupported kind.

    Warns:
        UserWarning: another minor revision, elevation that is ignored, virtual junctions, dangling links.
    """
    path = Path(path)
    with name_file(path.name):
        root = read_xml(path)
    if root.tag != "OpenDRIVE":
        raise UserError(f"{path.name} is not an OpenDRIVE map: its root is <{root.tag}>", hint="give an .xodr file")
    with name_file(path.name):
        _check_revision(root, path.name)
        if root.find("include") is not None:
            raise UserError("has an <include> of another file", hint="put the contents of that file in its place")
        town = OpenDriveMap(path.stem, _roads(root, path.name), _junctions(root, path.name))
    _warn_of_dangling(town, path.name)
    return town
