"""The tables of docs/guards.md, from the settings' defaults."""

from __future__ import annotations

from av_td3_system.config.guard_sections import GuardRule, default_rules
from av_td3_system.config.remedy_sections import default_remedies

_KINDS = {
    "above": "above {}",
    "below": "below {}",
    "times_above": "above {} x its median",
    "times_below": "below {} x its median",
}


def guards_table() -> str:
    """One row a rule."""
    rows = [
        "| rule | watches | raised when | unit | over | grade | only with `--enable-monitoring` |",
        "|---" * 7 + "|",
    ]
    for name, rule in default_rules().items():
        assert rule is not None
        beyond = _KINDS[rule.kind].format(f"{rule.threshold:g}")
        after = f", from timestep {rule.after:,} on" if rule.after else ""
        cells = [f"`{name}`", f"`{rule.metric}`", beyond + after, rule.unit, _over(rule), rule.severity]
        rows.append("| " + " | ".join([*cells, "yes" if rule.monitoring else ""]) + " |")
    return "\n".join(rows)


def remedies_table() -> str:
    """One row a remedy."""
    rows = ["| remedy | alerts that begin with | does |", "|---" * 3 + "|"]
    for name, remedy in default_remedies().items():
        assert remedy is not None
        steps = ["back to the last good checkpoint" if remedy.back else "goes on from where it stands"]
        for number, factors in enumerate(remedy.factors, start=1):
            steps.append(
                f"time {number}: " + ", ".join(f"{setting} x {factor:g}" for setting, factor in factors.items())
            )
        if remedy.explore:
            steps.append(f"{remedy.explore:,} timesteps of warm-up driving")
        rows.append(f"| `{name}` | {', '.join(remedy.alerts)} | {'; '.join(steps)} |")
    return "\n".join(rows)


def _over(rule: GuardRule) -> str:
    window = "a value" if rule.window == 1 else f"mean of {rule.window:,} {rule.window_unit}"
    return window if rule.persistence == 1 else f"{window}, {rule.persistence} in a row"
