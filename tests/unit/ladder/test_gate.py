"""The 10K gate: every criterion by itself, and no trivial policy passes."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import Any

import pytest

from av_td3_system.config.schema import GateConfig
from av_td3_system.ladder.common import relative_improvement
from av_td3_system.ladder.gate import Verdict, judge
from av_td3_system.ladder.inputs import GateInputs
from tests.records import evaluation_set, make_episode

CONFIG = GateConfig(bootstrap_samples=1000)
TRIVIAL = {"parked": 0.0, "straight": 0.2, "random": 0.1}


def _inputs(**changes: Any) -> GateInputs:
    """A healthy run: 200 -> 300 reward, 60 % of the route, calm critic."""
    values: dict[str, Any] = {
        "step": 10_000,
        "episodes": evaluation_set(300.0, 0.6),
        "baseline_episodes": evaluation_set(200.0, 0.4),
        "trivial_route_completion": TRIVIAL,
        "td_error": [2.0] * 10,
        "q_value": [30.0] * 10,
        "q_value_std": [8.0, 7.5, 7.2, 7.0, 6.0, 5.9, 5.5, 5.0],
        "calibration": {"q_return_gap": 0.2, "q1_q2_gap": 0.05},
    }
    values.update(changes)
    return GateInputs(**values)


def _failed(verdict: Verdict) -> set[str]:
    return {line.name for line in verdict.criteria if not line.passed and line.role != "report"}


def test_a_healthy_run_proceeds() -> None:
    verdict = judge(_inputs(), CONFIG)
    assert verdict.verdict == "proceed"
    assert _failed(verdict) == set()
    by_name = {line.name: line for line in verdict.criteria}
    assert by_name["improvement"].value == pytest.approx(0.5)
    assert by_name["paired_gain_lower_bound"].value == pytest.approx(100.0)
    assert by_name["route_completion_over_trivial"].value == pytest.approx(0.4)


@pytest.mark.parametrize(
    ("reward", "decision", "failed"),
    [
        (221.0, "proceed", set()),
        (219.0, "extend", {"improvement"}),
        (200.0, "extend", {"improvement", "paired_gain_lower_bound"}),
        (181.0, "extend", {"improvement", "paired_gain_lower_bound"}),
        (179.0, "halt", {"improvement", "paired_gain_lower_bound", "no_decline"}),
    ],
)
def test_ten_percent_decides(reward: float, decision: str, failed: set[str]) -> None:
    verdict = judge(_inputs(episodes=evaluation_set(reward, 0.6)), CONFIG)
    assert verdict.verdict == decision
    assert _failed(verdict) == failed


@pytest.mark.parametrize(
    ("changes", "criterion"),
    [
        ({"td_error": [6.0] * 10}, "td_error"),
        ({"td_error": []}, "td_error"),
        ({"alerts": [("gradient_explosion", "critical")]}, "gradient_alerts"),
        ({"episodes": evaluation_set(300.0, 0.39)}, "route_completion"),
        ({"trivial_route_completion": {**TRIVIAL, "straight": 0.46}}, "route_completion_over_trivial"),
        ({"trivial_route_completion": {"parked": 0.0}}, "route_completion_over_trivial"),
        ({"episodes": evaluation_set(300.0, 0.6, n=49)}, "paired_episodes"),
        ({"step": 9_999}, "step"),
    ],
)
def test_each_criterion_alone_withholds_proceed(changes: dict[str, Any], criterion: str) -> None:
    verdict = judge(_inputs(**changes), CONFIG)
    assert verdict.verdict == "extend"
    assert _failed(verdict) == {criterion}


def test_a_gain_that_may_be_luck_withholds_proceed() -> None:
    before = evaluation_set(200.0, 0.4)
    lucky = [
        replace(record, episode_reward=record.episode_reward + 1500.0 * (k == 0)) for k, record in enumerate(before)
    ]
    lucky = [replace(record, route_completion=0.6) for record in lucky]
    verdict = judge(_inputs(baseline_episodes=before, episodes=lucky), CONFIG)
    assert verdict.verdict == "extend"
    assert _failed(verdict) == {"paired_gain_lower_bound"}, "the mean rose by 15 %, all of it in one episode"


@pytest.mark.parametrize(
    ("changes", "criterion"),
    [
        ({"baseline_episodes": evaluation_set(40.0, 0.4), "episodes": evaluation_set(49.0, 0.6)}, "episode_reward"),
        ({"q_value": [30.0] * 5 + [201.0] * 3 + [30.0] * 2}, "q_value_persisting"),
        ({"td_error": [1.0] * 7 + [21.0] * 3}, "td_error_persisting"),
        ({"td_error": [25.0]}, "td_error_persisting"),
        ({"q_value": [30.0, math.nan, 30.0]}, "q_value_persisting"),
        ({"td_error": [2.0, math.inf]}, "td_error_persisting"),
        ({"episodes": [*evaluation_set(300.0, 0.6), make_episode(episode_reward=math.nan)]}, "episode_reward"),
    ],
)
def test_each_of_these_halts(changes: dict[str, Any], criterion: str) -> None:
    verdict = judge(_inputs(**changes), CONFIG)
    assert verdict.verdict == "halt"
    assert criterion in {line.name for line in verdict.failed("halt")}


def test_one_wild_line_does_not_halt() -> None:
    verdict = judge(_inputs(q_value=[30.0, 500.0, 500.0, 30.0], td_error=[1.0] * 18 + [40.0, 40.0]), CONFIG)
    assert verdict.verdict == "proceed"


def test_a_gradient_spike_is_a_warning_not_an_explosion() -> None:
    verdict = judge(_inputs(alerts=[("gradient_spike", "warning"), ("td_error_high", "critical")]), CONFIG)
    assert verdict.verdict == "proceed"


def test_calibration_and_spread_are_reported_and_decide_nothing() -> None:
    bad = _inputs(calibration={"q_return_gap": 0.9, "q1_q2_gap": 0.6}, q_value_std=[1.0, 1.0, 5.0, 5.0])
    verdict = judge(bad, CONFIG)
    assert verdict.verdict == "proceed"
    assert {line.name for line in verdict.failed("report")} == {"q_return_gap", "q1_q2_gap", "q_value_std_ratio"}


def test_without_a_baseline_there_is_no_going_on() -> None:
    verdict = judge(_inputs(baseline_episodes=[]), CONFIG)
    assert verdict.verdict == "extend"
    assert _failed(verdict) == {"paired_episodes", "improvement", "paired_gain_lower_bound"}


def test_other_episodes_are_no_pairs() -> None:
    others = [replace(record, episode_seed=record.episode_seed + 1000) for record in evaluation_set(200.0, 0.4)]
    assert "paired_episodes" in _failed(judge(_inputs(baseline_episodes=others), CONFIG))


def test_the_same_episode_repeated_is_one_sample() -> None:
    one = [make_episode(episode_reward=300.0, route_completion=0.6)] * 50
    verdict = judge(_inputs(episodes=one, baseline_episodes=[make_episode(episode_reward=200.0)] * 50), CONFIG)
    assert {line.name: line.value for line in verdict.criteria}["paired_episodes"] == 1
    assert verdict.verdict == "extend"


def test_before_the_rung_rewards_do_not_halt_but_divergence_does() -> None:
    early = {"step": 6_000, "episodes": evaluation_set(10.0, 0.1)}
    assert judge(_inputs(**early), CONFIG).verdict == "extend"
    assert judge(_inputs(**early, q_value=[1000.0] * 5), CONFIG).verdict == "halt"


def _trivial(reward: float, completion: float) -> list[Any]:
    return evaluation_set(reward, completion, spread=40.0)


# Rewards and completions as such policies get them: parked waits until it is stuck; straight leaves the
# road at the first bend; random stays where it is.
POLICIES = {"parked": (-95.0, 0.0), "straight": (70.0, 0.2), "random": (-60.0, 0.1)}


@pytest.mark.parametrize("early", POLICIES)
@pytest.mark.parametrize("late", POLICIES)
def test_no_trivial_policy_passes(early: str, late: str) -> None:
    """Nor a change from one to another, which may well be an improvement."""
    inputs = _inputs(baseline_episodes=_trivial(*POLICIES[early]), episodes=_trivial(*POLICIES[late]))
    assert judge(inputs, CONFIG).verdict != "proceed"


@pytest.mark.parametrize("name", POLICIES)
def test_no_trivial_policy_passes_where_reward_is_generous(name: str) -> None:
    """A reward that pays for nothing (the classical hole) is caught by behaviour."""
    completion = POLICIES[name][1]
    inputs = _inputs(baseline_episodes=_trivial(1000.0, completion), episodes=_trivial(3000.0, completion))
    assert judge(inputs, CONFIG).verdict == "extend"


def test_a_baseline_near_zero_is_divided_by_the_floor() -> None:
    assert relative_improvement(30.0, 1.0, floor=25.0) == pytest.approx(1.16)
    assert relative_improvement(-90.0, -100.0, floor=25.0) == pytest.approx(0.1)


def test_the_same_records_give_the_same_verdict_as_plain_json() -> None:
    first, second = (judge(_inputs(td_error=[math.nan]), CONFIG).to_dict() for _ in range(2))
    assert first == second
    assert json.loads(json.dumps(first, allow_nan=False))["verdict"] == "halt"


def test_episodes_are_paired_by_their_seed_and_not_by_their_place() -> None:
    before, after = evaluation_set(200.0, 0.4), evaluation_set(300.0, 0.6)
    backwards, forwards = (judge(_inputs(episodes=episodes), CONFIG) for episodes in (after[::-1], after))
    for one, other in zip(backwards.criteria, forwards.criteria, strict=True):
        assert (one.name, one.value) == (other.name, pytest.approx(other.value))
    # Without the pairs, 25 of the worst before against 25 of the best after would look like a gain.
    rising = [replace(record, episode_reward=float(k)) for k, record in enumerate(before)]
    verdict = judge(_inputs(episodes=rising[25:], baseline_episodes=rising[:30]), CONFIG)
    gain = next(line for line in verdict.criteria if line.name == "improvement")
    assert gain.value == 0.0, "the five that both drove did not change"


def test_a_critic_that_diverges_downwards_halts_too() -> None:
    assert judge(_inputs(q_value=[-1e6] * 10), CONFIG).verdict == "halt"
