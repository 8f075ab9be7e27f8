"""All that a report is made of, read from files and checked once."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from av_td3_system.reporting.comparison import read_comparison
from av_td3_system.reporting.expectations import Expectation, expectations
from av_td3_system.reporting.report.ablation import Variant, read_ablation
from av_td3_system.reporting.report.driving import NO_CAMERA, Driver, read_drivers
from av_td3_system.reporting.report.runs import RunGroup, read_groups
from av_td3_system.reporting.run_files import RunFiles


@dataclass(frozen=True)
class Material:
    """What was found.

    Attributes:
        groups: runs by settings.
        drivers: who drove held-out routes; learned policies first.
        expected: the plan's expectations of TD3 beside DDPG, with their answers; none without a comparison of both.
        variants: of the ablations.
        results: `results.json` of each run that has one, by path.
    """

    groups: Sequence[RunGroup]
    drivers: Sequence[Driver] = ()
    expected: Sequence[Expectation] = ()
    variants: Sequence[Variant] = ()
    results: Mapping[Path, Mapping[str, Any]] = field(default_factory=dict)

    @property
    def runs(self) -> list[RunFiles]:
        """Of all groups."""
        return [run for group in self.groups for run in group.runs]

    @property
    def of_the_town(self) -> bool:
        """Whether something was driven; else another environment, known by its rewards alone."""
        return self.runs[0].config.run.env is None

    def driven_by(self, group: RunGroup) -> Driver | None:
        """The test routes as driven by a group."""
        return next((driver for driver in self.drivers if driver.label == group.label), None)

    def blank(self, driver: Driver) -> Driver | None:
        """The same driver with its camera black."""
        return next((one for one in self.drivers if one.label == driver.label + NO_CAMERA), None)

    def gate(self, run: RunFiles) -> Mapping[str, Any] | None:
        """Its gate's verdict with criteria, as the run wrote it at its end; None where none was judged."""
        judged = self.results.get(run.path, {}).get("gate")
        if not isinstance(judged, dict) or not isinstance(judged.get("criteria"), list):
            return None
        return {**judged, "criteria": [one for one in judged["criteria"] if isinstance(one, dict)]}

    def remedies(self, run: RunFiles) -> list[Mapping[str, Any]]:
        """What the run did against trouble, as it wrote it at its end."""
        taken = self.results.get(run.path, {}).get("remedies")
        return [one for one in taken if isinstance(one, dict)] if isinstance(taken, list) else []


def read_material(
    targets: Sequence[str],
    evaluations: Sequence[Path] = (),
    comparison: Path | None = None,
    ablation: Path | None = None,
) -> Material:
    """Read everything.

    Raises:
        UserError: see `read_groups`, `read_drivers`, `read_ablation`.
    """
    groups = read_groups(targets)
    return Material(
        groups=groups,
        drivers=read_drivers(evaluations, comparison, groups),
        expected=expectations(read_comparison(comparison)) if comparison is not None else (),
        variants=read_ablation(ablation) if ablation is not None else (),
        results={run.path: told for group in groups for run in group.runs if (told := _results(run)) is not None},
    )


def _results(run: RunFiles) -> dict[str, Any] | None:
    """What the run wrote at its end; None while it goes on, since then it is of an end before."""
    if run.ended is None:
        return None
    with contextlib.suppress(OSError, ValueError):
        told = json.loads(run.directory.results_json.read_text(encoding="utf-8"))
        return told if isinstance(told, dict) else None
    return None
