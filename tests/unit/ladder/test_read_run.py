"""Gate inputs from the files of a run directory."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from av_td3_system.config.errors import UserError
from av_td3_system.config.load import load_config, resolved_yaml
from av_td3_system.config.schema import GateConfig
from av_td3_system.environments.episode import EpisodeRecord
from av_td3_system.ladder.command import read_verdict, run_gate
from av_td3_system.ladder.inputs import GateInputs
from av_td3_system.ladder.read_run import read_gate_inputs
from tests.records import evaluation_set, make_episode, success

CONFIG = GateConfig(bootstrap_samples=1000)


def _lines(path: Path, lines: Iterable[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))


def _evaluation(step: int, kind: str, episodes: list[EpisodeRecord], **more: Any) -> dict[str, Any]:
    return {"step": step, "kind": kind, "summary": {}, "episodes": [record.to_dict() for record in episodes], **more}


def _write_run(run: Path, reward: float = 300.0, baseline: float = 200.0) -> Path:
    """A run of 10K with an evaluation each 2.5K and trivial policies evaluated once."""
    run.mkdir()
    (run / "config.yaml").write_text(resolved_yaml(load_config("td3")))
    calibration = {"q_return_gap": 0.2, "q1_q2_gap": 0.1, "q_bias": -1.0}
    _lines(
        run / "evaluations.jsonl",
        [
            _evaluation(0, "parked", evaluation_set(-95.0, 0.0)),
            _evaluation(0, "straight", evaluation_set(70.0, 0.2)),
            _evaluation(0, "random", evaluation_set(-60.0, 0.1)),
            _evaluation(2_500, "validation", evaluation_set(50.0, 0.2)),
            _evaluation(5_000, "validation", evaluation_set(baseline, 0.4)),
            _evaluation(7_500, "validation", evaluation_set(250.0, 0.5)),
            _evaluation(10_000, "validation", evaluation_set(reward, 0.6), calibration=calibration),
        ],
    )
    _lines(
        run / "metrics.jsonl",
        [
            {"step": step, "train/td_error": step / 5000, "train/q_value": 30.0, "train/q_value_std": 5.0}
            for step in range(500, 10_001, 500)
        ],
    )
    _lines(
        run / "events.jsonl",
        [
            {"step": 1000, "kind": "phase", "name": "LEARNING"},
            {"step": 3000, "kind": "alert", "name": "gradient_spike", "severity": "warning"},
        ],
    )
    _lines(
        run / "episodes.jsonl",
        [{"step": 100 * k, **make_episode(episode_reward=float(k)).to_dict()} for k in range(1, 101)],
    )
    return run


def test_inputs_are_those_of_the_newest_validation_and_the_own_5k(tmp_path: Path) -> None:
    inputs = read_gate_inputs(_write_run(tmp_path / "run"), CONFIG)
    assert inputs.step == 10_000
    assert list(inputs.episodes) == evaluation_set(300.0, 0.6)
    assert list(inputs.baseline_episodes) == evaluation_set(200.0, 0.4)
    assert inputs.trivial_route_completion == pytest.approx({"parked": 0.0, "straight": 0.2, "random": 0.1})
    assert len(inputs.td_error) == 10, "lines after 5000, up to 10000"
    assert min(inputs.td_error) == pytest.approx(1.1)
    assert inputs.alerts == [("gradient_spike", "warning")]
    assert inputs.calibration["q_return_gap"] == 0.2


def test_another_run_may_be_the_baseline(tmp_path: Path) -> None:
    run, other = _write_run(tmp_path / "run"), _write_run(tmp_path / "other", reward=280.0)
    assert list(read_gate_inputs(run, CONFIG, other).baseline_episodes) == evaluation_set(280.0, 0.6)


def test_a_run_that_evaluates_elsewhere_has_no_baseline(tmp_path: Path) -> None:
    run = _write_run(tmp_path / "run")
    _lines(run / "evaluations.jsonl", [_evaluation(s, "validation", evaluation_set(1.0, 0.1)) for s in (4000, 10_000)])
    assert read_gate_inputs(run, CONFIG).baseline_episodes == ()
    _lines(run / "evaluations.jsonl", [_evaluation(s, "validation", evaluation_set(1.0, 0.1)) for s in (5004, 10_000)])
    assert len(read_gate_inputs(run, CONFIG).baseline_episodes) == 50, "worlds in parallel do not stop at 5000 sharp"


def _higher(run: Path, *more: dict[str, Any]) -> GateInputs:
    """The run gone on with to 100K, and these lines behind."""
    looks = [_evaluation(s, "validation", evaluation_set(300.0 + s / 1000, 0.8)) for s in (10_000, 50_000, 100_000)]
    _lines(run / "evaluations.jsonl", [*looks, *more])
    _lines(
        run / "metrics.jsonl",
        [{"step": step, "train/td_error": 1.0, "train/critic_loss": step / 1000} for step in range(500, 100_001, 500)],
    )
    return read_gate_inputs(run, CONFIG, gamma=0.97)


def test_from_100k_on_a_run_is_compared_with_its_own_10k(tmp_path: Path) -> None:
    inputs = _higher(_write_run(tmp_path / "run"))
    assert list(inputs.baseline_episodes) == evaluation_set(310.0, 0.8)
    assert [step for step, _ in inputs.rewards] == [10_000, 50_000, 100_000]
    assert [reward for _, reward in inputs.rewards] == pytest.approx([310.0, 350.0, 400.0])
    assert len(inputs.td_error) == 180, "lines after 10000"
    assert inputs.late["train/critic_loss"] == pytest.approx(95.25), "lines after 90000"
    assert inputs.gamma == 0.97 and inputs.camera == {}


def test_what_was_driven_for_the_verdict_is_what_is_judged(tmp_path: Path) -> None:
    seen, unseen = evaluation_set(410.0, 0.9, n=60), [success(episode_seed=k) for k in range(2)]
    inputs = _higher(
        _write_run(tmp_path / "run"),
        _evaluation(100_000, "rung", seen, calibration={"q_return_gap": 0.05}),
        _evaluation(100_000, "blank", [*unseen, make_episode(episode_seed=2)]),
        _evaluation(50_000, "shuffled", unseen),
    )
    assert list(inputs.episodes) == seen and inputs.calibration == {"q_return_gap": 0.05}
    assert inputs.camera == {"blank": pytest.approx(2 / 3)}, "the shuffled images were shown to another policy"


def test_of_two_at_a_step_the_rung_s_and_the_newest_count(tmp_path: Path) -> None:
    run = _write_run(tmp_path / "run")
    rung, first, second = evaluation_set(300.0, 0.6, n=60), evaluation_set(1.0, 0.1), evaluation_set(2.0, 0.1)
    lines = [_evaluation(10_000, "validation", first), _evaluation(10_000, "rung", rung)]
    lines += [_evaluation(100_000, "validation", one) for one in (first, second)]
    _lines(run / "evaluations.jsonl", lines)
    inputs = read_gate_inputs(run, CONFIG)
    assert list(inputs.baseline_episodes) == rung and list(inputs.episodes) == second


def test_a_run_that_a_guard_ended_is_halted_wherever_it_was_validated(tmp_path: Path) -> None:
    run = _write_run(tmp_path / "run")
    (run / "manifest.json").write_text(json.dumps({"how": "halted"}))
    (run / "results.json").write_text(json.dumps({"ended": "halted"}))
    assert read_verdict(run)["gate"]["verdict"] == "halt"
    (run / "results.json").write_text(json.dumps({"ended": "halted", "reason": "no room on the disk"}))
    assert read_verdict(run)["gate"]["verdict"] == "proceed", "a disk says nothing of the policy"


def test_a_reward_that_was_not_finite_halts_in_words(tmp_path: Path) -> None:
    run = _write_run(tmp_path / "run")
    text = (run / "evaluations.jsonl").read_text().splitlines()
    line = json.loads(text[-1])
    line["episodes"][3]["episode_reward"] = None
    (run / "evaluations.jsonl").write_text("\n".join([*text[:-1], json.dumps(line)]) + "\n")
    gate = read_verdict(run)["gate"]
    assert gate["verdict"] == "halt"
    assert "not finite" in {one["note"] for one in gate["criteria"] if one["name"] == "episode_reward"}


def test_a_baseline_of_another_scenario_is_refused(tmp_path: Path) -> None:
    run, other = _write_run(tmp_path / "run"), _write_run(tmp_path / "other")
    busy = [make_episode(episode_seed=10_000 + k, scenario=2) for k in range(50)]
    _lines(other / "evaluations.jsonl", [_evaluation(10_000, "validation", busy)])
    with pytest.raises(UserError, match="another scenario"):
        read_gate_inputs(run, CONFIG, other)


def test_null_in_the_metrics_is_a_value_that_was_not_finite(tmp_path: Path) -> None:
    run = _write_run(tmp_path / "run")
    with (run / "metrics.jsonl").open("a") as file:
        file.write(json.dumps({"step": 10_000, "train/td_error": None, "non_finite": ["train/td_error"]}) + "\n")
    assert read_verdict(run)["gate"]["verdict"] == "halt"


def test_the_reading_is_the_plans(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = _write_run(tmp_path / "run")
    assert run_gate([run]) == 0
    text = capsys.readouterr().out
    assert "training: mean 75.50 std 14.58 min 51.00 max 100.00 n 50" in text
    assert "improvement: +100.00 (+50.0%)" in text
    assert "verdict: PROCEED" in text


def test_a_halt_among_several_runs_is_exit_code_3(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    good, bad = _write_run(tmp_path / "good"), _write_run(tmp_path / "bad", reward=100.0)
    assert run_gate([good, bad], as_json=True) == 3
    verdicts = [reading["gate"]["verdict"] for reading in json.loads(capsys.readouterr().out)]
    assert verdicts == ["proceed", "halt"]


def test_what_is_no_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="not a run directory"):
        run_gate([tmp_path])
    with pytest.raises(UserError, match="no run given"):
        run_gate([])
    run = _write_run(tmp_path / "run")
    with pytest.raises(UserError, match="not a run directory"):
        run_gate([run], baseline=tmp_path / "nowhere")
    _lines(run / "evaluations.jsonl", [{"step": 1}])
    with pytest.raises(UserError, match="line 1 is not an evaluation"):
        run_gate([run])
    (run / "evaluations.jsonl").unlink()
    with pytest.raises(UserError, match="no validation"):
        run_gate([run])


@pytest.mark.parametrize(
    ("file", "line"),
    [
        ("metrics.jsonl", {"step": None}),
        ("metrics.jsonl", {"step": 9_000, "train/td_error": "large"}),
        ("events.jsonl", {"step": "late", "kind": "alert"}),
    ],
)
def test_a_line_that_no_run_writes_is_named(tmp_path: Path, file: str, line: dict[str, Any]) -> None:
    run = _write_run(tmp_path / "run")
    _lines(run / file, [line])
    with pytest.raises(UserError, match=file):
        read_gate_inputs(run, GateConfig())


def test_what_was_measured_after_the_judged_step_says_nothing_of_it(tmp_path: Path) -> None:
    run = _write_run(tmp_path / "run")
    before = read_gate_inputs(run, CONFIG)
    with (run / "metrics.jsonl").open("a") as file:
        file.write(json.dumps({"step": 10_500, "train/td_error": 99.0, "train/q_value": 9e9}) + "\n")
    assert read_gate_inputs(run, CONFIG) == before


def test_trivial_policies_count_as_they_were_evaluated_last(tmp_path: Path) -> None:
    run = _write_run(tmp_path / "run")
    with (run / "evaluations.jsonl").open("a") as file:
        file.write(json.dumps(_evaluation(0, "straight", evaluation_set(70.0, 0.3))) + "\n")
    assert read_gate_inputs(run, CONFIG).trivial_route_completion["straight"] == pytest.approx(0.3)
