"""What a tuning found: every trial's figures, the best setting, and whether it beats the base or is noise."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from av_td3_system.evaluation.statistics import Interval, bootstrap_statistic
from av_td3_system.experiments.trial_runs import judged_at, run_directory
from av_td3_system.experiments.tuning_plan import BASE, Trial, TuningPlan
from av_td3_system.experiments.tuning_study import RungFigures, TuningStudy

CONFIDENCE = 0.95  # that none of all the settings tried would pass for better by chance of the episodes
SAMPLES = 10_000
FEWEST_SEEDS = 3  # below which nothing is confirmed: training seeds differ more than most settings do


@dataclass(frozen=True)
class Row:
    """A trial and what it came to at the highest rung that it was judged at.

    Attributes:
        trial: its number; 0 is the base.
        settings: by name of the axis; none of the base.
        rung: timesteps, None where it failed before any.
        figures: of that rung.
        state: completed, pruned or failed.
        reason: why it failed.
    """

    trial: int
    settings: dict[str, Any]
    rung: int | None
    figures: RungFigures | None
    state: str
    reason: str | None

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


@dataclass(frozen=True)
class TuningResult:
    """What a tuning found.

    Attributes:
        plan: what was tuned.
        rows: by rung and value, best first; failed ones last.
        best: number of the trial with the highest mean reward at the last rung; None where none came there.
        overrides: its `section.setting=value`, none where the base is best or nothing came to the last rung.
        difference: of the best setting beside the base to the base, in mean episode reward, over the same episodes;
            None where one of the two is missing.
        confidence: of that interval, raised by Bonferroni for all the settings that were tried.
        preset: `best.yaml`.
    """

    plan: TuningPlan
    rows: tuple[Row, ...]
    best: int | None
    overrides: tuple[str, ...]
    difference: Interval | None
    confidence: float
    preset: Path

    @property
    def better(self) -> bool:
        """Whether the best setting beats the base on these seeds and episodes: the whole interval is above 0."""
        return self.difference is not None and self.difference.low > 0

    @property
    def confirmed(self) -> bool:
        """Whether it does on enough training seeds to say so of others."""
        return self.better and len(self.plan.request.seeds) >= FEWEST_SEEDS

    def to_dict(self) -> dict[str, Any]:
        """Plain values, as in `results.json` and with `--json`."""
        asked, gain = self.plan.request, self.difference
        return {
            **self.plan.identity(),
            "overrides": list(asked.overrides),
            "trials": [row.to_dict() for row in self.rows],
            "tried": self.plan.tried,
            "best": self.best,
            "best_settings": list(self.overrides),
            "difference": None if gain is None else {"estimate": gain.value, "low": gain.low, "high": gain.high},
            "confidence": self.confidence,
            "better": self.better,
            "confirmed": self.confirmed,
            "preset": str(self.preset),
        }


def read_result(out: Path, plan: TuningPlan, study: TuningStudy, preset: Path) -> TuningResult:
    """Put together what the study and the runs' files say."""
    rows = sorted((_row(plan, study, trial) for trial in plan.trials), key=_order)
    last = plan.request.rungs[-1]
    there = [row for row in rows if row.rung == last and row.state == "completed"]
    challenger = next((row for row in there if row.trial != BASE), None)
    best = there[0].trial if there else None
    confidence = 1 - (1 - CONFIDENCE) / plan.tried
    return TuningResult(
        plan=plan,
        rows=tuple(rows),
        best=best,
        overrides=plan.trials[best].settings if best is not None else (),
        difference=_difference(out, plan, challenger, confidence) if challenger else None,
        confidence=confidence,
        preset=preset,
    )


def paired(out: Path, plan: TuningPlan, trial: Trial, rung: int) -> np.ndarray | None:
    """Rewards (seeds, episodes, 2) of a trial and of the base, the same episodes of the same seeds beside each other.

    None where a validation is missing.
    """
    sides = []
    for one in (trial, plan.trials[BASE]):
        judged = [judged_at(run_directory(out, one, seed), rung) for seed in plan.request.seeds]
        rewards = [found.rewards for found in judged if found is not None]
        if len(rewards) < len(judged) or len({len(row) for row in rewards}) != 1:
            return None
        sides.append(np.array(rewards, float))
    return np.stack(sides, axis=2) if sides[0].shape == sides[1].shape else None


def gain(pairs: np.ndarray, confidence: float) -> Interval:
    """Mean difference (first - second) of (seeds, episodes, 2); seeds and episodes are resampled, in pairs."""
    return bootstrap_statistic(
        [pairs],
        lambda groups: float((groups[0][..., 0] - groups[0][..., 1]).mean()),
        np.random.default_rng(0),
        SAMPLES,
        confidence,
    )


def overrides_without(texts: Sequence[str], plan: TuningPlan) -> list[str]:
    """The base's `section.setting=value` that no axis names."""
    named = {name for axis in plan.axes for name in axis.names}
    return [text for text in texts if text.partition("=")[0].strip() not in named]


def as_json(result: TuningResult) -> str:
    """`results.json`."""
    return json.dumps(result.to_dict(), indent=1) + "\n"


def _difference(out: Path, plan: TuningPlan, row: Row, confidence: float) -> Interval | None:
    pairs = paired(out, plan, plan.trials[row.trial], plan.request.rungs[-1])
    return None if pairs is None else gain(pairs, confidence)


def _row(plan: TuningPlan, study: TuningStudy, trial: Trial) -> Row:
    reached = [(rung, study.figures(trial, rung)) for rung in plan.request.rungs]
    rung, figures = next(((rung, found) for rung, found in reversed(reached) if found is not None), (None, None))
    reason = study.reason(trial)
    state = "failed" if reason is not None else "pruned" if study.pruned(trial) else "completed"
    return Row(trial.number, dict(trial.values), rung, figures, state, reason)


def _order(row: Row) -> tuple[bool, int, float, int]:
    value = row.figures.reward if row.figures else 0.0
    return row.state == "failed", -(row.rung or 0), -value, row.trial
