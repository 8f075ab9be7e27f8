"""Guards: thresholds, persistence, edges, counting, restart. Faults are injected as metrics."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable

import pytest

from av_td3_system.checkpointing.plain_state import state_hash
from av_td3_system.config.errors import UserError
from av_td3_system.config.guard_sections import default_rules
from av_td3_system.config.schema import GuardConfig, GuardRule
from av_td3_system.monitoring import names
from av_td3_system.monitoring.alerts import Alert, make_alert
from av_td3_system.monitoring.guards import Guards

HEALTHY = {
    names.TD_ERROR: 3.0,
    names.Q_VALUE: 60.0,
    names.CRITIC_LOSS: 20.0,
    names.GRAD_NORMS["critic"]: 2.0,
    names.GRAD_NORMS["actor"]: 0.5,
    names.ENCODER_FEATURE_NORM: 16.0,
    names.DISK_FREE_GB: 100.0,
    names.EVAL_COLLISIONS_PER_KM: math.inf,  # no kilometre driven: no fault
}


def _feed(
    guards: Guards, steps: Iterable[int], change: Callable[[int], dict[str, float]] = lambda step: {}
) -> list[Alert]:
    alerts = []
    for step in steps:
        alerts += guards.check(step, {**HEALTHY, **change(step)})
    return alerts


def _constant(metric: str, value: float) -> Callable[[int], dict[str, float]]:
    return lambda step: {metric: value}


def test_a_healthy_run_is_silent() -> None:
    guards = Guards(GuardConfig(), enable_monitoring=True, max_timesteps=100_000)
    assert _feed(guards, range(0, 60_000, 100)) == []
    assert guards.verdict == "continue"


@pytest.mark.parametrize(
    ("metric", "value", "name", "severity", "checks"),
    [
        (names.TD_ERROR, 51.0, "td_error_explosion", "halt", 5),
        (names.Q_VALUE, 1001.0, "q_value_divergence", "halt", 5),
        (names.TD_ERROR, 21.0, "td_error_high", "critical", 10),
        (names.Q_VALUE, 201.0, "q_value_high", "critical", 10),
        (names.ENCODER_FEATURE_NORM, 7.36e12, "feature_explosion", "critical", 5),
        (names.ENCODER_FEATURE_NORM, 0.0, "encoder_dead", "critical", 5),
        (names.GRAD_NORMS["critic"], 1e6, "gradient_explosion_critic", "critical", 5),
        (names.DISK_FREE_GB, 0.5, "disk_full", "halt", 1),
    ],
)
def test_a_fault_is_raised_once_it_persists_and_once_only(
    metric: str, value: float, name: str, severity: str, checks: int
) -> None:
    guards = Guards(GuardConfig())
    alerts = [alert for step in range(100, 3000, 100) for alert in guards.check(step, {**HEALTHY, metric: value})]
    mine = [alert for alert in alerts if alert.name == name]
    assert [(alert.step, alert.severity) for alert in mine] == [(100 * checks, severity)]
    assert mine[0].value == value
    assert "Probable cause" in mine[0].message


@pytest.mark.parametrize(("metric", "value"), [(names.TD_ERROR, 60.0), (names.Q_VALUE, 2000.0)])
def test_a_fault_shorter_than_its_persistence_is_silent(metric: str, value: float) -> None:
    guards = Guards(GuardConfig())
    assert _feed(guards, range(100, 5000, 100), lambda step: {metric: value} if step % 500 else {}) == []


def test_the_verdict_halts_at_the_edge() -> None:
    guards = Guards(GuardConfig())
    verdicts = []
    for step in range(100, 700, 100):
        guards.check(step, {names.Q_VALUE: 5000.0})
        verdicts.append(guards.verdict)
    assert verdicts == ["continue"] * 4 + ["halt", "continue"]


def test_checks_without_a_new_value_do_not_count() -> None:
    guards = Guards(GuardConfig())
    alerts = []
    for step in range(100, 2600, 100):
        alerts += guards.check(step, {names.TD_ERROR: 60.0} if step % 500 == 0 else {})
    assert [alert.step for alert in alerts if alert.severity == "halt"] == [2500]


def test_reward_collapse_is_the_mean_of_twenty_episodes() -> None:
    guards = Guards(GuardConfig())
    alerts = []
    for step in range(100, 1100, 100):
        guards.observe(names.EPISODE_REWARD, -600.0)
        guards.observe(names.EPISODE_REWARD, -420.0)
        alerts += guards.check(step, {})
    assert [(alert.name, alert.severity, alert.step) for alert in alerts] == [("reward_collapse", "halt", 1000)]
    assert alerts[0].value == -510.0
    assert alerts[0].message.startswith("Reward collapse at step 1000: -510.00")


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize(
    "metric",
    [names.CRITIC_LOSS, names.ACTOR_LOSS, names.EPISODE_REWARD, names.GRAD_NORMS["encoder"], names.REWARDS["safety"]],
)
def test_a_non_finite_value_halts_at_once(metric: str, value: float) -> None:
    guards = Guards(GuardConfig())
    alerts = guards.check(100, {**HEALTHY, metric: value})
    assert [alert.severity for alert in alerts] == ["halt"]
    assert metric in alerts[0].message
    assert guards.verdict == "halt"
    assert guards.check(200, {**HEALTHY, metric: value}) == []  # still, not again


def test_a_non_finite_observation_halts() -> None:
    guards = Guards(GuardConfig())
    (alert,) = guards.check(100, HEALTHY, non_finite=["observation"])
    assert (alert.name, alert.severity) == ("non_finite_observation", "halt")
    assert guards.check(200, HEALTHY, non_finite=["observation"]) == []
    assert guards.check(300, HEALTHY) == []
    assert len(guards.check(400, HEALTHY, non_finite=["observation"])) == 1


def test_nan_does_not_poison_the_windows() -> None:
    guards = Guards(GuardConfig())
    for step in range(100, 500, 100):
        guards.check(step, {names.TD_ERROR: 60.0})
    guards.check(500, {names.TD_ERROR: math.nan})
    assert "td_error_explosion" in {alert.name for alert in guards.check(600, {names.TD_ERROR: 60.0})}


def test_a_gradient_spike_is_measured_by_its_own_median() -> None:
    guards = Guards(GuardConfig())
    norm = names.GRAD_NORMS["critic"]
    _feed(guards, range(100, 5000, 100))
    assert guards.check(5000, {norm: 19.0}) == []  # 9.5 times
    (alert,) = guards.check(5100, {norm: 25.0})
    assert (alert.name, alert.severity, alert.value, alert.threshold) == (
        "gradient_spike_critic",
        "warning",
        25.0,
        20.0,
    )
    assert guards.check(5200, {norm: 30.0}) == []
    assert guards.verdict == "continue"


def test_early_gradients_are_not_called_spikes() -> None:
    guards = Guards(GuardConfig())
    norm = names.GRAD_NORMS["critic"]
    assert [guards.check(100 * n, {norm: value}) for n, value in enumerate([0.1, 50.0, 0.1, 90.0])] == [[]] * 4


def test_three_critical_alerts_within_50k_halt() -> None:
    guards = Guards(GuardConfig())
    bursts = (10_000, 30_000, 50_000)  # the alerts are raised 900 steps into each
    alerts = _feed(
        guards,
        range(0, 70_000, 100),
        lambda step: {names.Q_VALUE: 300.0} if any(begin <= step < begin + 5000 for begin in bursts) else {},
    )
    assert [(alert.name, alert.step) for alert in alerts] == [
        ("q_value_high", 10_900),
        ("q_value_high", 30_900),
        ("q_value_high", 50_900),
        ("too_many_critical_alerts", 50_900),
    ]
    assert alerts[-1].severity == "halt"


def test_critical_alerts_far_apart_do_not_halt() -> None:
    guards = Guards(GuardConfig())
    bursts = (10_000, 40_000, 70_000, 100_000)
    alerts = _feed(
        guards,
        range(0, 130_000, 100),
        lambda step: {names.Q_VALUE: 300.0} if any(begin <= step < begin + 5000 for begin in bursts) else {},
    )
    assert {alert.severity for alert in alerts} == {"critical"}
    assert len(alerts) == 4


def test_one_lasting_fault_is_one_critical_alert() -> None:
    guards = Guards(GuardConfig())
    alerts = _feed(guards, range(0, 60_000, 100), _constant(names.Q_VALUE, 300.0))
    assert [alert.severity for alert in alerts] == ["critical"]


def test_degrading_reward_halts_without_monitoring_too() -> None:
    guards = Guards(GuardConfig())
    halts = []
    for step in range(100, 150_000, 100):
        guards.observe(names.EPISODE_REWARD, 500 - step / 500)
        guards.check(step, {})
        halts += [step] if guards.verdict == "halt" else []
    assert len(halts) == 1
    assert 100_000 <= halts[0] <= 110_100


@pytest.mark.parametrize("enable_monitoring", [True, False])
def test_no_improvement_asks_for_a_checkpoint_when_monitoring(enable_monitoring: bool) -> None:
    guards = Guards(GuardConfig(), enable_monitoring=enable_monitoring)
    asked = []
    for step in range(100, 210_000, 100):
        guards.observe(names.EPISODE_REWARD, 100.0 if step <= 100_000 else 70.0)
        guards.check(step, {})
        asked += [step] if guards.verdict == "checkpoint" else []
    assert asked == ([200_000] if enable_monitoring else [])


def test_a_parked_car_is_named_when_monitoring() -> None:
    alerts = _feed(Guards(GuardConfig(), enable_monitoring=True), range(0, 20_000, 100), _constant(names.SPEED, 0.02))
    assert [alert.name for alert in alerts] == ["parked"]
    assert "stands still" in alerts[0].message
    assert _feed(Guards(GuardConfig()), range(0, 20_000, 100), _constant(names.SPEED, 0.02)) == []


def _eventful(step: int) -> dict[str, float]:
    values = {names.SPEED: 0.0 if 20_000 < step < 30_000 else 6.0}
    if 3_000 <= step < 6_000:
        values[names.Q_VALUE] = 250.0
    if 11_000 <= step < 14_000:
        values[names.TD_ERROR] = 25.0
    if step == 17_000:
        values[names.GRAD_NORMS["actor"]] = 40.0
    return values


@pytest.mark.parametrize("restart_at", [0, 3_500, 4_500, 11_900, 12_000, 17_100, 22_000])
def test_a_restart_changes_nothing(restart_at: int) -> None:
    def drive(restart: int | None) -> list[Alert]:
        guards = Guards(GuardConfig(), enable_monitoring=True, max_timesteps=50_000)
        alerts = []
        for step in range(0, 40_000, 100):
            guards.observe(names.EPISODE_REWARD, float(step % 700))
            if step == restart:
                state = json.loads(json.dumps(guards.state_dict()))  # plain
                guards = Guards(GuardConfig(), enable_monitoring=True, max_timesteps=50_000)
                guards.load_state_dict(state)
            alerts += guards.check(step, {**HEALTHY, **_eventful(step)})
        return alerts

    expected = drive(None)
    assert [alert.name for alert in expected] == [
        "q_value_high",
        "td_error_high",
        "gradient_spike_actor",
        "parked",
        "too_many_critical_alerts",
    ]
    assert drive(restart_at) == expected


def test_a_run_resumed_after_a_halt_halts_again_if_the_cause_holds() -> None:
    guards = Guards(GuardConfig())
    _feed(guards, range(0, 500, 100), _constant(names.Q_VALUE, 5000.0))
    assert guards.verdict == "halt"
    resumed = Guards(GuardConfig())
    resumed.load_state_dict(guards.state_dict())
    assert [alert.severity for alert in _feed(resumed, range(500, 1000, 100), _constant(names.Q_VALUE, 5000.0))] == [
        "halt",
        "critical",
    ]
    healed = Guards(GuardConfig())
    healed.load_state_dict(guards.state_dict())
    assert _feed(healed, range(500, 5000, 100)) == []


def test_rules_come_from_the_config() -> None:
    rule = GuardRule(
        metric=names.SUCCESS, threshold=0.2, unit="share", kind="below", severity="warning", window=2, persistence=2
    )
    guards = Guards(GuardConfig(rules={"slow_learning": rule}))
    alerts = [
        a for step, value in enumerate((0.3, 0.2, 0.1, 0.0, 0.0)) for a in guards.check(step, {names.SUCCESS: value})
    ]
    assert [(alert.name, alert.step, alert.value) for alert in alerts] == [("slow_learning", 3, 0.05)]
    assert (alerts[0].metric, alerts[0].unit, alerts[0].window) == (names.SUCCESS, "share", "mean of 2 values")
    assert "Slow learning at step 3: 0.05 (below the threshold 0.2, share, mean of 2 values)" in alerts[0].message


def test_a_rule_that_is_null_is_off() -> None:
    rules = {**default_rules(), "q_value_divergence": None}
    guards = Guards(GuardConfig(rules=rules))
    alerts = _feed(guards, range(100, 2000, 100), _constant(names.Q_VALUE, 5000.0))
    assert [alert.name for alert in alerts] == ["q_value_high"]


def test_a_rule_waits_until_its_timestep() -> None:
    rule = GuardRule(metric=names.IMAGE_USE, threshold=0.1, unit="", kind="below", severity="critical", after=500)
    guards = Guards(GuardConfig(rules={"blind": rule}))
    assert [alert.step for alert in _feed(guards, range(100, 900, 100), _constant(names.IMAGE_USE, 0.0))] == [500]


def test_low_memory_asks_for_a_checkpoint() -> None:
    guards = Guards(GuardConfig())
    guards.check(100, {names.RAM_AVAILABLE_GB: 0.3})
    assert guards.verdict == "continue", "it may be a moment"
    (alert,) = guards.check(200, {names.RAM_AVAILABLE_GB: 0.3})
    assert (alert.name, alert.severity, guards.verdict) == ("memory_low", "warning", "checkpoint")


def test_a_simulator_is_slow_beside_itself() -> None:
    guards = Guards(GuardConfig(), enable_monitoring=True)
    alerts = _feed(guards, range(100, 6000, 100), lambda step: {names.SIMULATOR_MS: 2.0 if step < 5000 else 12.0})
    assert [(alert.name, alert.threshold) for alert in alerts] == [("slow_simulator", 8.0)]


def test_what_the_machine_does_is_apart_in_the_state() -> None:
    states = []
    for speed in (2.0, 5.0):
        guards = Guards(GuardConfig(), enable_monitoring=True, max_timesteps=10_000)
        _feed(guards, range(100, 600, 100), lambda step, speed=speed: {names.SIMULATOR_MS: speed})  # type: ignore[misc]
        states.append(guards.state_dict())
    assert state_hash(states[0]) == state_hash(states[1])


def test_a_rule_on_an_unknown_metric_is_refused_with_a_hint() -> None:
    rule = GuardRule(metric="train/q_vlaue", threshold=1, unit="", severity="halt")
    with pytest.raises(UserError, match="q_vlaue") as error:
        Guards(GuardConfig(rules={"x": rule}))
    assert "train/q_value" in error.value.hint


def test_every_default_rule_watches_a_metric_and_has_its_cause_in_words() -> None:
    for name, rule in default_rules().items():
        assert rule is not None and rule.unit
        alert = make_alert(name, rule.severity, 1, 1.0, rule.threshold, rule=rule)
        assert "cause: " in alert.message or "Perhaps: " in alert.message


def test_what_the_machine_does_is_not_counted_among_a_runs_critical_alerts() -> None:
    hot = GuardRule(metric="system/gpu_temperature", threshold=80, unit="C", severity="critical")
    guards = Guards(GuardConfig(rules={"hot": hot}, critical_count=2))
    raised = []
    for step, value in enumerate((90.0, 50.0, 90.0, 50.0, 90.0)):
        raised += guards.check(step, {"system/gpu_temperature": value})
    assert [alert.name for alert in raised] == ["hot"] * 3 and guards.verdict == "continue"
