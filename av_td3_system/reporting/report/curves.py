"""Curves over timesteps: means over the runs of a group with 95 % intervals, and every run beside."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from av_td3_system.evaluation.statistics import Interval, bootstrap_clustered_mean, bootstrap_mean, wilson_interval
from av_td3_system.reporting.report.runs import RunGroup
from av_td3_system.reporting.run_files import Line, RunFiles, number

Array = NDArray[np.float64]
Series = Callable[[RunFiles], Sequence[tuple[int, float]]]
"""(step, value) of a run, oldest first."""
MOST_BINS, FEWEST_BINS = 50, 5
SAMPLES = 2_000


@dataclass(frozen=True)
class Curve:
    """A quantity over timesteps.

    Attributes:
        label: of the group.
        steps: (T,) timesteps.
        each: (runs, T), NaN where a run has no value.
        mean: (T,) over the runs, NaN where one of them has no value: a mean over those that got so far would be
            another thing than one over all.
        low: (T,) of the 95 % interval, NaN where there is none (a single run of a quantity that has none by itself).
        high: likewise.
    """

    label: str
    steps: Array
    each: Array
    mean: Array
    low: Array
    high: Array


def training_curve(groups: Sequence[RunGroup], series: Series) -> list[Curve]:
    """Means over equal stretches of timesteps, and over the runs with intervals by bootstrap over the runs.

    There are as many stretches as leave none of a run without a value, 50 at most; a group whose runs have no value at
    all is left out.
    """
    values = [[series(run) for run in group.runs] for group in groups]
    known = [pairs for members in values for pairs in members if pairs]
    if not known:
        return []
    end = max(step for pairs in known for step, _ in pairs)
    bins = MOST_BINS
    while bins > FEWEST_BINS and any(_has_gap(pairs, end, bins) for pairs in known):
        bins = bins * 3 // 4
    steps = (np.arange(bins) + 0.5) * end / bins
    return [
        _curve(group.label, steps, np.array([_binned(pairs, end, bins) for pairs in members]))
        for group, members in zip(groups, values, strict=True)
        if any(members)
    ]


def evaluation_curve(groups: Sequence[RunGroup], name: str) -> list[Curve]:
    """A measure of the held-out evaluations over timesteps.

    Intervals: over runs; of a single run, over its episodes. Those of the success rate are on each side the wider of
    Wilson's over all episodes and of the bootstrap, which knows no doubt where nothing failed.

    Args:
        groups: whose evaluations.
        name: of the measure in their summaries and episodes; `success_rate` is that of `success`.
    """
    curves = []
    for group in groups:
        found = [
            {int(line["step"]): line for line in run.validations if _measured(line, name) is not None}
            for run in group.runs
        ]
        steps = sorted({step for lines in found for step in lines})
        if not steps:
            continue
        missing = float("nan")
        each = np.array(
            [[_measured(lines[s], name) if s in lines else missing for s in steps] for lines in found], float
        )
        intervals = [
            evaluation_interval([lines[step] for lines in found], name)
            if all(step in lines for lines in found)
            else None
            for step in steps
        ]
        low, high = (np.array([missing if one is None else one[end] for one in intervals], float) for end in (1, 2))
        curves.append(Curve(group.label, np.array(steps, float), each, each.mean(axis=0), low, high))
    return curves


def evaluation_interval(lines: Sequence[Line], name: str) -> Interval | None:
    """Mean of a measure over runs that were evaluated at one timestep, as `evaluation_curve` says.

    Args:
        lines: of `evaluations.jsonl`, one a run.
        name: of the measure.

    Returns:
        None where it was not measured, or a single run's episodes are not there to tell.
    """
    means = [_measured(line, name) for line in lines]
    known = [mean for mean in means if mean is not None]
    if not known or len(known) < len(means):
        return None
    if len(known) > 1:
        found = bootstrap_mean(known, np.random.default_rng(0), SAMPLES)
    else:
        episodes = [_of_episode(episode, name) for episode in lines[0].get("episodes") or []]
        finite = [value for value in episodes if value is not None]
        if not finite or len(finite) < len(episodes):
            return None
        found = bootstrap_clustered_mean([[value] for value in finite], np.random.default_rng(0), SAMPLES)
    if name == "success_rate":
        counts = [int(number(line["summary"], "n_episodes") or 0) for line in lines]
        successes = sum(round(mean * n) for mean, n in zip(known, counts, strict=True))
        if sum(counts):
            wilson = wilson_interval(successes, sum(counts))
            found = Interval(found.value, min(found.low, wilson.low), max(found.high, wilson.high))
    return found


def late_interval(values: Sequence[float | None]) -> tuple[float, float | None, float | None] | None:
    """Mean over runs with its 95 % bootstrap interval; no interval of one run, None where a run has no value."""
    known = [value for value in values if value is not None and math.isfinite(value)]
    if not known or len(known) < len(values):
        return None
    if len(known) == 1:
        return known[0], None, None
    return bootstrap_mean(known, np.random.default_rng(0), SAMPLES)


def _measured(line: Line, name: str) -> float | None:
    return number(line.get("summary") or {}, name)


def _of_episode(episode: Any, name: str) -> float | None:
    if not isinstance(episode, dict):
        return None
    if name == "success_rate":
        return float(episode["success"]) if isinstance(episode.get("success"), bool) else None
    return number(episode, name)


def _curve(label: str, steps: Array, each: Array) -> Curve:
    mean = each.mean(axis=0)
    low, high = np.full(len(steps), np.nan), np.full(len(steps), np.nan)
    if len(each) > 1:
        for index in np.flatnonzero(np.isfinite(mean)):
            found = bootstrap_mean(each[:, index], np.random.default_rng(0), SAMPLES)
            low[index], high[index] = found.low, found.high
    return Curve(label, steps, each, mean, low, high)


def _places(pairs: Sequence[tuple[int, float]], end: int, bins: int) -> NDArray[np.intp]:
    steps = np.array([step for step, _ in pairs], float)
    return np.clip(np.ceil(steps * bins / end) - 1, 0, bins - 1).astype(np.intp)


def _has_gap(pairs: Sequence[tuple[int, float]], end: int, bins: int) -> bool:
    """Whether a stretch between a run's first value and its last has none."""
    places = np.unique(_places(pairs, end, bins))
    return len(places) < places[-1] - places[0] + 1


def _binned(pairs: Sequence[tuple[int, float]], end: int, bins: int) -> Array:
    if not pairs:
        return np.full(bins, np.nan)
    places = _places(pairs, end, bins)
    counts = np.bincount(places, minlength=bins)
    sums = np.bincount(places, weights=np.array([value for _, value in pairs], float), minlength=bins)
    return np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)
