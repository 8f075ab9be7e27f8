"""What the action plan expects of TD3 beside DDPG, answered from a comparison of their runs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from av_td3_system.evaluation.statistics import Interval, bootstrap_statistic
from av_td3_system.reporting.comparison import SAMPLES, Entry, by_group, by_route
from av_td3_system.reporting.learning_figures import Learned

Answer = Literal["yes", "no", "not shown"]
HIGHER_REWARD, LOWER_VARIANCE = 1.10, 0.80  # of DDPG's, by the plan


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


def expectations(entries: Sequence[Entry]) -> list[Expectation]:
    """The plan's three, where there are runs of TD3 and of DDPG; none else."""
    groups = by_group(entries)
    td3, ddpg = ([one for one in groups.get(name, []) if one.run is not None] for name in ("TD3", "DDPG"))
    if not td3 or not ddpg:
        return []
    rewards = [by_route(group) for group in (td3, ddpg)]
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


def _of_runs(group: Sequence[Entry], figure: Callable[[Learned], float | None]) -> np.ndarray | None:
    """(runs, 1): a figure of each run; None where one has none."""
    values = [None if one.learned is None else figure(one.learned) for one in group]
    return None if any(value is None for value in values) else np.array(values, float)[:, None]
