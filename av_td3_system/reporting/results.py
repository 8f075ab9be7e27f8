"""The results of a run: `results.json` for machines, `RESULTS.md` for people, from one plain dict."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

REQUIRED = (
    "algo",
    "scenario",
    "seed",
    "backend",
    "env_steps",
    "episodes",
    "wall_clock_s",
    "env_steps_per_s",
    "updates_per_s",
    "updates_per_step",
    "eval",
    "q_value_mean",
    "q_value_std",
    "q_bias",
    "td_error",
    "critic_loss",
    "gate",
    "alerts",
    "ended",
    "state_hash",
)
"""What every `results.json` holds, None where it was not measured; more may stand beside."""
EVAL_REQUIRED = ("episode_reward", "success_rate", "route_completion", "collisions_per_km", "n_episodes")
ENDED = ("completed", "early_stopped", "halted", "interrupted")
VERDICTS = ("proceed", "extend", "halt")


def write_results(run: Path, results: Mapping[str, Any]) -> None:
    """Write both files into the run directory; each appears whole or not at all.

    Args:
        run: run directory.
        results: plain values; `eval` has `last` and `best` (each None or with `EVAL_REQUIRED`), `gate`
            is None or has `name`, `verdict` and `criteria`; `alerts` is a list of plain alerts.

    Raises:
        ValueError: a field is missing or none of its known values, or a number is not finite.
    """
    _check(results)
    write_whole(run / "results.json", json.dumps(results, indent=2, allow_nan=False) + "\n")
    write_whole(run / "RESULTS.md", render(results))


def render(results: Mapping[str, Any]) -> str:
    """`RESULTS.md`: the figures with their n, the verdict with its criteria."""
    gate = results["gate"]
    verdict = f"gate {gate['name']}: **{gate['verdict']}**" if gate else "no gate judged"
    parts = [
        f"# {results['algo'].upper()}, {what_was_run(results)}, seed {results['seed']}",
        f"{results['ended']} after {results['env_steps']} timesteps and {results['episodes']} episodes in "
        f"{results['wall_clock_s']:.0f} s; {verdict}." + _why(results),
        _evaluation_table(results["eval"]),
        _figure_table(results),
    ]
    if gate:
        parts.append(_gate_table(gate))
    parts += [_alert_list(results["alerts"]), *_remedy_list(results.get("remedies"))]
    parts.append(f"State hash `{results['state_hash']}`.")
    return "\n\n".join(parts) + "\n"


def what_was_run(results: Mapping[str, Any]) -> str:
    """The environment by name, or the town's scenario."""
    return results.get("env") or f"scenario {results['scenario']}"


def _check(results: Mapping[str, Any]) -> None:
    missing = [name for name in REQUIRED if name not in results]
    if missing:
        raise ValueError(f"results lack {', '.join(missing)}")
    if results["ended"] not in ENDED:
        raise ValueError(f"ended is {results['ended']!r}, not one of {', '.join(ENDED)}")
    for which in ("last", "best"):
        summary = results["eval"].get(which)
        lacking = [name for name in EVAL_REQUIRED if summary is not None and name not in summary]
        if lacking:
            raise ValueError(f"eval.{which} lacks {', '.join(lacking)}")
    gate = results["gate"]
    if gate is not None and (gate.get("verdict") not in VERDICTS or not {"name", "criteria"} <= gate.keys()):
        raise ValueError(f"gate needs a name, criteria and a verdict of {', '.join(VERDICTS)}")


def _evaluation_table(evaluation: Mapping[str, Any]) -> str:
    lines = ["| evaluation | " + " | ".join(EVAL_REQUIRED) + " |", "|---" * (len(EVAL_REQUIRED) + 1) + "|"]
    for which in ("last", "best"):
        summary = evaluation.get(which)
        cells = [_figure(summary[name]) for name in EVAL_REQUIRED] if summary else ["-"] * len(EVAL_REQUIRED)
        lines.append(f"| {which} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _figure_table(results: Mapping[str, Any]) -> str:
    names = (
        "env_steps_per_s",
        "updates_per_s",
        "updates_per_step",
        "q_value_mean",
        "q_value_std",
        "q_bias",
        "td_error",
        "critic_loss",
    )
    return "\n".join(["| figure | value |", "|---|---|", *(f"| {name} | {_figure(results[name])} |" for name in names)])


def _gate_table(gate: Mapping[str, Any]) -> str:
    lines = [
        f"## Gate {gate['name']}: {gate['verdict']}",
        "",
        "| criterion | value | bound | passed | decides | note |",
    ]
    lines.append("|---" * 6 + "|")
    for criterion in gate["criteria"]:
        cells = [
            criterion["name"],
            _figure(criterion["value"]),
            _figure(criterion["bound"]),
            "yes" if criterion["passed"] else "**no**",
            criterion.get("role", ""),
            criterion.get("note", "").replace("|", "\\|"),
        ]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _alert_list(alerts: Any) -> str:
    if not alerts:
        return "No alerts."
    lines = [
        f"- {alert.get('severity', '')} `{alert.get('name', '')}` at step {alert.get('step', '?')}" for alert in alerts
    ]
    return "\n".join(["## Alerts", "", *lines])


def _why(results: Mapping[str, Any]) -> str:
    """What ended a run that was halted."""
    halting = [alert for alert in results["alerts"] if results["ended"] == "halted"]
    reason = results.get("reason") or (halting[-1].get("message") if halting else None)
    return f" {reason}" if reason else ""


def _remedy_list(remedies: Any) -> list[str]:
    if not remedies:
        return []
    lines = []
    for entry in remedies:
        where = "begun anew" if entry["back_to"] is None else f"on from step {entry['back_to']}"
        changes = "; ".join(f"{name} {before:g} -> {now:g}" for name, (before, now) in entry["changes"].items())
        trouble = None if entry["effect"] is None else ", ".join(entry["effect"]["trouble"])
        effect = "not known yet" if trouble is None else trouble or "no trouble"
        lines.append(
            f"- {entry['remedy']} at step {entry['step']}: {where}; {changes or 'no setting changed'}; then: {effect}"
        )
    return ["\n".join(["## Remedies", "", *lines])]


def _figure(value: Any) -> str:
    if value is None:
        return "-"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def write_whole(path: Path, text: str) -> None:
    """Replace a file, durably; it appears whole or not at all."""
    partial = path.with_name(f".{path.name}.partial")
    try:
        with partial.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, path)
    except OSError:
        partial.unlink(missing_ok=True)
        raise
