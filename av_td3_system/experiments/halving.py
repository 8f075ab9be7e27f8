"""Successive halving in rounds (Jamieson & Talwalkar 2016): all to a rung, the best of them to the next.

Optuna's `SuccessiveHalvingPruner` is the asynchronous kind: it decides for each trial when it arrives, among those that
came before, since its trials cannot be set aside. The first ones are then always sent up, which on few cores is a
good part of the budget; what is pruned depends on who arrived first, hence on the machine's load and on interruptions;
and its rungs must be powers of the reduction. Runs here go on exactly from where they were stopped, so a trial can
wait at its rung for all others. The decision is then a function of the figures alone: the same after a kill, with any
number of jobs, on one machine or many. What rounds cost, cores that wait for the last run of a rung, is at most one
run's time a rung.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence


def kept(entered: int, reduction: int) -> int:
    """How many of those that were trained to a rung go on: a `reduction`-th, at least one."""
    return max(1, entered // reduction) if entered else 0


def entering(trials: int, rungs: int, reduction: int) -> list[int]:
    """How many are trained to each rung if none fails."""
    counts = []
    for _ in range(rungs):
        counts.append(trials)
        trials = kept(trials, reduction)
    return counts


def survivors(values: Mapping[int, float | None], reduction: int) -> list[int]:
    """Who goes on, best first.

    Args:
        values: what each trial that was to be trained to this rung came to, by its number; None or not finite for one
            that failed. Those count as trained, and as worse than any other.
        reduction: one in so many goes on.

    Returns:
        Numbers of trials; of equal ones the first.
    """
    sound = {number: value for number, value in values.items() if value is not None and math.isfinite(value)}
    best_first = sorted(sound, key=lambda number: (-sound[number], number))
    return best_first[: kept(len(values), reduction)]


def timesteps(entering: Sequence[int], rungs: Sequence[int]) -> int:
    """Timesteps of all trials on one seed, each trained on from the rung before."""
    before = (0, *rungs[:-1])
    return sum(count * (rung - start) for count, rung, start in zip(entering, rungs, before, strict=True))
