"""Result documents hold what is promised, whole or not at all."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from av_td3_system.reporting.results import REQUIRED, render, write_results

EVALUATION = {
    "episode_reward": 432.1,
    "success_rate": 0.5,
    "route_completion": 0.75,
    "collisions_per_km": None,
    "n_episodes": 50,
}


def _results(**changes: Any) -> dict[str, Any]:
    criterion = {"name": "td_error", "value": 1.5, "bound": 5.0, "passed": True, "role": "proceed", "note": "|mean|"}
    return {
        "algo": "td3",
        "scenario": 0,
        "seed": 42,
        "backend": "town",
        "env_steps": 10_000,
        "episodes": 37,
        "wall_clock_s": 201.4,
        "env_steps_per_s": 49.7,
        "updates_per_s": 24.8,
        "updates_per_step": 0.5,
        "eval": {"last": EVALUATION, "best": None},
        "q_value_mean": 31.25,
        "q_value_std": 4.5,
        "q_bias": -0.5,
        "td_error": 1.5,
        "critic_loss": 3.25,
        "gate": {"name": "10k", "verdict": "extend", "criteria": [criterion]},
        "alerts": [{"name": "gradient_spike", "severity": "warning", "step": 4200}],
        "ended": "completed",
        "state_hash": "ab" * 32,
        **changes,
    }


def test_both_files_are_written_and_nothing_else(tmp_path: Path) -> None:
    write_results(tmp_path, _results())
    assert sorted(path.name for path in tmp_path.iterdir()) == ["RESULTS.md", "results.json"]
    assert json.loads((tmp_path / "results.json").read_text()) == _results()


def test_the_document_states_figures_n_verdict_and_alerts() -> None:
    text = render(_results())
    for said in ("432.1", "| 50 |", "gate 10k: **extend**", "td_error", "gradient_spike", "at step 4200", "abab"):
        assert said in text
    assert "\\|mean\\|" in text, "a note does not break the table"


def test_a_halted_run_says_why_and_what_was_tried() -> None:
    alert = {"name": "parked", "severity": "critical", "step": 900, "message": "Car parked at step 900"}
    remedy = {"remedy": "divergence", "step": 800, "back_to": None, "changes": {"agent.tau": [0.01, 0.002]}}
    effect = {"step": 900, "trouble": ["parked"], "figures": {}}
    text = render(_results(ended="halted", alerts=[alert], remedies=[{**remedy, "effect": effect}]))
    assert "Car parked at step 900" in text
    assert "- divergence at step 800: begun anew; agent.tau 0.01 -> 0.002; then: parked" in text
    assert "then: not known yet" in render(_results(remedies=[{**remedy, "effect": None}]))
    assert "the disk" in render(_results(ended="halted", alerts=[], reason="the disk took no more"))


def test_a_run_without_evaluation_gate_or_alerts_has_results_too(tmp_path: Path) -> None:
    early = _results(eval={"last": None, "best": None}, gate=None, alerts=[], ended="interrupted", q_bias=None)
    write_results(tmp_path, early)
    assert "No alerts" in (tmp_path / "RESULTS.md").read_text()


@pytest.mark.parametrize("name", REQUIRED)
def test_a_missing_field_is_refused(tmp_path: Path, name: str) -> None:
    results = _results()
    del results[name]
    with pytest.raises(ValueError, match=name):
        write_results(tmp_path, results)


@pytest.mark.parametrize(
    "changes",
    [
        {"ended": "gave_up"},
        {"gate": {"name": "10k", "verdict": "maybe", "criteria": []}},
        {"gate": {"verdict": "halt"}},
        {"eval": {"last": {"episode_reward": 1.0}, "best": None}},
        {"td_error": math.nan},
    ],
)
def test_impossible_results_are_refused_and_leave_the_old_ones(tmp_path: Path, changes: dict[str, Any]) -> None:
    write_results(tmp_path, _results(seed=1))
    with pytest.raises(ValueError):
        write_results(tmp_path, _results(**changes))
    assert json.loads((tmp_path / "results.json").read_text())["seed"] == 1
