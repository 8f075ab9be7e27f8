"""What is said while runs of a ladder train: each new evaluation, and how each criterion stands by then."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path

from av_td3_system.config.errors import UserError
from av_td3_system.experiments.climb.plan import Stage
from av_td3_system.ladder.command import read_verdict
from av_td3_system.ladder.read_run import VALIDATION, read_evaluations

SPARKS = "▁▂▃▄▅▆▇█"
_OF_THE_RUNG = ("step", "paired_episodes", "validation_episodes", "images_tried")  # wait for the rung itself


class Watch:
    """Tells what is new in runs, each evaluation once.

    Args:
        stage: that they train to.
        tell: says a line.
    """

    def __init__(self, stage: Stage, tell: Callable[[str], None]) -> None:
        self._stage, self._tell = stage, tell
        self._seen: dict[Path, int] = {}

    def look(self, runs: Sequence[Path]) -> None:
        """Tell of evaluations that were not there at the last look; those of the first look are old."""
        for run in runs:
            try:
                evaluations = [one for one in read_evaluations(run) if one.kind == VALIDATION and one.episodes]
            except UserError:  # the line is being written
                continue
            newest = evaluations[-1].step if evaluations else 0
            before = self._seen.get(run)
            self._seen[run] = newest
            if before is None or newest <= before:
                continue
            rewards = [sum(e.episode_reward for e in one.episodes) / len(one.episodes) for one in evaluations]
            success = sum(record.success for record in evaluations[-1].episodes) / len(evaluations[-1].episodes)
            self._tell(
                f"{self._stage.name} {run.name}: {newest:,} of {self._stage.timesteps:,}, reward "
                f"{sparkline(rewards)} {rewards[-1]:.0f}, success {success:.2f}; {self._criteria(run)}"
            )

    def _criteria(self, run: Path) -> str:
        """How many criteria hold by now, and which do not."""
        try:
            gate = read_verdict(run)["gate"]
        except UserError as error:
            return error.message
        lines = [one for one in gate["criteria"] if one["role"] != "report" and one["name"] not in _OF_THE_RUNG]
        missing = [one["name"] for one in lines if not one["passed"]]
        told = f"{len(lines) - len(missing)} of {len(lines)} criteria of {gate['name']} hold"
        return f"{told}, not yet: {', '.join(missing)}" if missing else told


def sparkline(values: Sequence[float], width: int = 20) -> str:
    """The newest values as bars from the least to the greatest."""
    shown = [value for value in values if math.isfinite(value)][-width:]
    if not shown:
        return ""
    low, high = min(shown), max(shown)
    span = (high - low) or 1.0
    return "".join(SPARKS[min(int((value - low) / span * len(SPARKS)), len(SPARKS) - 1)] for value in shown)
