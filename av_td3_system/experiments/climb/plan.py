"""What a ladder climbs: rungs, seeds, algorithms, settings; written down before the first timestep."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from av_td3_system.checkpointing.atomic import atomic_write_text
from av_td3_system.config.errors import UserError
from av_td3_system.config.load import load_config
from av_td3_system.config.schema import Config, GateConfig
from av_td3_system.ladder.inputs import RungName

PLAN = "ladder.json"
TOPS = ("10K", "100K", "1M")
_LOOKS = (0.25, 0.5, 0.75)  # of the 100K rung, beside its ends


@dataclass(frozen=True)
class Stage:
    """Training up to a timestep, and the verdict there.

    Attributes:
        name: of the stage.
        rung: by whose criteria it is judged.
        timesteps: up to which runs train.
        eval_freq: timesteps between evaluations.
        save_freq: timesteps between checkpoints.
        guarded: trend and behaviour guards and their remedies are on.
        undecided: only those that the stage before left undecided climb it.
    """

    name: str
    rung: RungName
    timesteps: int
    eval_freq: int
    save_freq: int
    guarded: bool = False
    undecided: bool = False


@dataclass(frozen=True)
class LadderPlan:
    """What is climbed.

    Attributes:
        algo: that is judged.
        compare: another that climbs beside it and decides nothing, or None.
        scenario: of the town's traffic.
        seeds: of training.
        to: the highest rung, of `TOPS`.
        configs: settings files, as paths.
        overrides: `section.setting=value`.
        early_stopping: whether a run may end when nothing is gained any more.
        contingencies: whether the plan's remedies follow a rung that fails.
    """

    algo: str
    compare: str | None
    scenario: int
    seeds: tuple[int, ...]
    to: str
    configs: tuple[str, ...] = ()
    overrides: tuple[str, ...] = ()
    early_stopping: bool = False
    contingencies: bool = True

    def __post_init__(self) -> None:
        if self.to.upper() not in TOPS:
            raise UserError(f"--to is {self.to!r}, but must be one of {', '.join(TOPS)}")
        if not self.seeds or len(set(self.seeds)) < len(self.seeds):
            raise UserError("--seeds needs at least one, each once")
        if self.compare == self.algo:
            raise UserError(f"--compare {self.compare}: that is what climbs already", "--compare ddpg")
        object.__setattr__(self, "to", self.to.upper())

    @property
    def algos(self) -> tuple[str, ...]:
        """All that climb, the judged one first."""
        return (self.algo,) if self.compare is None else (self.algo, self.compare)

    def config(self, algo: str, settings: Sequence[str] = ()) -> Config:
        """Settings of one run, but for its seed.

        Raises:
            UserError: they cannot be.
        """
        flags = {"run.scenario": self.scenario}
        return load_config(algo, [Path(name) for name in self.configs], [*self.overrides, *settings], flags)

    def refuse_what_cannot_be(self) -> None:
        """Look at the settings of every run, and at the order of the rungs.

        Raises:
            UserError: something that a run would refuse, or rungs that do not ascend.
        """
        for algo in self.algos:
            gate = self.config(algo).gate
            for seed in self.seeds:
                load_config(algo, flags={"run.seed": seed})
            steps = (gate.baseline_step, gate.rung_step, gate.rung_100k_step, gate.rung_1m_step)
            if not steps[0] < steps[1] <= steps[2] / 2 < steps[3] / 2:
                told = ", ".join(map(str, steps))
                raise UserError(
                    f"gate.baseline_step, rung_step, rung_100k_step and rung_1m_step are {told}: no ladder",
                    "each above the one before, and rung_100k_step at least twice rung_step",
                )

    def stages(self) -> tuple[Stage, ...]:
        """From the lowest to the highest."""
        return stages(self.config(self.algo).gate, self.to)

    def arguments(self, algo: str, seed: int, settings: Sequence[str]) -> tuple[str, ...]:
        """Of `av-td3 train`, without a directory and a schedule."""
        keep = ",".join(str(step) for step in kept_steps(self.config(algo).gate))
        given = [*self.overrides, *settings, "evaluation.video=false", f"checkpoint.keep_steps=[{keep}]"]
        files = ("--config", *self.configs) if self.configs else ()
        return ("--algo", algo, "--scenario", str(self.scenario), "--seed", str(seed), *files, "--set", *given)


def stages(gate: GateConfig, to: str) -> tuple[Stage, ...]:
    """The plan's: 10K, 20K where undecided, 100K, 1M, with its evaluations and checkpoints."""
    first, second, third = gate.rung_step, gate.rung_100k_step, gate.rung_1m_step
    found = (
        Stage("10k", "10k", first, _part(first, 4), _part(first, 4)),
        Stage("20k", "10k", 2 * first, _part(first, 4), _part(first, 4), undecided=True),
        Stage("100k", "100k", second, _part(second, 20), _part(second, 4), guarded=True),
        Stage("1m", "1m", third, _part(third, 100), _part(third, 40), guarded=True),
    )
    return found[: 2 + TOPS.index(to)]


def kept_steps(gate: GateConfig) -> tuple[int, ...]:
    """Rungs and looks, whose checkpoints are never rotated away."""
    looks = (round(share * gate.rung_100k_step) for share in _LOOKS)
    return (gate.rung_step, *looks, gate.rung_100k_step, gate.rung_1m_step)


def record_plan(folder: Path, plan: LadderPlan) -> None:
    """Write the plan, or find it written; a higher top and more seeds are no other ladder.

    Raises:
        UserError: the folder is of another ladder.
    """
    path = folder / PLAN
    if path.exists():
        try:
            values = json.loads(path.read_text(encoding="utf-8"))
            files = values.pop("files")
            before = plan_from(values)
        except (ValueError, KeyError, TypeError, AttributeError, UserError) as error:
            raise UserError(f"{path} is not readable", "give another --out") from error
        grown = replace(before, to=plan.to, seeds=plan.seeds)
        other = [name for name, value in asdict(plan).items() if asdict(grown)[name] != value]
        if TOPS.index(plan.to) < TOPS.index(before.to):
            other.append("to")
        if set(before.seeds) - set(plan.seeds):
            other.append("seeds")
        if files != _hashes(plan.configs):
            raise UserError(f"{folder} was begun with other contents of --config", "give another --out")
        if other:
            named = ", ".join(f"{name} {asdict(before)[name]!r}" for name in sorted(set(other)))
            raise UserError(f"{folder} holds a ladder with {named}", "give another --out, or what it was begun with")
    elif strangers := [found.parent.name for found in sorted(folder.glob("*/config.yaml"))]:
        raise UserError(f"{folder} holds runs that no ladder of it made: {', '.join(strangers)}", "give another --out")
    folder.mkdir(parents=True, exist_ok=True)
    atomic_write_text(path, json.dumps({**asdict(plan), "files": _hashes(plan.configs)}, indent=1) + "\n")


def plan_from(values: dict[str, Any]) -> LadderPlan:
    """The plan of its plain values."""
    lists = {name: tuple(values[name]) for name in ("seeds", "configs", "overrides")}
    return LadderPlan(**{**values, **lists})


def _hashes(configs: Sequence[str]) -> dict[str, str | None]:
    """SHA-256 of each settings file; None of a packaged one, which is of the code."""
    files = {name: Path(name) for name in configs}
    return {n: hashlib.sha256(f.read_bytes()).hexdigest() if f.is_file() else None for n, f in files.items()}


def _part(whole: int, parts: int) -> int:
    return max(1, whole // parts)
