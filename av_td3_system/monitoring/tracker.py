"""The `track` verb: a small live table of one or several runs."""

from __future__ import annotations

import contextlib
import glob
import json
import math
import os
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from av_td3_system.config.errors import UserError
from av_td3_system.monitoring.metric_reader import Series, holds_metrics, read_metrics
from av_td3_system.monitoring.names import resolve
from av_td3_system.monitoring.terminal import write_line

DEFAULT_METRICS = ("episode_reward", "q_value", "td_error", "critic_loss")


@dataclass(frozen=True)
class Row:
    """One run at one moment.

    Attributes:
        run: its path.
        step: newest environment step of any metric, 0 before the first.
        means: metric as asked for -> mean over the window, None without a value in it.
    """

    run: Path
    step: int
    means: dict[str, float | None]


def find_runs(paths: Sequence[str]) -> list[Path]:
    """Runs named by paths and glob patterns, in order and once each.

    A folder that is no run but holds some (such as `runs/`) stands for those.

    Raises:
        UserError: a path or pattern matches no run.
    """
    found: dict[Path, Path] = {}
    for path in paths:
        matches = [Path(path)] if os.path.exists(path) else [Path(match) for match in sorted(glob.glob(path))]
        runs = [run for match in matches for run in _runs_at(match)]
        if not runs:
            raise UserError(f"no run matches {path}", hint="give a run directory, or a pattern such as 'runs/td3_*'")
        for run in runs:
            found.setdefault(run.resolve(), run)
    return list(found.values())


def read_row(run: Path, metrics: Sequence[str], window: int) -> Row:
    """Means of one run over its last `window` timesteps.

    Args:
        run: run directory.
        metrics: short names or tags.
        window: timesteps before the newest step.
    """
    series = read_metrics(run)
    step = max((points[-1][0] for points in series.values() if points), default=0)
    return Row(run, step, {metric: _mean(series, resolve(metric), step - window) for metric in metrics})


def track(
    paths: Sequence[str],
    metrics: Sequence[str] = DEFAULT_METRICS,
    *,
    window: int = 1000,
    update_freq: float = 300.0,
    once: bool = False,
    as_json: bool = False,
    stream: TextIO | None = None,
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Print a table of runs now and then, until Ctrl-C or until nobody reads.

    Patterns are expanded anew each time, so that a run that begins later appears.

    Args:
        paths: run directories and glob patterns.
        metrics: short names (`q_value`) or tags (`train/q_value`).
        window: timesteps over which each mean is taken, above 0.
        update_freq: seconds between tables, above 0.
        once: print one table and return.
        as_json: one JSON object a line and run instead of a table.
        stream: where to, standard output if None.
        sleep: waits for seconds.

    Raises:
        UserError: a path matches no run, a metric has no such name, or a number is not above 0.
    """
    if window <= 0 or not 0 < update_freq < math.inf:
        raise UserError("--window and --update-freq must be above 0")
    for metric in metrics:
        resolve(metric)
    out = stream if stream is not None else sys.stdout
    gap = ""
    with contextlib.suppress(KeyboardInterrupt):
        while True:
            rows = [read_row(run, metrics, window) for run in find_runs(paths)]
            lines = _json_lines(rows) if as_json else _table(rows, metrics)
            if not write_line(out, gap + "\n".join(lines)) or once:
                return
            gap = "" if as_json else "\n"
            sleep(update_freq)


def _runs_at(path: Path) -> list[Path]:
    if holds_metrics(path):
        return [path]
    if not path.is_dir():
        return []
    # `latest` is a second name of one of the others.
    return [
        child for child in sorted(path.iterdir()) if child.is_dir() and not child.is_symlink() and holds_metrics(child)
    ]


def _mean(series: Series, tag: str, after: int) -> float | None:
    values = [value for step, value in series.get(tag, ()) if step > after]
    return sum(values) / len(values) if values else None


def _json_lines(rows: Sequence[Row]) -> list[str]:
    return [json.dumps({"run": str(row.run), "step": row.step, **row.means}) for row in rows]


def _table(rows: Sequence[Row], metrics: Sequence[str]) -> list[str]:
    header = ["run", "step", *metrics]
    unique = len({row.run.name for row in rows}) == len(rows)
    cells = [
        [row.run.name if unique else str(row.run), str(row.step), *(_figure(row.means[metric]) for metric in metrics)]
        for row in rows
    ]
    widths = [max(len(line[column]) for line in [header, *cells]) for column in range(len(header))]
    return [_aligned(line, widths) for line in [header, *cells]]


def _aligned(line: Sequence[str], widths: Sequence[int]) -> str:
    name, *figures = line
    return "  ".join(
        [name.ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(figures, widths[1:], strict=True))]
    )


def _figure(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
