"""Criteria that several rungs share: reward against the baseline, behaviour, a critic that has not diverged."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from scipy import stats

from av_td3_system.config.schema import GateConfig
from av_td3_system.environments.episode import EpisodeRecord
from av_td3_system.evaluation.statistics import lower_bound
from av_td3_system.ladder.criteria import (
    Criterion,
    Role,
    above,
    at_least,
    at_most,
    below,
    criterion,
    mean,
    persisting,
)
from av_td3_system.ladder.inputs import TRIVIAL_POLICIES, GateInputs, rung_of

SHOWN = ("blank", "shuffled")
DOUBLED = 2.0
FEWEST_BLOCKS = 5  # in each half, from which the test can show anything
BLOCKS = 10  # means that each half of a series is told by: its lines follow from each other


def relative_improvement(reward: float, baseline: float, floor: float) -> float:
    """(reward - baseline) / max(|baseline|, floor): a baseline near zero cannot blow it up."""
    return (reward - baseline) / max(abs(baseline), floor)


def gain(inputs: GateInputs, config: GateConfig) -> tuple[int, float | None, float | None]:
    """Pairs of episodes, relative improvement of their mean reward, and the lower bound of the paired gain."""
    before, after = _pairs(inputs.baseline_episodes, inputs.episodes)
    improvement = bound = None
    if len(before):
        improvement = relative_improvement(float(after.mean()), float(before.mean()), config.reward_floor)
        if math.isfinite(improvement):
            rng = np.random.default_rng(config.bootstrap_seed)
            bound = lower_bound(before, after, rng, config.bootstrap_samples, config.confidence)
    return len(before), improvement, bound


def rung_criteria(inputs: GateInputs, config: GateConfig, pairs: int) -> list[Criterion]:
    """That the rung is reached, and that enough episodes say so."""
    step = rung_of(inputs.step, config).step
    return [
        at_least("step", float(inputs.step), step, "proceed", "the rung is judged here or later"),
        at_least("paired_episodes", float(pairs), config.episodes, "proceed", "same seeds at both checkpoints"),
    ]


def decline_criteria(inputs: GateInputs, config: GateConfig, improvement: float | None) -> list[Criterion]:
    """What halts: clearly worse than the baseline, or below an absolute reward."""
    reached = inputs.step >= config.rung_step
    halts: Role = "halt" if reached else "report"
    early = "" if reached else f"does not halt before step {config.rung_step}"
    reward = mean([record.episode_reward for record in inputs.episodes])
    return [
        at_least("no_decline", improvement, -config.improvement, halts, early),
        at_least("episode_reward", reward, config.halt_reward, halts, early),
    ]


def behaviour_criteria(inputs: GateInputs, config: GateConfig) -> list[Criterion]:
    """Route completion, by itself and beyond that of policies which see nothing."""
    completion = mean([record.route_completion for record in inputs.episodes])
    known = {name: inputs.trivial_route_completion.get(name) for name in TRIVIAL_POLICIES}
    missing = [name for name, value in known.items() if value is None]
    best = None if missing else max(value for value in known.values() if value is not None)
    margin = None if completion is None or best is None else completion - best
    note = f"not evaluated: {', '.join(missing)}" if missing else f"best of {', '.join(TRIVIAL_POLICIES)}: {best:.3f}"
    return [
        at_least("route_completion", completion, config.route_completion, "proceed"),
        at_least("route_completion_over_trivial", margin, config.trivial_margin, "proceed", note),
    ]


def stability_criteria(inputs: GateInputs, config: GateConfig) -> list[Criterion]:
    """The critic's errors: calm enough to go on, and not beyond what halts."""
    severe = [name for name, severity in inputs.alerts if "gradient" in name and severity != "warning"]
    mild = sum("gradient" in name and severity == "warning" for name, severity in inputs.alerts)
    lines, in_a_row = config.halt_persistence, f"in {config.halt_persistence} lines in a row"
    size = [abs(value) for value in inputs.q_value]
    return [
        below("td_error", mean(inputs.td_error), config.td_error, "proceed", "mean since the baseline"),
        at_most("gradient_alerts", float(len(severe)), 0.0, "proceed", f"{mild} warnings beside" if mild else ""),
        at_most("td_error_persisting", persisting(inputs.td_error, lines), config.halt_td_error, "halt", in_a_row),
        at_most("q_value_persisting", persisting(size, lines), config.halt_q_value, "halt", in_a_row),
        at_most("halted_by_a_guard", float(inputs.halted), 0.0, "halt", "av-td3 status RUN says by which"),
    ]


def improvement_criteria(config: GateConfig, improvement: float | None, bound: float | None) -> list[Criterion]:
    """Better than the baseline by more than a tenth, and beyond chance."""
    chance = f"one-sided {config.confidence:.0%}, reward"
    return [
        above("improvement", improvement, config.improvement, "proceed", "relative to the baseline's mean reward"),
        above("paired_gain_lower_bound", bound, 0.0, "proceed", chance),
    ]


def half_ratio(
    name: str, series: Sequence[float], config: GateConfig, role: Role, *, power: int = 1, allowed: str = "fall"
) -> Criterion | None:
    """Mean of a series' second half over that of its first; None of too few lines.

    Args:
        name: of the criterion.
        series: of metric lines, oldest first.
        config: says how sure one must be.
        role: of the criterion.
        power: of each value.
        allowed: `fall`: it holds where a fall is shown (Mann-Whitney over ten means a half); `stay`: it fails where a
            rise is shown, or where the mean has doubled, which ranks do not see of a late explosion; `less`: it holds
            below 1.
    """
    half = len(series) // 2
    if half < (1 if allowed == "less" else FEWEST_BLOCKS):
        return None
    halves = np.array(series[:half]) ** power, np.array(series[-half:]) ** power
    ratio = float(halves[1].mean() / max(halves[0].mean(), 1e-9))
    if not math.isfinite(ratio):
        return criterion(name, ratio, 1.0, False, role, "")
    first, second = ([block.mean() for block in np.array_split(part, min(BLOCKS, half))] for part in halves)
    falls, rises = (
        float(stats.mannwhitneyu(second, first, alternative=way).pvalue)  # type: ignore[call-overload]
        for way in ("less", "greater")
    )
    surely = 1 - config.confidence
    holds = {"fall": falls < surely, "stay": rises > surely and ratio <= DOUBLED, "less": ratio < 1.0}[allowed]
    told = f"second half / first; Mann-Whitney p {falls:.2f} of a fall, {rises:.2f} of a rise"
    return criterion(name, ratio, DOUBLED if allowed == "stay" else 1.0, holds, role, told)


def sight_criteria(inputs: GateInputs, config: GateConfig, role: Role) -> list[Criterion]:
    """Points of success that each other image costs; who succeeds too seldom to lose so many is not halted for it."""
    n = len(inputs.episodes)
    seen = sum(record.success for record in inputs.episodes) / n if n else None
    lines = []
    for image in SHOWN:
        without = inputs.camera.get(image)
        lost = None if without is None or seen is None else seen - without
        seldom = role == "halt" and seen is not None and seen < config.camera_margin
        holds = lost is not None and (lost >= config.camera_margin or seldom)
        lines.append(
            criterion(f"success_lost_{image}", lost, config.camera_margin, holds, role, "else it drives blind")
        )
    measured = float(sum(image in inputs.camera for image in SHOWN))
    return [at_least("images_tried", measured, len(SHOWN), "proceed", ", ".join(SHOWN)), *lines]


def calibration_criteria(inputs: GateInputs, config: GateConfig) -> list[Criterion]:
    """How far Q is from the returns that followed, and the twins from each other."""
    return [
        at_most(
            "q_return_gap", inputs.calibration.get("q_return_gap"), config.q_return_gap, "proceed", "|Q - return| / |Q|"
        ),
        at_most("q1_q2_gap", inputs.calibration.get("q1_q2_gap"), config.q1_q2_gap, "proceed", "|Q1 - Q2| / |Q|"),
    ]


def alert_criterion(inputs: GateInputs, role: Role) -> Criterion:
    """No critical alert in the whole run."""
    grave = sorted({name for name, severity in inputs.alerts if severity != "warning"})
    count = sum(severity != "warning" for _, severity in inputs.alerts)
    return at_most("critical_alerts", float(count), 0.0, role, ", ".join(grave))


def _pairs(before: Sequence[EpisodeRecord], after: Sequence[EpisodeRecord]) -> tuple[np.ndarray, np.ndarray]:
    """Rewards (before, after) of the episodes that both drove; a repeated seed is one episode."""
    first = {record.episode_seed: record.episode_reward for record in before}
    second = {record.episode_seed: record.episode_reward for record in after}
    seeds = [seed for seed in first if seed in second]
    return np.array([first[seed] for seed in seeds]), np.array([second[seed] for seed in seeds])
