"""What is checked before anything is trained, and whose folder it is."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from av_td3_system.config.errors import UserError
from av_td3_system.experiments import tuning_plan
from av_td3_system.experiments.tuning_plan import PLAN_FILE, TuningPlan, TuningRequest, make_plan, record_plan

SMALL = TuningRequest(space=("agent.batch_size=32,64", "agent.tau=0.01,0.02"), rungs=(20, 40), episodes=2)


@pytest.fixture(scope="module")
def small() -> TuningPlan:
    return make_plan(SMALL)


def test_the_base_is_a_trial_and_no_combination_repeats_it(small: TuningPlan) -> None:
    plan = small  # the preset has 64 and 0.01
    assert [dict(trial.values) for trial in plan.trials] == [
        {},
        {"agent.batch_size": 32, "agent.tau": 0.01},
        {"agent.batch_size": 32, "agent.tau": 0.02},
        {"agent.batch_size": 64, "agent.tau": 0.02},
    ]
    assert [trial.number for trial in plan.trials] == [0, 1, 2, 3]
    assert plan.entering() == [4, 2]
    assert plan.timesteps() == 4 * 20 + 2 * 20 and plan.validations() == 6
    assert make_plan(replace(SMALL, seeds=(1, 2))).timesteps() == 240


def test_fewer_trials_are_drawn_alike_each_time() -> None:
    few = replace(SMALL, trials=2)
    assert make_plan(few).tried == 2
    assert make_plan(few).trials == make_plan(few).trials


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"rungs": (40, 20)}, "ascending order"),
        ({"rungs": (0, 20)}, "ascending order"),
        ({"rungs": (20, 20)}, "ascending order"),
        ({"rungs": ()}, "ascending order"),
        ({"seeds": (1, 1)}, "differ"),
        ({"seeds": (-1,)}, "differ"),
        ({"reduction": 1}, "--reduction is 1"),
        ({"trials": 0}, "--trials is 0"),
        ({"trials": 4}, "holds 3 settings"),
        ({"episodes": 0}, "--episodes is 0"),
        ({"algo": "ppo"}, "run.algo"),
        ({"scenario": 7}, "scenario"),
        ({"overrides": ("agent.gamma=2",)}, "agent.gamma"),
        ({"overrides": ("run.env=Hopper-v5",), "space": ("agent.gamma=0.9",)}, "in the town alone|--set"),
        ({"files": ("missing.yaml",)}, "missing.yaml"),
        ({"space": ("agent.bach_size=2",)}, "trial agent.bach_size=2: .*unknown setting agent.bach_size"),
        ({"space": ("agent.batch_size=32,1",)}, "trial agent.batch_size=1: .*at least 2"),
        ({"space": ("agent.batch_size=32,text",)}, "whole number"),
        ({"space": ("agent.batch_size=64",)}, "nothing but the base"),
        ({"space": ("network.critic_input=image",)}, "a critic of the image"),
    ],
)
def test_refused(change: dict[str, object], words: str) -> None:
    with pytest.raises(UserError, match=words):
        make_plan(replace(SMALL, **change))  # type: ignore[arg-type]


def test_what_would_change_a_trial_on_the_way_is_off() -> None:
    base = make_plan(replace(SMALL, overrides=("run.enable_monitoring=true", "run.enable_early_stopping=true"))).base
    assert not base.run.enable_monitoring and not base.run.enable_early_stopping
    assert base.evaluation.episodes == 2 and not base.evaluation.video


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"rungs": (20, 60)}, r"other rungs \(\[20, 40\], now \[20, 60\]\)"),
        ({"seeds": (1,)}, "other seeds"),
        ({"reduction": 2}, "other reduction"),
        ({"overrides": ("agent.gamma=0.9",)}, "other settings"),
        ({"space": ("agent.batch_size=32",)}, "other space"),
        ({"trials": 1}, "other trials"),
        ({"episodes": 3}, "other settings"),
    ],
)
def test_a_folder_of_another_tuning_is_refused(
    tmp_path: Path, small: TuningPlan, change: dict[str, object], words: str
) -> None:
    record_plan(tmp_path, small)
    before = (tmp_path / PLAN_FILE).read_bytes()
    record_plan(tmp_path, small)
    with pytest.raises(UserError, match=words):
        record_plan(tmp_path, make_plan(replace(SMALL, **change)))  # type: ignore[arg-type]
    assert (tmp_path / PLAN_FILE).read_bytes() == before


def test_other_code_is_refused(tmp_path: Path, small: TuningPlan, monkeypatch: pytest.MonkeyPatch) -> None:
    record_plan(tmp_path, small)
    monkeypatch.setattr(tuning_plan, "source_hash", lambda package, sources: "another")
    with pytest.raises(UserError, match="other code") as refused:
        record_plan(tmp_path, small)
    assert "code of before" in refused.value.hint


def test_a_damaged_folder_is_refused(tmp_path: Path, small: TuningPlan) -> None:
    for content in ("", "[]", json.dumps({"rungs": []})):
        (tmp_path / PLAN_FILE).write_text(content)
        with pytest.raises(UserError, match="not readable"):
            record_plan(tmp_path, small)
