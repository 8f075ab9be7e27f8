"""How a tuning is told: the table, the verdict in words, and the preset with the figures that it was chosen on."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

import yaml

from av_td3_system.experiments.tuning_plan import BASE, TuningPlan
from av_td3_system.experiments.tuning_result import FEWEST_SEEDS, Row, TuningResult, overrides_without


def render(result: TuningResult) -> str:
    """Markdown: a row a trial, best first, and what the figures are of."""
    plan, asked = result.plan, result.plan.request
    names = [axis.name for axis in plan.axes]
    head = ["trial", *names, "rung", "reward", "std over seeds", "success", "n", "outcome"]
    rows = ["| " + " | ".join(head) + " |", "|---" * len(head) + "|"]
    rows += ["| " + " | ".join(_cells(row, names)) + " |" for row in result.rows]
    notes = [
        f"{plan.tried} settings tried beside the base; {_counts(result)}. Rungs {', '.join(map(str, asked.rungs))}; "
        f"of those trained to a rung one in {asked.reduction} went on, and the base. Seeds "
        f"{', '.join(map(str, asked.seeds))}; reward and success are means of the deterministic policy over n "
        "validation episodes, the same for all.",
        *verdict(result),
    ]
    return "\n".join(rows) + "\n\n" + "\n".join(notes)


def verdict(result: TuningResult) -> list[str]:
    """Sentences: what is best, by how much beside the base, and whether that may be noise."""
    plan = result.plan
    challenger = next((row for row in result.rows if row.trial != BASE and row.state == "completed"), None)
    if challenger is None:
        return ["No setting came to the last rung."]
    label = plan.trials[challenger.trial].label
    found = result.difference
    if found is None:
        return [f"Best: {label}. The base setting came to no figure to compare it with."]
    told = (
        f"Best beside the base: {label}; {found.value:+.1f} ({found.low:+.1f} to {found.high:+.1f}) in mean episode "
        f"reward to the base at {plan.request.rungs[-1]} timesteps. Bootstrap over training seeds and episodes in "
        f"pairs, {100 * result.confidence:.4g} %: corrected for the {plan.tried} settings tried (Bonferroni)."
    )
    if not result.better:
        return [told, "It is not shown to be better than the base: keep the base, or try again with more seeds."]
    if result.confirmed:
        return [told, "It is better than the base."]
    return [
        told,
        f"It is better on {_seeds(len(plan.request.seeds))}. Seeds differ more than most settings do, so nothing is "
        f"confirmed on fewer than {FEWEST_SEEDS}. To confirm: {confirming(result)}",
    ]


def confirming(result: TuningResult) -> str:
    """The command that compares the best setting and the base on seeds that it was not chosen on."""
    plan, asked = result.plan, result.plan.request
    challenger = next(row for row in result.rows if row.trial != BASE)
    axes = [f"{name}={_value(value)}" for name, value in challenger.settings.items()]
    first = max(asked.seeds) + 1
    seeds = [str(seed) for seed in range(first, first + FEWEST_SEEDS)]
    command = ["av-td3", "tune", "--out", f"{result.preset.parent}-confirm", *_base_flags(plan, asked.overrides)]
    command += ["--space", *axes, "--seeds", *seeds, "--rungs", str(asked.rungs[-1]), "--episodes", str(asked.episodes)]
    return shlex.join(command)


def preset_text(result: TuningResult, command: str) -> str:
    """`best.yaml`: what the best setting changes of the base, and in its head where that comes from.

    Args:
        result: of the tuning.
        command: that was typed.
    """
    plan = result.plan
    nested: dict[str, Any] = {}
    best = plan.trials[result.best] if result.best is not None else plan.trials[BASE]
    for axis in plan.axes if best.values else ():
        for name in axis.names:
            if _of_base(plan, name) != (value := best.values[axis.name]):
                section, _, setting = name.partition(".")
                nested.setdefault(section, {})[setting] = value
    use = [
        "av-td3",
        "train",
        *_base_flags(plan, overrides_without(plan.request.overrides, plan), (result.preset.name,)),
    ]
    lines = [
        f"Chosen by {command}",
        f"{plan.tried} settings were tried beside the base; {_counts(result)}.",
        *(_figures(row) for row in result.rows if row.trial in (BASE, result.best) and row.figures),
        *verdict(result),
        *(["The base setting was best: nothing is changed."] if not nested else []),
        f"Use: {shlex.join(use)}",
    ]
    head = "".join(f"# {' '.join(line.split())}\n" for line in lines)
    return head + (yaml.safe_dump(nested, sort_keys=False) if nested else "{}\n")


def _cells(row: Row, names: list[str]) -> list[str]:
    figures = row.figures
    told = [
        "-" if row.rung is None else str(row.rung),
        "-" if figures is None else f"{figures.reward:.1f}",
        "-" if figures is None or figures.std is None else f"{figures.std:.1f}",
        "-" if figures is None else f"{figures.success:.2f}",
        "-" if figures is None else str(figures.episodes),
        row.state if row.reason is None else f"failed: {row.reason}".replace("|", "/"),
    ]
    if row.state == "pruned":
        told[-1] = f"pruned at {row.rung}"
    settings = [_value(row.settings[name]) if name in row.settings else "base" for name in names]
    return [str(row.trial), *settings, *told]


def _counts(result: TuningResult) -> str:
    states = [row.state for row in result.rows if row.trial != BASE]
    return ", ".join(f"{states.count(state)} {state}" for state in ("completed", "pruned", "failed"))


def _figures(row: Row) -> str:
    assert row.figures is not None
    spread = "" if row.figures.std is None else f" (std over seeds {row.figures.std:.1f})"
    name = "base setting" if row.trial == BASE else f"trial {row.trial}"
    return (
        f"{name} at {row.rung} timesteps: reward {row.figures.reward:.1f}{spread}, success {row.figures.success:.2f}, "
        f"{row.figures.episodes} episodes."
    )


def _base_flags(plan: TuningPlan, overrides: Any, presets: tuple[str, ...] = ()) -> list[str]:
    asked = plan.request
    files = (*asked.files, *presets)
    return [
        *(("--algo", asked.algo) if asked.algo else ()),
        *(("--scenario", str(asked.scenario)) if asked.scenario is not None else ()),
        *(("--config", *files) if files else ()),
        *(("--set", *overrides) if overrides else ()),
    ]


def _of_base(plan: TuningPlan, name: str) -> Any:
    value: Any = plan.base.model_dump(mode="json")
    for part in name.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return value


def _value(value: Any) -> str:
    return json.dumps(value)


def _seeds(count: int) -> str:
    return "one training seed" if count == 1 else f"{count} training seeds"


def preset_path(out: Path) -> Path:
    """Where the preset is."""
    return out / "best.yaml"
