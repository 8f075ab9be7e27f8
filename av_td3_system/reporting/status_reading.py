"""The state of a running or finished run, read from its files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from av_td3_system.config.errors import UserError
from av_td3_system.monitoring import names
from av_td3_system.monitoring.carla_servers import CarlaServer, servers_of
from av_td3_system.monitoring.run_log import phase_of
from av_td3_system.monitoring.system import gpu_summary
from av_td3_system.monitoring.trend import kendall_tau
from av_td3_system.reporting.curriculum_reading import CurriculumStanding, read_curriculum
from av_td3_system.reporting.disk_use import DiskUse, read_disk_use
from av_td3_system.reporting.liveness import Liveness, read_liveness
from av_td3_system.reporting.run_files import Line, RunFiles, mean_of, number, read_run
from av_td3_system.reporting.status_compare import Comparison, compare, what_runs

WINDOW = 100_000  # timesteps looked back over
BLOCKS = 10  # means that a trend of rewards is read from, as the guard does
RISING = 0.45  # Kendall's tau of ten means from which they are said to rise: without a trend, one time in 28
WATCHED = (names.Q_VALUE, names.TD_ERROR, names.CRITIC_LOSS)
_GPU = names.GPU_UTILIZATION.removesuffix("utilization")

Direction = Literal["improving", "flat", "degrading", "too few episodes"]


@dataclass(frozen=True)
class Trend:
    """Training episode rewards over the window.

    Attributes:
        direction: in words.
        blocks: mean of each tenth of the window, None where no episode ended in it.
        tau: Kendall's of these means with time, in [-1, 1]; None with a gap.
        episodes: that ended in the window.
        mean: of their rewards, None without any.
    """

    direction: Direction
    blocks: Sequence[float | None]
    tau: float | None
    episodes: int
    mean: float | None


@dataclass(frozen=True)
class Change:
    """Means of a metric over the first and the last fifth of the window."""

    first: float
    last: float


@dataclass(frozen=True)
class Evaluations:
    """Held-out evaluations: (step, reward, success, completion) of two, and how long nothing was gained.

    Attributes:
        last: the newest.
        best: that of the highest reward.
        since_best: evaluations after the best.
        patience: of `evaluation.early_stopping_patience`.
        stops: whether the run ends when it is used up.
    """

    last: Mapping[str, float | int | None]
    best: Mapping[str, float | int | None]
    since_best: int
    patience: int
    stops: bool


@dataclass(frozen=True)
class Gpu:
    """The GPU that a run uses.

    Attributes:
        logged: means over the window of `system/gpu_*`, by the rest of the name.
        now: what the driver says while a process drives the run, else empty.
    """

    logged: Mapping[str, float]
    now: Mapping[str, Any]


@dataclass(frozen=True)
class Status:
    """Where a run stands.

    Attributes:
        path: of the run.
        name: algorithm, what was driven, seed.
        step: newest timestep.
        max_timesteps: at which it ends.
        phase: EXPLORATION or LEARNING.
        ended: how, None while it has not.
        liveness: its process.
        steps_per_second: over the window, evaluations included; None where nothing was measured.
        seconds_left: at that rate; None for a run that has ended.
        window: timesteps looked back over.
        alerts: of the window, oldest first: name, severity, step, value, threshold, message.
        alerts_in_all: of the whole run.
        remedies: what was done about them.
        resumes: how often the run went on.
        curriculum: None without one.
        reward: of training.
        changes: of `WATCHED`, where measured.
        evaluations: None before the first.
        disk: in bytes.
        gpu: None where none is in use.
        ram_gb: GiB of the process, None where not measured.
        machine_ram_gb: GiB of the machine that it began on.
        non_finite: metrics of the newest lines that were not finite.
        servers: CARLA's, where the run drives on them and has not ended.
        simulator_failures: how often one of these failed.
        comparison: with another run, where asked for.
    """

    path: Path
    name: str
    step: int
    max_timesteps: int
    phase: str
    ended: str | None
    liveness: Liveness
    steps_per_second: float | None
    seconds_left: float | None
    window: int
    alerts: Sequence[Mapping[str, Any]]
    alerts_in_all: int
    remedies: Sequence[Line]
    resumes: int
    curriculum: CurriculumStanding | None
    reward: Trend
    changes: Mapping[str, Change]
    evaluations: Evaluations | None
    disk: DiskUse
    gpu: Gpu | None
    ram_gb: float | None
    machine_ram_gb: float | None
    non_finite: Sequence[str]
    servers: Sequence[CarlaServer]
    simulator_failures: int
    comparison: Comparison | None


def read_status(path: Path, other: Path | None = None, last: int | None = None) -> tuple[RunFiles, Status]:
    """Read a run.

    Args:
        path: run directory.
        other: run to compare with.
        last: timesteps to look back over, `WINDOW` if None; at most the whole run.

    Raises:
        UserError: there is no run, or the other is none, or not of the same environment.
    """
    if last is not None and last < 1:
        raise UserError(f"--last is {last}, but must be at least 1")
    run = read_run(path)
    liveness = read_liveness(run)
    if run.ended is None and not liveness.alive:
        run = read_run(path)  # it may have ended between the two looks
    config, step = run.config, run.step
    window = min(last or WINDOW, step)
    after = step - window
    alerts = [_alert(line) for line in run.events if line.get("kind") == "alert"]
    rate = _rate(run, after)
    going_on = run.ended is None
    machine = run.manifest.get("machine")
    machine = machine if isinstance(machine, dict) else {}
    ram = run.series(names.RAM_GB)
    return run, Status(
        path=run.path,
        name=what_runs(run),
        step=step,
        max_timesteps=config.run.max_timesteps,
        phase=phase_of(max(step, 1), config.learning_starts),
        ended=run.ended,
        liveness=liveness,
        steps_per_second=rate,
        seconds_left=max(0, config.run.max_timesteps - step) / rate if rate and going_on else None,
        window=window,
        alerts=[alert for alert in alerts if alert["step"] > after or window == step],
        alerts_in_all=len(alerts),
        remedies=[line for line in run.events if line.get("kind") == "remedy"],
        resumes=len(run.manifest.get("resumes") or []),
        curriculum=read_curriculum(run, after),
        reward=read_trend(run, after),
        changes={names_of(tag): change for tag in WATCHED if (change := _change(run, tag, after)) is not None},
        evaluations=_evaluations(run),
        disk=read_disk_use(run),
        gpu=_gpu(run, machine, after, bool(liveness.alive)),
        ram_gb=ram[-1][1] if ram else None,
        machine_ram_gb=number(machine, "memory_gb"),
        non_finite=_non_finite(run),
        servers=_servers(run) if going_on else (),
        simulator_failures=sum(line.get("kind") == "simulator_failure" for line in run.events),
        comparison=None if other is None else compare(run, read_run(other)),
    )


def _servers(run: RunFiles) -> Sequence[CarlaServer]:
    config = run.config
    if config.run.backend != "carla":
        return ()
    worlds = max(config.run.num_envs, config.evaluation.num_envs)
    return servers_of(config.carla.host, config.carla.port, config.carla.port_step, worlds)


def names_of(tag: str) -> str:
    """Short name of a tag."""
    return tag.partition("/")[2]


def read_trend(run: RunFiles, after: int) -> Trend:
    """Trend of the training rewards after a step; degrading by the rule of the guard `reward_degrading`.

    Good news ends no run, so less is asked of it. Rewards of other environments have a scale of their own, so of the
    two least differences only the relative one counts there.
    """
    rewards = run.rewards(after)
    mean_of_all = mean_of([reward for _, reward in rewards])
    span = max(1, run.step - after)
    held: list[list[float]] = [[] for _ in range(BLOCKS)]
    for step, reward in rewards:
        held[min(BLOCKS - 1, (step - after - 1) * BLOCKS // span)].append(reward)
    blocks = [sum(block) / len(block) if block else None for block in held]
    means = [mean for mean in blocks if mean is not None]
    if len(means) < BLOCKS:
        return Trend("too few episodes", blocks, None, len(rewards), mean_of_all)
    guards = run.config.guards
    tau, rise = kendall_tau(means), means[-1] - means[0]
    enough = max(0.0 if run.config.run.env else guards.trend_margin, guards.trend_drop * abs(means[0]))
    direction: Direction = "flat"
    if rise > enough and tau >= RISING:
        direction = "improving"
    elif -rise > enough and tau <= -guards.trend_tau:
        direction = "degrading"
    return Trend(direction, blocks, tau, len(rewards), mean_of_all)


def _alert(line: Line) -> dict[str, Any]:
    fields = ("name", "severity", "step", "value", "threshold", "message")
    return {field: line.get(field) for field in fields}


def _rate(run: RunFiles, after: int) -> float | None:
    durations = run.durations(after)
    seconds = sum(duration for _, duration in durations)
    return sum(steps for steps, _ in durations) / seconds if seconds > 0 else None


def _change(run: RunFiles, tag: str, after: int) -> Change | None:
    values = run.series(tag, after)
    fifth = (run.step - after) / 5
    first = mean_of([value for step, value in values if step <= after + fifth])
    last = mean_of([value for step, value in values if step > run.step - fifth])
    if first is None and values:  # learning began later than that
        first = values[0][1]
    return None if first is None or last is None else Change(first, last)


def _evaluations(run: RunFiles) -> Evaluations | None:
    if not run.validations:
        return None
    rewards = [float(line["summary"]["episode_reward"]) for line in run.validations]
    best = rewards.index(max(rewards))
    settings = run.config
    return Evaluations(
        last=_evaluation(run.validations[-1]),
        best=_evaluation(run.validations[best]),
        since_best=len(rewards) - 1 - best,
        patience=settings.evaluation.early_stopping_patience,
        stops=settings.run.enable_early_stopping,
    )


def _evaluation(line: Line) -> dict[str, float | int | None]:
    fields = ("episode_reward", "success_rate", "route_completion", "n_episodes")
    return {"step": int(line["step"]), **{field: number(line["summary"], field) for field in fields}}


def _gpu(run: RunFiles, machine: Line, after: int, alive: bool) -> Gpu | None:
    tags = {tag for line in run.intervals for tag in line if tag.startswith(_GPU)}
    values = {tag: [value for _, value in run.series(tag, after)] for tag in sorted(tags)}
    logged = {tag.removeprefix(_GPU): mean for tag, seen in values.items() if (mean := mean_of(seen)) is not None}
    if not logged and not machine.get("gpu"):
        return None
    return Gpu(logged, (gpu_summary() or {}) if alive else {})


def _non_finite(run: RunFiles) -> list[str]:
    """Metrics that were not finite in the newest line of means or after it."""
    newest = [line for line in run.metrics if line["step"] >= (run.intervals or [{"step": 0}])[-1]["step"]]
    return sorted({str(tag) for line in newest for tag in line.get("non_finite") or ()})
