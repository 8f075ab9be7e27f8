"""The 10K gate: one function that judges a rung for the CLI, for training and for tests.

It judges the deterministic policy on fixed validation episodes, paired with the run's own 5K, and
asks for behaviour (route completion, beyond what driving straight or standing gives) as well as for
reward, because a reward alone has been passed by policies that do nothing. What decides:

* `halt`: worse than the baseline by more than 10 %, below an absolute reward, or diverged
  (Q or TD error beyond its bound for some lines in a row, or not finite);
* `proceed`: every criterion of that role holds;
* `extend`: anything else, missing evidence included.

Bounds are `GateConfig`'s. The critic's calibration and the fall of Q's spread are reported beside
and decide nothing: the latter passes parked cars and fails healthy runs.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

import numpy as np
from scipy import stats

from av_td3_system.config.schema import GateConfig
from av_td3_system.environments.episode import EpisodeRecord
from av_td3_system.evaluation.statistics import lower_bound

Decision = Literal["proceed", "extend", "halt"]
Role = Literal["halt", "proceed", "report"]

TRIVIAL_POLICIES = ("parked", "straight", "random")


@dataclass(frozen=True)
class GateInputs:
    """What a rung is judged on.

    Attributes:
        step: timestep of the judged checkpoint.
        episodes: its validation episodes, one per seed.
        baseline_episodes: those of the baseline (the run's own 5K), same seeds.
        trivial_route_completion: mean route completion of `TRIVIAL_POLICIES` on the same episodes.
        td_error: `train/td_error` of each metric line since the baseline, oldest first.
        q_value: `train/q_value`, likewise.
        q_value_std: `train/q_value_std`, likewise.
        alerts: (name, severity) of each alert raised up to `step`.
        calibration: `q_return_gap` and `q1_q2_gap` of the judged checkpoint.
    """

    step: int
    episodes: Sequence[EpisodeRecord]
    baseline_episodes: Sequence[EpisodeRecord]
    trivial_route_completion: Mapping[str, float]
    td_error: Sequence[float]
    q_value: Sequence[float]
    q_value_std: Sequence[float] = ()
    alerts: Sequence[tuple[str, str]] = ()
    calibration: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Criterion:
    """One line of a verdict.

    Attributes:
        name: of the measure.
        value: measured; None where there was nothing to measure.
        bound: what it is held against.
        passed: whether it holds; without a value, proceed criteria fail and halting ones hold.
        role: `halt` and `proceed` decide, `report` does not.
        note: how to read it.
    """

    name: str
    value: float | None
    bound: float
    passed: bool
    role: Role
    note: str = ""


@dataclass(frozen=True)
class Verdict:
    """The judgement of a rung, with all that it rests on."""

    name: str
    verdict: Decision
    criteria: tuple[Criterion, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain values for `results.json` and `events.jsonl`."""
        return {"name": self.name, "verdict": self.verdict, "criteria": [asdict(line) for line in self.criteria]}

    def failed(self, role: Role) -> list[Criterion]:
        """The criteria of that role that do not hold."""
        return [line for line in self.criteria if line.role == role and not line.passed]


def judge_10k(inputs: GateInputs, config: GateConfig) -> Verdict:
    """Judge the 10K rung (and its extension to 20K)."""
    pairs = _pairs(inputs.baseline_episodes, inputs.episodes)
    criteria = (
        *_reward_criteria(inputs, config, pairs),
        *_behaviour_criteria(inputs, config),
        *_stability_criteria(inputs, config),
        *_reported(inputs, config),
    )
    decision: Decision = "proceed"
    if any(line.role == "halt" and not line.passed for line in criteria):
        decision = "halt"
    elif any(line.role == "proceed" and not line.passed for line in criteria):
        decision = "extend"
    return Verdict("10k", decision, criteria)


def relative_improvement(reward: float, baseline: float, floor: float) -> float:
    """(reward - baseline) / max(|baseline|, floor): a baseline near zero cannot blow it up."""
    return (reward - baseline) / max(abs(baseline), floor)


def _reward_criteria(inputs: GateInputs, config: GateConfig, pairs: tuple[np.ndarray, np.ndarray]) -> list[Criterion]:
    before, after = pairs
    reward = _mean([record.episode_reward for record in inputs.episodes])
    improvement = gain_bound = None
    if len(before):
        improvement = relative_improvement(float(after.mean()), float(before.mean()), config.reward_floor)
        if math.isfinite(improvement):
            rng = np.random.default_rng(config.bootstrap_seed)
            gain_bound = lower_bound(before, after, rng, config.bootstrap_samples, config.confidence)
    reached = inputs.step >= config.rung_step
    halts: Role = "halt" if reached else "report"
    early = "" if reached else f"does not halt before step {config.rung_step}"
    return [
        _at_least("step", float(inputs.step), config.rung_step, "proceed", "the rung is judged here or later"),
        _at_least("paired_episodes", float(len(before)), config.episodes, "proceed", "same seeds at both checkpoints"),
        _above("improvement", improvement, config.improvement, "proceed", "relative to the baseline's mean reward"),
        _at_least("no_decline", improvement, -config.improvement, halts, early),
        _above("paired_gain_lower_bound", gain_bound, 0.0, "proceed", f"one-sided {config.confidence:.0%}, reward"),
        _at_least("episode_reward", reward, config.halt_reward, halts, early),
    ]


def _behaviour_criteria(inputs: GateInputs, config: GateConfig) -> list[Criterion]:
    completion = _mean([record.route_completion for record in inputs.episodes])
    known = {name: inputs.trivial_route_completion.get(name) for name in TRIVIAL_POLICIES}
    missing = [name for name, value in known.items() if value is None]
    best = None if missing else max(value for value in known.values() if value is not None)
    margin = None if completion is None or best is None else completion - best
    note = f"not evaluated: {', '.join(missing)}" if missing else f"best of {', '.join(TRIVIAL_POLICIES)}: {best:.3f}"
    return [
        _at_least("route_completion", completion, config.route_completion, "proceed"),
        _at_least("route_completion_over_trivial", margin, config.trivial_margin, "proceed", note),
    ]


def _stability_criteria(inputs: GateInputs, config: GateConfig) -> list[Criterion]:
    severe = [name for name, severity in inputs.alerts if "gradient" in name and severity != "warning"]
    mild = sum("gradient" in name and severity == "warning" for name, severity in inputs.alerts)
    in_a_row = f"in {config.halt_persistence} lines in a row"
    return [
        _below("td_error", _mean(inputs.td_error), config.td_error, "proceed", "mean since the baseline"),
        _at_most("gradient_alerts", float(len(severe)), 0.0, "proceed", f"{mild} warnings beside" if mild else ""),
        _at_most(
            "td_error_persisting",
            _persisting(inputs.td_error, config.halt_persistence),
            config.halt_td_error,
            "halt",
            in_a_row,
        ),
        _at_most(
            "q_value_persisting",
            _persisting([abs(value) for value in inputs.q_value], config.halt_persistence),
            config.halt_q_value,
            "halt",
            in_a_row,
        ),
    ]


def _reported(inputs: GateInputs, config: GateConfig) -> list[Criterion]:
    lines = [
        _at_most(name, inputs.calibration.get(name), config.calibration_warning, "report", note)
        for name, note in (("q_return_gap", "|Q - return| / |Q|"), ("q1_q2_gap", "|Q1 - Q2| / |Q|"))
    ]
    half = len(inputs.q_value_std) // 2
    if half:
        first, second = np.array(inputs.q_value_std[:half]), np.array(inputs.q_value_std[-half:])
        ratio = float(second.mean() / max(first.mean(), 1e-9))
        p = float(stats.mannwhitneyu(second, first, alternative="less").pvalue)
        lines.append(_below("q_value_std_ratio", ratio, 1.0, "report", f"second half / first; Mann-Whitney p {p:.2f}"))
    return lines


def _pairs(before: Sequence[EpisodeRecord], after: Sequence[EpisodeRecord]) -> tuple[np.ndarray, np.ndarray]:
    """Rewards (before, after) of the episodes that both drove; a repeated seed is one episode."""
    first = {record.episode_seed: record.episode_reward for record in before}
    second = {record.episode_seed: record.episode_reward for record in after}
    seeds = [seed for seed in first if seed in second]
    return np.array([first[seed] for seed in seeds]), np.array([second[seed] for seed in seeds])


def _persisting(series: Sequence[float], lines: int) -> float | None:
    """The highest level that `lines` consecutive values all reach (fewer where there are fewer).

    A value that is not finite is beyond every bound at once.
    """
    if not series:
        return None
    if not all(math.isfinite(value) for value in series):
        return math.inf
    width = min(lines, len(series))
    return max(min(series[start : start + width]) for start in range(len(series) - width + 1))


def _mean(values: Sequence[float]) -> float | None:
    return float(np.mean(values)) if len(values) else None


def _criterion(name: str, value: float | None, bound: float, holds: bool, role: Role, note: str) -> Criterion:
    if value is None:
        return Criterion(name, None, float(bound), role == "halt", role, note or "not measured")
    if not math.isfinite(value):  # JSON has no infinity; the note says what was seen
        return Criterion(name, None, float(bound), False, role, "not finite")
    return Criterion(name, value, float(bound), holds, role, note)


def _above(name: str, value: float | None, bound: float, role: Role, note: str = "") -> Criterion:
    return _criterion(name, value, bound, value is not None and value > bound, role, note)


def _at_least(name: str, value: float | None, bound: float, role: Role, note: str = "") -> Criterion:
    return _criterion(name, value, bound, value is not None and value >= bound, role, note)


def _below(name: str, value: float | None, bound: float, role: Role, note: str = "") -> Criterion:
    return _criterion(name, value, bound, value is not None and value < bound, role, note)


def _at_most(name: str, value: float | None, bound: float, role: Role, note: str = "") -> Criterion:
    return _criterion(name, value, bound, value is not None and value <= bound, role, note)
