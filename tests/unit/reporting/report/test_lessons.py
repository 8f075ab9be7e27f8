"""Lessons are what was measured; what was not is named with the command that measures it."""

from __future__ import annotations

import json
from pathlib import Path

from av_td3_system.reporting.report.driving import BLANK
from av_td3_system.reporting.report.lessons import lessons, not_measured
from av_td3_system.reporting.report.material import read_material
from av_td3_system.reporting.results import write_whole
from tests.unit.reporting.report.made import add_evaluation, make_grid, make_run
from tests.unit.reporting.written_run import write_evaluation


def test_lessons_are_what_the_files_say(tmp_path: Path) -> None:
    run = make_run(tmp_path / "1", 1, steps=6000)
    write_evaluation(run, 0, -90.0, kind="parked")
    add_evaluation(run, 5000, [500.0, 100.0, 100.0, 500.0])
    policy = str(run.path / "policy.safetensors")
    folders = [
        make_grid(tmp_path / "seen", driver=policy),
        make_grid(tmp_path / "blank", lambda route, weather: False, driver=policy, overrides=[BLANK]),
    ]
    material = read_material([str(run.path)], folders)
    told = "\n".join(lessons(material))
    assert "Training rewards of TD3: improving in 1 of 1 run(s)." in told
    assert "Of the last 4 held-out episodes of TD3, 2 failed: collision 2." in told
    assert "completes 0.50 of its routes; the best trivial policy, parked, 0.50" in told
    assert "a black one costs 100 points of success" in told
    assert not any("camera" in one for one in not_measured(material))
    assert any("ablate" in one for one in not_measured(material))


def test_criteria_and_remedies_come_from_the_results(tmp_path: Path) -> None:
    run = make_run(tmp_path / "1", 1, steps=1000)
    remedies = [
        {"remedy": "halve", "step": 5, "back_to": None, "changes": {}, "effect": {"trouble": []}},
        {"remedy": "halve", "step": 9, "back_to": 5, "changes": {}, "effect": {"trouble": ["q"]}},
    ]
    gate = {"name": "10k", "verdict": "extend", "criteria": [{"name": "td_error", "passed": False, "role": "proceed"}]}
    write_whole(run.results_json, json.dumps({"gate": gate, "remedies": remedies}))
    told = "\n".join(lessons(read_material([str(run.path)])))
    assert "did not meet: td_error (1)." in told
    assert "The remedy halve was taken 2 time(s), and no trouble followed 1 of them." in told


def test_everything_is_missing_of_a_bare_run(tmp_path: Path) -> None:
    run = make_run(tmp_path / "1", 1, steps=500)
    assert len(not_measured(read_material([str(run.path)]))) == 5
