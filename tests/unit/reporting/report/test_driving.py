"""Drivers are measured as the protocol's own tables measure them, and odd folders are refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from av_td3_system.config.errors import UserError
from av_td3_system.evaluation.episode_lines import ASKED, LINES
from av_td3_system.evaluation.grid_table import figures
from av_td3_system.reporting.report.driving import BLANK, read_drivers, success_drop
from av_td3_system.reporting.report.driving_figures import speed_shares, ttc_shares
from av_td3_system.reporting.report.driving_tables import MEASURES, cells_table, drivers_table, figures_of, places
from av_td3_system.reporting.report.runs import read_groups
from av_td3_system.reporting.report.table import Estimate
from tests.unit.reporting.report.made import make_grid, make_run


def half(route: int, weather: str) -> bool:
    return route % 2 == 0


def test_figures_are_those_of_the_grids_tables(tmp_path: Path) -> None:
    (driver,) = read_drivers([make_grid(tmp_path / "g", half)], None, [])
    cells = dict(zip(MEASURES, figures_of(driver), strict=True))
    told = figures(driver.lines)
    for name, key in (
        ("success", "success_rate"),
        ("completion", "route_completion"),
        ("reward", "episode_reward"),
        ("collisions/km", "collisions_per_km"),
        ("km/h", "average_speed"),
        ("TTC < 2 s", "ttc_below_2"),
        ("jerk RMS, m/s^3", "jerk_rms"),
    ):
        cell = cells[name]
        assert isinstance(cell, Estimate) and cell.low is not None and cell.high is not None
        assert cell.value == pytest.approx(told[key]), name
        assert cell.low - 1e-9 <= cell.value <= cell.high + 1e-9
    rate = cells["success"]
    assert isinstance(rate, Estimate) and rate.low is not None
    assert rate.low <= told["success_rate_interval"][0]


def test_distributions_are_shares_of_time(tmp_path: Path) -> None:
    (driver,) = read_drivers([make_grid(tmp_path / "g")], None, [])
    shares = ttc_shares(driver)
    assert shares[2] == 0.0 and shares[3] == pytest.approx(0.01)
    assert shares[-1] == pytest.approx(0.01)  # what is in the last bin may lie anywhere beyond
    assert speed_shares(driver).sum() == pytest.approx(1.0) and np.argmax(speed_shares(driver)) == 10


def test_runs_of_a_group_are_one_driver_and_a_black_camera_is_another(tmp_path: Path) -> None:
    runs = [make_run(tmp_path / f"r{seed}", seed, steps=500).path for seed in (1, 2)]
    folders = [
        make_grid(tmp_path / f"seen{k}", half, driver=str(run / "policy.safetensors"), sha256=str(k))
        for k, run in enumerate(runs)
    ]
    folders += [
        make_grid(tmp_path / f"black{k}", lambda route, weather: False, driver=str(run / "policy.safetensors"),
                  sha256=str(k), overrides=[BLANK])
        for k, run in enumerate(runs)
    ]  # fmt: skip
    drivers = read_drivers(folders, None, read_groups([str(run) for run in runs]))
    assert [(one.label, len(one.parts)) for one in drivers] == [("TD3", 2), ("TD3, camera black", 2)]
    drop = success_drop(drivers[0], drivers[1])
    assert drop is not None and drop.value == pytest.approx(0.5) and drop.low < 0.5 < drop.high
    table = cells_table(drivers)
    assert table is not None and [row[4] for row in table.rows] == [8] * 8  # 4 routes x 2 runs
    assert drivers_table([]) is None


@pytest.mark.parametrize(
    ("image", "label"), [("blank", ", camera black"), ("leader_erased", ", image leader_erased"), ("seen", "")]
)
def test_who_was_shown_another_image_is_another_driver(tmp_path: Path, image: str, label: str) -> None:
    folder = make_grid(tmp_path / "shown")
    if image != "seen":  # as `evaluate --grid` writes it
        change_asked(folder, image=image)
    (driver,) = read_drivers([folder], None, [])
    assert driver.label == "elsewhere" + label and driver.blank == (image == "blank")


def test_the_training_town_and_weather_come_first(tmp_path: Path) -> None:
    grid = make_grid(
        tmp_path / "g", towns=("TownB", "TownA"), weathers=("WetSunset", "ClearNoon"), scenarios=("1", "empty")
    )
    (driver,) = read_drivers([grid], None, [])
    assert places(driver)[:3] == [
        ("empty", "TownA", "ClearNoon"),
        ("empty", "TownA", "WetSunset"),
        ("1", "TownA", "ClearNoon"),
    ]


def change_line(folder: Path, **fields: Any) -> None:
    lines = [json.loads(line) for line in (folder / LINES).read_text().splitlines()]
    lines[0] = {name: value for name, value in {**lines[0], **fields}.items() if value != "gone"}
    (folder / LINES).write_text("".join(json.dumps(line) + "\n" for line in lines))


def change_asked(folder: Path, **fields: Any) -> None:
    (folder / ASKED).write_text(json.dumps({**json.loads((folder / ASKED).read_text()), **fields}))


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda folder: (folder / ASKED).unlink(), "missing or unreadable"),
        (lambda folder: (folder / LINES).write_text(""), "holds no episode"),
        (lambda folder: change_asked(folder, version=99), "version 99"),
        (lambda folder: change_asked(folder, overrides=None), "says nothing of overrides"),
        (lambda folder: change_line(folder, episode_reward=float("nan")), "episode_reward .* is not finite"),
        (lambda folder: change_line(folder, ttc_counts=[1, 2]), "has not 40 counts"),
        (lambda folder: change_line(folder, town="gone"), "lacks 'town'"),
        (lambda folder: change_line(folder, outcome="gone"), "lacks outcome"),
        (lambda folder: change_line(folder, outcome="flew"), "flew"),
    ],
)
def test_odd_folders_are_refused(tmp_path: Path, spoil: Callable[[Path], None], message: str) -> None:
    folder = make_grid(tmp_path / "g")
    spoil(folder)
    with pytest.raises(UserError, match=message):
        read_drivers([folder], None, [])


def test_a_torn_last_line_is_passed_over_and_counts_as_missing(tmp_path: Path) -> None:
    folder = make_grid(tmp_path / "g")
    text = (folder / LINES).read_text()
    (folder / LINES).write_text(text[:-20])
    (driver,) = read_drivers([folder], None, [])
    assert driver.missing == 1


def test_what_cannot_stand_together_is_refused(tmp_path: Path) -> None:
    one = make_grid(tmp_path / "one", driver="runs/x/a.safetensors", sha256="1")
    for other, message in (
        (one, "given twice"),
        (make_grid(tmp_path / "again", driver="runs/x/a.safetensors", sha256="1"), "both of runs/x/a"),
        (make_grid(tmp_path / "less", driver="runs/x/b.safetensors", sha256="2", missing=1), "same episodes"),
    ):
        with pytest.raises(UserError, match=message):
            read_drivers([one, other], None, [])
