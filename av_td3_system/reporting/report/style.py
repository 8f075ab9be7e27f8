"""How the figures of a report look: legible at column width, in print and in grey; the same files give the same bytes.

Whoever is drawn is told apart three ways: by lightness (Okabe & Ito's colours, from dark to light), by dashes and by
marker; areas and bars by hatching and lightness.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from av_td3_system.reporting.figure_file import write_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLUMN, PAGE = 3.5, 7.2  # inches: one column, two columns
FORMATS = ("svg", "pdf")
_COLOURS = ("#000000", "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00")
_DASHES: tuple[Any, ...] = ("-", (0, (5, 2)), (0, (1, 1.5)), (0, (6, 2, 1, 2)), (0, (3, 1.5, 1, 1.5, 1, 1.5)))
_MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
_HATCHES = ("", "////", "....", "\\\\\\\\", "xxxx", "----", "++++")
_GREYS = ("0.25", "0.95", "0.8", "0.6", "0.9", "0.7", "0.5")
_SETTINGS: Any = {
    "font.family": "DejaVu Sans",  # comes with matplotlib: the same on every machine
    "font.size": 8,
    "axes.titlesize": 8,
    "axes.labelsize": 8,
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
    "legend.fontsize": 8,
    "figure.titlesize": 8,
    "axes.grid": True,
    "grid.color": "0.85",
    "grid.linewidth": 0.5,
    "axes.linewidth": 0.6,
    "axes.axisbelow": True,
    "lines.linewidth": 1.2,
    "lines.markersize": 3.5,
    "hatch.linewidth": 0.5,
    "legend.frameon": False,
    "legend.handlelength": 3.2,  # long enough to see the dashes
    "svg.hashsalt": "av-td3",  # else the identifiers within an SVG are drawn anew each time
    "svg.fonttype": "path",
    "pdf.fonttype": 42,
}
_METADATA: dict[str, dict[str, None]] = {"svg": {"Date": None}, "pdf": {"CreationDate": None, "ModDate": None}}


@contextlib.contextmanager
def styled() -> Iterator[None]:
    """All figures within are drawn and written in this style, whatever the user's own settings are."""
    import matplotlib

    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(_SETTINGS)
        yield


def line(index: int) -> dict[str, Any]:
    """Colour, dashes and marker of the line with this number; no two below 280 are the same."""
    return {
        "color": _COLOURS[index % len(_COLOURS)],
        "linestyle": _DASHES[index % len(_DASHES)],
        "marker": _MARKERS[index % len(_MARKERS)],
    }


def area(index: int) -> dict[str, Any]:
    """Lightness and hatching of the area or bar with this number."""
    return {
        "facecolor": _GREYS[index % len(_GREYS)],
        "hatch": _HATCHES[index % len(_HATCHES)],
        "edgecolor": "0.1",
        "linewidth": 0.4,
    }


def steps_axis(axes: Axes, label: str) -> None:
    """Timesteps along the x axis, in thousands or millions where there are so many."""
    from matplotlib.ticker import EngFormatter, MaxNLocator

    axes.set_xlabel("environment steps")
    axes.xaxis.set_major_formatter(EngFormatter(sep=""))
    axes.xaxis.set_major_locator(MaxNLocator(5))
    axes.set_xlim(left=0)
    axes.set_ylabel(label)


def legend_below(figure: Figure, axes: Axes, columns: int = 3) -> None:
    """One legend for all panels, outside of them so that it hides nothing."""
    handles, labels = axes.get_legend_handles_labels()
    if handles:
        figure.legend(handles, labels, loc="outside lower center", ncols=min(columns, len(handles)))


def write_formats(figure: Figure, stem: Path) -> list[Path]:
    """Write a figure in every one of `FORMATS`; no date is in any. Returns where they are."""
    paths = []
    for suffix in FORMATS:
        path = stem.with_name(f"{stem.name}.{suffix}")
        write_figure(figure, path, metadata=_METADATA[suffix])
        paths.append(path)
    return paths
