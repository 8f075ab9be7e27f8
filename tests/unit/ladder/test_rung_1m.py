"""The 1M rung: the plan's targets, and that the camera is what it drives by."""

from __future__ import annotations

from typing import Any

import pytest

from av_td3_system.config.schema import GateConfig
from av_td3_system.ladder.gate import Verdict, judge
from av_td3_system.ladder.inputs import GateInputs
from av_td3_system.monitoring.names import CRITIC_LOSS, Q_VALUE, TD_ERROR
from tests.records import evaluation_set, make_episode, success

CONFIG = GateConfig(bootstrap_samples=1000)
LATE = {Q_VALUE: 21.0, TD_ERROR: 0.5, CRITIC_LOSS: 2.0}


def _driven(successes: int, n: int = 200, reward: float = 560.0) -> list[Any]:
    good = [success(episode_seed=10_000 + k, episode_reward=reward) for k in range(successes)]
    return good + [make_episode(episode_seed=10_000 + k, episode_reward=reward) for k in range(successes, n)]


def _inputs(**changes: Any) -> GateInputs:
    """A run that meets the plan's targets at gamma 0.97: Q 21 is read as 63."""
    values: dict[str, Any] = {
        "step": 1_000_000,
        "episodes": _driven(190),
        "baseline_episodes": evaluation_set(520.0, 0.9, n=200),
        "trivial_route_completion": {"parked": 0.0, "straight": 0.2, "random": 0.1},
        "td_error": [0.5] * 100,
        "q_value": [21.0] * 100,
        "calibration": {"q_return_gap": 0.07, "q1_q2_gap": 0.02},
        "camera": {"blank": 0.1, "shuffled": 0.4},
        "late": LATE,
        "gamma": 0.97,
    }
    return GateInputs(**(values | changes))


def _failed(verdict: Verdict) -> set[str]:
    return {line.name for line in verdict.criteria if not line.passed and line.role != "report"}


def test_a_run_that_meets_the_targets_proceeds() -> None:
    verdict = judge(_inputs(), CONFIG)
    assert (verdict.name, verdict.verdict, _failed(verdict)) == ("1m", "proceed", set())
    q = next(line for line in verdict.criteria if line.name == "q_value")
    assert q.value == pytest.approx(63.0)


@pytest.mark.parametrize(
    ("changes", "criterion"),
    [
        ({"episodes": _driven(164)}, "success_rate_lower_bound"),  # 82 %: not shown to be above 80
        ({"episodes": _driven(190, reward=499.0)}, "target_episode_reward"),
        ({"episodes": _driven(49, n=50)}, "validation_episodes"),
        ({"late": LATE | {Q_VALUE: 16.0}}, "q_value"),
        ({"late": LATE | {Q_VALUE: 34.0}}, "q_value"),
        ({"late": LATE | {TD_ERROR: 5.0}}, "td_error_late"),
        ({"late": LATE | {CRITIC_LOSS: 50.0}}, "critic_loss_late"),
        ({"late": {}}, "critic_loss_late"),
        ({"calibration": {"q_return_gap": 0.2, "q1_q2_gap": 0.02}}, "q_return_gap"),
        ({"camera": {}}, "images_tried"),
        ({"camera": {"blank": 0.1}}, "images_tried"),
    ],
)
def test_each_criterion_alone_withholds_proceed(changes: dict[str, Any], criterion: str) -> None:
    verdict = judge(_inputs(**changes), CONFIG)
    assert verdict.verdict == "extend" and criterion in _failed(verdict)


@pytest.mark.parametrize("image", ["blank", "shuffled"])
def test_whoever_drives_as_well_without_seeing_is_halted(image: str) -> None:
    verdict = judge(_inputs(camera={"blank": 0.1, "shuffled": 0.4} | {image: 0.66}), CONFIG)
    assert verdict.verdict == "halt"
    assert {line.name for line in verdict.failed("halt")} == {f"success_lost_{image}"}


def test_who_succeeds_too_seldom_to_lose_so_much_is_not_called_blind() -> None:
    verdict = judge(_inputs(episodes=_driven(50), camera={"blank": 0.0, "shuffled": 0.1}), CONFIG)
    assert verdict.verdict == "extend" and "success_rate_lower_bound" in _failed(verdict)


def test_what_was_lost_since_100k_halts() -> None:
    verdict = judge(_inputs(baseline_episodes=evaluation_set(640.0, 0.9, n=200)), CONFIG)
    assert verdict.verdict == "halt" and "no_decline" in _failed(verdict)


def test_a_parked_car_is_halted() -> None:
    parked = evaluation_set(-95.0, 0.0, n=200)
    verdict = judge(_inputs(episodes=parked, baseline_episodes=parked, camera={"blank": 0.0, "shuffled": 0.0}), CONFIG)
    assert verdict.verdict == "halt"
