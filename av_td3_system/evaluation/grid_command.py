"""`av-td3 evaluate --grid`: a driver through the protocol, episode by episode into a folder."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from av_td3_system.checkpointing.checkpoint_file import file_sha256
from av_td3_system.checkpointing.manifest import code_revision
from av_td3_system.config.errors import UserError
from av_td3_system.config.load import config_hash, with_overrides
from av_td3_system.config.schema import Config
from av_td3_system.environments.driving import driving_worlds
from av_td3_system.evaluation.camera_ablation import SETTINGS, AblatedCamera, Image
from av_td3_system.evaluation.drivers import Driver, refuse_other_numbers
from av_td3_system.evaluation.episode_lines import TRAJECTORIES, read_asked, read_lines
from av_td3_system.evaluation.episode_writer import DriveMeter, EpisodeLines
from av_td3_system.evaluation.grid import Grid, GridRequest, cells, episode_seeds, grid_for, settings_of
from av_td3_system.evaluation.grid_table import cell_of, figures, tables
from av_td3_system.evaluation.protocol import evaluate_policy
from av_td3_system.evaluation.route_set import RouteSet, load_route_set, refuse_other_routes
from av_td3_system.monitoring.progress import Progress


def run_grid(
    driver: Driver,
    asked: GridRequest,
    *,
    num_envs: int | None = None,
    out: Path | None = None,
    trajectories: bool = False,
    image: Image = "seen",
    overrides: Sequence[str] = (),
    as_json: bool = False,
) -> int:
    """Drive what is missing of a grid and print its tables; returns the exit code 0.

    Args:
        driver: who drives.
        asked: which grid.
        num_envs: worlds in parallel, None for the config's.
        out: folder of the episodes, None for one beside the policy.
        trajectories: also keep a file of each drive.
        image: what the policy is shown instead of what its camera sees.
        overrides: `section.setting=value`, over the run's own settings.
        as_json: print figures of every cell as JSON.

    Raises:
        UserError: a bad argument, or a folder of another evaluation.
    """
    config = settings_for(driver, overrides)
    folder = out or default_folder(driver, asked.split, "" if image == "seen" else image)
    drive_grid(
        driver, config, grid_for(config, asked), folder, num_envs, trajectories, image=image, overrides=overrides
    )
    print(f"episodes in {folder}", file=sys.stderr)
    evaluation, driven = read_asked(folder), read_lines(folder)
    if as_json:
        groups: dict[str, list[dict[str, Any]]] = {}
        for line in driven:
            groups.setdefault(" / ".join(cell_of(line, evaluation)), []).append(line)
        print(json.dumps({**evaluation, "cells": {name: figures(group) for name, group in groups.items()}}, indent=2))
    else:
        print(tables(driven, evaluation))
    return 0


def settings_for(driver: Driver, overrides: Sequence[str]) -> Config:
    """The settings that a driver is evaluated in, but for what the grid says.

    Raises:
        UserError: it is of another environment than the town, or drives on other numbers.
    """
    config = with_overrides(driver.config, overrides)
    if config.run.env is not None:
        raise UserError(f"the grid is the town's, {driver.name} is of {config.run.env}", "evaluate it without --grid")
    refuse_other_numbers(driver.policy, driver.name, config, "--set")
    return config


def drive_grid(
    driver: Driver,
    config: Config,
    grid: Grid,
    folder: Path,
    num_envs: int | None = None,
    trajectories: bool = False,
    *,
    image: Image = "seen",
    overrides: Sequence[str] = (),
) -> None:
    """Drive what is missing of a grid; every episode is a line in the folder when it ends.

    A drive depends on its own episode alone, but for shuffled images, which are those of the worlds beside it.

    Args:
        driver: who drives.
        config: of `settings_for`.
        grid: what is driven.
        folder: see `episode_lines`.
        num_envs: worlds in parallel, None for the config's.
        trajectories: also keep a file of each drive.
        image: what the policy is shown instead of what its camera sees.
        overrides: what `config` was changed by, for the folder's record.

    Raises:
        UserError: the folder is of another evaluation, or routes are others than the sets say.
    """
    sets = {town: load_route_set(town, grid.split) for town in grid.towns}
    asked = _asked(driver, config, grid, sets, overrides)
    lines = EpisodeLines(folder, asked if image == "seen" else {**asked, "image": image})
    config = with_overrides(config, SETTINGS.get(image, ()))
    try:
        worlds = num_envs if num_envs is not None else config.evaluation.num_envs
        _drive(driver, config, grid, sets, lines, worlds, trajectories, image)
    finally:
        lines.close()


def _drive(
    driver: Driver,
    config: Config,
    grid: Grid,
    sets: Mapping[str, RouteSet],
    lines: EpisodeLines,
    num_envs: int,
    trajectories: bool,
    image: Image,
) -> None:
    finished = len(lines.done)
    with Progress(grid.episodes, finished, unit="episodes") as progress:
        for cell in cells(grid):
            told = episode_seeds(grid, sets[cell.town])
            missing = [seed for seed in told if (cell.town, cell.scenario, seed) not in lines.done]
            if not missing:
                continue
            settings = settings_of(cell, grid, config)
            env = driving_worlds(settings, min(num_envs, len(missing)), split=grid.split, motion=True)
            refuse_other_routes(sets[cell.town], env.worlds)
            told = {seed: {**told[seed], "cell_scenario": cell.scenario, "split": grid.split} for seed in told}
            decision = settings.environment.tick * settings.environment.action_repeat
            folder = lines.folder / TRAJECTORIES if trajectories else None
            policy: Any = driver.policy
            if image in ("frozen", "shuffled"):
                policy = AblatedCamera(policy, image, config.evaluation.seed)
            evaluate_policy(
                policy,
                env,
                missing,
                progress=_Counted(progress, finished, f"{cell.town}, scenario {cell.scenario}"),
                observer=DriveMeter(lines, told, decision, env.num_envs, folder),
            )
            env.close()
            finished += len(missing)


class _Counted:
    """Tells the grid's progress of a cell's."""

    def __init__(self, progress: Progress, before: int, where: str) -> None:
        self._progress, self._before, self._where = progress, before, where

    def __call__(self, done: int, total: int) -> None:
        self._progress.update(self._before + done, self._where)


def _asked(
    driver: Driver, config: Config, grid: Grid, sets: Mapping[str, RouteSet], overrides: Sequence[str]
) -> dict[str, Any]:
    """All that must be the same when an evaluation goes on; `code` may differ and is of its beginning."""
    path = Path(driver.name)
    own = driver.config.environment
    return {
        "driver": driver.name,
        "sha256": file_sha256(path) if path.is_file() else None,
        "config_hash": config_hash(config.model_copy(update={"evaluation": type(config.evaluation)()})),
        "overrides": list(overrides),
        "trained_in": {"towns": [own.town], "weathers": list(own.weathers), "scenario": driver.config.run.scenario},
        "grid": grid.to_dict(),
        "route_sets": {town: routes.version for town, routes in sets.items()},
        "on_training_lanes": {town: routes.on_training_lanes for town, routes in sets.items()},
        "episodes": grid.episodes,
        "code": code_revision(),
    }


def default_folder(driver: Driver, *words: str) -> Path:
    """Beside a policy, or below `runs` for a scripted driver."""
    path = Path(driver.name)
    known = path.is_file()
    name = "-".join(["evaluation", path.stem if known else driver.name, *filter(None, words)])
    return path.parent / name if known else Path("runs") / name
