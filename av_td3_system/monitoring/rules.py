"""A rule of the settings at work: its window, its median, whether it is raised."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from av_td3_system.config.schema import GuardRule
from av_td3_system.monitoring.alerts import Alert, make_alert
from av_td3_system.monitoring.conditions import CountWindow, Latch, RunningMedian, StepWindow


class RuleGuard:
    """Judges the values of one metric by one rule.

    Args:
        name: of the rule, and of its alerts.
        rule: of the settings.
    """

    def __init__(self, name: str, rule: GuardRule) -> None:
        self.name = name
        self.rule: GuardRule = rule
        self._count = CountWindow(rule.window) if rule.window_unit == "values" else None
        self._span = StepWindow(rule.window) if rule.window_unit == "timesteps" else None
        self._median = RunningMedian(rule.history) if rule.kind.startswith("times_") else None
        self._latch = Latch(rule.persistence)

    def update(self, step: int, values: Sequence[float]) -> list[Alert]:
        """Take the finite values that are new at this step; the alert where they raise one."""
        alerts: list[Alert] = []
        for value in values:
            mean = self._mean(step, value)
            limit = None if mean is None else self._limit(mean)
            if mean is None or limit is None or step < self.rule.after:
                continue
            beyond = mean > limit if self.rule.kind.endswith("above") else mean < limit
            if self._latch.update(beyond):
                alerts.append(make_alert(self.name, self.rule.severity, step, mean, limit, rule=self.rule))
        return alerts

    def _mean(self, step: int, value: float) -> float | None:
        if self._count is not None:
            self._count.add(value)
            return self._count.mean
        assert self._span is not None
        self._span.add(step, value)
        return self._span.mean

    def _limit(self, mean: float) -> float | None:
        """What the mean is compared with; None while the median is not known."""
        if self._median is None:
            return self.rule.threshold
        median = self._median.of_earlier(mean)
        return None if median is None else median * self.rule.threshold

    @property
    def is_trouble(self) -> bool:
        """Whether what is critical or halts holds now, the machine's affairs aside."""
        return self._latch.raised and self.rule.severity != "warning" and not self.of_the_machine

    @property
    def saves(self) -> bool:
        """Whether its alert asks for a checkpoint."""
        return self.rule.saves

    @property
    def of_the_machine(self) -> bool:
        """Whether it watches what equal runs need not share."""
        return self.rule.metric.startswith("system/")

    def rearm(self) -> None:
        """Let an alert whose cause still holds be raised again."""
        if self._latch.raised:
            self._latch.rearm()

    def state_dict(self) -> dict[str, Any]:
        """Plain state."""
        window = self._count or self._span
        assert window is not None
        return {
            "window": window.state_dict(),
            "median": self._median.state_dict() if self._median else None,
            "latch": self._latch.state_dict(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore `state_dict()`; a window of another unit begins anew."""
        window = self._count or self._span
        assert window is not None
        if set(state["window"]) == set(window.state_dict()):
            window.load_state_dict(state["window"])
        if self._median is not None and state["median"] is not None:
            self._median.load_state_dict(state["median"])
        self._latch.load_state_dict(state["latch"])
