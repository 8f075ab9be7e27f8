"""Disturbances, and what they cost on the same episodes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from av_td3_system.config.load import load_config, with_overrides
from av_td3_system.environments.motion import MOTION
from av_td3_system.evaluation import robustness_command
from av_td3_system.evaluation.drive_figures import drive_figures
from av_td3_system.evaluation.drivers import open_driver
from av_td3_system.evaluation.episode_lines import read_asked, read_lines
from av_td3_system.evaluation.grid import GridRequest
from av_td3_system.evaluation.robustness import NOMINAL, disturbances
from av_td3_system.evaluation.robustness_command import row, run_robustness, table
from tests.records import make_episode
from tests.records import success as drive_to_the_goal

FIGURES = drive_figures(np.zeros(20, MOTION), 0.1)


def line(route: int, success: bool) -> dict[str, Any]:
    record = (drive_to_the_goal if success else make_episode)(episode_seed=-1 - route)
    return {**record.to_dict(), **FIGURES, "route": route, "traffic": 0, "cell_scenario": "0"}


def test_every_disturbance_changes_the_world_by_what_its_name_says() -> None:
    config = load_config()
    found = {one.name: one for one in disturbances(config)}
    assert len(found) == len(disturbances(config))
    changed = {name: with_overrides(config, one.settings) for name, one in found.items()}
    assert changed[NOMINAL] == config
    assert all(found[name].image != "seen" or changed[name] != config for name in found if name != NOMINAL)
    assert found["vehicle ahead erased"].image == "leader_erased"
    assert changed["car sluggish by 20 %"].variation.mass == (1.2, 1.2)
    assert changed["camera y -0.2 m"].camera.y == config.camera.y - 0.2
    assert changed["camera pitch +2 degrees"].camera.pitch == config.camera.pitch + 2
    assert changed["command a tick late"].environment.action_delay == config.environment.action_delay + 1
    assert changed["pushing drivers"].traffic.time_headway == config.traffic.time_headway / 2
    assert changed["Krauss drivers"].traffic.car_following == "krauss"


def test_disturbances_are_relative_to_the_runs_own_settings() -> None:
    config = load_config(overrides=["camera.pitch=-10", "environment.action_delay=3", "traffic.car_following=krauss"])
    found = {one.name: one.settings for one in disturbances(config)}
    assert with_overrides(config, found["IDM drivers"]).traffic.car_following == "idm"
    assert with_overrides(config, found["camera pitch -2 degrees"]).camera.pitch == -12
    assert with_overrides(config, found["command a tick late"]).environment.action_delay == 4


def test_what_a_disturbance_costs_is_counted_in_pairs() -> None:
    nominal = [line(route, success=route < 8) for route in range(10)]
    worse = [line(route, success=route < 5) for route in reversed(range(10))]
    told = row(worse, nominal)
    assert told["success_rate"] == 0.5
    value, low, high = told["difference"]
    assert value == pytest.approx(-0.3) and low < -0.3 < high <= 0.0
    assert row(nominal, nominal)["difference"] == [0.0, 0.0, 0.0]
    text = table({NOMINAL: row(nominal, nominal), "worse": told})
    assert "| worse | 10 | 0.500 (" in text and "| -0.300 (" in text


def test_the_same_episodes_are_driven_under_each(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    some = (NOMINAL, "steering +20 %", "picture a decision late", "image frozen")
    monkeypatch.setattr(
        robustness_command, "disturbances", lambda config: [one for one in disturbances(config) if one.name in some]
    )
    asked = GridRequest(weathers=["ClearNoon"], routes=2)
    settings = ["camera.width=16", "camera.height=16", "environment.time_allowance=1", "environment.slowest_speed=100"]
    driver = open_driver(None, "straight", 0)
    shared: dict[str, Any] = {"num_envs": 2, "out": tmp_path, "overrides": settings}
    assert run_robustness(driver, asked, **shared) == 0
    text = capsys.readouterr().out
    assert text == (tmp_path / "ROBUSTNESS.md").read_text()
    folders = [path for path in tmp_path.iterdir() if path.is_dir()]
    assert len(folders) == len(some) == len(json.loads((tmp_path / "robustness.json").read_text()))
    seeds = {tuple(sorted(line["episode_seed"] for line in read_lines(path))) for path in folders}
    assert len(seeds) == 1 and len(next(iter(seeds))) == 2
    grid = read_asked(tmp_path / "nominal")["grid"]
    assert grid["scenarios"] == ["0"] and grid["towns"] == ["TownA"], "the run's own town alone"
    assert read_asked(tmp_path / "image_frozen")["image"] == "frozen"
    before = {path: path.read_bytes() for path in tmp_path.rglob("episodes.jsonl")}
    run_robustness(driver, asked, **shared)
    assert capsys.readouterr().out == text
    assert {path: path.read_bytes() for path in tmp_path.rglob("episodes.jsonl")} == before, "nothing is driven twice"
