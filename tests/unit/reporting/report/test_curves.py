"""Curves are means of what the files say."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from av_td3_system.evaluation.statistics import wilson_interval
from av_td3_system.reporting.report.curves import evaluation_curve, evaluation_interval, late_interval, training_curve
from av_td3_system.reporting.report.runs import read_groups
from tests.unit.reporting.report.made import add_evaluation, make_run


def test_training_curves_are_means_over_equal_stretches_and_over_seeds(tmp_path: Path) -> None:
    for seed in (10, 20):
        make_run(tmp_path / str(seed), seed, steps=5000)
    groups = read_groups([str(tmp_path / "10"), str(tmp_path / "20")])
    (curve,) = training_curve(groups, lambda run: run.rewards())
    # An episode ends every 250 timesteps and earns step / 10 + seed; no stretch may be without one.
    assert 10 <= len(curve.steps) <= 20
    assert curve.each[1] - curve.each[0] == pytest.approx(10.0)
    assert curve.mean == pytest.approx(curve.each.mean(axis=0))
    assert (curve.low >= curve.each[0] - 1e-9).all() and (curve.high <= curve.each[1] + 1e-9).all()
    assert np.abs(curve.mean - (curve.steps / 10 + 15)).max() <= 25.0  # half an episode's distance


def test_the_mean_ends_where_a_run_ended(tmp_path: Path) -> None:
    make_run(tmp_path / "long", 1, steps=6000)
    make_run(tmp_path / "short", 2, "run.max_timesteps=6000", steps=2000, how="halted")
    (curve,) = training_curve(read_groups([str(tmp_path / "long"), str(tmp_path / "short")]), lambda run: run.rewards())
    known = np.isfinite(curve.mean)
    assert curve.steps[known].max() <= 2000 < curve.steps[~known].max()
    assert np.isfinite(curve.each[0]).all()


def test_evaluations_of_seeds_and_of_one(tmp_path: Path) -> None:
    one, two = (make_run(tmp_path / str(seed), seed) for seed in (1, 2))
    for run, rewards in ((one, [500.0, 500.0, 0.0, 500.0]), (two, [500.0] * 4)):
        add_evaluation(run, 1000, rewards)
    (curve,) = evaluation_curve(read_groups([str(one.path), str(two.path)]), "success_rate")
    wilson = wilson_interval(7, 8)
    assert curve.mean[0] == pytest.approx(0.875)
    assert curve.low[0] <= wilson.low and curve.high[0] >= wilson.high
    alone = read_groups([str(two.path)])[0].runs[0].validations
    found = evaluation_interval(alone, "success_rate")
    assert found is not None and found.low == pytest.approx(wilson_interval(4, 4).low)
    assert evaluation_interval(alone, "nothing_of_the_kind") is None


def test_no_success_at_all_is_a_measurement(tmp_path: Path) -> None:
    run = make_run(tmp_path / "1", 1)
    add_evaluation(run, 1000, [0.0, 0.0])
    add_evaluation(run, 2000, [500.0, 0.0])
    (curve,) = evaluation_curve(read_groups([str(run.path)]), "success_rate")
    assert curve.steps.tolist() == [1000.0, 2000.0]
    assert curve.mean.tolist() == [0.0, 0.5]


def test_means_over_runs_need_every_run() -> None:
    assert late_interval([1.0, None]) is None
    assert late_interval([1.0, float("nan")]) is None
    assert late_interval([]) is None
    assert late_interval([3.0]) == (3.0, None, None)
    found = late_interval([1.0, 3.0])
    assert found is not None and found[0] == 2.0 and found[1] == 1.0 and found[2] == 3.0
