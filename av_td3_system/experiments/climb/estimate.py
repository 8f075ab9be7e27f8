"""How long a ladder will take here: by a short run of the same settings, before anything is climbed."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from av_td3_system.config.errors import UserError
from av_td3_system.experiments.climb.plan import LadderPlan, Stage
from av_td3_system.experiments.run_process import OwnProcess
from av_td3_system.experiments.training_runs import results_of

LEARNED = 1_000  # timesteps of the short run behind its warm-up
EPISODES = 10  # of its evaluation
TRIVIAL_KINDS = 3  # policies that are driven once, before the first timestep


@dataclass(frozen=True)
class Rates:
    """What a run takes here.

    Attributes:
        timestep: s, its gradient update and all but evaluations included.
        episode: s of an evaluated one.
        at_once: runs that were measured side by side.
    """

    timestep: float
    episode: float
    at_once: int


@dataclass(frozen=True)
class StageCost:
    """What a stage takes.

    Attributes:
        stage: which.
        runs: that climb it.
        timesteps: of each, behind the stage before.
        episodes: that each is evaluated on.
        seconds: until the last of them is there; None where nothing was measured.
    """

    stage: Stage
    runs: int
    timesteps: int
    episodes: int
    seconds: float | None


def measure(plan: LadderPlan, jobs: int) -> Rates:
    """Train as many short runs at once as the ladder will, and take the slowest.

    Raises:
        UserError: they did not come to an end.
    """
    config = plan.config(plan.algo)
    timesteps = config.learning_starts + LEARNED
    at_once = min(jobs, len(plan.seeds) * len(plan.algos))
    found: list[Rates] = []
    with tempfile.TemporaryDirectory() as folder:
        runs = [Path(folder) / str(number) for number in range(at_once)]
        processes = [
            OwnProcess(
                [
                    *plan.arguments(plan.algo, seed, [f"evaluation.episodes={EPISODES}"]),
                    *("--log-dir", str(run), "--max-timesteps", str(timesteps)),
                    *("--eval-freq", str(timesteps), "--save-freq", str(timesteps)),
                ],
                run.with_suffix(".log"),
                one_thread=jobs > 1,
            )
            for seed, run in enumerate(runs)
        ]
        try:
            for process in processes:
                process.wait()
        except BaseException:
            for process in processes:
                process.stop()
            raise
        for run in runs:
            timing: dict[str, Any] = results_of(run).get("timing", {})
            if not timing:
                log = run.with_suffix(".log").read_text(encoding="utf-8", errors="replace").strip()
                raise UserError(f"a short run to measure the pace did not end: {log[-200:]}", "av-td3 doctor")
            spent = timing["total"] - timing.get("evaluation", 0.0)
            learning = timing.get("update", 0.0) + timing.get("sampling", 0.0)
            driven = EPISODES * (1 + TRIVIAL_KINDS)
            a_timestep = learning / LEARNED + (spent - learning) / timesteps
            found.append(Rates(a_timestep, timing.get("evaluation", 0.0) / driven, at_once))
    return max(found, key=lambda rates: rates.timestep)


def costs(plan: LadderPlan, jobs: int, rates: Rates | None) -> list[StageCost]:
    """Of each stage, if every seed climbs it."""
    config = plan.config(plan.algo)
    found: list[StageCost] = []
    below = 0
    for stage in plan.stages():
        runs = len(plan.seeds) * (1 if stage.undecided else len(plan.algos))
        timesteps = stage.timesteps - below
        episodes = config.evaluation.episodes * (timesteps // stage.eval_freq)
        if stage.rung != "10k":
            episodes += 3 * config.gate.rung_episodes
        elif not stage.undecided:
            episodes += TRIVIAL_KINDS * config.evaluation.episodes
        seconds = None
        if rates is not None:
            seconds = math.ceil(runs / jobs) * (timesteps * rates.timestep + episodes * rates.episode)
        found.append(StageCost(stage, runs, timesteps, episodes, seconds))
        if not stage.undecided:
            below = stage.timesteps
    return found


def disk(plan: LadderPlan) -> float:
    """Bytes that all runs take at the top: replays, and checkpoints of some 12 MB."""
    config = plan.config(plan.algo)
    camera = config.camera
    transition = camera.width * camera.height * (3 if camera.color == "rgb" else 1) + 400
    replay = min(plan.stages()[-1].timesteps, config.replay.capacity) * transition
    return float(len(plan.seeds) * len(plan.algos) * (replay + 14 * 12e6))


def in_words(found: Sequence[StageCost], rates: Rates | None) -> str:
    """A table of the stages."""
    rows = ["| stage | runs | timesteps a run | evaluated episodes a run | time |", "|---|---|---|---|---|"]
    total = 0.0
    for cost in found:
        told = "not measured" if cost.seconds is None else _clock(cost.seconds)
        if cost.stage.undecided:
            told += " (only who is undecided)"
        else:
            total += cost.seconds or 0.0
        rows.append(f"| {cost.stage.name} | {cost.runs} | {cost.timesteps:,} | {cost.episodes:,} | {told} |")
    if rates is not None:
        pace = f"{1 / rates.timestep:.0f} timesteps a second and {rates.episode:.2f} s an evaluated episode"
        measured = f"measured here just now with {rates.at_once} at once"
        rows += ["", f"About {_clock(total)} in all: {pace}, {measured}."]
    return "\n".join(rows)


def _clock(seconds: float) -> str:
    minutes = round(seconds / 60)
    return f"{minutes // 60} h {minutes % 60:02d} min" if minutes >= 60 else f"{minutes} min"
