"""`av-td3 ablate`: the preset, and the preset without each of its parts, on the same seeds and episodes."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from av_td3_system.checkpointing.atomic import atomic_write_text
from av_td3_system.config.errors import UserError
from av_td3_system.config.load import load_config
from av_td3_system.experiments.ablations import WHOLE, Ablation, ablations
from av_td3_system.experiments.training_runs import Interrupted, Wanted, log_of, make_runs
from av_td3_system.reporting.ablation import PLAN, run_ablation

FAILED = 3


def run_ablations(
    out: Path,
    *,
    only: Sequence[str] = (),
    seeds: Sequence[int] = (42, 43, 44),
    timesteps: int = 50_000,
    episodes: int = 200,
    jobs: int | None = None,
    overrides: Sequence[str] = (),
    as_json: bool = False,
) -> int:
    """Train what is missing and print what each part is worth.

    Every run is judged on the same validation episodes: what is tuned is chosen there, so that the test routes stay
    unseen. A later call adds ablations and seeds to those that are there.

    Args:
        out: folder of the runs and of the tables.
        only: names of ablations; none for all of them. The whole is always among them.
        seeds: of training.
        timesteps: of each run.
        episodes: of the last validation.
        jobs: runs at a time, None for one a core.
        overrides: `section.setting=value`, for all runs.
        as_json: print the figures as JSON.

    Returns:
        Exit code: 0 done, 3 if a run could not be brought to an end, 129, 130 or 143 stopped by a signal.

    Raises:
        UserError: an unknown name, a bad number, or a folder of ablations in other settings.
    """
    chosen = _chosen(only, overrides)
    if timesteps < 2 or episodes < 1 or not seeds or len(set(seeds)) < len(seeds) or (jobs is not None and jobs < 1):
        raise UserError("an ablation needs timesteps, episodes, jobs, and seeds that differ", "av-td3 ablate --help")
    shared = {"overrides": list(overrides), "timesteps": timesteps, "episodes": episodes}
    wanted = {
        (one.name, seed): Wanted(out / f"{one.name}-seed{seed}", _arguments(one, seed, shared), timesteps)
        for seed in seeds  # a seed is complete before the next begins: a first look comes early
        for one in chosen
    }
    _write_plan(out, shared, chosen, seeds)
    try:
        failed = make_runs(list(wanted.values()), jobs or os.cpu_count() or 1)
    except Interrupted as interrupted:
        print("interrupted; the same command goes on", file=sys.stderr)
        return interrupted.code
    for run in failed:
        print(f"error: {run} did not come to an end, see {log_of(run)}", file=sys.stderr)
    run_ablation(out, as_json)
    return FAILED if failed else 0


def list_ablations(overrides: Sequence[str] = (), as_json: bool = False) -> int:
    """Print what there is to take away and what is expected of it; returns 0."""
    found = ablations(overrides)
    if as_json:
        print(json.dumps([one.to_dict() for one in found], indent=2))
    for one in () if as_json else found:
        print(f"{one.name:28} {' '.join(one.settings)}\n{'':28} {one.expected}")
    return 0


def _chosen(only: Sequence[str], overrides: Sequence[str]) -> list[Ablation]:
    found = ablations(overrides)
    unknown = sorted(set(only) - {one.name for one in found})
    if unknown:
        raise UserError(f"there is no ablation {unknown[0]!r}", "av-td3 ablate --list names them")
    chosen = [one for one in found if not only or one.name in (WHOLE, *only)]
    for one in chosen:
        load_config(overrides=[*overrides, *one.settings])  # refused now rather than in some hours
    return chosen


def _arguments(one: Ablation, seed: int, shared: dict[str, Any]) -> tuple[str, ...]:
    timesteps = shared["timesteps"]
    settings = [f"evaluation.episodes={shared['episodes']}", "evaluation.video=false"]
    return (
        *("--seed", str(seed), "--max-timesteps", str(timesteps), "--save-freq", str(max(timesteps // 4, 1))),
        *("--eval-freq", str(timesteps // 2), "--set", *shared["overrides"], *one.settings, *settings),
    )


def _write_plan(out: Path, shared: dict[str, Any], chosen: Sequence[Ablation], seeds: Sequence[int]) -> None:
    """Write down what is made, with what was expected of it, before it is made; earlier ones stay in it.

    Raises:
        UserError: the folder is of other settings.
    """
    path = out / PLAN
    before: dict[str, Any] = {}
    if path.exists():
        try:
            before = json.loads(path.read_text(encoding="utf-8"))
            same = {name: before[name] for name in shared} == shared
            names, known = [one["name"] for one in before["ablations"]], list(map(int, before["seeds"]))
        except (ValueError, KeyError, TypeError) as error:
            raise UserError(f"{path} is not readable", "give another --out") from error
        if not same:
            raise UserError(f"{out} holds ablations in other settings", "give another --out, or the settings of before")
        seeds = [*known, *(seed for seed in seeds if seed not in known)]
        kept = [one for one in before["ablations"] if one["name"] not in {one.name for one in chosen}]
        plain = [*kept, *(one.to_dict() for one in chosen)]
        plain.sort(key=lambda one: names.index(one["name"]) if one["name"] in names else len(names))
    else:
        plain = [one.to_dict() for one in chosen]
    out.mkdir(parents=True, exist_ok=True)
    atomic_write_text(path, json.dumps({**shared, "seeds": seeds, "ablations": plain}, indent=1) + "\n")
