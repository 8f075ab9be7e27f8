"""What `av-td3 compare` found: who drove better, and what the action plan expected of TD3 beside DDPG."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from av_td3_system.config.errors import UserError
from av_td3_system.evaluation.episode_lines import COMPARED, Line, read_lines
from av_td3_system.evaluation.grid_table import figures
from av_td3_system.evaluation.statistics import (
    Interval,
    bootstrap_statistic,
    interquartile_mean,
    probability_of_improvement,
)
from av_td3_system.reporting.learning_figures import Learned, learned, other_differences
from av_td3_system.reporting.results import write_whole
from av_td3_system.reporting.run_files import RunFiles, read_run

Answer = Literal["yes", "no", "not shown"]
HIGHER_REWARD, LOWER_VARIANCE = 1.10, 0.80  # of DDPG's, by the plan
SAMPLES = 2000


@dataclass(frozen=True)
class Entry:
    """One driver's part of a comparison."""

    group: str
    name: str
    lines: Sequence[Line]
    run: RunFiles | None
    learned: Learned | None


@dataclass(frozen=True)
class Expectation:
    """One of the plan's expectations.

    Attributes:
        what: in words.
        measure: what was computed.
        value: of it, None where it could not be.
        low: of its 95 % interval.
        high: likewise.
        bound: that the whole interval must be beyond for a yes.
        answer: yes, no (the whole interval lies on the other side), or not shown.
    """

    what: str
    measure: str
    value: float | None
    low: float | None
    high: float | None
    bound: float
    answer: Answer


def run_comparison(folder: Path, as_json: bool = False) -> int:
    """Print the tables of a comparison and write them beside it (`COMPARISON.md`, `comparison.json`); returns 0.

    Raises:
        UserError: the folder holds no comparison.
    """
    entries = read_comparison(folder)
    expected = expectations(entries)
    text = render(entries, expected)
    plain = {
        "groups": {name: _group_figures(group) for name, group in _groups(entries).items()},
        "expectations": [asdict(one) for one in expected],
        "runs": [
            {"group": one.group, "name": one.name, **asdict(one.learned), **figures(one.lines)}
            for one in entries
            if one.learned is not None
        ],
    }
    write_whole(folder / "COMPARISON.md", text + "\n")
    write_whole(folder / "comparison.json", json.dumps(plain, indent=1) + "\n")
    print(json.dumps(plain, indent=2) if as_json else text)
    return 0


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


def expectations(entries: Sequence[Entry]) -> list[Expectation]:
    """The plan's three, where there are runs of TD3 and of DDPG; none else."""
    groups = _groups(entries)
    td3, ddpg = ([one for one in groups.get(name, []) if one.run is not None] for name in ("TD3", "DDPG"))
    if not td3 or not ddpg:
        return []
    rewards = [_by_route(group) for group in (td3, ddpg)]
    return [
        _expected(
            "TD3's episode rewards are at least 10 % higher",
            "ratio of mean episode rewards",
            rewards,
            _ratio,
            HIGHER_REWARD,
            above=True,
        ),
        _expected(
            "TD3's variance of Q is at least 20 % lower",
            "ratio of the variance of Q over the batch, last fifth of training",
            [_of_runs(group, lambda one: one.q_variance) for group in (td3, ddpg)],
            _ratio,
            LOWER_VARIANCE,
            above=False,
        ),
        _expected(
            "TD3 has fewer gradient spikes",
            "difference of spikes in 10,000 timesteps",
            [_of_runs(group, lambda one: one.spikes) for group in (td3, ddpg)],
            lambda groups: float(groups[0].mean() - groups[1].mean()),
            0.0,
            above=False,
        ),
    ]


def render(entries: Sequence[Entry], expected: Sequence[Expectation]) -> str:
    """Markdown: the table of drivers, the plan's table, its expectations, and what the figures are of."""
    groups = _groups(entries)
    parts = [_driving_table(groups)]
    if any(one.learned for one in entries):
        parts.append(_learning_table(groups))
    if expected:
        rows = ["| expected | measured | value (95 %) | bound | answer |", "|---" * 5 + "|"]
        for one in expected:
            interval = "-" if one.value is None else f"{one.value:.3g} ({one.low:.3g} to {one.high:.3g})"
            rows.append(f"| {one.what} | {one.measure} | {interval} | {one.bound:g} | **{one.answer}** |")
        parts.append("\n".join(rows))
    return "\n\n".join([*parts, _notes(entries, groups)])


def _driving_table(groups: Mapping[str, Sequence[Entry]]) -> str:
    first = next(iter(groups))
    head = (
        "driver",
        "runs",
        "n",
        "success (95 %)",
        "IQM of reward (95 %)",
        "reward",
        "completion",
        "collisions/km (upper)",
    )
    rows = ["| " + " | ".join([*head, f"{first} better"]) + " |", "|---" * (len(head) + 1) + "|"]
    for name, group in groups.items():
        told = _group_figures(group)
        success, iqm = told["success_rate"], told["reward_iqm"]
        better = "" if name == first else f"{_better(groups[first], group):.2f}"
        cells = [
            name,
            str(len(group)),
            str(told["n_episodes"]),
            f"{success[0]:.3f} ({success[1]:.3f}-{success[2]:.3f})",
            f"{iqm[0]:.1f} ({iqm[1]:.1f}-{iqm[2]:.1f})",
            f"{told['episode_reward']:.1f}",
            f"{told['route_completion']:.3f}",
            "-"
            if told["collisions_per_km"] is None
            else f"{told['collisions_per_km']:.3f} ({told['collisions_per_km_upper']:.3f})",
            better,
        ]
        rows.append("| " + " | ".join(cells) + " |")
    return "\n".join(rows)


def _learning_table(groups: Mapping[str, Sequence[Entry]]) -> str:
    learners = {name: [one.learned for one in group if one.learned] for name, group in groups.items()}
    columns = {name: found for name, found in learners.items() if found}
    rows = ["| mean over runs (std) | " + " | ".join(columns) + " |", "|---" * (len(columns) + 1) + "|"]
    for label, name in (
        ("variance of Q over the batch", "q_variance"),
        ("q_bias", "q_bias"),
        ("TD error", "td_error"),
        ("critic loss", "critic_loss"),
        ("gradient spikes in 10,000 timesteps", "spikes"),
        ("timesteps", "steps"),
    ):
        rows.append(
            f"| {label} | " + " | ".join(_spread([getattr(o, name) for o in c]) for c in columns.values()) + " |"
        )
    return "\n".join(rows)


def _notes(entries: Sequence[Entry], groups: Mapping[str, Sequence[Entry]]) -> str:
    seeds = {name: ", ".join(str(one.learned.seed) for one in group if one.learned) for name, group in groups.items()}
    told = "; ".join(f"{name} {text}" for name, text in seeds.items() if text)
    notes = [
        f"Every driver drove the same {len(entries[0].lines)} episodes. Training seeds: {told}.",
        "Intervals: 95 %, bootstrap over training seeds and routes. `better`: the probability that on a route the mean "
        "reward of one of its runs is above that of one of the other's, ties by half.",
    ]
    if any(len(group) < 5 for name, group in groups.items() if seeds[name]):
        notes.append("Fewer than five seeds in a group: a hint, not a claim.")
    runs = [one for one in entries if one.run is not None]
    apart = sorted({name for one in runs[1:] for name in other_differences(_run(runs[0]), _run(one))})
    if apart:
        notes.append(f"Not equal beside algorithm and seed: {', '.join(apart)}.")
    elif len(runs) > 1:
        notes.append("All runs share every setting but the algorithm's own and the seed.")
    return "\n".join(notes)


def _group_figures(group: Sequence[Entry]) -> dict[str, Any]:
    lines = [line for one in group for line in one.lines]
    told = figures(lines)
    success = [_by_route([one], "success") for one in group]
    rng = np.random.default_rng(0)
    mean = bootstrap_statistic([np.concatenate(success)], lambda groups: float(groups[0].mean()), rng, SAMPLES)
    low, high = told["success_rate_interval"]
    iqm = bootstrap_statistic([_by_route(group)], lambda groups: interquartile_mean(groups[0]), rng, SAMPLES)
    told["success_rate"] = [told["success_rate"], min(low, mean.low), max(high, mean.high)]
    told["reward_iqm"] = list(iqm)
    return told


def _expected(
    what: str,
    measure: str,
    groups: Sequence[np.ndarray | None],
    statistic: Callable[[Sequence[np.ndarray]], float],
    bound: float,
    *,
    above: bool,
) -> Expectation:
    known = [group for group in groups if group is not None]
    if len(known) < len(groups):
        return Expectation(what, measure, None, None, None, bound, "not shown")
    found: Interval = bootstrap_statistic(known, statistic, np.random.default_rng(0), SAMPLES)
    if not np.isfinite(found).all():
        return Expectation(what, measure, None, None, None, bound, "not shown")
    beyond, short = (found.low >= bound, found.high < bound) if above else (found.high <= bound, found.low > bound)
    if not above and bound == 0.0:
        beyond = found.high < 0.0  # as many is not fewer
    answer: Answer = "yes" if beyond else "no" if short else "not shown"
    return Expectation(what, measure, found.value, found.low, found.high, bound, answer)


def _ratio(groups: Sequence[np.ndarray]) -> float:
    """Not finite where the second's mean is not above zero: a ratio then says nothing."""
    below = float(groups[1].mean())
    return float(groups[0].mean()) / below if below > 0 else float("nan")


def _by_route(group: Sequence[Entry], name: str = "episode_reward") -> np.ndarray:
    """(runs, routes): the mean of a figure over the episodes of a run on a route."""
    rows = []
    for one in group:
        routes: dict[tuple[str, int], list[float]] = {}
        for line in one.lines:
            routes.setdefault((line["town"], line["route"]), []).append(float(line[name]))
        rows.append([float(np.mean(routes[route])) for route in sorted(routes)])
    return np.array(rows)


def _of_runs(group: Sequence[Entry], figure: Callable[[Learned], float | None]) -> np.ndarray | None:
    """(runs, 1): a figure of each run; None where one has none."""
    values = [None if one.learned is None else figure(one.learned) for one in group]
    return None if any(value is None for value in values) else np.array(values, float)[:, None]


def _better(first: Sequence[Entry], second: Sequence[Entry]) -> float:
    one, two = _by_route(first), _by_route(second)
    return float(np.mean([probability_of_improvement(one[:, k], two[:, k]) for k in range(one.shape[1])]))


def _groups(entries: Sequence[Entry]) -> dict[str, list[Entry]]:
    groups: dict[str, list[Entry]] = {}
    for one in entries:
        groups.setdefault(one.group, []).append(one)
    return groups


def _key(line: Line) -> tuple[str, str, int]:
    return line["town"], line["cell_scenario"], line["episode_seed"]


def _run(entry: Entry) -> RunFiles:
    assert entry.run is not None
    return entry.run


def _spread(values: Sequence[float | None]) -> str:
    known = [value for value in values if value is not None]
    if not known:
        return "-"
    std = f" ({np.std(known, ddof=1):.3g})" if len(known) > 1 else ""
    return f"{np.mean(known):.4g}{std}"
