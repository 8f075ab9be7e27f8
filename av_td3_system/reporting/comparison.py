"""What `av-td3 compare` found: every driver's episodes and run, and how well each group of them drives."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from av_td3_system.config.errors import UserError
from av_td3_system.evaluation.episode_lines import COMPARED, Line, read_lines
from av_td3_system.evaluation.grid_table import figures
from av_td3_system.evaluation.statistics import (
    bootstrap_statistic,
    interquartile_mean,
    probability_of_improvement,
)
from av_td3_system.reporting.learning_figures import Learned, learned
from av_td3_system.reporting.run_files import RunFiles, read_run

SAMPLES = 2000


@dataclass(frozen=True)
class Entry:
    """One driver's part of a comparison."""

    group: str
    name: str
    lines: Sequence[Line]
    run: RunFiles | None
    learned: Learned | None


def read_comparison(folder: Path) -> list[Entry]:
    """All that was compared; every driver on the same episodes.

    Raises:
        UserError: there is no comparison, or it is not finished.
    """
    entrants = read_entrants(folder)
    entries = []
    for group, driver, place, name in entrants:
        run = None if place is None else read_run(place)
        lines = sorted(read_lines(folder / name), key=_key)
        entries.append(Entry(group, driver, lines, run, None if run is None else learned(run)))
    keys = {tuple(map(_key, one.lines)) for one in entries}
    if len(keys) != 1 or not entries[0].lines:
        raise UserError(f"the drivers in {folder} did not drive the same episodes", "run av-td3 compare to its end")
    return entries


def read_entrants(folder: Path) -> list[tuple[str, str, Path | None, str]]:
    """Group, driver, run (None: a scripted driver) and folder of everybody that was compared.

    Raises:
        UserError: there is no comparison, or it names a folder that is not its own.
    """
    path = folder / COMPARED
    try:
        entrants = [
            (
                str(one["group"]),
                str(one["driver"]),
                None if one["run"] is None else Path(one["run"]),
                str(one["folder"]),
            )
            for one in json.loads(path.read_text(encoding="utf-8"))["entrants"]
        ]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"{path} is missing or unreadable", "give the --out folder of av-td3 compare") from error
    for *_, name in entrants:
        if Path(name).name != name:
            raise UserError(f"{path} names {name!r}, which is no folder of it", "compare again")
    if not entrants:
        raise UserError(f"{path} names nobody", "compare again")
    return entrants


def by_group(entries: Sequence[Entry]) -> dict[str, list[Entry]]:
    """The entries of each group, in the order in which they were given."""
    groups: dict[str, list[Entry]] = {}
    for one in entries:
        groups.setdefault(one.group, []).append(one)
    return groups


def group_figures(group: Sequence[Entry]) -> dict[str, Any]:
    """Those of `grid_table.figures`; `success_rate` and `reward_iqm` as value, low and high (bootstrap, 95 %)."""
    lines = [line for one in group for line in one.lines]
    told = figures(lines)
    success = [by_route([one], "success") for one in group]
    rng = np.random.default_rng(0)
    mean = bootstrap_statistic([np.concatenate(success)], lambda groups: float(groups[0].mean()), rng, SAMPLES)
    low, high = told["success_rate_interval"]
    iqm = bootstrap_statistic([by_route(group)], lambda groups: interquartile_mean(groups[0]), rng, SAMPLES)
    told["success_rate"] = [told["success_rate"], min(low, mean.low), max(high, mean.high)]
    told["reward_iqm"] = list(iqm)
    return told


def by_route(group: Sequence[Entry], name: str = "episode_reward") -> np.ndarray:
    """(runs, routes): the mean of a figure over the episodes of a run on a route."""
    rows = []
    for one in group:
        routes: dict[tuple[str, int], list[float]] = {}
        for line in one.lines:
            routes.setdefault((line["town"], line["route"]), []).append(float(line[name]))
        rows.append([float(np.mean(routes[route])) for route in sorted(routes)])
    return np.array(rows)


def probability_better(first: Sequence[Entry], second: Sequence[Entry]) -> float:
    """That a run of the first group earns more on a route than one of the second, ties by half; mean over routes."""
    one, two = by_route(first), by_route(second)
    return float(np.mean([probability_of_improvement(one[:, k], two[:, k]) for k in range(one.shape[1])]))


def _key(line: Line) -> tuple[str, str, int]:
    return line["town"], line["cell_scenario"], line["episode_seed"]
