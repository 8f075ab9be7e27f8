"""The study: the plan's trials, kept over any number of openings."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import optuna
import pytest

from av_td3_system.config.errors import UserError
from av_td3_system.experiments.tuning_plan import TuningPlan, make_plan
from av_td3_system.experiments.tuning_study import JOURNAL, RungFigures, TuningStudy
from tests.unit.experiments.test_tuning_plan import SMALL, small

__all__ = ["small"]

FIGURES = RungFigures(12.5, None, 0.25, 2)


def loaded(out: Path) -> optuna.Study:
    storage = optuna.storages.JournalStorage(optuna.storages.journal.JournalFileBackend(str(out / JOURNAL)))
    return optuna.load_study(study_name="tuning", storage=storage)


def test_what_is_written_down_is_there_at_the_next_opening(tmp_path: Path, small: TuningPlan) -> None:
    plan = small
    base, first, second, third = plan.trials
    study = TuningStudy(tmp_path, plan)
    study.report(base, 20, FIGURES)
    study.report(first, 20, FIGURES)
    study.fail(second, "diverged")
    study.prune(first)
    again = TuningStudy(tmp_path, plan)
    assert again.figures(first, 20) == FIGURES and again.figures(first, 40) is None
    assert again.pruned(first) and not again.pruned(base)
    assert again.reason(second) == "diverged" and again.reason(third) is None
    again.report(base, 40, replace(FIGURES, reward=13.0, std=1.0))
    again.complete(base, 40)
    again.complete(base, 40)  # told twice, as after a kill
    states = [trial.state.name for trial in loaded(tmp_path).trials]
    assert states == ["COMPLETE", "PRUNED", "FAIL", "RUNNING"], "for any program that reads Optuna's studies"
    assert loaded(tmp_path).best_value == 13.0
    assert loaded(tmp_path).trials[3].params == {"agent.batch_size": 64, "agent.tau": 0.02}


def test_a_kill_while_it_was_written_costs_the_last_line_at_most(tmp_path: Path, small: TuningPlan) -> None:
    plan = small
    TuningStudy(tmp_path, plan).report(plan.trials[1], 20, FIGURES)
    whole = (tmp_path / JOURNAL).read_bytes()
    for length in (*range(0, len(whole), 311), len(whole) - 5):
        (tmp_path / JOURNAL).write_bytes(whole[:length])
        (tmp_path / f"{JOURNAL}.lock").symlink_to(JOURNAL)
        study = TuningStudy(tmp_path, plan)
        assert [trial.number for trial in loaded(tmp_path).trials] == [0, 1, 2, 3]
        assert study.figures(plan.trials[1], 20) in (None, FIGURES)


def test_other_trials_and_rubbish_are_refused(tmp_path: Path, small: TuningPlan) -> None:
    TuningStudy(tmp_path, small)
    with pytest.raises(UserError, match="other trials"):
        TuningStudy(tmp_path, make_plan(replace(SMALL, space=("agent.batch_size=16,32",))))
    (tmp_path / JOURNAL).write_text("no JSON\nat all\n")
    with pytest.raises(UserError, match="damaged"):
        TuningStudy(tmp_path, small)


def test_lists_and_nothing_are_values_too(tmp_path: Path) -> None:
    plan = make_plan(replace(SMALL, space=("network.hidden=[8],[8,8]", "agent.gradient_clip=null,3")))
    TuningStudy(tmp_path, plan)
    TuningStudy(tmp_path, plan)
    assert loaded(tmp_path).trials[1].params == {"network.hidden": "[8]", "agent.gradient_clip": None}
