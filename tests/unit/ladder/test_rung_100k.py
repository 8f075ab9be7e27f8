"""The 100K rung: every criterion by itself, and no policy that stands still passes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from av_td3_system.config.schema import GateConfig
from av_td3_system.ladder.gate import Verdict, judge
from av_td3_system.ladder.inputs import GateInputs, rung_of
from tests.records import evaluation_set

CONFIG = GateConfig(bootstrap_samples=1000)
STEPS = (10_000, 25_000, 50_000, 75_000, 100_000)
FALLING = [4.0 - 0.03 * k for k in range(100)]


def driven(reward: float, completion: float) -> list[Any]:
    """200 episodes, all of them successes."""
    return [
        replace(record, success=True, outcome="goal_reached") for record in evaluation_set(reward, completion, n=200)
    ]


def _inputs(**changes: Any) -> GateInputs:
    """A healthy run: 300 -> 500 reward, a critic that settles and is right."""
    values: dict[str, Any] = {
        "step": 100_000,
        "episodes": driven(500.0, 0.9),
        "baseline_episodes": evaluation_set(300.0, 0.6),
        "trivial_route_completion": {"parked": 0.0, "straight": 0.2, "random": 0.1},
        "td_error": FALLING,
        "q_value": [20.0] * 100,
        "q_value_std": [10.0 + value for value in FALLING],
        "calibration": {"q_return_gap": 0.07, "q1_q2_gap": 0.02},
        "rewards": list(zip(STEPS, (300.0, 440.0, 490.0, 480.0, 500.0), strict=True)),
        "camera": {"blank": 0.1, "shuffled": 0.4},
    }
    return GateInputs(**(values | changes))


def _failed(verdict: Verdict) -> set[str]:
    return {line.name for line in verdict.criteria if not line.passed and line.role != "report"}


def test_a_healthy_run_proceeds() -> None:
    verdict = judge(_inputs(), CONFIG)
    assert (verdict.name, verdict.verdict, _failed(verdict)) == ("100k", "proceed", set())
    pairs = next(line for line in verdict.criteria if line.name == "paired_episodes")
    assert pairs.value == 50, "those that both drove"


@pytest.mark.parametrize(
    ("changes", "criterion"),
    [
        ({"episodes": driven(325.0, 0.9)}, "improvement"),
        ({"rewards": [(5_000 * k, 500.0 - abs(10 - k) * 5) for k in range(2, 21)]}, "reward_trend"),  # until 50K
        ({"rewards": [(step, 400.0) for step in STEPS[:4]]}, "reward_trend"),
        ({"rewards": [(step, float("nan")) for step in STEPS]}, "reward_trend"),
        ({"td_error": FALLING[::-1]}, "td_error_ratio"),
        ({"td_error": []}, "td_error_ratio"),
        ({"td_error": [2.0] * 100}, "td_error_ratio"),
        ({"td_error": [2.0] * 5 + [1.0] * 4}, "td_error_ratio"),  # too few lines to show anything
        ({"q_value_std": [10.0 + value for value in FALLING[:92]] + [300.0] * 8}, "q_value_variance_ratio"),
        ({"camera": {}}, "images_tried"),
        ({"camera": {"blank": 0.0, "shuffled": 0.75}}, "success_lost_shuffled"),
        ({"camera": {"blank": 0.75, "shuffled": 0.0}}, "success_lost_blank"),
        ({"q_value_std": [10.0 + 0.1 * k for k in range(100)]}, "q_value_variance_ratio"),
        ({"q_value_std": []}, "q_value_variance_ratio"),
        ({"calibration": {"q_return_gap": 0.16, "q1_q2_gap": 0.02}}, "q_return_gap"),
        ({"calibration": {"q_return_gap": 0.07, "q1_q2_gap": 0.11}}, "q1_q2_gap"),
        ({"calibration": {}}, "q_return_gap"),
        ({"alerts": [("parked", "critical")]}, "critical_alerts"),
        ({"episodes": driven(500.0, 0.34)}, "route_completion"),
    ],
)
def test_each_criterion_alone_withholds_proceed(changes: dict[str, Any], criterion: str) -> None:
    verdict = judge(_inputs(**changes), CONFIG)
    assert verdict.verdict == "extend" and criterion in _failed(verdict)


@pytest.mark.parametrize(
    ("changes", "criterion"),
    [
        ({"episodes": driven(269.0, 0.9)}, "no_decline"),
        ({"q_value": [20.0] * 97 + [201.0] * 3}, "q_value_persisting"),
        ({"td_error": [1.0] * 97 + [21.0] * 3}, "td_error_persisting"),
        ({"halted": True}, "halted_by_a_guard"),
    ],
)
def test_what_has_diverged_or_declined_halts(changes: dict[str, Any], criterion: str) -> None:
    verdict = judge(_inputs(**changes), CONFIG)
    assert verdict.verdict == "halt"
    assert criterion in {line.name for line in verdict.failed("halt")}


def test_a_fast_learner_that_stands_still_later_proceeds() -> None:
    rng = np.random.default_rng(1)
    passed = 0
    for _ in range(20):
        steps = range(10_000, 100_001, 5_000)
        noise = rng.normal(0, 12, len(steps))
        rewards = [(s, 520 - 200 * np.exp(-s / 5_000) + e) for s, e in zip(steps, noise, strict=True)]
        passed += judge(_inputs(rewards=rewards), CONFIG).verdict == "proceed"
    assert passed >= 14, "one in ten by the test's own error"


def test_warnings_are_no_critical_alerts() -> None:
    assert judge(_inputs(alerts=[("gradient_spike_actor", "warning")] * 9), CONFIG).verdict == "proceed"


def test_a_spread_of_q_that_stays_is_no_rise() -> None:
    """Noise around the same level: a coin decides whether the ratio is above 1, not whether a rise is shown."""
    rng = np.random.default_rng(0)
    above = 0
    for _ in range(40):
        found = judge(_inputs(q_value_std=list(rng.normal(10.0, 0.3, 200))), CONFIG)
        line = next(one for one in found.criteria if one.name == "q_value_variance_ratio")
        above += line.value is not None and line.value > 1
        assert line.passed or "of a rise" in line.note
    failed = sum(
        not next(
            one
            for one in judge(_inputs(q_value_std=list(rng.normal(10.0, 0.3, 200))), CONFIG).criteria
            if one.name == "q_value_variance_ratio"
        ).passed
        for _ in range(40)
    )
    assert above >= 10 and failed <= 10, "one in ten by the test's own error, not one in two"


@pytest.mark.parametrize(("reward", "completion"), [(-95.0, 0.0), (70.0, 0.2), (-60.0, 0.1), (900.0, 0.0)])
def test_no_policy_that_does_the_same_from_10k_on_passes(reward: float, completion: float) -> None:
    inputs = _inputs(
        episodes=evaluation_set(reward, completion, n=200),
        baseline_episodes=evaluation_set(reward, completion),
        rewards=[(step, reward) for step in STEPS],
    )
    failed = _failed(judge(inputs, CONFIG))
    assert {"improvement", "route_completion"} <= failed


@pytest.mark.parametrize(
    ("step", "name"),
    [(0, "10k"), (10_000, "10k"), (99_999, "10k"), (100_000, "100k"), (999_999, "100k"), (1_000_004, "1m")],
)
def test_the_timestep_names_the_rung(step: int, name: str) -> None:
    assert rung_of(step, CONFIG).name == name
