"""Rounds over written runs: who goes on, what fails, and that a stop anywhere changes nothing."""

from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path

import pytest

from av_td3_system.experiments.tuning_plan import TuningPlan, make_plan
from av_td3_system.experiments.tuning_result import TuningResult, read_result
from av_td3_system.experiments.tuning_rounds import Stuck, climb
from av_td3_system.experiments.tuning_study import TuningStudy
from tests.unit.experiments.test_tuning_plan import SMALL
from tests.unit.experiments.written_trials import Outcome, Writer

SPACE = ("agent.batch_size=8,16,32", "agent.tau=0.02,0.03")  # six settings, none of them the base


@pytest.fixture(scope="module")
def plan() -> TuningPlan:
    return make_plan(replace(SMALL, space=SPACE, reduction=2, rungs=(20, 40, 80)))


def by_number(trial: int, seed: int, rung: int) -> Outcome:
    return 10.0 * trial + rung


def tuned(out: Path, plan: TuningPlan, writer: Writer) -> TuningResult:
    study = TuningStudy(out, plan)
    climb(out, plan, study, writer)
    return read_result(out, plan, study, out / "best.yaml")


def test_the_best_go_on_and_the_base_always(tmp_path: Path, plan: TuningPlan) -> None:
    writer = Writer(by_number)
    result = tuned(tmp_path, plan, writer)
    assert [trial for trial, _, rung in writer.made if rung == 20] == [0, 1, 2, 3, 4, 5, 6]
    assert [trial for trial, _, rung in writer.made if rung == 40] == [0, 4, 5, 6]
    assert [trial for trial, _, rung in writer.made if rung == 80] == [0, 6], "half of three"
    assert [(row.trial, row.rung) for row in result.rows] == [
        *((6, 80), (0, 80), (5, 40), (4, 40), (3, 20), (2, 20), (1, 20)),
    ]
    assert [row.state for row in result.rows] == ["completed"] * 2 + ["pruned"] * 5
    assert result.best == 6 and result.overrides == ("agent.batch_size=32", "agent.tau=0.03")
    again = Writer(by_number)
    assert tuned(tmp_path, plan, again).to_dict() == result.to_dict()
    assert not again.made, "nothing is trained twice"


def test_what_fails_says_why_and_the_others_go_on(tmp_path: Path, plan: TuningPlan) -> None:
    def outcome(trial: int, seed: int, rung: int) -> Outcome:
        failing: dict[tuple[int, int], Outcome] = {(6, 20): "halted", (5, 40): None, (1, 20): "lost"}
        return failing.get((trial, rung), by_number(trial, seed, rung))

    writer = Writer(outcome)
    result = tuned(tmp_path, plan, writer)
    reasons = {row.trial: row.reason for row in result.rows if row.state == "failed"}
    assert "halted: Q went away" in str(reasons[6])
    assert "no finite reward" in str(reasons[5])
    assert "lost: MemoryError: no room" in str(reasons[1])
    assert [made for made in writer.made if made[0] == 1] == [(1, 42, 20)] * 2, "a lost one has another try"
    assert [trial for trial, _, rung in writer.made if rung == 80] == [0, 4]
    assert [row.trial for row in result.rows][-3:] == [5, 1, 6], "failed ones stand last"


def test_a_full_disk_or_nothing_but_lost_runs_are_no_verdict(tmp_path: Path, plan: TuningPlan) -> None:
    for outcome, words in (("full", "the disk took no more"), ("lost", "no run came to an end.*MemoryError")):
        out = tmp_path / outcome
        out.mkdir()
        with pytest.raises(Stuck, match=words):
            tuned(out, plan, Writer(lambda trial, seed, rung, bad=outcome: bad if rung == 40 else 1.0 * trial))
        result = tuned(out, plan, Writer(by_number))
        assert result.best == 6 and all(row.state != "failed" for row in result.rows)


def test_the_value_is_the_mean_over_seeds(tmp_path: Path) -> None:
    plan = make_plan(replace(SMALL, seeds=(1, 2, 3), reduction=2))
    lucky = {(1, 1): 300.0, (1, 2): 0.0, (1, 3): 0.0}  # one seed of the first trial; the others do as well in all
    result = tuned(tmp_path, plan, Writer(lambda trial, seed, rung: lucky.get((trial, seed), 101.0 * (trial == 2))))
    best = result.rows[0]
    assert best.trial == 2 and best.figures is not None
    assert (best.figures.reward, best.figures.std, best.figures.episodes) == (101.0, 0.0, 12)
    pruned = next(row for row in result.rows if row.trial == 1)
    assert pruned.figures is not None and pruned.figures.std == pytest.approx(300 / 3**0.5)
    assert result.better and result.confirmed


def test_one_failed_seed_fails_its_trial(tmp_path: Path) -> None:
    plan = make_plan(replace(SMALL, seeds=(1, 2)))
    result = tuned(tmp_path, plan, Writer(lambda trial, seed, rung: "halted" if (trial, seed) == (3, 2) else 1.0))
    assert "trial003-seed2 halted" in str(next(row.reason for row in result.rows if row.trial == 3))


def test_a_stop_after_any_run_changes_nothing(tmp_path: Path, plan: TuningPlan) -> None:
    whole = Writer(by_number)
    for name in ("whole", "stopped"):
        (tmp_path / name).mkdir()
    expected = tuned(tmp_path / "whole", plan, whole)
    made: list[tuple[int, int, int]] = []
    for length in itertools.cycle((1, 3, 2)):
        writer = Writer(by_number, stop_after=length)
        try:
            result = tuned(tmp_path / "stopped", plan, writer)
        except KeyboardInterrupt:
            made += writer.made
            continue
        made += writer.made
        break
    assert sorted(made) == sorted(whole.made), "each was trained once"
    assert [row.to_dict() for row in result.rows] == [row.to_dict() for row in expected.rows]
    assert result.difference == expected.difference
