"""A trial as training runs: one a seed, trained from rung to rung, and read from its files.

Nothing here knows of Optuna or of halving, and nothing elsewhere of directories and flags, so that trials can be run
by other means: whatever brings the runs that `runs_of` describes to their end will do.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from av_td3_system.experiments.training_runs import Wanted, has_ended, log_of, results_of
from av_td3_system.experiments.tuning_plan import Trial, TuningPlan
from av_td3_system.monitoring.json_lines import read_json_lines
from av_td3_system.monitoring.run_directory import RunDirectory
from av_td3_system.reporting.run_files import how_it_ended, mean_of, number

SAVES = 4  # checkpoints on the way to a rung: what a kill costs at most


@dataclass(frozen=True)
class Judged:
    """The validation of one run at a rung.

    Attributes:
        rewards: of its episodes, in their fixed order.
        successes: likewise, 1 or 0.
    """

    rewards: tuple[float, ...]
    successes: tuple[float, ...]

    @property
    def reward(self) -> float:
        """Mean episode reward."""
        return sum(self.rewards) / len(self.rewards)

    @property
    def success(self) -> float:
        """Share of successes."""
        return sum(self.successes) / len(self.successes)


def run_directory(out: Path, trial: Trial, seed: int) -> Path:
    """Where a trial's run of a seed is."""
    return out / f"trial{trial.number:03d}-seed{seed}"


def runs_of(out: Path, plan: TuningPlan, trial: Trial, rung: int) -> list[Wanted]:
    """A trial's runs up to a rung, one a seed; each goes on exactly where it stood at the rung before."""
    return [_run_of(out, plan, trial, seed, rung) for seed in plan.request.seeds]


def judged_at(run: Path, rung: int) -> Judged | None:
    """What a run's validation at a rung found; None where there is none, or not of finite rewards alone."""
    found = None
    for line in read_json_lines(RunDirectory(run).evaluations):
        if line.get("kind") == "validation" and line.get("step") == rung:
            found = line
    episodes = found.get("episodes") if found else None
    if not isinstance(episodes, list) or not episodes or not all(isinstance(one, dict) for one in episodes):
        return None
    rewards = [number(one, "episode_reward") for one in episodes]
    sound = tuple(reward for reward in rewards if reward is not None)
    if len(sound) < len(rewards):
        return None
    return Judged(sound, tuple(float(bool(one.get("success"))) for one in episodes))


def why_not(one: Wanted) -> str | None:
    """Why a run has not come to its rung; None if it has."""
    if has_ended(one) and judged_at(one.directory, one.timesteps) is not None:
        return None
    how, place = how_it_ended(one.directory), one.directory.name
    if how == "halted":
        return f"{place} halted: {_halted_by(one.directory)}"
    if has_ended(one):
        return f"{place}: the validation at {one.timesteps} gave no finite reward"
    return f"{place} lost: {_last_words(one.directory)}"


def is_lost(one: Wanted) -> bool:
    """Whether a run ended by no fault of its setting: its process died, or was refused, or the disk took no more."""
    return not has_ended(one)


def mean_and_std(values: Sequence[float]) -> tuple[float, float | None]:
    """Mean over seeds, and their sample standard deviation, None of a single one."""
    mean = mean_of(values)
    assert mean is not None
    if len(values) < 2:
        return mean, None
    return mean, (sum((value - mean) ** 2 for value in values) / (len(values) - 1)) ** 0.5


def _run_of(out: Path, plan: TuningPlan, trial: Trial, seed: int, rung: int) -> Wanted:
    asked, rungs = plan.request, (0, *plan.request.rungs)
    length = rung - rungs[rungs.index(rung) - 1]
    arguments = [
        *(("--algo", asked.algo) if asked.algo else ()),
        *(("--scenario", str(asked.scenario)) if asked.scenario is not None else ()),
        *(("--config", *asked.files) if asked.files else ()),
        *("--seed", str(seed), "--set", *asked.overrides, *trial.settings, *asked.own_settings),
    ]
    # None of this leaves a trace in what is learned. An interval as long as the way so far gives one validation, there.
    schedule = ("--max-timesteps", str(rung), "--eval-freq", str(rung), "--save-freq", str(max(length // SAVES, 1)))
    return Wanted(run_directory(out, trial, seed), tuple(arguments), rung, schedule)


def _halted_by(run: Path) -> str:
    """What the run said when it was halted."""
    reason = results_of(run).get("reason")
    if reason:
        return str(reason)
    told = [
        line.get("message") or line.get("reason")
        for line in read_json_lines(RunDirectory(run).events)
        if line.get("severity") == "halt" or line.get("kind") == "stop"
    ]
    return str(told[-1]) if told and told[-1] else "see its events.jsonl"


def _last_words(run: Path) -> str:
    """The newest error in what a run printed, else its newest line."""
    try:
        lines = [
            line for line in log_of(run).read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()
        ]
    except OSError:
        return "its process left no word"
    errors = [line for line in lines if "error" in line.lower()]
    return " ".join((errors or lines or ["its process left no word"])[-1].split())[:300]
