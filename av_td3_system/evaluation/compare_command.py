"""`av-td3 compare`: several drivers through the same episodes, each into a folder of its own."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from av_td3_system.agents.baselines import NAMES as SCRIPTED_NAMES
from av_td3_system.agents.baselines import SCRIPTED, TRIVIAL
from av_td3_system.checkpointing.atomic import atomic_write_text
from av_td3_system.config.errors import UserError
from av_td3_system.config.load import with_overrides
from av_td3_system.evaluation.drivers import Driver, config_file, open_driver
from av_td3_system.evaluation.episode_lines import COMPARED
from av_td3_system.evaluation.grid import GridRequest, grid_for
from av_td3_system.evaluation.grid_command import drive_grid, settings_for

BASELINES = (*reversed(SCRIPTED), *TRIVIAL)  # rows that every table has: privileged, IDM+MOBIL, blind, trivial


@dataclass(frozen=True)
class Entrant:
    """Who is compared.

    Attributes:
        group: runs of one group differ in their seed.
        driver: drives.
        run: its run directory, None for a scripted driver.
        folder: of its episodes, below the comparison's.
    """

    group: str
    driver: Driver
    run: Path | None
    folder: str


def drive_all(
    targets: Sequence[str],
    out: Path,
    asked: GridRequest,
    *,
    num_envs: int | None = None,
    overrides: Sequence[str] = (),
    baselines: bool = True,
) -> None:
    """Drive what is missing, and write down who was compared where `reporting.comparison` finds it.

    The grid is that of the first run, for all of them: each line of one has its pair in every other.

    Args:
        targets: `GROUP=RUN`, a run directory or policy (its group is then its algorithm), or a scripted driver's name.
        out: folder of the comparison.
        asked: which grid.
        num_envs: worlds in parallel.
        overrides: `section.setting=value`, for all.
        baselines: also drive the privileged driver, IDM+MOBIL, the blind one and the trivial ones.

    Raises:
        UserError: a target that is none, the same twice, or a folder of another comparison.
    """
    entrants = _entrants([*targets, *(name for name in BASELINES if baselines and name not in targets)])
    grid = grid_for(settings_for(entrants[0].driver, overrides), asked)
    for number, entrant in enumerate(entrants, start=1):
        print(f"{entrant.group} ({number} of {len(entrants)}): {entrant.driver.name}", file=sys.stderr)
        config = settings_for(entrant.driver, overrides)
        drive_grid(entrant.driver, config, grid, out / entrant.folder, num_envs, overrides=overrides)
    told: list[dict[str, Any]] = [
        {
            "group": entrant.group,
            "driver": entrant.driver.name,
            "run": None if entrant.run is None else str(entrant.run),
            "folder": entrant.folder,
        }
        for entrant in entrants
    ]
    atomic_write_text(out / COMPARED, json.dumps({"entrants": told}, indent=1) + "\n")


def _entrants(targets: Sequence[str]) -> list[Entrant]:
    found: list[Entrant] = []
    for target in targets:
        group, driver, run = _opened(target)
        number = sum(one.group == group for one in found)
        name = re.sub(r"[^A-Za-z0-9._-]+", "-", group) + (f"-{number}" if run is not None else "")
        if any(one.driver.name == driver.name for one in found):
            raise UserError(f"{driver.name} is given twice", "name each run once")
        found.append(Entrant(group, driver, run, name))
    if all(one.run is None for one in found):
        raise UserError("compare needs at least one run", "av-td3 compare runs/latest")
    at_home = next(one.driver.config for one in found if one.run is not None)
    # Scripted drivers drive in the first run's world; they see no picture, so none is rendered for them.
    unseeing = with_overrides(at_home, ["environment.blank_image=true"])
    found.sort(key=lambda one: one.run is None)
    return [one if one.run is not None else replace(one, driver=replace(one.driver, config=unseeing)) for one in found]


def _opened(target: str) -> tuple[str, Driver, Path | None]:
    """Group, driver and run directory of a target.

    Raises:
        UserError: there is nothing to drive with.
    """
    group, _, rest = target.rpartition("=")
    if Path(target).exists():  # a path may hold the sign
        group, rest = "", target
    if rest in SCRIPTED_NAMES:
        return group or rest, open_driver(None, rest, 0), None
    driver = open_driver(rest, None, 0)
    return group or driver.config.run.algo.upper(), driver, config_file(Path(driver.name)).parent
