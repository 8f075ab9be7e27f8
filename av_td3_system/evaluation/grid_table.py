"""Tables from the lines of evaluated episodes; nothing else is read, so any table can be computed again."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from av_td3_system.environments.episode import EpisodeRecord
from av_td3_system.evaluation.drive_figures import TTC_EDGES
from av_td3_system.evaluation.episode_lines import Line
from av_td3_system.evaluation.metrics import summarise
from av_td3_system.evaluation.statistics import bootstrap_clustered_mean

HEADLINE = 500  # episodes below which a cell is too small for a claim: 75 cannot tell 98 % from 93 %
SAMPLES = 2000
COLUMNS = (
    "cell",
    "n",
    "success (95 %)",
    "completion",
    "collisions/km (upper)",
    "off-road/km",
    "reward",
    "km/h",
    "TTC < 0.95 s",
    "TTC < 2 s",
    "jerk RMS",
)


def cell_of(line: Line, asked: Mapping[str, Any]) -> tuple[str, str, str]:
    """Scenario, town class and weather class of an episode, as NoCrash splits them (Codevilla et al. 2019)."""
    town = "training town" if line["town"] in asked["trained_in"]["towns"] else "new town"
    weather = "training weather" if line["weather"] in asked["trained_in"]["weathers"] else "new weather"
    return line["cell_scenario"], town, weather


def figures(lines: Sequence[Line]) -> dict[str, Any]:
    """All measures of some episodes: `metrics.summarise`, and those of the drives pooled.

    Returns:
        Beside `summarise`'s: `success_rate_clustered` (95 %: on each side the wider of Wilson's interval and the
        bootstrap over routes; episodes on one route resemble each other, and where nothing failed a bootstrap knows no
        doubt), `ttc_below_0.95`, `ttc_below_2` shares of time, `ttc_min`, `ttc_p05` s (from counts of a quarter of a
        second, upper edge), `jerk_rms`, `jerk_max`, `lateral_acceleration_rms`, `_max`, `heading_error` degrees; None
        where nothing was measured.

    Raises:
        ValueError: no line.
    """
    weights = np.array([line["length"] for line in lines], float)
    result = summarise([EpisodeRecord.from_dict(line) for line in lines])
    clusters: dict[tuple[str, int], list[float]] = {}
    for line in lines:
        clusters.setdefault((line["town"], line["route"]), []).append(float(line["success"]))
    bounds = bootstrap_clustered_mean(list(clusters.values()), np.random.default_rng(0), SAMPLES)
    low, high = result["success_rate_interval"]
    result["success_rate_clustered"] = [min(low, bounds.low), max(high, bounds.high)]
    for name in ("ttc_below_0.95", "ttc_below_2", "heading_error"):
        result[name] = _pooled(lines, name, weights, lambda values, shares: float((values * shares).sum()))
    for name in ("jerk", "lateral_acceleration"):
        result[f"{name}_rms"] = _pooled(
            lines, f"{name}_rms", weights, lambda values, shares: float(np.sqrt((values**2 * shares).sum()))
        )
        result[f"{name}_max"] = _extreme(lines, f"{name}_max", max)
    result["ttc_min"] = _extreme(lines, "ttc_min", min)
    result["ttc_p05"] = _quantile(np.sum([line["ttc_counts"] for line in lines], axis=0), weights.sum(), 0.05)
    return result


def tables(lines: Sequence[Line], asked: Mapping[str, Any]) -> str:
    """Markdown: the NoCrash cells, then by scenario, town and weather, then what the figures are of."""
    by_cell = _grouped(lines, lambda line: " / ".join((f"scenario {line['cell_scenario']}", *cell_of(line, asked)[1:])))
    parts = [table(by_cell)]
    for word, name in (("scenario", "cell_scenario"), ("town", "town"), ("weather", "weather")):
        groups = {f"{word} {value}": group for value, group in _by(lines, name).items()}
        if len(groups) > 1:
            parts.append(table(groups))
    return "\n\n".join([*parts, _notes(lines, asked)])


def table(groups: Mapping[str, Sequence[Line]]) -> str:
    """One Markdown row a group."""
    rows = ["| " + " | ".join(COLUMNS) + " |", "|" + "---|" * len(COLUMNS)]
    for name, lines in groups.items():
        told = figures(lines)
        low, high = told["success_rate_clustered"]
        cells = [
            name + ("" if len(lines) >= HEADLINE else " *"),
            str(len(lines)),
            f"{told['success_rate']:.3f} ({low:.3f}-{high:.3f})",
            _figure(told["route_completion"]),
            f"{_figure(told['collisions_per_km'])} ({_figure(told['collisions_per_km_upper'])})",
            _figure(told["off_road_per_km"]),
            _figure(told["episode_reward"], 1),
            _figure(told["average_speed"], 1),
            _figure(told["ttc_below_0.95"]),
            _figure(told["ttc_below_2"]),
            _figure(told["jerk_rms"], 2),
        ]
        rows.append("| " + " | ".join(cells) + " |")
    return "\n".join(rows)


def _notes(lines: Sequence[Line], asked: Mapping[str, Any]) -> str:
    grid = asked["grid"]
    shared = ", ".join(f"{town} {share:.0%}" for town, share in asked["on_training_lanes"].items())
    notes = [
        f"{asked['driver']}: {len(lines)} of {asked['episodes']} episodes; {grid['split']} routes, the first "
        f"{grid['routes']} of each town's set; traffic seeds 0 to {grid['traffic'] - 1}; route sets "
        + ", ".join(f"{town} version {version}" for town, version in asked["route_sets"].items())
        + ".",
        "Intervals: 95 %, the wider of Wilson's and the bootstrap over routes.",
        f"Share of these held-out routes on lanes that training routes lead over, too: {shared}.",
    ]
    if any(len(group) < HEADLINE for group in _grouped(lines, lambda line: str(cell_of(line, asked))).values()):
        notes.append(f"* fewer than {HEADLINE} episodes: no headline.")
    return "\n".join(notes)


def _grouped(lines: Sequence[Line], key: Callable[[Line], str]) -> dict[str, list[Line]]:
    groups: dict[str, list[Line]] = {}
    for line in lines:
        groups.setdefault(key(line), []).append(line)
    return groups


def _by(lines: Sequence[Line], name: str) -> dict[str, list[Line]]:
    return _grouped(lines, lambda line: str(line[name]))


def _pooled(
    lines: Sequence[Line],
    name: str,
    weights: np.ndarray,
    pool: Callable[[np.ndarray, np.ndarray], float],
) -> float | None:
    """`pool(values, shares)` over the episodes that have a value; shares of time sum to 1."""
    known = [i for i, line in enumerate(lines) if line[name] is not None]
    if not known or weights[known].sum() <= 0:
        return None
    return pool(np.array([lines[i][name] for i in known], float), weights[known] / weights[known].sum())


def _extreme(lines: Sequence[Line], name: str, choose: Callable[[list[float]], float]) -> float | None:
    values = [line[name] for line in lines if line[name] is not None]
    return choose(values) if values else None


def _quantile(counts: np.ndarray, total: float, share: float) -> float | None:
    """The upper edge of the bin that holds this quantile of all decisions; None where it was not closing in."""
    reached = np.flatnonzero(np.cumsum(counts) >= share * total)
    return float(TTC_EDGES[reached[0] + 1]) if reached.size else None


def _figure(value: float | None, digits: int = 3) -> str:
    return "-" if value is None else f"{value:.{digits}f}"
