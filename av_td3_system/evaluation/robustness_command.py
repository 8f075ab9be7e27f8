"""`av-td3 evaluate --robustness`: the same episodes under each disturbance, beside those without."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from av_td3_system.checkpointing.atomic import atomic_write_text
from av_td3_system.config.load import with_overrides
from av_td3_system.config.schema import Config
from av_td3_system.evaluation.drivers import Driver
from av_td3_system.evaluation.episode_lines import Line, read_lines
from av_td3_system.evaluation.grid import GridRequest, grid_for
from av_td3_system.evaluation.grid_command import default_folder, drive_grid, settings_for
from av_td3_system.evaluation.grid_table import figures
from av_td3_system.evaluation.robustness import NOMINAL, disturbances
from av_td3_system.evaluation.statistics import Interval, bootstrap_clustered_mean

SAMPLES = 2000


def run_robustness(
    driver: Driver,
    asked: GridRequest,
    *,
    num_envs: int | None = None,
    out: Path | None = None,
    overrides: Sequence[str] = (),
    as_json: bool = False,
) -> int:
    """Drive what is missing and print how much success each disturbance costs; returns the exit code 0.

    Args:
        driver: who drives.
        asked: which grid; what is not said is scenario 0 in the run's own town and weathers.
        num_envs: worlds in parallel, None for the config's.
        out: folder, with one of episodes for each disturbance; None for one beside the policy.
        overrides: `section.setting=value`, of the nominal drive too.
        as_json: print the figures as JSON.

    Raises:
        UserError: a bad argument, or a folder of another evaluation.
    """
    config = settings_for(driver, overrides)
    own = config.environment
    asked = replace(
        asked,
        scenarios=asked.scenarios or ("0",),
        towns=asked.towns or (own.town,),
        weathers=asked.weathers or own.weathers,
    )
    folder = out or default_folder(driver, asked.split, "robustness")
    driven = _drive_all(driver, config, asked, folder, num_envs, overrides)
    rows = {name: row(lines, driven[NOMINAL]) for name, lines in driven.items()}
    text = table(rows) + f"\n\n{driver.name}; {asked.split} routes; 95 % intervals over routes, differences in pairs."
    atomic_write_text(folder / "robustness.json", json.dumps(rows, indent=1) + "\n")
    atomic_write_text(folder / "ROBUSTNESS.md", text + "\n")
    print(json.dumps(rows, indent=2) if as_json else text)
    return 0


def _drive_all(
    driver: Driver, config: Config, asked: GridRequest, folder: Path, num_envs: int | None, overrides: Sequence[str]
) -> dict[str, list[Line]]:
    found = {}
    grid, all_of_them = grid_for(config, asked), disturbances(config)
    for number, one in enumerate(all_of_them, start=1):
        print(f"{one.name} ({number} of {len(all_of_them)})", file=sys.stderr)
        place = folder / re.sub(r"[^a-z0-9+-]+", "_", one.name).strip("_")
        told = [*overrides, *one.settings]
        settings = with_overrides(config, one.settings)
        drive_grid(driver, settings, grid, place, num_envs, image=one.image, overrides=told)
        found[one.name] = read_lines(place)
    return found


def row(lines: Sequence[Line], nominal: Sequence[Line]) -> dict[str, Any]:
    """Figures of a disturbance, and what it costs on the same episodes.

    Returns:
        Those of `grid_table.figures`, and `difference`: of success, value and 95 % bounds (bootstrap over routes).
    """
    before = {_key(line): float(line["success"]) for line in nominal}
    clusters: dict[tuple[str, int], list[float]] = {}
    for line in lines:
        clusters.setdefault((line["town"], line["route"]), []).append(float(line["success"]) - before[_key(line)])
    difference: Interval = bootstrap_clustered_mean(list(clusters.values()), np.random.default_rng(0), SAMPLES)
    return {**figures(lines), "difference": list(difference)}


def table(rows: Mapping[str, Mapping[str, Any]]) -> str:
    """Markdown, a row a disturbance."""
    head = ("disturbance", "n", "success (95 %)", "difference (95 %)", "completion", "collisions/km", "off-road/km")
    found = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    for name, told in rows.items():
        low, high = told["success_rate_clustered"]
        value, least, most = told["difference"]
        numbers = (told["route_completion"], told["collisions_per_km"], told["off_road_per_km"])
        cells = [
            name,
            str(told["n_episodes"]),
            f"{told['success_rate']:.3f} ({low:.3f}-{high:.3f})",
            "" if name == NOMINAL else f"{value:+.3f} ({least:+.3f} to {most:+.3f})",
            *("-" if number is None else f"{number:.3f}" for number in numbers),
        ]
        found.append("| " + " | ".join(cells) + " |")
    return "\n".join(found)


def _key(line: Line) -> tuple[str, str, int]:
    return line["town"], line["cell_scenario"], line["episode_seed"]
