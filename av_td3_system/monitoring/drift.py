"""Guards of `--enable-monitoring` that no single threshold can say: what grows from value to value."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

from av_td3_system.config.layout import OF_THE_MACHINE
from av_td3_system.config.schema import GuardConfig
from av_td3_system.monitoring import names
from av_td3_system.monitoring.alerts import Alert, make_alert
from av_td3_system.monitoring.conditions import Latch

_BIAS_EVALUATIONS = 3  # growing evaluations in a row


class Drift:
    """The bias of Q, growing from evaluation to evaluation; and the disk, projected to the run's end.

    Args:
        config: of the guards.
        max_timesteps: end of the run for the disk's projection, or None.
    """

    def __init__(self, config: GuardConfig, max_timesteps: int | None = None) -> None:
        self._config = config
        self._max_timesteps = max_timesteps
        self._disk_needed = config.threshold("disk_full", 0.0)
        self._bias: deque[float] = deque(maxlen=_BIAS_EVALUATIONS + 1)
        self._bias_latch = Latch()
        self._disk_start: tuple[int, float] | None = None
        self._disk_latch = Latch()

    def update(self, step: int, metrics: Mapping[str, float]) -> list[Alert]:
        """Take the finite metrics of a check; alerts raised by them."""
        alerts: list[Alert] = []
        if names.Q_BIAS in metrics:
            alerts += self._look_at_bias(step, abs(metrics[names.Q_BIAS]))
        if names.DISK_FREE_GB in metrics:
            alerts += self._look_at_disk(step, metrics[names.DISK_FREE_GB])
        return alerts

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
        if step - start < self._config.disk_rate_window:
            return []
        at_end = free + (free - before) / (step - start) * max(0, self._max_timesteps - step)
        if not self._disk_latch.update(at_end < self._disk_needed):
            return []
        return [make_alert("disk_projected", "warning", step, at_end, self._disk_needed)]

    def state_dict(self) -> dict[str, Any]:
        """Plain state."""
        return {
            "bias": list(self._bias),
            "bias_latch": self._bias_latch.state_dict(),
            OF_THE_MACHINE: {
                "disk_start": list(self._disk_start) if self._disk_start else None,
                "disk_latch": self._disk_latch.state_dict(),
            },
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore `state_dict()`."""
        self._bias.clear()
        self._bias.extend(state["bias"])
        self._bias_latch.load_state_dict(state["bias_latch"])
        machine = state[OF_THE_MACHINE]
        start = machine["disk_start"]
        self._disk_start = (int(start[0]), float(start[1])) if start else None
        self._disk_latch.load_state_dict(machine["disk_latch"])
