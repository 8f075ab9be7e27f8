"""Damaged maps: whatever is dropped, garbled or deleted, a map loads or is refused, and never takes long."""

from __future__ import annotations

import time
import warnings
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from av_td3_system.config.errors import UserError
from av_td3_system.town.circuit import keep_circuit
from av_td3_system.town.narrow_lanes import close_narrow_lanes
from av_td3_system.town.opendrive import read_opendrive
from av_td3_system.town.road_network import MAPS, build_network
from av_td3_system.town.town import load_town

GARBAGE = [
    *("", "nan", "inf", "-inf", "1e308", "-1e308", "1e9", "-1e9", "1e-320", "0", "-1", "3.7", "300", "x", "1,5"),
    *("0x10", "1_0", "١٢", "\N{ROMAN NUMERAL TWO}", " 7 ", "-1 -2", "true", "end", "start", "junction", "solid solid"),
]
LONGEST = 20.0  # s for one damaged map on a busy machine; a whole one takes a tenth of a second


def damage(root: ElementTree.Element, kind: str, where: float, which: float, what: str) -> str:
    """One damage to a map; returns what was done."""
    parents = {child: parent for parent in root.iter() for child in parent}
    elements = list(parents)
    if kind in ("delete a road", "double a road", "reverse a road"):
        elements = [e for e in elements if e.tag == "road"]
    if kind == "garble a number":
        elements = [e for e in elements if e.attrib]
    element = elements[int(where * len(elements))]
    name = ""
    if kind in ("drop an element", "delete a road"):
        parents[element].remove(element)
    elif kind in ("double a road", "double an element"):
        parents[element].append(element)
    elif kind == "empty an element":
        element.clear()
    elif kind == "rename an element":
        element.tag = what if what.isalpha() else "other"
    elif kind == "reverse a road":
        element[:] = list(element)[::-1]
    else:
        name = list(element.attrib)[int(which * len(element.attrib))]
        if kind == "drop a number":
            del element.attrib[name]
        else:
            element.set(name, what)
    return f"{kind}: <{element.tag} {name}>"


def garbled() -> st.SearchStrategy[tuple[str, float, float, str]]:
    share = st.floats(0.0, 1.0, exclude_max=True)
    kinds = (
        *("drop an element", "delete a road", "double a road", "double an element", "empty an element"),
        *("rename an element", "reverse a road", "garble a number", "garble a number", "garble a number"),
    )
    return st.tuples(st.sampled_from(kinds), share, share, st.sampled_from(GARBAGE))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["TownA", "TownD"])
@given(damages=st.lists(garbled(), min_size=1, max_size=3))
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
def test_a_damaged_map_loads_or_is_refused(
    name: str, tmp_path: Path, damages: list[tuple[str, float, float, str]]
) -> None:
    root = ElementTree.parse(MAPS / f"{name}.xodr").getroot()
    done = [damage(root, *one) for one in damages]
    path = tmp_path / "damaged.xodr"
    ElementTree.ElementTree(root).write(path)
    began = time.perf_counter()
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            network = build_network(keep_circuit(close_narrow_lanes(read_opendrive(path))))
        except UserError as refused:
            said = refused
        else:
            said = None
            lanes = network.lanes
            for values in (lanes.length, lanes.x, lanes.y, lanes.heading, lanes.speed_limit, *network.bounds):
                assert np.isfinite(values).all(), done
            assert (lanes.successor_count > 0).all(), done
    assert said is None or ("damaged" in said.message and said.hint), done
    assert time.perf_counter() - began < LONGEST, done


SWUNG = [("laneOffset", "b"), ("laneOffset", "s"), ("paramPoly3", "cV"), ("arc", "curvature")]


@pytest.mark.parametrize(("tag", "number"), SWUNG)
@pytest.mark.parametrize("what", ["1e9", "-1e9", "1e308"])
def test_a_lane_that_swings_beyond_all_bounds_is_refused_before_it_takes_memory(
    tmp_path: Path, tag: str, number: str, what: str
) -> None:
    root = ElementTree.parse(MAPS / "TownD.xodr").getroot()
    next(root.iter(tag)).set(number, what)
    path = tmp_path / "damaged.xodr"
    ElementTree.ElementTree(root).write(path)
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        with pytest.raises(UserError, match=r"damaged.*road '\d+'"):
            close_narrow_lanes(read_opendrive(path))


@pytest.mark.parametrize("cut", [0.05, 0.3, 0.6, 0.95])
def test_a_map_cut_short_or_with_bytes_turned_is_refused(tmp_path: Path, cut: float) -> None:
    data = (MAPS / "TownA.xodr").read_bytes()
    for broken in (data[: int(cut * len(data))], data.replace(b"<", b"\x00", int(cut * 40) + 1)):
        path = tmp_path / "damaged.xodr"
        path.write_bytes(broken)
        with pytest.raises(UserError, match=r"damaged\.xodr is not well-formed"):
            read_opendrive(path)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(6))
def test_what_loads_of_a_damaged_map_becomes_a_town(tmp_path: Path, seed: int) -> None:
    rng = np.random.default_rng(seed)
    kinds = ("delete a road", "drop an element", "garble a number")
    for attempt in range(20):
        root = ElementTree.parse(MAPS / "TownA.xodr").getroot()
        for _ in range(3):
            where, which = rng.random(2)
            damage(root, str(rng.choice(kinds)), float(where), float(which), str(rng.choice(GARBAGE)))
        path = tmp_path / f"damaged{attempt}.xodr"
        ElementTree.ElementTree(root).write(path)
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            try:
                town = load_town(str(path))
            except UserError:
                continue
        assert town.surface.kind.any() and (town.network.lanes.successor_count > 0).all()
        return
    pytest.fail("none of twenty damaged maps loaded")
