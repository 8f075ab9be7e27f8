"""Defects of the ladder: what would pass who drives blind, or decide otherwise than was decided."""

from __future__ import annotations

from scripts.defect import Defect

CLIMB, GATES = "tests/unit/experiments/climb", "tests/unit/ladder"

CLIMBING = (
    Defect(
        "blind-at-1m",
        "the last gate passed a policy that drives as well with images of something else",
        "ladder/common.py",
        "lost = None if without is None or seen is None else seen - without",
        "lost = None if without is None or seen is None else seen",
        (f"{GATES}/test_rung_1m.py::test_whoever_drives_as_well_without_seeing_is_halted",),
    ),
    Defect(
        "point-for-a-bound",
        "a success rate was held against its target by itself, not by its lower bound",
        "ladder/rung_1m.py",
        "2 * config.confidence - 1).low if n else None",
        "2 * config.confidence - 1).value if n else None",
        (f"{GATES}/test_rung_1m.py::test_each_criterion_alone_withholds_proceed",),
    ),
    Defect(
        "baseline-of-another-rung",
        "100K was compared with the run's own 5K, which everybody beats",
        "ladder/inputs.py",
        'Rung("100k", config.rung_100k_step, config.rung_step)',
        'Rung("100k", config.rung_100k_step, config.baseline_step)',
        (f"{GATES}/test_read_run.py::test_from_100k_on_a_run_is_compared_with_its_own_10k",),
    ),
    Defect(
        "one-seed-carries-all",
        "one seed of three that passed carried the ladder on",
        "experiments/climb/climb.py",
        "if 2 * len(passed) < len(self.plan.seeds):",
        "if not passed:",
        (f"{CLIMB}/test_climb.py::test_half_of_the_seeds_carry_the_ladder_and_those_that_failed_stop",),
    ),
    Defect(
        "verdict-of-what-was-undone",
        "a run that had gone back kept the verdict of what it went back from",
        "experiments/climb/book.py",
        'found = line if line["kind"] == "verdict" else None',
        'found = line if line["kind"] == "verdict" else found',
        (f"{CLIMB}/test_climb.py::test_a_verdict_is_of_a_run_and_a_stage",),
    ),
    Defect(
        "back-for-ever",
        "a run that was to go back went back at every start of the command",
        "experiments/training_runs.py",
        "    return done < one.back.time\n",
        "    return True\n",
        (f"{CLIMB}/test_going_back.py::test_a_run_goes_back_once_and_ends_with_the_settings_of_its_return",),
    ),
)
