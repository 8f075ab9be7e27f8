"""The tables of `av-td3 compare`: the drivers, what the runs learned, and the plan's expectations."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np

from av_td3_system.evaluation.grid_table import figures
from av_td3_system.reporting.comparison import Entry, by_group, group_figures, probability_better, read_comparison
from av_td3_system.reporting.expectations import Expectation, expectations
from av_td3_system.reporting.learning_figures import other_differences
from av_td3_system.reporting.results import write_whole
from av_td3_system.reporting.run_files import RunFiles


def run_comparison(folder: Path, as_json: bool = False) -> int:
    """Print the tables of a comparison and write them beside it (`COMPARISON.md`, `comparison.json`); returns 0.

    Raises:
        UserError: the folder holds no comparison.
    """
    entries = read_comparison(folder)
    expected = expectations(entries)
    text = render(entries, expected)
    plain = {
        "groups": {name: group_figures(group) for name, group in by_group(entries).items()},
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


def render(entries: Sequence[Entry], expected: Sequence[Expectation]) -> str:
    """Markdown: the table of drivers, the plan's table, its expectations, and what the figures are of."""
    groups = by_group(entries)
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
        told = group_figures(group)
        success, iqm = told["success_rate"], told["reward_iqm"]
        better = "" if name == first else f"{probability_better(groups[first], group):.2f}"
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


def _run(entry: Entry) -> RunFiles:
    assert entry.run is not None
    return entry.run


def _spread(values: Sequence[float | None]) -> str:
    known = [value for value in values if value is not None]
    if not known:
        return "-"
    std = f" ({np.std(known, ddof=1):.3g})" if len(known) > 1 else ""
    return f"{np.mean(known):.4g}{std}"
