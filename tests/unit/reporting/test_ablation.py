"""Ablations whose figures are known."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from av_td3_system.config.errors import UserError
from av_td3_system.evaluation.metrics import summarise
from av_td3_system.experiments.ablations import BLIND, WORSE, Ablation, Claim
from av_td3_system.monitoring import names
from av_td3_system.monitoring.json_lines import JsonLinesFile
from av_td3_system.monitoring.run_directory import RunDirectory
from av_td3_system.reporting.ablation import PLAN, Judged, judge, run_ablation
from tests import records
from tests.unit.reporting.written_run import write_run

SEEDS = (1, 2, 3)
EPISODES = 40


def write_success(run: RunDirectory, share: float, q_bias: float = 0.0) -> None:
    """A validation of which the first episodes succeed."""
    drives = [
        (records.success if k < share * EPISODES else records.make_episode)(episode_seed=10_000 + k)
        for k in range(EPISODES)
    ]
    file = JsonLinesFile(run.evaluations)
    plain = [drive.to_dict() for drive in drives]
    calibration = {"q_bias": q_bias}
    summary = summarise(drives)
    file.append(
        {"step": 10_000, "kind": "validation", "summary": summary, "calibration": calibration, "episodes": plain}
    )
    file.close()


def write_ablation(
    out: Path,
    claim: Claim,
    without: Sequence[float],
    whole: Sequence[float] = (0.8, 0.8, 0.8),
    *,
    norms: tuple[float, float] = (5.0, 5.0),
    biases: tuple[float, float] = (0.0, 0.0),
    how: str | None = "completed",
) -> Path:
    """The whole and one ablation, success shares by seed."""
    made = [Ablation("whole", (), "all of it", None), Ablation("less", ("agent.gamma=0.5",), "less success", claim)]
    for one, shares, norm, bias in zip(made, (whole, without), norms, biases, strict=True):
        for seed, share in zip(SEEDS, shares, strict=False):
            path = out / f"{one.name}-seed{seed}"
            ended = how if one.name == "less" else "completed"
            run = write_run(path, steps=10_000, metrics={names.ENCODER_FEATURE_NORM: norm + 0.01 * seed}, how=ended)
            write_success(run, share, bias + 0.1 * seed)
    write_plan(out, made)
    return out


def write_plan(out: Path, made: Sequence[Ablation], **changes: Any) -> None:
    plan = {"overrides": [], "timesteps": 10_000, "episodes": EPISODES, "seeds": SEEDS}
    (out / PLAN).write_text(json.dumps({**plan, "ablations": [asdict(one) for one in made], **changes}))


def judged(out: Path) -> Mapping[str, Judged]:
    return {one.name: one for one in judge(out, json.loads((out / PLAN).read_text()))}


def test_what_costs_success_is_confirmed(tmp_path: Path) -> None:
    less = judged(write_ablation(tmp_path, WORSE, (0.2, 0.3, 0.25)))["less"]
    assert less.verdict == "confirmed"
    assert less.success is not None and less.success.value == pytest.approx(0.25)
    assert less.difference is not None and less.difference.value == pytest.approx(-0.55)
    assert less.difference.low < -0.55 < less.difference.high < 0


def test_what_changes_nothing_is_neither_confirmed_nor_refuted(tmp_path: Path) -> None:
    less = judged(write_ablation(tmp_path, WORSE, (0.8, 0.8, 0.8)))["less"]
    assert less.verdict == "not confirmed"
    assert less.difference == (0.0, 0.0, 0.0)


def test_what_is_better_without_is_refuted(tmp_path: Path) -> None:
    assert judged(write_ablation(tmp_path, WORSE, (1.0, 1.0, 1.0), (0.4, 0.5, 0.4)))["less"].verdict == "refuted"


def test_a_loss_that_falls_short_of_the_bound_is_not_confirmed(tmp_path: Path) -> None:
    less = judged(write_ablation(tmp_path, BLIND, (0.6, 0.6, 0.6)))["less"]
    assert less.value is not None and less.value.high < 0, "a loss, but not of thirty points"
    assert less.verdict == "not confirmed"


def test_two_seeds_confirm_nothing(tmp_path: Path) -> None:
    less = judged(write_ablation(tmp_path, WORSE, (0.1, 0.1)))["less"]
    assert less.seeds == [1, 2] and less.verdict == "not confirmed"
    assert less.difference is not None and less.difference.high < 0


def test_exploding_features_are_a_ratio(tmp_path: Path) -> None:
    claim = Claim("feature_norm", "ratio", 10.0, above=True)
    less = judged(write_ablation(tmp_path, claim, (0.8, 0.8, 0.8), norms=(5.0, 100.0)))["less"]
    assert less.feature_norm == pytest.approx(100.02)
    assert less.value is not None and less.value.value == pytest.approx(100.02 / 5.02)
    assert less.verdict == "confirmed"


def test_features_that_stay_small_do_not_explode(tmp_path: Path) -> None:
    claim = Claim("feature_norm", "ratio", 10.0, above=True)
    assert judged(write_ablation(tmp_path / "a", claim, (0.8,) * 3, norms=(5.0, 10.0)))["less"].verdict != "confirmed"
    assert judged(write_ablation(tmp_path / "b", claim, (0.8,) * 3, norms=(5.0, 2.0)))["less"].verdict == "refuted"


def test_overestimation_is_a_difference_of_biases(tmp_path: Path) -> None:
    claim = Claim("q_bias", "difference", 0.0, above=True)
    less = judged(write_ablation(tmp_path, claim, (0.8, 0.8, 0.8), biases=(-1.0, 2.0)))["less"]
    assert less.value is not None and less.value.value == pytest.approx(3.0)
    assert less.verdict == "confirmed"


def test_a_run_that_was_halted_counts_with_its_last_validation(tmp_path: Path) -> None:
    less = judged(write_ablation(tmp_path, WORSE, (0.2, 0.2, 0.2), how="halted"))["less"]
    assert less.halted == 3 and less.verdict == "confirmed"


def test_a_run_that_goes_on_is_not_judged_yet(tmp_path: Path) -> None:
    assert list(judged(write_ablation(tmp_path, WORSE, (0.2, 0.2, 0.2), how=None))) == ["whole"]


def test_an_evaluation_that_was_not_made_is_not_made_up(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = write_ablation(tmp_path, WORSE, (0.2, 0.2, 0.2))
    (out / "less-seed2" / "evaluations.jsonl").unlink()
    less = judged(out)["less"]
    assert less.success is None and less.difference is None and less.verdict == "not confirmed"
    run_ablation(out)
    assert "| less | 3 | - | - |" in capsys.readouterr().out


def test_the_files_hold_what_is_printed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = write_ablation(tmp_path, WORSE, (0.2, 0.3, 0.25))
    run_ablation(out)
    text = capsys.readouterr().out
    assert text == (out / "ABLATION.md").read_text()
    assert "| less | 3 | 0.25 (" in text and "**confirmed**" in text and "seeds 1, 2, 3" in text
    run_ablation(out, as_json=True)
    told = json.loads(capsys.readouterr().out)
    assert told == json.loads((out / "ablation.json").read_text())
    less = told["variants"][1]
    assert less["verdict"] == "confirmed" and less["difference"]["estimate"] == pytest.approx(-0.55)


@pytest.mark.parametrize(
    "changes",
    [
        {"seeds": ["x"]},
        {"ablations": [{"name": "../elsewhere", "expected": "", "claim": None}]},
        {"ablations": [{"name": "less", "expected": "", "claim": {**asdict(WORSE), "measure": "luck"}}]},
        {"ablations": 3},
    ],
)
def test_a_plan_that_was_spoilt_is_refused(tmp_path: Path, changes: dict[str, Any]) -> None:
    write_plan(tmp_path, [], **changes)
    with pytest.raises(UserError):
        run_ablation(tmp_path)


def test_a_folder_without_ablations_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="missing or unreadable"):
        run_ablation(tmp_path)
