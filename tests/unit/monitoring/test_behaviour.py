"""What the car does, and figures that drift, with `--enable-monitoring`."""

from __future__ import annotations

import pytest

from av_td3_system.config.schema import GuardConfig
from av_td3_system.monitoring import names
from av_td3_system.monitoring.alerts import Alert
from av_td3_system.monitoring.behaviour import BehaviourGuards

CONFIG = GuardConfig()
SAFETY_SHARE = names.REWARD_SHARES["safety"]
PROGRESS_SHARE = names.REWARD_SHARES["progress"]


def _feed(guards: BehaviourGuards, metric: str, value: float, start: int, end: int) -> list[Alert]:
    alerts = []
    for step in range(start, end, 100):
        alerts += guards.update(step, {metric: value})
    return alerts


@pytest.mark.parametrize(
    ("metric", "healthy", "sick", "name", "severity"),
    [
        (names.SPEED, 5.0, 0.05, "parked", "critical"),
        (names.YAW_RATE, 0.08, 1.2, "spinning", "critical"),
        (names.ACTION_SATURATION, 0.3, 0.99, "saturated_action", "critical"),
        (SAFETY_SHARE, 0.1, 0.9, "dominating_term_safety", "warning"),
        (names.GPU_UTILIZATION, 80.0, 20.0, "gpu_utilization", "warning"),
        (names.GPU_UTILIZATION, 80.0, 99.0, "gpu_utilization", "warning"),
    ],
)
def test_a_lasting_state_is_one_alert(metric: str, healthy: float, sick: float, name: str, severity: str) -> None:
    guards = BehaviourGuards(CONFIG)
    assert _feed(guards, metric, healthy, 0, 20_000) == []
    alerts = _feed(guards, metric, sick, 20_000, 60_000)
    assert [(alert.name, alert.severity) for alert in alerts] == [(name, severity)]
    assert alerts[0].step <= 20_000 + CONFIG.behaviour_window
    assert _feed(guards, metric, healthy, 60_000, 80_000) == []
    assert [alert.name for alert in _feed(guards, metric, sick, 80_000, 100_000)] == [name]


def test_a_short_stop_is_not_parked() -> None:
    guards = BehaviourGuards(CONFIG)
    assert _feed(guards, names.SPEED, 0.0, 0, 4_000) == []  # the window is not covered yet
    assert _feed(guards, names.SPEED, 5.0, 4_000, 12_000) == []
    assert _feed(guards, names.SPEED, 0.0, 12_000, 15_000) == []


def test_progress_may_dominate() -> None:
    assert _feed(BehaviourGuards(CONFIG), PROGRESS_SHARE, 0.99, 0, 50_000) == []


def test_growing_q_bias() -> None:
    guards = BehaviourGuards(CONFIG)
    biases = [5.0, -6.0, 7.0, 8.0, 12.0, 25.0, 40.0]  # size grows, either sign; by more than 10 over three from 25 on
    raised = [bias for step, bias in enumerate(biases) if guards.update(step, {names.Q_BIAS: bias})]
    assert raised == [25.0]


def test_the_disk_is_projected_to_the_end_of_the_run() -> None:
    def alerts(loss_per_1k: float) -> list[Alert]:
        guards = BehaviourGuards(CONFIG, max_timesteps=1_000_000)
        seen = []
        for step in range(0, 50_000, 100):
            seen += guards.update(step, {names.DISK_FREE_GB: 50.0 - loss_per_1k * step / 1000})
        return seen

    assert alerts(loss_per_1k=0.04) == []  # 10 GiB left at the end
    assert [alert.name for alert in alerts(loss_per_1k=0.06)] == ["disk_projected"]


def test_a_restart_changes_nothing() -> None:
    def signal(step: int) -> dict[str, float]:
        sick = 10_000 <= step < 30_000
        return {
            names.SPEED: 0.0 if sick else 5.0,
            SAFETY_SHARE: 0.9 if sick else 0.1,
            names.DISK_FREE_GB: 50 - step / 1000,
            names.Q_BIAS: step / 10,
        }

    def drive(restart_at: int | None) -> list[Alert]:
        guards = BehaviourGuards(CONFIG, max_timesteps=100_000)
        alerts = []
        for step in range(0, 60_000, 100):
            if step == restart_at:
                fresh = BehaviourGuards(CONFIG, max_timesteps=100_000)
                fresh.load_state_dict(guards.state_dict())
                guards = fresh
            alerts += guards.update(step, signal(step))
        return alerts

    uninterrupted = drive(None)
    assert {alert.name for alert in uninterrupted} == {
        "parked",
        "dominating_term_safety",
        "disk_projected",
        "q_bias_growing",
    }
    for step in (300, 12_000, 20_000, 31_000):
        assert drive(step) == uninterrupted
