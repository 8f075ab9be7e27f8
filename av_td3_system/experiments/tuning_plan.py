"""What a tuning is: the base setting, the space, the rungs, the seeds; checked whole before anything is trained."""

from __future__ import annotations

import itertools
import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import av_td3_system
from av_td3_system.agents.policy import choose_device
from av_td3_system.checkpointing.atomic import atomic_write_text
from av_td3_system.checkpointing.manifest import code_revision
from av_td3_system.config.errors import UserError
from av_td3_system.config.load import config_hash, load_config
from av_td3_system.config.schema import Config
from av_td3_system.experiments.halving import entering, timesteps
from av_td3_system.experiments.search_space import (
    GRID_OF_THE_PLAN,
    Axis,
    combinations,
    grid,
    parse_space,
    settings_of,
)
from av_td3_system.kernel_cache import source_hash

PLAN_FILE = "tuning.json"
BASE = 0  # number of the trial that is the base setting
DRAW = 0  # seed of the choice of fewer trials than the space holds
HELP = "av-td3 tune --help"
CODE = (
    "agents",
    "config",
    "environments",
    "evaluation",
    "monitoring",
    "networks",
    "replay",
    "rewards",
    "town",
    "training",
)
"""What a trial's figures depend on; with other code they would not be those of one study."""


@dataclass(frozen=True)
class TuningRequest:
    """What was asked for.

    Attributes:
        algo: td3 or ddpg, None for the base's.
        scenario: 0, 1 or 2, None for the base's.
        files: YAML layers of the base setting.
        overrides: `section.setting=value` of the base setting.
        space: axes as text, see `search_space`.
        seeds: of training; the value of a trial is its mean over them.
        rungs: timesteps at which trials are judged, ascending.
        reduction: one in so many goes on to the next rung.
        trials: settings drawn from the space, None for all of it.
        episodes: of each validation.
    """

    algo: str | None = None
    scenario: int | None = None
    files: tuple[str, ...] = ()
    overrides: tuple[str, ...] = ()
    space: tuple[str, ...] = GRID_OF_THE_PLAN
    seeds: tuple[int, ...] = (42,)
    rungs: tuple[int, ...] = (2500, 5000, 10_000)
    reduction: int = 3
    trials: int | None = None
    episodes: int = 50

    @property
    def own_settings(self) -> tuple[str, ...]:
        """What every run gets, whatever the base says.

        Remedies and early stopping are off: a run whose learning rate was halved on the way, or that ended before its
        rung, says nothing of the setting that it was begun with.
        """
        return (
            "run.enable_monitoring=false",
            "run.enable_early_stopping=false",
            f"evaluation.episodes={self.episodes}",
            "evaluation.video=false",
        )


@dataclass(frozen=True)
class Trial:
    """One setting.

    Attributes:
        number: 0 is the base.
        values: by name of the axis; none of the base.
        settings: the same as `section.setting=value`.
    """

    number: int
    values: Mapping[str, Any] = field(hash=False)
    settings: tuple[str, ...]

    @property
    def label(self) -> str:
        """In words."""
        return " ".join(f"{name}={json.dumps(value)}" for name, value in self.values.items()) or "base setting"


@dataclass(frozen=True)
class TuningPlan:
    """A request that was found sound.

    Attributes:
        request: as it was made.
        axes: of the space.
        base: settings of trial 0.
        trials: the base first, then the settings that are tried.
    """

    request: TuningRequest
    axes: tuple[Axis, ...]
    base: Config
    trials: tuple[Trial, ...]

    @property
    def tried(self) -> int:
        """Settings that are tried beside the base."""
        return len(self.trials) - 1

    def entering(self) -> list[int]:
        """Trials that are trained to each rung if none fails, the base always among them."""
        return [n + 1 for n in entering(self.tried, len(self.request.rungs), self.request.reduction)]

    def timesteps(self) -> int:
        """Of all runs if none fails."""
        return timesteps(self.entering(), self.request.rungs) * len(self.request.seeds)

    def validations(self) -> int:
        """Of all runs if none fails: one at each rung."""
        return sum(self.entering()) * len(self.request.seeds)

    def identity(self) -> dict[str, Any]:
        """What must be the same for a folder to be gone on with."""
        asked = self.request
        return {
            "algo": self.base.run.algo,
            "scenario": self.base.run.scenario,
            "settings": config_hash(self.base),
            "space": [axis.to_dict() for axis in self.axes],
            "seeds": list(asked.seeds),
            "rungs": list(asked.rungs),
            "reduction": asked.reduction,
            "trials": self.tried,
            "episodes": asked.episodes,
            "code": source_hash(Path(av_td3_system.__file__).parent, CODE),
        }


def make_plan(request: TuningRequest) -> TuningPlan:
    """Check everything that was asked for: every combination of the space is a setting that can be run.

    A combination that is the base setting is left out, since the base is a trial of its own.

    Raises:
        UserError: anything wrong, in one sentence.
    """
    _refuse_numbers(request)
    axes = parse_space(request.space)
    base = _resolved(request)
    choose_device(base.run.device)
    found: list[tuple[dict[str, Any], tuple[str, ...]]] = []
    for values in grid(axes):
        settings = settings_of(axes, values)
        if _resolved(request, settings) != base:
            found.append((values, settings))
    if not found:
        raise UserError("--space holds nothing but the base setting", "give other values")
    if request.trials is not None and request.trials > len(found):
        raise UserError(
            f"--trials {request.trials}: the space holds {len(found)} settings beside the base", "leave it out for all"
        )
    if request.trials is not None:
        chosen = sorted(random.Random(DRAW).sample(range(len(found)), request.trials))
        found = [found[index] for index in chosen]
    trials = (Trial(BASE, {}, ()), *(Trial(number, *one) for number, one in enumerate(found, start=BASE + 1)))
    return TuningPlan(request, axes, base, trials)


def record_plan(out: Path, plan: TuningPlan) -> None:
    """Write down whose folder it is before anything is trained in it, or see that it is this tuning's.

    Raises:
        UserError: the folder is another's, or cannot be read.
    """
    path, identity = out / PLAN_FILE, plan.identity()
    if not path.exists():
        given = {
            "config": list(plan.request.files),
            "overrides": list(plan.request.overrides),
            "revision": code_revision(),
        }
        atomic_write_text(path, json.dumps({**identity, **given}, indent=1) + "\n")
        return
    try:
        before = json.loads(path.read_text(encoding="utf-8"))
        differing = [name for name, value in identity.items() if before[name] != value]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"{path} is not readable", "give another --out") from error
    if differing:
        name = differing[0]
        hashes = ("settings", "code")
        told = "" if name in hashes else f" ({_short(before[name])}, now {_short(identity[name])})"
        raise UserError(
            f"{out} holds a tuning with other {name}{told}",
            "give another --out, or the command of before"
            + (f" with the code of before, {_revision(before)}" if differing == ["code"] else ""),
        )


def in_words(plan: TuningPlan) -> str:
    """Markdown: what would be trained, rung by rung, and the settings."""
    asked, seeds = plan.request, len(plan.request.seeds)
    rows = ["| rung | trials | timesteps | validations |", "|---|---|---|---|"]
    before = 0
    for rung, count in zip(asked.rungs, plan.entering(), strict=True):
        rows.append(f"| {rung} | {count} | {count * seeds * (rung - before)} | {count * seeds} |")
        before = rung
    rows.append(f"| all | {len(plan.trials)} | {plan.timesteps()} | {plan.validations()} |")
    kinds = f"{plan.tried} settings of {combinations(plan.axes)} in the space and the base, which goes on to every rung"
    text = [
        *rows,
        "",
        f"{kinds}; seeds {', '.join(map(str, asked.seeds))}; {asked.episodes} episodes a validation, "
        f"{plan.validations() * asked.episodes} in all. Fewer where trials fail.",
        "",
        *(f"{trial.number:3d}  {trial.label}" for trial in plan.trials),
    ]
    return "\n".join(text)


def _resolved(request: TuningRequest, settings: Sequence[str] = ()) -> Config:
    flags = {"run.scenario": request.scenario}
    given = [*request.overrides, *settings, *request.own_settings]
    try:
        config = load_config(request.algo, files=request.files, overrides=given, flags=flags)
    except UserError as error:
        where = f"trial {' '.join(settings)}: " if settings else ""
        raise UserError(where + error.message, error.hint) from error
    if config.run.env is not None:
        raise UserError("run.env: tuning works in the town alone", "leave it out")
    return config


def _refuse_numbers(asked: TuningRequest) -> None:
    rungs = asked.rungs
    if not rungs or rungs[0] < 1 or any(low >= high for low, high in itertools.pairwise(rungs)):
        raise UserError(
            f"--rungs {' '.join(map(str, rungs))}: must be timesteps in ascending order",
            "for example --rungs 2500 5000 10000",
        )
    seeds = asked.seeds
    if not seeds or len(set(seeds)) < len(seeds) or not all(0 <= seed < 2**31 for seed in seeds):
        raise UserError(f"--seeds {' '.join(map(str, seeds))}: must be numbers that differ, at least 0", HELP)
    for name, value, least in (("reduction", asked.reduction, 2), ("trials", asked.trials, 1)):
        if value is not None and value < least:
            raise UserError(f"--{name} is {value}, but must be at least {least}", HELP)
    if asked.episodes < 1:
        raise UserError(f"--episodes is {asked.episodes}, but must be at least 1", HELP)


def _revision(before: Mapping[str, Any]) -> str:
    revision = before.get("revision")
    return f"commit {revision.get('commit')}" if isinstance(revision, Mapping) else "whose commit is not known"


def _short(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 60 else text[:57] + "..."
