"""What the plan asks of each of its runs, held against what was measured.

The 10K rung is judged by the gate, whose criteria stand in a table of their own; this is of the other two, whose
figures are the plan's ("ONLY IF 100K shows", "Success Metrics for 1M Run").
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from av_td3_system.monitoring import names
from av_td3_system.reporting.report.curves import evaluation_interval, late_interval
from av_td3_system.reporting.report.material import Material
from av_td3_system.reporting.report.runs import RunGroup
from av_td3_system.reporting.report.table import Cell, Estimate, Table
from av_td3_system.reporting.report.training_tables import LATE_WORDS, late_mean
from av_td3_system.reporting.run_files import RunFiles, mean_of
from av_td3_system.reporting.status_reading import RISING, read_trend

Document = Literal["10k", "100k", "1m"]
Found = tuple[float, float | None, float | None] | None


@dataclass(frozen=True)
class Target:
    """One thing that is asked.

    Attributes:
        what: in words.
        low: the least that meets it, None where there is none.
        high: the most.
        measure: how it is measured.
        figure: of a group: estimate with interval, none of a single seed.
        counted: it is a count over all runs, no estimate.
    """

    what: str
    low: float | None
    high: float | None
    measure: str
    figure: Callable[[RunGroup], Found]
    counted: bool = False


def targets_table(material: Material, document: Document) -> Table | None:
    """Every target of a document and whether each group meets it; None for the 10K, which the gate judges.

    An answer is yes or no where the whole interval says it, else not shown; a single run has no interval over seeds
    and is never more than a hint.
    """
    targets = {"10k": (), "100k": OF_100K, "1m": OF_1M}[document]
    if not material.of_the_town or not targets:
        return None
    rows: list[list[Cell]] = []
    for target in targets:
        for group in material.groups:
            found = target.figure(group)
            cell: Cell = None if found is None else int(found[0]) if target.counted else Estimate(*found, digits=2)
            rows.append([target.what, target.measure, group.label, len(group.runs), cell, answer(target, found)])
    caption = (
        "What the plan asks. An answer is given where the whole 95 % interval says it; of a single seed, whose "
        "interval is not known, it is a hint."
    )
    return Table("targets", caption, ("asked", "measured", "group", "seeds", "value", "answer"), rows)


def answer(target: Target, found: Found) -> str:
    """Whether a figure meets a target: yes, no, not shown, not measured; `(one seed)` where it has no interval."""
    if found is None:
        return "not measured"
    value, *ends = found
    low, high = (value if end is None else end for end in ends)
    least = float("-inf") if target.low is None else target.low
    most = float("inf") if target.high is None else target.high
    said = "yes" if least <= low and high <= most else "no" if high < least or low > most else "not shown"
    return f"{said} (one seed)" if None in ends and not target.counted else said


def _evaluated(name: str) -> Callable[[RunGroup], Found]:
    def figure(group: RunGroup) -> Found:
        if not all(run.validations for run in group.runs):
            return None
        return evaluation_interval([run.validations[-1] for run in group.runs], name)

    return figure


def _late(tag: str) -> Callable[[RunGroup], Found]:
    return lambda group: late_interval([late_mean(run, tag) for run in group.runs])


def _scaled_q(group: RunGroup) -> Found:
    """Q as it would be read at a gamma of 0.99, which the plan's figures are meant for."""
    scale = (1 - group.config.agent.gamma) / 0.01
    values = [late_mean(run, names.Q_VALUE) for run in group.runs]
    return late_interval([None if value is None else scale * value for value in values])


def _ratio(tag: str, power: int = 1) -> Callable[[RunGroup], Found]:
    """Second half of the learning over the first."""

    def of(run: RunFiles) -> float | None:
        begun = run.config.learning_starts
        half = begun + (run.step - begun) // 2
        first = mean_of([value**power for _, value in run.series(tag, after=begun, until=half)])
        second = mean_of([value**power for _, value in run.series(tag, after=half)])
        return None if not first or second is None else second / first

    return lambda group: late_interval([of(run) for run in group.runs])


def _trend(group: RunGroup) -> Found:
    return late_interval([read_trend(run, -1).tau for run in group.runs])


def _critical(group: RunGroup) -> Found:
    grave = [
        event
        for run in group.runs
        for event in run.events
        if event.get("kind") == "alert" and event.get("severity") in ("critical", "halt")
    ]
    return float(len(grave)), None, None


_JUST_BELOW = 1.0 - 1e-9
OF_100K: Sequence[Target] = (
    Target(
        "episode rewards improving", RISING, None, f"Kendall's tau of ten means with time, at least {RISING}", _trend
    ),
    Target(
        "Q-values stabilizing (variance decreasing)",
        None,
        _JUST_BELOW,
        "variance of Q, second half of learning / first, below 1",
        _ratio(names.Q_VALUE_STD, 2),
    ),
    Target(
        "TD errors decreasing",
        None,
        _JUST_BELOW,
        "TD error, second half of learning / first, below 1",
        _ratio(names.TD_ERROR),
    ),
    Target("no critical alerts", None, 0.0, "critical and halting alerts of all runs, 0", _critical, counted=True),
)
OF_1M: Sequence[Target] = (
    Target("episode reward > 500", 500.0, None, "last held-out evaluation", _evaluated("episode_reward")),
    Target("success rate > 80 %", 0.8, None, "last held-out evaluation", _evaluated("success_rate")),
    Target("Q-value 50-100, stable", 50.0, 100.0, f"Q(1-gamma)/0.01, {LATE_WORDS}", _scaled_q),
    Target("TD error < 5", None, 5.0, LATE_WORDS, _late(names.TD_ERROR)),
    Target("critic loss < 50", None, 50.0, LATE_WORDS, _late(names.CRITIC_LOSS)),
)
