"""What the runs taught, as far as files tell: sentences by stated rules, with the figures that they rest on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from av_td3_system.config.errors import UserError
from av_td3_system.reporting.report.driving import success_drop
from av_td3_system.reporting.report.limitations import CAMERA_DROP
from av_td3_system.reporting.report.material import Material
from av_td3_system.reporting.report.runs import RunGroup
from av_td3_system.reporting.report.training_figures import best_trivial
from av_td3_system.reporting.rewards import read_rewards
from av_td3_system.reporting.run_files import number
from av_td3_system.reporting.status_reading import read_trend

FAILURES = ("collision", "off_road", "wrong_way", "stuck", "time_limit", "simulator_failure")


def lessons(material: Material) -> list[str]:
    """Sentences; never empty, since the trend of the rewards always says something."""
    found = []
    for group in material.groups:
        found += [*_trend(group), *_failures(group), *_over_trivial(group), *_rewards(group), *_gate(material, group)]
    return [*found, *_remedies(material), *_camera(material), *_expected(material), *_ablated(material)]


def not_measured(material: Material) -> list[str]:
    """What this report lacks, each with the command that measures it."""
    lacking = []
    if any(not one.validations for one in material.runs):
        lacking.append("held-out evaluations of some runs: `av-td3 train` makes them every `--eval-freq` steps")
    if material.of_the_town:
        plain = [one for one in material.drivers if one.learned and not one.blank]
        if not plain:
            lacking.append(
                "success by scenario, town and weather, time to collision, speeds: "
                "`av-td3 evaluate RUN --grid --out DIR`, then `report ... --evaluation DIR`"
            )
        if not any(material.blank(one) for one in plain):
            lacking.append(
                "what the camera is worth: `av-td3 evaluate RUN --grid --set environment.blank_image=true --out DIR`"
            )
        if not material.expected:
            lacking.append("TD3 beside DDPG and IDM+MOBIL: `av-td3 compare TD3_RUN... DDPG_RUN... --out DIR`")
        if not material.variants:
            lacking.append("ablations: `av-td3 ablate`, then `report ... --ablation DIR`")
    return lacking


def _trend(group: RunGroup) -> Iterator[str]:
    counts = Counter(read_trend(run, -1).direction for run in group.runs)
    told = ", ".join(f"{direction} in {count}" for direction, count in sorted(counts.items()))
    yield f"Training rewards of {group.label}: {told} of {len(group.runs)} run(s)."


def _failures(group: RunGroup) -> Iterator[str]:
    outcomes: Counter[str] = Counter()
    for run in group.runs:
        said: Any = run.validations[-1]["summary"].get("outcomes") if run.validations else None
        if isinstance(said, dict):
            outcomes.update({str(name): int(number(said, name) or 0) for name in said})
    failed = {name: outcomes[name] for name in FAILURES if outcomes[name]}
    n = sum(outcomes.values())
    if failed:
        told = ", ".join(f"{name.replace('_', ' ')} {count}" for name, count in failed.items())
        yield f"Of the last {n} held-out episodes of {group.label}, {sum(failed.values())} failed: {told}."
    elif n:
        yield f"None of the last {n} held-out episodes of {group.label} failed."


def _over_trivial(group: RunGroup) -> Iterator[str]:
    values = [number(run.validations[-1]["summary"], "route_completion") for run in group.runs if run.validations]
    best = best_trivial(group.runs, "route_completion")
    known = [value for value in values if value is not None]
    if best is not None and known:
        yield (
            f"At its last evaluation {group.label} completes {sum(known) / len(known):.2f} of its routes; "
            f"the best trivial policy, {best[0]}, {best[1]:.2f}."
        )


def _rewards(group: RunGroup) -> Iterator[str]:
    said: Counter[str] = Counter()
    for run in group.runs:
        try:
            said.update(read_rewards(run.path).newest.findings)
        except UserError:  # another environment, whose reward has no terms, or no episode yet
            continue
    for finding, count in sorted(said.items()):
        yield f"Reward of {group.label}, last episodes of {count} run(s): {finding}."


def _gate(material: Material, group: RunGroup) -> Iterator[str]:
    failed: Counter[str] = Counter()
    for run in group.runs:
        gate = material.gate(run)
        if gate is not None:
            failed.update(
                str(one.get("name"))
                for one in gate["criteria"]
                if not one.get("passed") and one.get("role") in ("halt", "proceed")
            )
    if failed:
        told = ", ".join(f"{name} ({count})" for name, count in sorted(failed.items()))
        yield f"Criteria of the gate that runs of {group.label} did not meet: {told}."


def _remedies(material: Material) -> Iterator[str]:
    taken: Counter[str] = Counter()
    helped: Counter[str] = Counter()
    for run in material.runs:
        for one in material.remedies(run):
            name = str(one.get("remedy"))
            taken[name] += 1
            effect = one.get("effect")
            helped[name] += isinstance(effect, dict) and not effect.get("trouble")
    for name, count in sorted(taken.items()):
        yield f"The remedy {name} was taken {count} time(s), and no trouble followed {helped[name]} of them."


def _camera(material: Material) -> Iterator[str]:
    for driver in material.drivers:
        blank = material.blank(driver)
        drop = None if blank is None else success_drop(driver, blank)
        if drop is not None and drop.low >= CAMERA_DROP:
            yield (
                f"{driver.label} drives by its camera: a black one costs {100 * drop.value:.0f} points of success "
                "(95 %: "
                f"{100 * drop.low:.0f} to {100 * drop.high:.0f})."
            )


def _expected(material: Material) -> Iterator[str]:
    for one in material.expected:
        yield f"Expected: {one.what}. Answer: {one.answer}."


def _ablated(material: Material) -> Iterator[str]:
    for one in material.variants:
        if one.difference is not None and one.verdict:
            yield (
                f"Without {one.name}, success differs by {one.difference.value:+.3f} (95 %: "
                f"{one.difference.low:+.3f} to "
                f"{one.difference.high:+.3f}): {one.verdict}."
            )
