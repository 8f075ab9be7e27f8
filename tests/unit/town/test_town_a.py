"""The built-in town is what its script writes."""

from __future__ import annotations

import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from av_td3_system.town.road_network import MAPS

SCRIPT = Path(__file__).parents[3] / "scripts" / "make_town_a.py"


def test_the_script_writes_the_town_of_the_package(tmp_path: Path) -> None:
    pytest.importorskip("scenariogeneration", reason="a developer extra, needed only to make the town")
    path = tmp_path / "TownA.xodr"
    subprocess.run([sys.executable, str(SCRIPT), str(path)], check=True, capture_output=True, timeout=120)
    assert path.read_bytes() == (MAPS / "TownA.xodr").read_bytes()


def test_the_town_is_made_of_lines_and_arcs() -> None:
    root = ElementTree.parse(MAPS / "TownA.xodr").getroot()
    assert {shape.tag for geometry in root.iter("geometry") for shape in geometry} == {"line", "arc"}
    assert {lane.get("type") for lane in root.iter("lane") if lane.get("id") != "0"} == {"driving", "sidewalk"}
