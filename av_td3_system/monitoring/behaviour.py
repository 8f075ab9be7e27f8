"""Guards of `--enable-monitoring`: what the car does, and figures that drift."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from itertools import pairwise
from typing import Any, NamedTuple

from av_td3_system.config.layout import OF_THE_MACHINE
from av_td3_system.config.schema import GuardConfig
from av_td3_system.monitoring import names
from av_td3_system.monitoring.alerts import Alert, Severity, make_alert
from av_td3_system.monitoring.conditions import Latch, StepWindow

_BIAS_EVALUATIONS = 3  # growing evaluations in a row


class _Watch(NamedTuple):
    """A mean over the behaviour window that must stay between two bounds."""

    name: str
    metric: str
    low: float
    high: float
    severity: Severity
    subject: str = ""


class BehaviourGuards:
    """Parked, spinning, saturated; a dominating reward term; Q bias; GPU; the disk at the run's end.

    Args:
        config: of the guards.
        max_timesteps: end of the run for the disk's projection, or None.
    """

    def __init__(self, config: GuardConfig, max_timesteps: int | None = None) -> None:
        self._config = config
        self._max_timesteps = max_timesteps
        infinite = float("inf")
        gpu_low, gpu_high = config.gpu_utilization
        self._watches = [
            _Watch("parked", names.SPEED, config.parked_speed, infinite, "critical"),
            _Watch("spinning", names.YAW_RATE, -infinite, config.spinning_yaw_rate, "critical"),
            _Watch("saturated_action", names.ACTION_SATURATION, -infinite, config.saturation, "critical"),
            _Watch("gpu_utilization", names.GPU_UTILIZATION, gpu_low, gpu_high, "warning"),
            # Progress is what a route is paid for: it dominates by design.
            *(
                _Watch("dominating_term", tag, -infinite, config.dominating_share, "warning", term)
                for term, tag in names.REWARD_SHARES.items()
                if term != "progress"
            ),
        ]
        self._windows = {watch.metric: StepWindow(config.behaviour_window) for watch in self._watches}
        self._latches = {watch.metric: Latch() for watch in self._watches}
        self._bias: deque[float] = deque(maxlen=_BIAS_EVALUATIONS + 1)
        self._bias_latch = Latch()
        self._disk_start: tuple[int, float] | None = None
        self._disk_latch = Latch()

    def update(self, step: int, metrics: Mapping[str, float]) -> list[Alert]:
        """Take the finite metrics of a check; alerts raised by them."""
        alerts: list[Alert] = []
        for watch in self._watches:
            if watch.metric in metrics:
                alerts += self._look(watch, step, metrics[watch.metric])
        if names.Q_BIAS in metrics:
            alerts += self._look_at_bias(step, abs(metrics[names.Q_BIAS]))
        if names.DISK_FREE_GB in metrics:
            alerts += self._look_at_disk(step, metrics[names.DISK_FREE_GB])
        return alerts

    def _look(self, watch: _Watch, step: int, value: float) -> list[Alert]:
        window = self._windows[watch.metric]
        window.add(step, value)
        mean = window.mean
        if mean is None or not self._latches[watch.metric].update(not watch.low <= mean <= watch.high):
            return []
        threshold = watch.low if mean < watch.low else watch.high
        return [make_alert(watch.name, watch.severity, step, mean, threshold, subject=watch.subject)]

    def _look_at_bias(self, step: int, size: float) -> list[Alert]:
        self._bias.append(size)
        sizes = list(self._bias)
        growing = len(sizes) > _BIAS_EVALUATIONS and all(later > sooner for sooner, later in pairwise(sizes))
        grown = growing and sizes[-1] - sizes[0] > self._config.q_bias_growth
        if not self._bias_latch.update(grown):
            return []
        return [make_alert("q_bias_growing", "warning", step, size, sizes[0] + self._config.q_bias_growth)]

    def _look_at_disk(self, step: int, free: float) -> list[Alert]:
        if self._max_timesteps is None:
            return []
        if self._disk_start is None:
            self._disk_start = (step, free)
        start, before = self._disk_start
        if step - start < self._config.behaviour_window:
            return []
        at_end = free + (free - before) / (step - start) * max(0, self._max_timesteps - step)
        if not self._disk_latch.update(at_end < self._config.disk_free_gb):
            return []
        return [make_alert("disk_projected", "warning", step, at_end, self._config.disk_free_gb)]

    def state_dict(self) -> dict[str, Any]:
        """Plain state."""
        watched = {
            metric: {"window": self._windows[metric].state_dict(), "latch": self._latches[metric].state_dict()}
            for metric in self._windows
        }
        machine = {metric: watched.pop(metric) for metric in list(watched) if metric.startswith("system/")}
        return {
            "watched": watched,
            "bias": list(self._bias),
            "bias_latch": self._bias_latch.state_dict(),
            OF_THE_MACHINE: {
                "watched": machine,
                "disk_start": list(self._disk_start) if self._disk_start else None,
                "disk_latch": self._disk_latch.state_dict(),
            },
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore `state_dict()`."""
        machine = state[OF_THE_MACHINE]
        for metric, watched in {**state["watched"], **machine["watched"]}.items():
            self._windows[metric].load_state_dict(watched["window"])
            self._latches[metric].load_state_dict(watched["latch"])
        self._bias.clear()
        self._bias.extend(state["bias"])
        self._bias_latch.load_state_dict(state["bias_latch"])
        start = machine["disk_start"]
        self._disk_start = (int(start[0]), float(start[1])) if start else None
        self._disk_latch.load_state_dict(machine["disk_latch"])
