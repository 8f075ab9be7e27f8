"""The town verb checks a map, says what it holds and draws it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from av_td3_system.cli import main
from av_td3_system.config.errors import UserError
from av_td3_system.town.birdseye import ROUTE
from av_td3_system.town.survey import measure, run_town
from av_td3_system.town.town import load_town


def test_a_built_in_town_is_measured_and_drawn(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    picture = tmp_path / "new folder" / "a.png"
    assert main(["town", "TownA", "--picture", str(picture), "--size", "800", "--json"]) == 0
    figures = json.loads(capsys.readouterr().out)
    assert figures["name"] == "TownA" and figures["junctions"] == 11 and figures["vehicles"] == 20
    assert figures["lanes"] == 36 and 3.5 < figures["lane_km"] < 4.5
    assert figures["speed_limits"] == [30, 30]
    image = np.asarray(Image.open(picture), dtype=int)
    assert image.shape == (800, 800, 3)
    blue = (np.abs(image - ROUTE).max(axis=-1) < 40).mean()
    assert 0.002 < blue < 0.2, "routes are drawn"


def test_lines_are_printed_for_people(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_town("TownA", tmp_path / "a.png", scenario=2) == 0
    lines = capsys.readouterr().out.splitlines()
    assert any(line.split() == ["vehicles", "100"] for line in lines)


def test_lane_kilometres_are_those_of_the_lanes() -> None:
    town = load_town("TownA")
    figures = measure(town)
    total = float(town.network.lanes.length.sum()) / 1000
    assert figures["lane_km"] + figures["junction_lane_km"] == pytest.approx(total, abs=1e-3)


def test_what_cannot_be_driven_or_drawn_is_refused(
    write_map: Callable[..., Path], make_road: Callable[..., str], tmp_path: Path
) -> None:
    with pytest.raises(UserError, match="leads nowhere"):
        run_town(str(write_map(make_road())), tmp_path / "a.png")
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot write the picture"):
        run_town("TownA", tmp_path / "file" / "a.png")
    with pytest.raises(UserError, match=r"no \.png or \.jpg file"):
        run_town("TownA", tmp_path / "a.gif")
    with pytest.raises(UserError, match="--size is 9"):
        run_town("TownA", tmp_path / "a.png", size=9)
    with pytest.raises(UserError, match="no built-in town"):
        run_town("TownZ", tmp_path / "a.png")
