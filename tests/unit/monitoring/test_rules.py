"""One rule at work: what the car does, over windows of timesteps; what is compared with its own median."""

from __future__ import annotations

import json
from typing import Any

import pytest

from av_td3_system.config.guard_sections import default_rules
from av_td3_system.config.schema import GuardRule
from av_td3_system.monitoring.alerts import Alert
from av_td3_system.monitoring.rules import RuleGuard

WINDOW = 5_000  # timesteps, of the rules of behaviour


def of(name: str) -> RuleGuard:
    rule = default_rules()[name]
    assert rule is not None
    return RuleGuard(name, rule)


def feed(guard: RuleGuard, value: float, start: int, end: int) -> list[Alert]:
    alerts = []
    for step in range(start, end, 100):
        alerts += guard.update(step, [value])
    return alerts


@pytest.mark.parametrize(
    ("name", "healthy", "sick", "severity"),
    [
        ("parked", 5.0, 0.05, "critical"),
        ("spinning", 0.08, 1.2, "critical"),
        ("saturated_action", 0.3, 0.99, "critical"),
        ("blind_encoder", 0.1, 1e-4, "critical"),
        ("dominating_term_safety", 0.1, 0.9, "warning"),
        ("replay_starvation", 0.0, 1.0, "warning"),
        ("gpu_idle", 80.0, 20.0, "warning"),
        ("gpu_busy", 80.0, 99.0, "warning"),
    ],
)
def test_a_lasting_state_is_one_alert(name: str, healthy: float, sick: float, severity: str) -> None:
    guard = of(name)
    assert feed(guard, healthy, 0, 30_000) == []
    alerts = feed(guard, sick, 30_000, 60_000)
    assert [(alert.name, alert.severity) for alert in alerts] == [(name, severity)]
    assert alerts[0].step <= 30_000 + WINDOW
    assert alerts[0].window == f"mean of {guard.rule.window} timesteps"
    assert feed(guard, healthy, 60_000, 80_000) == []
    assert [alert.name for alert in feed(guard, sick, 80_000, 100_000)] == [name]


def test_a_short_stop_is_not_parked() -> None:
    guard = of("parked")
    assert feed(guard, 0.0, 0, 4_000) == []  # the window is not covered yet
    assert feed(guard, 5.0, 4_000, 12_000) == []
    assert feed(guard, 0.0, 12_000, 15_000) == []


def test_progress_may_dominate() -> None:
    assert "dominating_term_progress" not in default_rules()


def test_a_policy_that_has_hardly_begun_is_not_called_blind() -> None:
    assert feed(of("blind_encoder"), 0.0, 0, 20_000) == []


@pytest.mark.parametrize(("kind", "value"), [("times_above", 21.0), ("times_below", 0.3)])
def test_a_rule_may_compare_with_the_median_of_what_came_before(kind: Any, value: float) -> None:
    threshold = 10.0 if kind == "times_above" else 0.2
    rule = GuardRule(metric="train/q_value", threshold=threshold, unit="", kind=kind, severity="warning", history=10)
    guard = RuleGuard("x", rule)
    assert feed(guard, 2.0, 0, 1000) == []
    assert [(a.value, a.threshold) for a in guard.update(1000, [value])] == [(value, 2.0 * threshold)]


@pytest.mark.parametrize("name", ["parked", "gradient_spike_critic", "reward_collapse", "q_value_high"])
@pytest.mark.parametrize("restart", [300, 6_000, 10_300, 13_000])
def test_a_restart_changes_nothing(name: str, restart: int) -> None:
    def drive(restart_at: int | None) -> list[Alert]:
        guard, alerts = of(name), []
        for step in range(0, 20_000, 100):
            if step == restart_at:
                state = json.loads(json.dumps(guard.state_dict()))
                guard = of(name)
                guard.load_state_dict(state)
            sick = step >= 10_000
            values = {"parked": 0.0, "reward_collapse": -700.0}.get(name, 5000.0)
            alerts += guard.update(step, [values if sick else 3.0])
        return alerts

    whole = drive(None)
    assert len(whole) == 1
    assert drive(restart) == whole
