"""The folder of a grid's evaluation: what was asked, and every episode as one line.

`evaluation.json` names driver, settings and grid; `episodes.jsonl` gets a line the moment an episode ends, so an
evaluation that was interrupted goes on where it was, and every table can be computed again. `trajectories/`, where
asked for, holds one `.npz` an episode. `episode_writer` writes, this reads.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from av_td3_system.config.errors import UserError
from av_td3_system.monitoring.json_lines import read_json_lines

VERSION = 1
ASKED, LINES, TRAJECTORIES = "evaluation.json", "episodes.jsonl", "trajectories"
COMPARED = "compare.json"  # in the folder above, where several drivers are compared: who drove into which
Line = dict[str, Any]
"""An `EpisodeRecord`, `cell_scenario` (`empty`, `0` ...), `route`, `traffic`, `split`, and `drive_figures`."""


def read_asked(folder: Path) -> dict[str, Any]:
    """What an evaluation's folder says that it is.

    Raises:
        UserError: it says nothing, or it was written by another version.
    """
    path = folder / ASKED
    try:
        asked: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        version = asked["version"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(
            f"{path} is missing or unreadable", "give the --out folder of av-td3 evaluate --grid"
        ) from error
    if version != VERSION:
        raise UserError(f"{path} is of version {version}, this program reads {VERSION}", "evaluate again")
    return asked


def read_lines(folder: Path) -> list[Line]:
    """All episodes of a folder, each once."""
    lines = {
        (line["town"], line["cell_scenario"], line["episode_seed"]): line for line in read_json_lines(folder / LINES)
    }
    return list(lines.values())
