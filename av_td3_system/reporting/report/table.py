"""A table, written as Markdown, CSV and LaTeX (booktabs) from the same cells."""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

_LATEX = {
    "\\": r"\textbackslash{}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
}
NOT_MEASURED = "-"


@dataclass(frozen=True)
class Estimate:
    """A figure and its 95 % interval.

    Attributes:
        value: of it.
        low: lower end, None where no interval can be given.
        high: upper end, likewise.
        digits: after the point.
    """

    value: float
    low: float | None = None
    high: float | None = None
    digits: int = 3

    def __str__(self) -> str:
        text = _number(self.value, self.digits)
        if self.low is None or self.high is None:
            return text
        low, high = (_number(end, self.digits) for end in (self.low, self.high))
        return f"{text} ({low} to {high})" if self.low < 0 else f"{text} ({low}-{high})"


Cell = str | int | Estimate | None
"""None: not measured."""


@dataclass(frozen=True)
class Table:
    """Cells under column names.

    Attributes:
        name: of its files.
        caption: a sentence: what it shows, n of what, intervals of what kind.
        columns: their names.
        rows: as many cells each as there are columns.
    """

    name: str
    caption: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Cell]]

    def __post_init__(self) -> None:
        if any(len(row) != len(self.columns) for row in self.rows):
            raise ValueError(f"table {self.name}: a row has not {len(self.columns)} cells")

    @property
    def note(self) -> str:
        """What a dash means, where there is one."""
        return f" {NOT_MEASURED}: not measured." if any(cell is None for row in self.rows for cell in row) else ""


def markdown(table: Table) -> str:
    """The table, its caption above it."""
    lines = ["| " + " | ".join(_md(name) for name in table.columns) + " |", "|" + "---|" * len(table.columns)]
    lines += ["| " + " | ".join(_md(_text(cell)) for cell in row) + " |" for row in table.rows]
    return f"{table.caption}{table.note}\n\n" + "\n".join(lines) + "\n"


def comma_separated(table: Table) -> str:
    """Full numbers; a column of estimates becomes three: `NAME`, `NAME low`, `NAME high`. Not measured: empty."""
    wide = [any(isinstance(row[k], Estimate) for row in table.rows) for k in range(len(table.columns))]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    head: list[str] = []
    for name, estimates in zip(table.columns, wide, strict=True):
        head += [name, f"{name} low", f"{name} high"] if estimates else [name]
    writer.writerow(head)
    for row in table.rows:
        cells: list[str] = []
        for cell, estimates in zip(row, wide, strict=True):
            if isinstance(cell, Estimate):
                cells += ["" if part is None else repr(float(part)) for part in (cell.value, cell.low, cell.high)]
            else:
                cells += [_plain("" if cell is None else str(cell)), *([""] * 2 if estimates else [])]
        writer.writerow(cells)
    return text.getvalue()


def latex(table: Table) -> str:
    r"""A `table` environment for `\usepackage{booktabs}`; text columns to the left, others to the right."""
    texts = [all(isinstance(row[k], str) for row in table.rows) for k in range(len(table.columns))]
    rows = [" & ".join(_latex_cell(cell) for cell in row) + r" \\" for row in table.rows]
    return "\n".join(
        [
            r"\begin{table}",
            r"  \centering",
            rf"  \caption{{{escape(table.caption + table.note)}}}",
            rf"  \label{{tab:{re.sub(r'[^a-z0-9]+', '-', table.name.lower())}}}",
            rf"  \begin{{tabular}}{{{''.join('l' if text else 'r' for text in texts)}}}",
            r"    \toprule",
            "    " + " & ".join(escape(name) for name in table.columns) + r" \\",
            r"    \midrule",
            *(f"    {row}" for row in rows),
            r"    \bottomrule",
            r"  \end{tabular}",
            r"\end{table}",
            "",
        ]
    )


def escape(text: str) -> str:
    """Text as LaTeX prints it; what stands between backticks as code."""
    plain = "".join(_LATEX.get(letter, letter) for letter in " ".join(text.split()))
    return re.sub(r"`([^`]*)`", r"\\texttt{\1}", plain)


def _latex_cell(cell: Cell) -> str:
    if cell is None:
        return "--"
    text = escape(_text(cell))
    if isinstance(cell, str):
        return text
    text = re.sub(r"(?<![\d.])-(?=\d)", "$-$", text)  # a sign ...
    return re.sub(r"(?<=\d)-(?=\d)", "--", text)  # ... and a range


def _text(cell: Cell) -> str:
    return NOT_MEASURED if cell is None else str(cell)


def _number(value: float, digits: int) -> str:
    if not math.isfinite(value):
        return "unbounded" if value > 0 else "-unbounded" if value < 0 else NOT_MEASURED
    text = f"{value:.{digits}f}"
    return text.lstrip("-") if float(text) == 0 else text


def _md(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())


def _plain(text: str) -> str:
    """No spreadsheet takes a label for a formula."""
    return "'" + text if text[:1] in ("=", "+", "@") or re.match(r"-\D", text) else text
