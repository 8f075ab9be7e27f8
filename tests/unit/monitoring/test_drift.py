"""What grows from value to value, with `--enable-monitoring`."""

from __future__ import annotations

from av_td3_system.config.schema import GuardConfig
from av_td3_system.monitoring import names
from av_td3_system.monitoring.alerts import Alert
from av_td3_system.monitoring.drift import Drift

CONFIG = GuardConfig()


def test_growing_q_bias() -> None:
    guards = Drift(CONFIG)
    biases = [5.0, -6.0, 7.0, 8.0, 12.0, 25.0, 40.0]  # size grows, either sign; by more than 10 over three from 25 on
    raised = [bias for step, bias in enumerate(biases) if guards.update(step, {names.Q_BIAS: bias})]
    assert raised == [25.0]


def test_the_disk_is_projected_to_the_end_of_the_run() -> None:
    def alerts(loss_per_1k: float) -> list[Alert]:
        guards = Drift(CONFIG, max_timesteps=1_000_000)
        seen = []
        for step in range(0, 50_000, 100):
            seen += guards.update(step, {names.DISK_FREE_GB: 50.0 - loss_per_1k * step / 1000})
        return seen

    assert alerts(loss_per_1k=0.04) == []  # 10 GiB left at the end
    assert [alert.name for alert in alerts(loss_per_1k=0.06)] == ["disk_projected"]


def test_a_restart_changes_nothing() -> None:
    def drive(restart_at: int | None) -> list[Alert]:
        guards = Drift(CONFIG, max_timesteps=100_000)
        alerts = []
        for step in range(0, 60_000, 100):
            if step == restart_at:
                fresh = Drift(CONFIG, max_timesteps=100_000)
                fresh.load_state_dict(guards.state_dict())
                guards = fresh
            alerts += guards.update(step, {names.DISK_FREE_GB: 50 - step / 1000, names.Q_BIAS: step / 10})
        return alerts

    uninterrupted = drive(None)
    assert {alert.name for alert in uninterrupted} == {"disk_projected", "q_bias_growing"}
    for step in (300, 12_000, 20_000, 31_000):
        assert drive(step) == uninterrupted
