"""Guards: read the metrics every 100 timesteps, raise alerts, decide whether the run goes on.

Nothing here reads a clock: the same metrics give the same verdicts on any machine.
"""

from __future__ import annotations

import difflib
import math
from collections import defaultdict
from collections.abc import Collection, Mapping
from typing import Any, Literal

from av_td3_system.config.errors import UserError
from av_td3_system.config.layout import OF_THE_MACHINE
from av_td3_system.config.schema import GuardConfig, GuardRule
from av_td3_system.monitoring import names
from av_td3_system.monitoring.alerts import Alert, make_alert
from av_td3_system.monitoring.conditions import Latch
from av_td3_system.monitoring.drift import Drift
from av_td3_system.monitoring.rules import RuleGuard
from av_td3_system.monitoring.trend import RewardTrend

Verdict = Literal["continue", "checkpoint", "halt"]

# An evaluation without a kilometre has no collisions per kilometre: only these must be finite.
_MUST_BE_FINITE = ("train/", "rewards/", "diagnostics/", "behaviour/")


class Guards:
    """All guards of a run.

    A metric is judged at the checks that bring a new value of it; leave out what has not changed
    since the last check. `enable_monitoring` adds the rules that say so, and what looks at a course of values.

    Args:
        config: thresholds, windows, persistence.
        enable_monitoring: as the flag of the command line.
        max_timesteps: end of the run, for the disk's projection; None leaves it out.

    Raises:
        UserError: a rule watches a metric that does not exist.
    """

    def __init__(
        self, config: GuardConfig, *, enable_monitoring: bool = False, max_timesteps: int | None = None
    ) -> None:
        rules = {name: rule for name, rule in config.rules.items() if rule is not None}
        _refuse_unknown_metrics(rules)
        self._config = config
        self._rules = [RuleGuard(name, rule) for name, rule in rules.items() if enable_monitoring or _always(rule)]
        self._saving = {guard.name for guard in self._rules if guard.saves} | {"no_improvement"}
        self._non_finite: dict[str, Latch] = defaultdict(Latch)
        self._trend = RewardTrend(config)
        self._drift = Drift(config, max_timesteps) if enable_monitoring else None
        self._pending: dict[str, list[float]] = defaultdict(list)
        self._criticals: list[int] = []
        self._verdict: Verdict = "continue"
        self._alarmed = False  # at the last check

    @property
    def verdict(self) -> Verdict:
        """Of the last check: halt the run, save `checkpoint_{step}.pt`, or continue."""
        return self._verdict

    @property
    def troubled(self) -> bool:
        """Whether anything critical or halting held at the last check, the machine's affairs aside."""
        return self._alarmed or any(guard.is_trouble for guard in self._rules)

    def rearm_troubles(self) -> None:
        """Raise what is critical or halting and still holds once more: what was done against it did not help."""
        for guard in self._rules:
            if guard.is_trouble:
                guard.rearm()

    def observe(self, metric: str, value: float) -> None:
        """Hand in one sample before the next check, such as the reward of each finished episode.

        Do not repeat it in the metrics of `check`.
        """
        self._pending[metric].append(float(value))

    def check(self, step: int, metrics: Mapping[str, float], non_finite: Collection[str] = ()) -> list[Alert]:
        """Judge what is new at an environment step.

        Args:
            step: environment step; not lower than at the check before.
            metrics: tag or signal of `names` -> value.
            non_finite: what else was found not finite, in words (`"observation"`, `"reward"`).

        Returns:
            The alerts raised at this check, each once per occurrence; then see `verdict`.
        """
        samples = {metric: list(values) for metric, values in self._pending.items()}
        self._pending.clear()
        for metric, value in metrics.items():
            samples.setdefault(metric, []).append(float(value))
        alerts = self._check_finite(step, samples, non_finite)
        finite = {
            metric: kept for metric, values in samples.items() if (kept := [v for v in values if math.isfinite(v)])
        }
        for guard in self._rules:
            alerts += guard.update(step, finite.get(guard.rule.metric, []))
        trend = self._trend.update(step, finite.get(names.EPISODE_REWARD, []))
        alerts += [alert for alert in trend if alert.severity == "halt" or self._drift]
        if self._drift:
            alerts += self._drift.update(step, {metric: sum(v) / len(v) for metric, v in finite.items()})
        machine = {guard.name for guard in self._rules if guard.of_the_machine}
        alerts += self._count_criticals(step, [alert for alert in alerts if alert.name not in machine])
        self._verdict = self._judge(alerts)
        self._alarmed = any(alert.severity != "warning" and alert.name not in machine for alert in alerts)
        return alerts

    def _judge(self, alerts: list[Alert]) -> Verdict:
        if any(alert.severity == "halt" for alert in alerts):
            return "halt"
        return "checkpoint" if any(alert.name in self._saving for alert in alerts) else "continue"

    def _check_finite(self, step: int, samples: Mapping[str, list[float]], also: Collection[str]) -> list[Alert]:
        alerts = []
        found = {
            metric: any(not math.isfinite(value) for value in values)
            for metric, values in samples.items()
            if metric.startswith(_MUST_BE_FINITE)
        }
        found.update(dict.fromkeys(also, True))
        # What was named in words is clean again once it is no longer named.
        found.update({subject: False for subject in self._non_finite if subject not in found and "/" not in subject})
        for subject, bad in found.items():
            if self._non_finite[subject].update(bad):
                alerts.append(make_alert("non_finite", "halt", step, math.nan, 0.0, subject=subject))
        return alerts

    def _count_criticals(self, step: int, alerts: list[Alert]) -> list[Alert]:
        self._criticals += [step for alert in alerts if alert.severity == "critical"]
        self._criticals = [then for then in self._criticals if step - then <= self._config.critical_window]
        count = len(self._criticals)
        if count < self._config.critical_count:
            return []
        self._criticals.clear()  # a run resumed after this halt starts counting anew
        limit = self._config.critical_count
        return [make_alert("too_many_critical_alerts", "halt", step, count, limit, span=self._config.critical_window)]

    def state_dict(self) -> dict[str, Any]:
        """Plain state: numbers, strings, lists and dicts."""
        return {
            "rules": {guard.name: guard.state_dict() for guard in self._rules if not guard.of_the_machine},
            "trend": self._trend.state_dict(),
            "drift": self._drift.state_dict() if self._drift else None,
            "pending": {metric: list(values) for metric, values in self._pending.items()},
            "criticals": list(self._criticals),
            "non_finite": {subject: latch.state_dict() for subject, latch in self._non_finite.items()},
            OF_THE_MACHINE: {guard.name: guard.state_dict() for guard in self._rules if guard.of_the_machine},
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore `state_dict()`.

        What halts is armed anew: a run resumed from an emergency checkpoint whose cause still
        holds halts again. State of rules that the config no longer has is left aside.
        """
        stored = {**state["rules"], **state[OF_THE_MACHINE]}
        for guard in self._rules:
            if guard.name in stored:
                guard.load_state_dict(stored[guard.name])
            if guard.rule.severity == "halt":
                guard.rearm()
        self._trend.load_state_dict(state["trend"])
        self._trend.rearm()
        if self._drift and state["drift"]:
            self._drift.load_state_dict(state["drift"])
        self._pending.clear()
        self._pending.update({metric: list(values) for metric, values in state["pending"].items()})
        self._criticals = [int(step) for step in state["criticals"]]
        for subject, latch in state["non_finite"].items():
            self._non_finite[subject].load_state_dict(latch)
            self._non_finite[subject].rearm()


def _always(rule: GuardRule) -> bool:
    return not rule.monitoring


def _refuse_unknown_metrics(rules: Mapping[str, GuardRule]) -> None:
    known = (*names.TAGS, *names.SIGNALS)
    for name, rule in rules.items():
        if rule.metric not in known:
            near = difflib.get_close_matches(rule.metric, known, n=1)
            hint = f"did you mean {near[0]}?" if near else "the metrics are listed in monitoring/names.py"
            raise UserError(f"guards.rules.{name} watches {rule.metric!r}, which is no metric", hint=hint)
