"""What a ladder leaves behind at each stage: the plan's document of the rung, and where everybody stands."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from av_td3_system.experiments.climb.book import Book, Climber, Line
from av_td3_system.experiments.climb.plan import LadderPlan, Stage
from av_td3_system.ladder.inputs import RungName
from av_td3_system.reporting.report.command import write_report
from av_td3_system.reporting.report.document import DOCUMENTS
from av_td3_system.reporting.report.material import read_material
from av_td3_system.reporting.results import write_whole

FOLDER = "documents"
STANDING = "LADDER.md"


def write_document(folder: Path, rung: RungName, climbers: Sequence[Climber], comparison: Path | None = None) -> Path:
    """The plan's document of a rung, from the runs as they stand; returns its path.

    Args:
        folder: of the ladder.
        rung: whose document it is.
        climbers: those whose runs stand there, of one attempt, which keeps its documents.
        comparison: folder of drives on test routes, once there are some.
    """
    runs = [f"{climber.algo.upper()}={climber.directory(folder)}" for climber in climbers]
    into = climbers[0].home(folder) / FOLDER
    write_report(read_material(runs, (), comparison, None), into, rung)
    return into / DOCUMENTS[rung][0]


def standing(plan: LadderPlan, book: Book) -> str:
    """Markdown: the verdicts of all attempts, what was changed, and what each run went back to."""
    rows = ["# Ladder", "", _what(plan), ""]
    for attempt in book.attempts:
        settings = " ".join(attempt["settings"]) or "no setting changed"
        rows += [f"## Attempt {attempt['attempt']}: {attempt['why']}", "", f"`{settings}`", ""]
        rows += ["| run | " + " | ".join(stage.name for stage in plan.stages()) + " |"]
        rows += ["|---" * (1 + len(plan.stages())) + "|"]
        for algo in plan.algos:
            for seed in plan.seeds:
                climber = Climber(attempt["attempt"], algo, seed)
                cells = [_cell(book.verdict(climber, [stage.name])) for stage in plan.stages()]
                rows.append(f"| {algo} seed {seed} | " + " | ".join(cells) + " |")
        rows.append("")
        rows += [_went_back(line) for line in book.of("rollback") if line["attempt"] == attempt["attempt"]]
        rows += [_tried(line) for line in book.of("tried") if line["attempt"] == attempt["attempt"]]
    return "\n".join(rows).rstrip() + "\n"


def write_standing(folder: Path, plan: LadderPlan, book: Book) -> None:
    """Write `LADDER.md`."""
    write_whole(folder / STANDING, standing(plan, book))


def stage_in_words(stage: Stage) -> str:
    """Its length, evaluations and checkpoints."""
    only = ", only who is undecided" if stage.undecided else ""
    return (
        f"{stage.name}: to {stage.timesteps:,} timesteps, evaluated every {stage.eval_freq:,}, saved every "
        f"{stage.save_freq:,}{only}"
    )


def _what(plan: LadderPlan) -> str:
    beside = f", {plan.compare} beside it" if plan.compare else ""
    given = f", `{' '.join(plan.overrides)}`" if plan.overrides else ""
    return f"{plan.algo}{beside}, scenario {plan.scenario}, seeds {', '.join(map(str, plan.seeds))}{given}."


def _cell(line: Line | None) -> str:
    if line is None:
        return "-"
    gate = line.get("gate") or {}
    values = {one["name"]: one["value"] for one in gate.get("criteria", [])}
    completion = values.get("route_completion")
    told = f"**{line['verdict']}**"
    if completion is not None:
        told += f", completion {completion:.2f}, reward {values.get('episode_reward') or 0:.0f}"
    return f"{told} ({line['why']})" if line["why"] else told


def _went_back(line: Line) -> str:
    who, settings = f"{line['algo']} seed {line['seed']}", " ".join(line["settings"])
    return f"- {line['stage']}: {who} went back to {line['checkpoint']}: `{settings}`"


def _tried(line: Line) -> str:
    if line["contingency"] == "rewards":
        signs = sorted({sign for reading in line["found"] for sign in reading["signs"]})
        return f"- reward shares: {'; '.join(signs) or 'nothing that the plan names'}"
    return "- tuning: nothing better than the settings as given"
