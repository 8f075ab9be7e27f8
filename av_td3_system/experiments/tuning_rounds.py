"""The rounds of a tuning: train what is missing to a rung, write down what it came to, leave behind, go on.

What each trial came to is written into the study; who goes on follows from that alone. So a tuning that was stopped
anywhere is gone through again from its first rung, finds everything that was done, and does the rest.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from av_td3_system.experiments.halving import survivors
from av_td3_system.experiments.training_runs import Wanted, halted_by_the_disk, log_of
from av_td3_system.experiments.trial_runs import is_lost, judged_at, mean_and_std, runs_of, why_not
from av_td3_system.experiments.tuning_plan import BASE, Trial, TuningPlan
from av_td3_system.experiments.tuning_study import RungFigures, TuningStudy

MakeRuns = Callable[[Sequence[Wanted], str], object]
"""Brings runs to their ends as well as it can; the text is for its progress."""


class Stuck(Exception):
    """Nothing can be trained here now, by no fault of the settings; nothing is lost, and the same command goes on."""


def climb(out: Path, plan: TuningPlan, study: TuningStudy, make_runs: MakeRuns) -> None:
    """Bring every trial to its end: pruned, failed, or at the last rung.

    The base takes no place among those that go on: it goes to every rung, as what the best is compared with.

    Raises:
        Stuck: every run was lost, or the disk is full.
    """
    asked = plan.request
    entrants = list(plan.trials)
    for rung in asked.rungs:
        missing = [trial for trial in entrants if study.figures(trial, rung) is None and study.reason(trial) is None]
        if missing:
            _train(out, plan, missing, rung, study, make_runs, first=len(missing) == len(entrants))
        figures = {trial.number: study.figures(trial, rung) for trial in entrants}
        rewards = {number: found.reward if found else None for number, found in figures.items() if number != BASE}
        sound = [trial for trial in entrants if figures[trial.number] is not None]
        if rung == asked.rungs[-1]:
            for trial in sound:
                study.complete(trial, rung)
            going = sound
        else:
            going_on = {BASE, *survivors(rewards, asked.reduction)}
            going = [trial for trial in sound if trial.number in going_on]
            for trial in sound:
                if trial.number not in going_on:
                    study.prune(trial)
        if missing:
            _tell(plan, rung, rewards, len(entrants), len(going), len(sound))
        entrants = going


def _train(
    out: Path,
    plan: TuningPlan,
    trials: Sequence[Trial],
    rung: int,
    study: TuningStudy,
    make_runs: MakeRuns,
    *,
    first: bool,
) -> None:
    """Train trials to a rung; one whose run was lost gets another try, and is given up then."""
    runs = {trial: runs_of(out, plan, trial, rung) for trial in trials}
    everything = [run for mine in runs.values() for run in mine]
    note = f"rung {rung}"
    make_runs(everything, note)
    if again := [run for run in everything if is_lost(run)]:
        make_runs(again, f"{note}, once more")
    lost = [run for run in everything if is_lost(run)]
    full = [run for run in lost if halted_by_the_disk(run.directory)]
    if full or (first and len(lost) == len(everything)):
        one = (full or lost)[0]
        what = "the disk took no more" if full else "no run came to an end"
        raise Stuck(f"{what}: {why_not(one)}; see {log_of(one.directory)}")
    for trial, mine in runs.items():
        reason = next((why for why in map(why_not, mine) if why is not None), None)
        found = [judged for judged in (judged_at(run.directory, rung) for run in mine) if judged is not None]
        if reason is not None:
            study.fail(trial, reason)
            continue
        reward, std = mean_and_std([one.reward for one in found])
        success, _ = mean_and_std([one.success for one in found])
        study.report(trial, rung, RungFigures(reward, std, success, sum(len(one.rewards) for one in found)))


def _tell(plan: TuningPlan, rung: int, rewards: dict[int, float | None], entered: int, going: int, sound: int) -> None:
    best = survivors(rewards, max(len(rewards), 2))
    told = f"; best {rewards[best[0]]:.1f} by {plan.trials[best[0]].label}" if best else ""
    failed = f", {entered - sound} failed" if sound < entered else ""
    then = "" if rung == plan.request.rungs[-1] else f", {going} go on"
    print(f"rung {rung}: {entered} trials{failed}{then}{told}", file=sys.stderr)
