"""Defects of the search for settings: what would send up the wrong ones, or have noise adopted."""

from __future__ import annotations

from scripts.defect import Defect

TESTS = "tests/unit/experiments"

TUNING = (
    Defect(
        "worst-go-on",
        "the worst of a rung went on to the next",
        "experiments/halving.py",
        "(-sound[number], number)",
        "(sound[number], number)",
        (f"{TESTS}/test_halving.py::test_nobody_left_behind_is_better_than_one_who_goes_on",),
    ),
    Defect(
        "best-of-many-by-luck",
        "the best of 27 settings was called better by an interval made for one",
        "experiments/tuning_result.py",
        "confidence = 1 - (1 - CONFIDENCE) / plan.tried",
        "confidence = CONFIDENCE",
        (f"{TESTS}/test_tuning_table.py::test_one_seed_confirms_nothing_and_says_how_to",),
    ),
    Defect(
        "remedies-change-a-trial",
        "a trial's learning rate was halved on the way, and its figure counted for the one that it began with",
        "experiments/tuning_plan.py",
        '            "run.enable_monitoring=false",\n',
        "",
        (f"{TESTS}/test_tuning_plan.py::test_what_would_change_a_trial_on_the_way_is_off",),
    ),
    Defect(
        "completed-is-far-enough",
        "a run that was completed at the rung before was not trained on",
        "experiments/training_runs.py",
        "isinstance(reached, int) and reached >= one.timesteps",
        "isinstance(reached, int)",
        (f"{TESTS}/test_trial_runs.py::test_a_run_is_at_its_rung_when_it_was_judged_there",),
    ),
    Defect(
        "base-is-pruned",
        "the base setting was left behind, and there was nothing to compare the best with",
        "experiments/tuning_rounds.py",
        "going_on = {BASE, *survivors(rewards, asked.reduction)}",
        "going_on = {*survivors(rewards, asked.reduction)}",
        (f"{TESTS}/test_tuning_rounds.py::test_the_best_go_on_and_the_base_always",),
    ),
)
