"""How a tuning is told: nobody shall adopt noise, or a setting without the figures that it was chosen on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from av_td3_system.config.load import load_config
from av_td3_system.experiments.tuning_plan import TuningPlan, make_plan
from av_td3_system.experiments.tuning_result import TuningResult, gain, paired
from av_td3_system.experiments.tuning_table import confirming, preset_text, render, verdict
from tests.unit.experiments.test_tuning_plan import SMALL, small
from tests.unit.experiments.test_tuning_rounds import tuned
from tests.unit.experiments.written_trials import Outcome, Writer

__all__ = ["small"]


def two_best(trial: int, seed: int, rung: int) -> Outcome:
    return 200.0 if trial == 2 else "halted" if trial == 3 else 100.0


def loaded(tmp_path: Path, result: TuningResult) -> str:
    text = preset_text(result, "av-td3 tune --out there")
    (tmp_path / "best.yaml").write_text(text)
    return text


def test_the_preset_is_the_best_trial_and_says_where_it_comes_from(tmp_path: Path, small: TuningPlan) -> None:
    result = tuned(tmp_path, small, Writer(two_best))
    text = loaded(tmp_path, result)
    assert load_config(files=[tmp_path / "best.yaml"]) == load_config(overrides=result.overrides)
    assert text.endswith("\nagent:\n  batch_size: 32\n  tau: 0.02\n")
    assert (
        "# Chosen by av-td3 tune --out there\n# 3 settings were tried beside the base; 1 completed, 1 pruned, 1" in text
    )
    assert "# trial 2 at 40 timesteps: reward 200.0, success" in text and "# base setting at 40 timesteps: rew" in text


def test_the_preset_holds_what_differs_from_the_base_alone(tmp_path: Path, small: TuningPlan) -> None:
    result = tuned(tmp_path, small, Writer(lambda trial, seed, rung: 9.0 * (trial == 1)))
    assert result.overrides == ("agent.batch_size=32", "agent.tau=0.01")
    assert loaded(tmp_path, result).endswith("\nagent:\n  batch_size: 32\n"), "the base has this tau"


def test_where_the_base_is_best_nothing_is_changed(tmp_path: Path, small: TuningPlan) -> None:
    result = tuned(tmp_path, small, Writer(lambda trial, seed, rung: 50.0 - trial))
    assert result.best == 0 and result.overrides == () and not result.better
    assert "The base setting was best" in loaded(tmp_path, result)
    assert load_config(files=[tmp_path / "best.yaml"]) == load_config()
    assert result.difference is not None and result.difference.value == -1.0, "of the best beside it"
    assert "keep the base" in verdict(result)[1]


def test_one_seed_confirms_nothing_and_says_how_to(tmp_path: Path, small: TuningPlan) -> None:
    result = tuned(tmp_path, small, Writer(two_best))
    assert result.better and not result.confirmed
    told, doubt = verdict(result)
    assert "+100.0 (+100.0 to +100.0)" in told and "98.33 %" in told, "1 - 0.05 / 3"
    assert "nothing is confirmed on fewer than 3" in doubt
    assert confirming(result).endswith(
        "--space agent.batch_size=32 agent.tau=0.02 --seeds 43 44 45 --rungs 40 --episodes 2"
    )


def test_without_the_base_there_is_nothing_to_compare_with(tmp_path: Path, small: TuningPlan) -> None:
    result = tuned(tmp_path, small, Writer(lambda trial, seed, rung: 1.0 * trial if trial else "halted"))
    assert result.best == 3 and result.difference is None and not result.better
    assert "no figure to compare it with" in render(result)


def test_where_all_fail_there_is_no_best(tmp_path: Path, small: TuningPlan) -> None:
    result = tuned(tmp_path, small, Writer(lambda trial, seed, rung: "halted"))
    assert result.best is None and result.overrides == ()
    assert "No setting came to the last rung." in render(result)
    assert loaded(tmp_path, result).endswith("{}\n")


def test_the_table_has_a_row_a_trial(tmp_path: Path, small: TuningPlan) -> None:
    result = tuned(tmp_path, small, Writer(two_best))
    lines = render(result).splitlines()
    assert (
        lines[0] == "| trial | agent.batch_size | agent.tau | rung | reward | std over seeds | success | n | outcome |"
    )
    assert lines[2].startswith("| 2 | 32 | 0.02 | 40 | 200.0 | - | ") and lines[2].endswith("| 4 | completed |")
    assert lines[3].startswith("| 0 | base | base | 40 |")
    assert lines[4].endswith("| pruned at 20 |") and "| failed: trial003-seed42 halted: Q went away |" in lines[5]
    assert "3 settings tried beside the base; 1 completed, 1 pruned, 1 failed" in render(result)


def test_episodes_are_paired_and_more_settings_tried_widen_the_interval(tmp_path: Path, small: TuningPlan) -> None:
    tuned(tmp_path, small, Writer(lambda trial, seed, rung: 100.0 + trial))
    pairs = paired(tmp_path, small, small.trials[3], 40)
    assert pairs is not None and pairs.shape == (1, 4, 2)
    assert (pairs[..., 0] - pairs[..., 1]).std() == pytest.approx(0.0), "episode beside the same episode"
    pairs[0, :, 0] += [-30.0, 10.0, 20.0, 40.0]
    few, many = gain(pairs, 0.95), gain(pairs, 1 - 0.05 / 27)
    assert few.value == many.value == pytest.approx(13.0)
    assert many.low < few.low < few.value < few.high < many.high


def test_settings_of_the_base_that_an_axis_names_do_not_undo_the_preset(tmp_path: Path) -> None:
    overrides = ("agent.tau=0.03", "agent.gamma=0.9")
    plan = make_plan(replace(SMALL, overrides=overrides, algo="ddpg", scenario=1))
    result = tuned(tmp_path, plan, Writer(two_best))
    use = next(line for line in preset_text(result, "").splitlines() if line.startswith("# Use: "))
    assert use == "# Use: av-td3 train --algo ddpg --scenario 1 --config best.yaml --set agent.gamma=0.9"
