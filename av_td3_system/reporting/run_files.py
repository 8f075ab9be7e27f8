"""The files of a run, read once, for whoever judges it from them."""

from __future__ import annotations

import contextlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from av_td3_system.config.errors import UserError
from av_td3_system.config.load import load_resolved
from av_td3_system.config.schema import Config
from av_td3_system.monitoring import names
from av_td3_system.monitoring.json_lines import read_json_lines
from av_td3_system.monitoring.run_directory import RunDirectory

Line = Mapping[str, Any]
FINAL_ENDS = ("completed", "early_stopped", "halted")  # ways to end after which nobody goes on with a run


@dataclass(frozen=True)
class RunFiles:
    """What a run has written, oldest lines first; a torn last line is not among them.

    Attributes:
        directory: names of its files.
        config: resolved settings.
        manifest: plain values.
        metrics: lines of `metrics.jsonl` that carry a step.
        episodes: finished training episodes, each with `step` and `episode_reward`.
        events: phases, alerts, remedies, resumes ...
        validations: held-out evaluations of the policy that learns, each with `step` and `summary`.
        trivial: evaluations of other policies on the same episodes (parked, straight, random), each with `kind` and
            `summary`.
        evaluation_lines: lines of `evaluations.jsonl` in all, those of trivial policies too.
        ended_at: timestep that `results.json` of a run that has ended names, else 0.
    """

    directory: RunDirectory
    config: Config
    manifest: Line
    metrics: Sequence[Line]
    episodes: Sequence[Line]
    events: Sequence[Line]
    validations: Sequence[Line]
    evaluation_lines: int
    ended_at: int = 0
    trivial: Sequence[Line] = ()

    @property
    def path(self) -> Path:
        """Of the run."""
        return self.directory.path

    @property
    def step(self) -> int:
        """Newest timestep that is known of."""
        steps = [int(lines[-1]["step"]) for lines in (self.metrics, self.episodes) if lines]
        return max([self.ended_at, *steps])

    @property
    def ended(self) -> str | None:
        """How the run ended (completed, early_stopped, halted, interrupted), None while it has not."""
        how = self.manifest.get("how")
        return None if how is None else str(how)

    @property
    def init_from(self) -> Line:
        """What its networks began as (`file`, `sha256`, `step`, `holds`); empty where they were drawn."""
        return _mapping(self.manifest.get("init_from"))

    @property
    def begun(self) -> float:
        """Seconds since the epoch at which the run began or last went on; 0 where the manifest does not say."""
        resumes = self.manifest.get("resumes") or [{}]
        for said in (resumes[-1].get("started"), self.manifest.get("started")):
            with contextlib.suppress(ValueError):
                return datetime.fromisoformat(str(said)).timestamp()
        return 0.0

    @property
    def intervals(self) -> list[Line]:
        """Lines of means, without those of single episodes, alerts and evaluations."""
        return [line for line in self.metrics if names.STEPS_PER_SECOND in line]

    def durations(self, after: int = -1) -> list[tuple[int, float]]:
        """(timesteps, seconds) of each interval that ends after a step, evaluations and saving included.

        The first holds what is done once, such as compiling kernels; it counts only where there is no other.
        """
        found, before = [], 0
        for line in self.intervals:
            rate, steps = number(line, names.STEPS_PER_SECOND), int(line["step"]) - before
            before = int(line["step"])
            if rate and rate > 0 and steps > 0:
                found.append((before, steps, steps / rate))
        return [(steps, seconds) for end, steps, seconds in found[len(found) > 1 :] if end > after]

    def series(self, tag: str, after: int = -1, until: int | None = None) -> list[tuple[int, float]]:
        """(step, value) of a tag where it was finite, after one step and up to another."""
        last = self.step if until is None else until
        pairs = [(int(line["step"]), number(line, tag)) for line in self.metrics]
        return [(step, value) for step, value in pairs if value is not None and after < step <= last]

    def rewards(self, after: int = -1, until: int | None = None) -> list[tuple[int, float]]:
        """(step, reward) of the training episodes that ended after one step and up to another."""
        last = self.step if until is None else until
        pairs = [(int(line["step"]), float(line["episode_reward"])) for line in self.episodes]
        return [(step, value) for step, value in pairs if after < step <= last]


def read_run(path: Path) -> RunFiles:
    """Read a run directory.

    Raises:
        UserError: there is no run, or its settings or manifest cannot be read.
    """
    directory = RunDirectory.open(path)
    try:
        manifest = json.loads(directory.manifest.read_text(encoding="utf-8"))
    except ValueError as error:
        raise UserError(f"{directory.manifest} is not readable: {error}", f"av-td3 doctor {path}") from error
    if not isinstance(manifest, dict):
        raise UserError(f"{directory.manifest} is not a manifest", f"av-td3 doctor {path}")
    evaluations = read_json_lines(directory.evaluations)
    return RunFiles(
        directory=directory,
        config=load_resolved(directory.config),
        manifest=manifest,
        metrics=_stepped(read_json_lines(directory.metrics)),
        episodes=[
            line for line in _stepped(read_json_lines(directory.episodes)) if number(line, "episode_reward") is not None
        ],
        events=_stepped(read_json_lines(directory.events)),
        validations=[
            line
            for line in _stepped(evaluations)
            if line.get("kind") == "validation" and number(_mapping(line.get("summary")), "episode_reward") is not None
        ],
        evaluation_lines=len(evaluations),
        trivial=[
            line
            for line in _stepped(evaluations)
            if line.get("kind") != "validation" and isinstance(line.get("summary"), dict)
        ],
        ended_at=_ended_at(directory) if manifest.get("how") is not None else 0,
    )


def _ended_at(directory: RunDirectory) -> int:
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        return int(json.loads((directory.path / "results.json").read_text(encoding="utf-8"))["env_steps"])
    return 0


def _mapping(value: Any) -> Line:
    return value if isinstance(value, dict) else {}


def how_it_ended(run: Path) -> str | None:
    """As `RunFiles.ended`, of a directory of which nothing else is read; None too where there is no run."""
    try:
        how = json.loads(RunDirectory(run).manifest.read_text(encoding="utf-8")).get("how")
    except (OSError, ValueError, AttributeError):
        return None
    return None if how is None else str(how)


def number(line: Line, key: str) -> float | None:
    """A number of a line; None where it is missing or was not finite."""
    value = line.get(key)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value)


def mean_of(values: Sequence[float]) -> float | None:
    """Their mean, None without any."""
    return sum(values) / len(values) if values else None


def _stepped(lines: Sequence[Line]) -> list[Line]:
    return [line for line in lines if isinstance(line.get("step"), int)]
