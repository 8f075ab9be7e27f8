"""A picture of the reward terms' shares: over the timesteps of a run, and by how its episodes ended."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from av_td3_system.config.errors import UserError
from av_td3_system.monitoring.names import REWARD_COMPONENTS
from av_td3_system.reporting.reward_course import Window
from av_td3_system.reporting.reward_reading import RewardReading

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SUFFIXES = (".svg", ".png", ".pdf")


def draw_rewards(runs: Mapping[str, tuple[Sequence[Window], Mapping[str, RewardReading]]], path: Path) -> None:
    """Draw stacked shares, a row a run: windows to the left, outcomes to the right, n above each bar.

    Args:
        runs: windows and outcomes by name.
        path: of the picture, in a folder that is there.

    Raises:
        UserError: the path does not end as a picture does.
        OSError: it cannot be written.
    """
    if path.suffix not in SUFFIXES:
        raise UserError(f"--figure is {path}, but must end in one of {', '.join(SUFFIXES)}")
    # The object interface: no global state, no display, safe beside other figures.
    from matplotlib import rc_context
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 3.6 * len(runs) + 0.4), layout="constrained")
    FigureCanvasAgg(figure)
    grid = figure.subplots(len(runs), 2, squeeze=False)
    for (name, (windows, outcomes)), (left, right) in zip(runs.items(), grid, strict=True):
        _stack(left, {f"{w.until:,}": w.reading for w in windows})
        left.set_xlabel("episodes that ended up to timestep")
        left.set_title(name, fontsize=9)
        _stack(right, outcomes)
        right.set_xlabel("outcome, all episodes")
    handles, labels = grid[0][0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=len(labels), fontsize=8)
    partial = path.with_name(f".{path.stem}.partial{path.suffix}")
    try:
        with rc_context({"svg.hashsalt": "av-td3"}):  # equal figures are equal files
            figure.savefig(partial, dpi=110, metadata={"Date": None} if path.suffix == ".svg" else None)
        os.replace(partial, path)
    except OSError:
        partial.unlink(missing_ok=True)
        raise


def _stack(axes: Axes, readings: Mapping[str, RewardReading | None]) -> None:
    places = range(len(readings))
    below = [0.0] * len(readings)
    for number, term in enumerate(REWARD_COMPONENTS):
        shares = [0.0 if reading is None else reading.shares.get(term, 0.0) for reading in readings.values()]
        axes.bar(places, shares, bottom=below, label=term, color=f"C{number}")
        below = [low + share for low, share in zip(below, shares, strict=True)]
    for place, reading in zip(places, readings.values(), strict=True):
        axes.text(place, 1.01, f"n {0 if reading is None else reading.episodes}", ha="center", va="bottom", fontsize=7)
    axes.set_xticks(list(places), list(readings), fontsize=7)
    axes.set_ylim(0, 1.1)
    axes.set_ylabel("share")
