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
from av_td3_system.config.schema import GuardConfig, GuardRule
from av_td3_system.monitoring import names
from av_td3_system.monitoring.alerts import Alert, make_alert
from av_td3_system.monitoring.behaviour import BehaviourGuards
from av_td3_system.monitoring.conditions import CountWindow, Latch, RunningMedian
from av_td3_system.monitoring.trend import RewardTrend

Verdict = Literal["continue", "checkpoint", "halt"]

# An evaluation without a kilometre has no collisions per kilometre: only these must be finite.
_MUST_BE_FINITE = ("train/", "rewards/", "diagnostics/", "behaviour/")


class Guards:
    """All guards of a run.

    A metric is judged at the checks that bring a new value of it; leave out what has not changed
    since the last check. Halting and critical guards always run; `enable_monitoring` adds trend
    and behaviour guards (warnings, and the critical ones about what the car does).

    Args:
        config: thresholds, windows, persistence.
        enable_monitoring: as the flag of the command line.
        max_timesteps: end of the run, for the disk's projection; None leaves it out.

    Raises:
        UserError: two rules share a name, or a rule watches a metric that does not exist.
    """

    def __init__(
        self, config: GuardConfig, *, enable_monitoring: bool = False, max_timesteps: int | None = None
    ) -> None:
        _refuse_bad_rules(config.rules)
        self._config = config
        self._rules = config.rules
        self._latches = {rule.name: Latch(rule.persistence) for rule in config.rules}
        self._windows = {rule.name: CountWindow(rule.window) for rule in config.rules}
        self._medians = {network: RunningMedian(config.gradient_history) for network in names.NETWORKS}
        self._spikes = {network: Latch() for network in names.NETWORKS}
        self._explosions = {network: Latch(config.gradient_persistence) for network in names.NETWORKS}
        self._non_finite: dict[str, Latch] = defaultdict(Latch)
        self._disk = Latch()
        self._trend = RewardTrend(config)
        self._behaviour = BehaviourGuards(config, max_timesteps) if enable_monitoring else None
        self._pending: dict[str, list[float]] = defaultdict(list)
        self._criticals: list[int] = []
        self._verdict: Verdict = "continue"

    @property
    def verdict(self) -> Verdict:
        """Of the last check: halt the run, save `checkpoint_{step}.pt`, or continue."""
        return self._verdict

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
        for rule in self._rules:
            alerts += self._check_rule(rule, step, finite.get(rule.metric, []))
        alerts += self._check_gradients(step, finite)
        alerts += self._check_disk(step, finite)
        trend = self._trend.update(step, finite.get(names.EPISODE_REWARD, []))
        alerts += [alert for alert in trend if alert.severity == "halt" or self._behaviour]
        if self._behaviour:
            alerts += self._behaviour.update(step, {metric: sum(v) / len(v) for metric, v in finite.items()})
        alerts += self._count_criticals(step, alerts)
        self._verdict = _judge(alerts)
        return alerts

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

    def _check_rule(self, rule: GuardRule, step: int, values: list[float]) -> list[Alert]:
        if not values:
            return []
        window = self._windows[rule.name]
        for value in values:
            window.add(value)
        mean = window.mean
        if mean is None:
            return []
        beyond = mean > rule.threshold if rule.kind == "above" else mean < rule.threshold
        if not self._latches[rule.name].update(beyond):
            return []
        return [make_alert(rule.name, rule.severity, step, mean, rule.threshold)]

    def _check_gradients(self, step: int, samples: Mapping[str, list[float]]) -> list[Alert]:
        alerts = []
        for network, tag in names.GRAD_NORMS.items():
            if tag not in samples:
                continue
            norm = max(samples[tag])
            ratio = self._medians[network].ratio(norm)
            if ratio is not None and self._spikes[network].update(ratio > self._config.gradient_spike):
                limit = norm / ratio * self._config.gradient_spike
                alerts.append(make_alert("gradient_spike", "warning", step, norm, limit, subject=network))
            limit = self._config.gradient_explosion
            if self._explosions[network].update(norm > limit):
                alerts.append(make_alert("gradient_explosion", "critical", step, norm, limit, subject=network))
        return alerts

    def _check_disk(self, step: int, samples: Mapping[str, list[float]]) -> list[Alert]:
        free = samples.get(names.DISK_FREE_GB)
        if not free or not self._disk.update(free[-1] < self._config.disk_free_gb):
            return []
        return [make_alert("disk_full", "halt", step, free[-1], self._config.disk_free_gb)]

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
            "latches": _states(self._latches),
            "windows": _states(self._windows),
            "medians": _states(self._medians),
            "spikes": _states(self._spikes),
            "explosions": _states(self._explosions),
            "trend": self._trend.state_dict(),
            "behaviour": self._behaviour.state_dict() if self._behaviour else None,
            "pending": {metric: list(values) for metric, values in self._pending.items()},
            "criticals": list(self._criticals),
            "non_finite": _states(self._non_finite),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore `state_dict()`.

        What halts is armed anew: a run resumed from an emergency checkpoint whose cause still
        holds halts again. State of rules that the config no longer has is left aside.
        """
        for own, key in (
            (self._latches, "latches"),
            (self._windows, "windows"),
            (self._medians, "medians"),
            (self._spikes, "spikes"),
            (self._explosions, "explosions"),
        ):
            for name, part in own.items():
                if name in state[key]:
                    part.load_state_dict(state[key][name])
        self._trend.load_state_dict(state["trend"])
        self._trend.rearm()
        for rule in self._rules:
            if rule.severity == "halt" and self._latches[rule.name].raised:
                self._latches[rule.name].rearm()
        if self._behaviour and state["behaviour"]:
            self._behaviour.load_state_dict(state["behaviour"])
        self._pending.clear()
        self._pending.update({metric: list(values) for metric, values in state["pending"].items()})
        self._criticals = [int(step) for step in state["criticals"]]
        for subject, latch in state["non_finite"].items():
            self._non_finite[subject].load_state_dict(latch)
            self._non_finite[subject].rearm()


def _states(parts: Mapping[str, Any]) -> dict[str, Any]:
    return {name: part.state_dict() for name, part in parts.items()}


def _judge(alerts: list[Alert]) -> Verdict:
    if any(alert.severity == "halt" for alert in alerts):
        return "halt"
    return "checkpoint" if any(alert.name == "no_improvement" for alert in alerts) else "continue"


def _refuse_bad_rules(rules: tuple[GuardRule, ...]) -> None:
    known = (*names.TAGS, *names.SIGNALS)
    seen: set[str] = set()
    for rule in rules:
        if rule.name in seen:
            raise UserError(f"guards.rules: two rules are named {rule.name!r}")
        seen.add(rule.name)
        if rule.metric not in known:
            near = difflib.get_close_matches(rule.metric, known, n=1)
            hint = f"did you mean {near[0]}?" if near else "the metrics are listed in monitoring/names.py"
            raise UserError(f"guards.rules: rule {rule.name!r} watches {rule.metric!r}, which is no metric", hint=hint)
