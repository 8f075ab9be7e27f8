"""`av-td3 report`: figures, tables and text from run directories and evaluation folders; reads files only.

DIR/REPORT.md              or one of the plan's documents; then the rest lies in DIR/10k/, DIR/100k/, DIR/1m/
DIR/METHODS.md, methods.tex
DIR/figures/NAME.svg|pdf
DIR/tables/NAME.md|csv|tex
DIR/report.json            which files are the report's, and what it was made of
"""

from __future__ import annotations

import contextlib
import json
import re
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from av_td3_system.config.errors import UserError
from av_td3_system.reporting.report import driving_figures, driving_tables, training_figures, training_tables
from av_td3_system.reporting.report.document import DOCUMENTS, PLAIN, document
from av_td3_system.reporting.report.material import Material, read_material
from av_td3_system.reporting.report.methods import methods
from av_td3_system.reporting.report.style import styled, write_formats
from av_td3_system.reporting.report.table import Table, comma_separated, escape, latex, markdown
from av_td3_system.reporting.report.targets import Document, targets_table
from av_td3_system.reporting.results import write_whole

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COMMITTED = Path("docs") / "results"  # where the plan's documents lie
LIST = "report.json"
SILENT = 5.0  # s after which it is said what is being done


def run_report(
    targets: Sequence[str],
    *,
    evaluations: Sequence[Path] = (),
    comparison: Path | None = None,
    ablation: Path | None = None,
    out: Path | None = None,
    kind: str | None = None,
    as_json: bool = False,
) -> int:
    """Write a report and print where its files are; returns the exit code 0.

    Args:
        targets: run directories, each possibly as `LABEL=RUN`.
        evaluations: folders of `av-td3 evaluate --grid`.
        comparison: folder of `av-td3 compare`.
        ablation: folder of `av-td3 ablate`.
        out: folder to write into, `docs/results` for one of the plan's documents if None.
        kind: 10k, 100k or 1m for one of the plan's documents.
        as_json: print the list as JSON.

    Raises:
        UserError: something that cannot be read, or a bad argument.
    """
    named = _document(kind)
    if out is None and named is None:
        raise UserError("--out is missing", "give a folder for the report, or --document")
    folder = out if out is not None else COMMITTED
    tell = _Teller()
    tell("reading")
    material = read_material(targets, evaluations, comparison, ablation)
    written = write_report(material, folder, named, tell)
    if as_json:
        print(json.dumps({"written": [str(path) for path in written]}, indent=2))
    else:
        print("\n".join(str(path) for path in written))
    return 0


def write_report(
    material: Material, folder: Path, kind: Document | None = None, tell: Callable[[str], None] = lambda what: None
) -> list[Path]:
    """Write all files of a report; returns them, the document first.

    Files of an earlier report in this folder that this one does not have are removed.
    """
    parts = folder if kind is None else folder / kind
    for place in (parts / "figures", parts / "tables"):
        place.mkdir(parents=True, exist_ok=True)
    before = _listed(parts)
    tables = all_tables(material, kind)
    written: list[Path] = []
    for table in tables:
        for suffix, render in (("md", markdown), ("csv", comma_separated), ("tex", latex)):
            written.append(parts / "tables" / f"{table.name}.{suffix}")
            write_whole(written[-1], render(table))
    pictures: dict[str, str] = {}
    with styled():
        for name, draw in _figures(material).items():
            tell(f"drawing {name}")
            figure = draw()
            if figure is not None:
                paths = write_formats(figure, parts / "figures" / name)
                pictures[name] = paths[0].relative_to(folder).as_posix()
                written += paths
    paragraph = methods(material.groups)
    write_whole(parts / "METHODS.md", paragraph + "\n")
    write_whole(parts / "methods.tex", escape(paragraph) + "\n")
    text = folder / (PLAIN[0] if kind is None else DOCUMENTS[kind][0])
    write_whole(text, document(material, kind, paragraph, tables, pictures))
    written = [text, parts / "METHODS.md", parts / "methods.tex", *written]
    _remove_others(parts, before, written)
    own = [path.relative_to(parts).as_posix() for path in written if path.is_relative_to(parts)]
    write_whole(parts / LIST, json.dumps({"files": own, "made_of": _made_of(material)}, indent=1) + "\n")
    return [*written, parts / LIST]


def all_tables(material: Material, kind: Document | None) -> list[Table]:
    """Every table that there is something for."""
    found = [
        training_tables.runs_table(material),
        training_tables.gate_table(material),
        targets_table(material, kind) if kind is not None else None,
        training_tables.evaluations_table(material),
        training_tables.learning_table(material.groups),
        training_tables.rewards_table(material.groups),
        training_tables.alerts_table(material.groups),
        training_tables.remedies_table(material),
        driving_tables.drivers_table(material.drivers),
        driving_tables.cells_table(material.drivers),
        driving_tables.weathers_table(material.drivers),
        driving_tables.expectations_table(material.expected),
        driving_tables.ablation_table(material.variants),
    ]
    return [table for table in found if table is not None]


def _figures(material: Material) -> Mapping[str, Callable[[], Figure | None]]:
    figures: dict[str, Callable[[], Figure | None]] = {
        "learning_curves": lambda: training_figures.learning_curves(material),
        "q_values": lambda: training_figures.q_values(material),
        "td_error": lambda: training_figures.td_error(material),
        "reward_shares": lambda: training_figures.reward_shares(material),
    }
    for driver in material.drivers:
        name = "success_" + (re.sub(r"[^A-Za-z0-9]+", "-", driver.label).strip("-") or "driver")
        while name in figures:  # labels that differ in signs alone
            name += "-2"
        figures[name] = lambda driver=driver: driving_figures.success_by_place(driver)  # type: ignore[misc]
    figures["time_to_collision"] = lambda: driving_figures.times_to_collision(material.drivers)
    figures["speed"] = lambda: driving_figures.speeds(material.drivers)
    figures["ablation"] = lambda: driving_figures.ablation_bars(material.variants)
    return figures


def _document(kind: str | None) -> Document | None:
    for name in DOCUMENTS:
        if kind is not None and kind.lower() == name:
            return name
    if kind is not None:
        raise UserError(f"--document is {kind!r}, but must be one of {', '.join(DOCUMENTS)}")
    return None


def _made_of(material: Material) -> dict[str, Any]:
    """Names and digests of what was read: enough to see whether a report is of these runs."""
    return {
        "runs": [
            {
                "group": group.label,
                "run": run.path.resolve().name,
                "seed": run.config.run.seed,
                "env_steps": run.step,
                "config_sha256": run.manifest.get("config_sha256"),
            }
            for group in material.groups
            for run in group.runs
        ],
        "drivers": [
            {
                "driver": driver.label,
                "runs": len(driver.parts),
                "episodes": len(driver.lines),
                "grid": driver.asked["grid"],
            }
            for driver in material.drivers
        ],
    }


def _listed(parts: Path) -> list[Path]:
    """Files of the report that lies here; a name that leads elsewhere is none of it."""
    names: list[Any] = []
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        names = list(json.loads((parts / LIST).read_text(encoding="utf-8"))["files"])
    own = re.compile(r"(figures/[\w.-]+\.(svg|pdf)|tables/[\w.-]+\.(md|csv|tex))")
    return [parts / name for name in names if isinstance(name, str) and own.fullmatch(name)]


def _remove_others(parts: Path, before: Sequence[Path], written: Sequence[Path]) -> None:
    for path in before:
        if path not in written and path.is_file() and path.resolve().is_relative_to(parts.resolve()):
            path.unlink()


class _Teller:
    """Says on standard error what is being done, once it has taken a while."""

    def __init__(self) -> None:
        self._begun = time.monotonic()

    def __call__(self, what: str) -> None:
        if time.monotonic() - self._begun > SILENT:
            print(f"report: {what}", file=sys.stderr)
