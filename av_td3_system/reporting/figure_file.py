"""How a figure is begun and written: without a display, whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def new_figure(width: float, height: float) -> Figure:
    """An empty figure of so many inches that lays itself out.

    The object interface: no global state, no display, safe beside other figures.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def write_figure(figure: Figure, path: Path, dpi: int = 110, metadata: Mapping[str, Any] | None = None) -> None:
    """Write a figure in the format of the path's suffix; the file appears whole or not at all."""
    partial = path.with_name(f".{path.stem}.partial{path.suffix}")
    try:
        figure.savefig(partial, dpi=dpi, metadata=dict(metadata) if metadata is not None else None)
        os.replace(partial, path)
    except OSError:
        partial.unlink(missing_ok=True)
        raise
