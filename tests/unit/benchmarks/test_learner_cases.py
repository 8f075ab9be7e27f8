"""The learner's benchmark measures a run's own learner, and divides by the right peer."""

from __future__ import annotations

import pytest

from benchmarks import bench_learner, learner_cases


def test_a_case_is_measured_and_counted() -> None:
    case = {"learner": "preset", "batch": 4, "threads": 1, "bfloat16": False, "seconds": 0.1}
    found = learner_cases.ours(case)
    assert found["updates"] >= learner_cases.BLOCK and 0 < found["sampling_share"] < 1
    assert found["updates_per_s"] > 0 and found["gflop_an_update"] > 0


def test_operations_are_those_of_the_convolutions_and_more() -> None:
    """In two updates of the preset the actor alone reads B images, of 52 rows, backward but for the pixels."""
    case = {"learner": "preset", "batch": 8, "threads": 1, "bfloat16": True}
    first, second, third = 2 * 12 * 20 * 32 * 256, 2 * 5 * 9 * 64 * 512, 2 * 3 * 7 * 64 * 576
    encoder = first + second + third
    convolutions = 8 * (encoder + 2 * encoder - first) / 2 / 1e9
    assert convolutions < learner_cases.operations(case) < 1.5 * convolutions


def test_ratios_are_taken_within_a_turn() -> None:
    cases = bench_learner.all_cases([2], 1.0, "cpu")
    assert len({bench_learner.describe(case) for case in cases}) == len(cases)
    assert {case["learner"] for case in cases} == {"sb3", "limit", "preset", "separate", "shared"}
    turns = []
    for speed in (1.0, 3.0, 2.0):  # the machine's
        found = []
        for case in cases:
            rate = speed * {"sb3": 2.0, "separate": 6.0}.get(case["learner"], 12.0)
            found.append(
                case | {"updates_per_s": rate, "gflop_an_update": 10.0, "gflop_per_s": 1000.0 * speed, "dtype": "x"}
            )
        turns.append(found)
    told = [bench_learner.summary(case, [turn[i] for turn in turns], turns) for i, case in enumerate(cases)]
    separate = next(one for one in told if one["learner"] == "separate" and one["bfloat16"])
    assert separate["times_sb3"] == 3.0 and separate["updates_per_s"] == 12.0
    assert separate["share_of_limit"] == pytest.approx(0.06)
    assert "times_sb3" not in told[0] and "share_of_limit" not in told[0]
    other = next(one for one in told if one["batch"] == 64)
    assert "times_sb3" not in other, "the peer was measured at another batch"


def test_a_peer_that_is_missing_is_told() -> None:
    case = bench_learner.all_cases([1], 1.0, "cpu")[0]
    found = bench_learner.measure(case | {"batch": "none"}, "/bin/false")
    assert "failed" in found
    assert bench_learner.summary(case, [found], [[found]])["failed"]
