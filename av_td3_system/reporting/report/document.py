"""The Markdown of a report: Methods, Results, Discussion; what was not measured is said to be not measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from av_td3_system.reporting.report.lessons import lessons, not_measured
from av_td3_system.reporting.report.limitations import limitations
from av_td3_system.reporting.report.material import Material
from av_td3_system.reporting.report.table import Table, markdown
from av_td3_system.reporting.report.targets import Document
from av_td3_system.reporting.run_files import RunFiles, number

DOCUMENTS: Mapping[Document, tuple[str, str]] = {
    "10k": ("10K_VALIDATION_RESULTS.md", "10K validation"),
    "100k": ("100K_EXTENDED_VALIDATION.md", "100K extended validation"),
    "1m": ("1M_PRODUCTION_RESULTS.md", "1M production run"),
}
"""File and title of the plan's documents."""
PLAIN = ("REPORT.md", "Report")
CAPTIONS = {
    "learning_curves": "Training and held-out measures over environment steps. Line and band: mean over the runs "
    "and 95 % "
    "interval over seeds (of a single run: over the episodes of each evaluation); thin: each run; dashes: the best "
    "trivial policy.",
    "q_values": "Q of the batch and its standard deviation. Line and band: mean and 95 % interval over seeds; "
    "thin: each run.",
    "td_error": "TD error and loss of the critic. Line and band as above.",
    "reward_shares": "Share of each reward term in the sum of the terms' absolute values, mean over the runs.",
    "time_to_collision": "Share of the driving time with a time to collision below so many seconds, all episodes "
    "pooled.",
    "speed": "Speeds, all episodes pooled; the last bin holds all beyond.",
    "ablation": "Success of what is left when something is left out.",
}


def document(
    material: Material,
    kind: Document | None,
    methods: str,
    tables: Sequence[Table],
    pictures: Mapping[str, str],
) -> str:
    """The whole text.

    Args:
        material: what was measured.
        kind: which of the plan's documents, None for a plain report.
        methods: the paragraph.
        tables: in the order in which they are to stand.
        pictures: name of each figure -> its path from the document.
    """
    title = DOCUMENTS[kind][1] if kind is not None else PLAIN[1]
    named = {table.name: table for table in tables}
    learning = [named[n] for n in ("gate", "targets", "evaluations", "learning", "reward_shares") if n in named]
    trouble = [named[name] for name in ("alerts", "remedies") if name in named]
    driving = [named[n] for n in ("drivers", "cells", "success_by_place", "expectations", "ablation") if n in named]
    parts = [
        f"# {title}: {', '.join(group.label for group in material.groups)}",
        _summary(material),
        "## Setup and Methods",
        methods,
        *_machines(material.runs),
        markdown(named["runs"]).rstrip(),
        "## Results",
        *([] if "gate" in named else ["The gate: not judged."] if kind is not None else []),
        *_shown(learning, pictures, ("learning_curves", "q_values", "td_error", "reward_shares")),
        "### Alerts and remedies",
        *(_tables(trouble) or ["No alert was raised."]),
        *([] if "remedies" in named else ["No remedy was taken."]),
        "### Driving on held-out routes",
        *(
            _shown(driving, pictures, [name for name in pictures if name.startswith("success_")])
            if driving
            else ["Not measured."]
        ),
        *_shown([], pictures, ("time_to_collision", "speed", "ablation")),
        "## Discussion",
        "### Lessons",
        _bullets(lessons(material)),
        "### Limitations",
        _bullets(limitations(material, kind) or ["No rule found one; the rules are those of docs/report.md."]),
        "### Not measured",
        _bullets(not_measured(material) or ["Nothing that this report has a place for."]),
    ]
    return "\n\n".join(parts) + "\n"


def _summary(material: Material) -> str:
    """The verdicts in a sentence a group."""
    told = []
    for group in material.groups:
        verdicts = ", ".join(
            f"seed {run.config.run.seed} **{gate['verdict']}** ({gate.get('name')})"
            for run in group.runs
            if (gate := material.gate(run)) is not None
        )
        judged = f"gate: {verdicts}" if verdicts else "gate: not judged"
        told.append(f"{group.label}: {len(group.runs)} run(s), {group.step:,} environment steps; {judged}.")
    return "\n".join(f"- {sentence}" for sentence in told)


def _machines(runs: Sequence[RunFiles]) -> list[str]:
    """On what it was computed: from the manifests, each kind once."""
    told: dict[str, int] = {}
    for run in runs:
        machine, code = run.manifest.get("machine"), run.manifest.get("code")
        versions = run.manifest.get("versions")
        if not isinstance(machine, dict) or not isinstance(code, dict) or not isinstance(versions, dict):
            continue
        memory = number(machine, "memory_gb")
        words = [
            str(machine.get("cpu") or "processor not known"),
            f"{machine.get('cores')} cores",
            "memory not known" if memory is None else f"{memory:g} GiB",
            f"GPU {machine.get('gpu') or 'none'}",
            f"Python {versions.get('python')}",
            f"torch {versions.get('torch')}",
            f"code {str(code.get('commit'))[:7]}{' with changes' if code.get('modified') else ''}",
        ]
        text = ", ".join(words)
        told[text] = told.get(text, 0) + 1
    return [f"Computed on: {text} ({count} run(s))." for text, count in sorted(told.items())]


def _shown(tables: Sequence[Table], pictures: Mapping[str, str], names: Sequence[str]) -> list[str]:
    shown = []
    for name in names:
        if name in pictures:
            caption = CAPTIONS.get(name, "Success by scenario, town and weather.")
            shown.append(f"![{name}]({pictures[name]})\n\n{caption}")
    return [*_tables(tables), *shown]


def _tables(tables: Sequence[Table]) -> list[str]:
    return [markdown(table).rstrip() for table in tables]


def _bullets(sentences: Sequence[str]) -> str:
    return "\n".join(f"- {sentence}" for sentence in sentences)
