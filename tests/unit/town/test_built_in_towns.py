"""The built-in towns are what their script writes, and each has what it is there for."""

from __future__ import annotations

import subprocess
import sys
import warnings
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import numpy as np
import pytest

from av_td3_system.town.lane_neighbours import NOBODY
from av_td3_system.town.road_network import MAPS
from av_td3_system.town.town import built_in_towns, load_town

SCRIPT = Path(__file__).parents[3] / "scripts" / "make_towns.py"
TOWNS = ("TownA", "TownB", "TownC", "TownD")


def test_the_script_writes_the_towns_of_the_package(tmp_path: Path) -> None:
    pytest.importorskip("scenariogeneration", reason="a developer extra, needed only to make the towns")
    subprocess.run([sys.executable, str(SCRIPT), str(tmp_path)], check=True, capture_output=True, timeout=120)
    assert tuple(built_in_towns()) == TOWNS == tuple(sorted(path.stem for path in tmp_path.iterdir()))
    for town in TOWNS:
        assert (tmp_path / f"{town}.xodr").read_bytes() == (MAPS / f"{town}.xodr").read_bytes()


@pytest.mark.parametrize("town", TOWNS)
def test_every_lane_is_driven(town: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # no dead end is closed, no elevation ignored
        lanes = load_town(town).network.lanes
    assert (lanes.successor_count > 0).all() and (lanes.predecessor_count > 0).all()
    assert np.abs(lanes.curvature).max() < 1 / 7.0, "no bend tighter than a car's turning circle, with room to spare"


@pytest.mark.parametrize("town", ["TownA", "TownB", "TownC"])
def test_one_lane_a_side(town: str) -> None:
    root = ElementTree.parse(MAPS / f"{town}.xodr").getroot()
    assert {shape.tag for geometry in root.iter("geometry") for shape in geometry} == {"line", "arc"}
    assert {lane.get("type") for lane in root.iter("lane") if lane.get("id") != "0"} == {"driving", "sidewalk"}
    assert (load_town(town).network.lanes.neighbours.lane == NOBODY).all()


def test_town_d_has_lanes_to_change_and_a_roundabout() -> None:
    lanes = load_town("TownD").network.lanes
    assert (lanes.neighbours.lane != NOBODY).any(axis=1).sum() == 36, "nine streets with two lanes a side"
    # Pieces of the ring: road lanes that bend left all along, about 20 m from one point.
    pieces = []
    for i in np.flatnonzero((lanes.junction < 0) & (lanes.length < 20)):
        own = slice(lanes.first[i], lanes.first[i] + lanes.count[i])
        if (lanes.curvature[own] > 1 / 25).all():
            pieces.append(np.column_stack((lanes.x[own], lanes.y[own])))
    assert len(pieces) == 4
    distance = np.hypot(*(np.concatenate(pieces) - np.array([148.0, 156.0])).T)
    assert np.allclose(distance, 18 + 3.5 / 2, atol=0.05)
