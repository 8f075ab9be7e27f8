"""What a trial's runs are asked for, and what is read of them."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from av_td3_system.experiments.training_runs import has_ended
from av_td3_system.experiments.trial_runs import is_lost, judged_at, mean_and_std, runs_of, why_not
from av_td3_system.experiments.tuning_plan import make_plan
from tests.unit.experiments.test_tuning_plan import SMALL
from tests.unit.experiments.written_trials import write


def test_a_run_is_the_base_then_the_trial_then_what_tuning_says(tmp_path: Path) -> None:
    asked = replace(
        SMALL, algo="td3", scenario=1, overrides=("agent.tau=0.5",), files=("td3_paper.yaml",), seeds=(7, 8)
    )
    plan = make_plan(replace(asked, space=("agent.tau=0.02",)))
    first, second = runs_of(tmp_path, plan, plan.trials[1], 40)
    assert (first.directory.name, second.directory.name) == ("trial001-seed7", "trial001-seed8")
    arguments = " ".join(first.arguments)
    assert arguments.startswith("--algo td3 --scenario 1 --config td3_paper.yaml --seed 7 --set ")
    assert arguments.index("agent.tau=0.5") < arguments.index("agent.tau=0.02") < arguments.index("evaluation.video")
    assert first.timesteps == 40
    assert " ".join(first.schedule) == "--max-timesteps 40 --eval-freq 40 --save-freq 5"


def test_a_run_is_at_its_rung_when_it_was_judged_there(tmp_path: Path) -> None:
    plan = make_plan(replace(SMALL, space=("agent.tau=0.02",)))
    (to_20,), (to_40,) = (runs_of(tmp_path, plan, plan.trials[1], rung) for rung in (20, 40))
    assert "left no word" in str(why_not(to_20)) and is_lost(to_20)
    write(to_20.directory, 20, 5.0)
    assert why_not(to_20) is None and not has_ended(to_40), "completed, but of fewer timesteps"
    write(to_40.directory, 40, 7.0)
    assert why_not(to_40) is None and has_ended(to_20), "one that is further has nothing left to do"
    judged = judged_at(to_40.directory, 20)
    assert judged is not None and judged.reward == pytest.approx(5.0) and len(judged.rewards) == 4
    lines = (to_40.directory / "evaluations.jsonl").read_text().splitlines()
    lines.append(json.dumps({"step": 40, "kind": "parked", "episodes": []}))
    (to_40.directory / "evaluations.jsonl").write_text("\n".join([*lines, '{"step": 40, "ki']))
    assert judged_at(to_40.directory, 40) is not None


def test_spread_over_seeds() -> None:
    assert mean_and_std([2.0]) == (2.0, None)
    assert mean_and_std([1.0, 3.0]) == (2.0, pytest.approx(2**0.5))
