"""Who drove held-out routes, from the folders of `evaluate --grid` and `compare`, and how well with which interval."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from av_td3_system.config.errors import UserError
from av_td3_system.evaluation.drive_figures import SPEED_EDGES, TTC_EDGES
from av_td3_system.evaluation.episode_lines import Line, read_asked, read_lines
from av_td3_system.evaluation.grid_table import figures
from av_td3_system.evaluation.statistics import Interval, bootstrap_ratio, wilson_interval
from av_td3_system.reporting.comparison import read_entrants
from av_td3_system.reporting.report.runs import RunGroup

SAMPLES = 2_000
BLANK = "environment.blank_image=true"  # of --set: the camera was black
NO_CAMERA = ", camera black"
Of = Callable[[Line], float | None]
"""A number of an episode; None where it was not measured."""


@dataclass(frozen=True)
class Driver:
    """A driver, or the runs of a group, on the episodes that it drove.

    Attributes:
        label: of the group, or the scripted driver's name, with what was changed for the evaluation.
        parts: the lines of each run, all of the same episodes in the same order.
        asked: `evaluation.json` of the first of them.
        learned: whether it is a policy that a run has learned.
    """

    label: str
    parts: Sequence[Sequence[Line]]
    asked: Mapping[str, Any]
    learned: bool

    @property
    def lines(self) -> list[Line]:
        """All of them."""
        return [line for part in self.parts for line in part]

    @property
    def blank(self) -> bool:
        """Whether its camera was black."""
        return BLANK in self.asked["overrides"] or self.asked.get("image") == "blank"

    @property
    def missing(self) -> int:
        """Episodes that were asked for and are not there, of all its runs."""
        return len(self.parts) * int(self.asked["episodes"]) - len(self.lines)

    def only(self, chosen: Callable[[Line], bool]) -> Driver | None:
        """The same driver on some of the episodes; None where there is none."""
        parts = [[line for line in part if chosen(line)] for part in self.parts]
        return Driver(self.label, parts, self.asked, self.learned) if any(parts) else None


def read_drivers(evaluations: Sequence[Path], comparison: Path | None, groups: Sequence[RunGroup]) -> list[Driver]:
    """Every driver of the folders; runs of one group that drove the same episodes are one driver.

    Args:
        evaluations: folders of `av-td3 evaluate --grid`.
        comparison: folder of `av-td3 compare`.
        groups: of the report, whose policies are known by the folder that they lie in.

    Raises:
        UserError: a folder without episodes, of another version, given twice, with numbers that are none, or whose
            episodes differ from those of another run of its group.
    """
    found: dict[str, list[tuple[str, list[Line], dict[str, Any]]]] = {}
    seen: dict[Path, str] = {}
    folders = [(path, "") for path in evaluations]
    if comparison is not None:
        folders += [(comparison / name, group) for group, _, _, name in read_entrants(comparison)]
    for folder, group in folders:
        if folder.resolve() in seen:
            raise UserError(f"the evaluation {folder} is given twice", "name each folder once")
        seen[folder.resolve()] = group
        asked, lines = read_evaluation(folder)
        label = _label(asked, group, groups) + _changed(asked)
        found.setdefault(label, []).append((str(folder), lines, asked))
    drivers = []
    for label in sorted(found):
        parts = sorted(found[label], key=lambda part: (str(part[2]["driver"]), part[0]))
        for one, two in itertools.pairwise(parts):
            if (one[2]["driver"], one[2]["sha256"]) == (two[2]["driver"], two[2]["sha256"]):
                raise UserError(f"{one[0]} and {two[0]} are both of {one[2]['driver']}", "give one of them")
            if [_key(line) for line in one[1]] != [_key(line) for line in two[1]]:
                raise UserError(
                    f"{one[0]} and {two[0]} are of {label}, but did not drive the same episodes",
                    "run both evaluations to their end with the same grid, or leave one out",
                )
        first = parts[0][2]
        drivers.append(Driver(label, [lines for _, lines, _ in parts], first, first["sha256"] is not None))
    return sorted(drivers, key=lambda driver: (not driver.learned, driver.label))


def read_evaluation(folder: Path) -> tuple[dict[str, Any], list[Line]]:
    """What was asked, and the lines by town, scenario and seed.

    Raises:
        UserError: there are none, they are of another version, or hold what is not finite.
    """
    asked = read_asked(folder)
    try:
        lines = sorted(read_lines(folder), key=_key)
        for line in lines:
            _refuse_odd(line)
        if lines:
            figures(lines)
        told = {"driver": str, "overrides": list, "episodes": int, "trained_in": dict, "on_training_lanes": dict}
        odd = [name for name, kind in told.items() if not isinstance(asked.get(name), kind)]
        if odd or "sha256" not in asked or not isinstance(asked.get("grid"), dict):
            raise ValueError(f"evaluation.json says nothing of {', '.join(odd) or 'its grid'}")
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        reason = f"lacks {error}" if isinstance(error, KeyError) else str(error)
        raise UserError(
            f"{folder} holds what is no evaluation of this version: {reason}",
            "was a file edited, or written by another version? evaluate again",
        ) from error
    if not lines:
        raise UserError(f"{folder} holds no episode", "let av-td3 evaluate --grid drive some first")
    return asked, lines


def measured(driver: Driver, above: Of, below: Of) -> Interval | None:
    """Sum over sum, 95 % bootstrap over runs and routes; episodes in which either was not measured do not count."""
    table: list[list[list[float]]] = []
    routes = sorted({(line["town"], line["route"]) for line in driver.lines})
    for part in driver.parts:
        sums = {route: [0.0, 0.0] for route in routes}
        for line in part:
            numerator, denominator = above(line), below(line)
            if numerator is not None and denominator is not None:
                sums[line["town"], line["route"]][0] += numerator
                sums[line["town"], line["route"]][1] += denominator
        table.append([sums[route] for route in routes])
    both = np.array(table, float)
    found = bootstrap_ratio(both[:, :, 0], both[:, :, 1], np.random.default_rng(0), SAMPLES)
    return found if math.isfinite(found.value) else None


def success(driver: Driver) -> Interval:
    """Success rate; on each side the wider of Wilson's interval and the bootstrap over runs and routes."""
    drawn = measured(driver, lambda line: float(line["success"]), lambda line: 1.0)
    assert drawn is not None  # there is no driver without an episode
    wilson = wilson_interval(sum(bool(line["success"]) for line in driver.lines), len(driver.lines))
    return Interval(drawn.value, min(drawn.low, wilson.low), max(drawn.high, wilson.high))


def success_drop(seen: Driver, blank: Driver) -> Interval | None:
    """Success with the camera less success without it, on the episodes that both drove; None without any.

    Runs are paired by their order within the group, routes by their seeds; 95 % bootstrap over both.
    """
    if len(seen.parts) != len(blank.parts):
        return None
    differences: dict[tuple[int, str, int], list[float]] = {}
    for run, (first, second) in enumerate(zip(seen.parts, blank.parts, strict=True)):
        other = {_key(line): line for line in second}
        for line in first:
            if (pair := other.get(_key(line))) is not None:
                place = (run, line["town"], line["route"])
                differences.setdefault(place, []).append(float(line["success"]) - float(pair["success"]))
    routes = sorted({place[1:] for place in differences})
    if not routes:
        return None
    sums = np.zeros((len(seen.parts), len(routes), 2))
    for (run, town, route), values in differences.items():
        sums[run, routes.index((town, route))] = sum(values), len(values)
    return bootstrap_ratio(sums[:, :, 0], sums[:, :, 1], np.random.default_rng(0), SAMPLES)


def _label(asked: Mapping[str, Any], group: str, groups: Sequence[RunGroup]) -> str:
    """That of the comparison; else of the report's group whose run the policy lies in; else the driver's name."""
    if group:
        return group
    place = Path(asked["driver"])
    if asked["sha256"] is None:
        return place.name
    for one in groups:
        if any(place.resolve().is_relative_to(run.path.resolve()) for run in one.runs):
            return one.label
    return place.parent.name or place.name


def _changed(asked: Mapping[str, Any]) -> str:
    """What was changed for the evaluation, in the label: another world is another thing that was measured."""
    words = [NO_CAMERA if text == BLANK else f", {text}" for text in asked["overrides"]]
    if (image := asked.get("image", "seen")) != "seen":
        words.append(NO_CAMERA if image == "blank" else f", image {image}")
    return "".join(words) + (", validation routes" if asked["grid"].get("split") == "validation" else "")


def _refuse_odd(line: Line) -> None:
    for name, value in line.items():
        values = value if isinstance(value, list) else value.values() if isinstance(value, dict) else [value]
        if any(isinstance(one, float) and not math.isfinite(one) for one in values):
            raise ValueError(f"{name} of episode {line['episode_seed']} is not finite")
    for name, edges in (("ttc_counts", TTC_EDGES), ("speed_counts", SPEED_EDGES)):
        if len(line[name]) != len(edges) - 1 or any(count < 0 for count in line[name]):
            raise ValueError(f"{name} of episode {line['episode_seed']} has not {len(edges) - 1} counts")


def _key(line: Line) -> tuple[str, str, int]:
    return line["town"], line["cell_scenario"], line["episode_seed"]
