"""The Optuna study of a tuning: which trials there are, what each came to at each rung, how it ended.

    optuna-dashboard OUT/study.jsonl        # shows it; needs the package of that name

Trials are enqueued in the order of the plan, the base first, so that a trial's number in the study is its number in
the plan. All are begun at once and stay RUNNING until they are pruned, fail or come to the last rung; a rung is an
intermediate value. The journal is a file of JSON lines: reading it executes nothing.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import optuna
from optuna.distributions import CategoricalChoiceType
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import FrozenTrial, TrialState

from av_td3_system.config.errors import UserError
from av_td3_system.experiments.search_space import Axis
from av_td3_system.experiments.tuning_plan import Trial, TuningPlan
from av_td3_system.monitoring.json_lines import JsonLinesFile

JOURNAL = "study.jsonl"
NAME = "tuning"


@dataclass(frozen=True)
class RungFigures:
    """What a trial came to at a rung.

    Attributes:
        reward: mean over seeds of the mean episode reward; what is maximised.
        std: sample standard deviation over seeds, None of a single one.
        success: mean over seeds.
        episodes: of all seeds.
    """

    reward: float
    std: float | None
    success: float
    episodes: int


class TuningStudy:
    """The study of a folder, made or gone on with; the folder belongs to this process alone.

    Args:
        out: folder of the tuning.
        plan: whose trials it holds.

    Raises:
        UserError: the journal is damaged, or holds other trials.
    """

    def __init__(self, out: Path, plan: TuningPlan) -> None:
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._axes = plan.axes
        path = out / JOURNAL
        if path.exists():
            JsonLinesFile(path).close()  # without the last line if a kill tore it
        Path(f"{path}.lock").unlink(missing_ok=True)  # of one that was killed while it wrote
        try:
            self._study = optuna.create_study(
                study_name=NAME,
                storage=JournalStorage(JournalFileBackend(str(path))),
                direction="maximize",
                sampler=optuna.samplers.RandomSampler(seed=0),  # never asked: all trials are enqueued
                pruner=optuna.pruners.NopPruner(),  # `halving` decides
                load_if_exists=True,
            )
            for trial in plan.trials[len(self._study.get_trials(deepcopy=False)) :]:
                self._enqueue(trial)
            self._handles = {trial.number: self._begin(trial) for trial in plan.trials}
        except (ValueError, KeyError, TypeError, AssertionError) as error:
            raise UserError(f"{path} is damaged or holds other trials: {error}", "give another --out") from error

    def figures(self, trial: Trial, rung: int) -> RungFigures | None:
        """What a trial came to at a rung; None where it has not, or never will."""
        found = self._frozen(trial)
        value, beside = found.intermediate_values.get(rung), found.user_attrs.get(_key(rung))
        if value is None or not isinstance(beside, Mapping):
            return None
        return RungFigures(value, beside["std"], beside["success"], beside["episodes"])

    def reason(self, trial: Trial) -> str | None:
        """Why a trial failed; None if it did not."""
        found = self._frozen(trial)
        return str(found.user_attrs.get("reason", "")) if found.state == TrialState.FAIL else None

    def pruned(self, trial: Trial) -> bool:
        """Whether it was left behind."""
        return self._frozen(trial).state == TrialState.PRUNED

    def report(self, trial: Trial, rung: int, figures: RungFigures) -> None:
        """Write down what a trial came to."""
        handle = self._handles[trial.number]
        beside = {"std": figures.std, "success": figures.success, "episodes": figures.episodes}
        handle.set_user_attr(_key(rung), beside)  # first, so that a value never stands without it
        handle.report(figures.reward, rung)

    def fail(self, trial: Trial, reason: str) -> None:
        """A trial came to no figure."""
        self._handles[trial.number].set_user_attr("reason", reason)
        self._tell(trial, TrialState.FAIL)

    def prune(self, trial: Trial) -> None:
        """A trial is left behind."""
        self._tell(trial, TrialState.PRUNED)

    def complete(self, trial: Trial, rung: int) -> None:
        """A trial has come to the last rung."""
        self._tell(trial, TrialState.COMPLETE, [self._frozen(trial).intermediate_values[rung]])

    def _tell(self, trial: Trial, state: TrialState, values: Sequence[float] | None = None) -> None:
        if not self._frozen(trial).state.is_finished():
            self._study.tell(trial.number, values=values, state=state)

    def _frozen(self, trial: Trial) -> FrozenTrial:
        return self._study.get_trials(deepcopy=False)[trial.number]

    def _enqueue(self, trial: Trial) -> None:
        values = {axis.name: _choice(trial.values[axis.name]) for axis in self._axes if trial.values}
        self._study.enqueue_trial(values, user_attrs={"settings": " ".join(trial.settings) or trial.label})

    def _begin(self, trial: Trial) -> optuna.Trial:
        """A handle on a trial, of one that an earlier call has begun too.

        Raises:
            ValueError: it is another trial in the study.
        """
        found = self._frozen(trial)
        waits = found.state == TrialState.WAITING
        handle = self._study.ask() if waits else optuna.Trial(self._study, found._trial_id)
        if not found.state.is_finished():
            for axis in self._axes if trial.values else ():
                handle.suggest_categorical(axis.name, _choices(axis))
        expected = {name: _choice(value) for name, value in trial.values.items()}
        if handle.number != trial.number or self._frozen(trial).params != expected:
            raise ValueError(f"trial {trial.number} is another one")
        return handle


def _key(rung: int) -> str:
    return f"rung {rung}"


def _choices(axis: Axis) -> list[CategoricalChoiceType]:
    return [_choice(value) for value in axis.values]


def _choice(value: Any) -> CategoricalChoiceType:
    """A value as the study may hold it: lists and the like as text."""
    return value if isinstance(value, bool | int | float | str | None) else json.dumps(value)
