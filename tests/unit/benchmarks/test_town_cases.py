"""What is measured is the configuration that a run trains in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from av_td3_system.config.load import load_config
from av_td3_system.training.worlds import batch_for_training, training_worlds
from benchmarks import town_cases
from benchmarks.town_cases import Case, all_cases

CASES = all_cases(cores=2)


def leaves(settings: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in settings.items():
        found |= leaves(value, f"{prefix}{name}.") if isinstance(value, dict) else {f"{prefix}{name}": value}
    return found


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_case_changes_what_it_names_and_nothing_else(case: Case) -> None:
    training, ours = leaves(load_config().model_dump()), leaves(case.config().model_dump())
    changed = {name: ours[name] for name in training if ours[name] != training[name]}
    named: dict[str, Any] = {}
    if case.scenario:
        named["run.scenario"] = case.scenario
    if case.weather != town_cases.TRAINING:
        named["environment.weathers"] = (case.weather,)
    if not case.camera:
        named["environment.blank_image"] = True
    assert changed == named


def test_the_grid_that_was_asked_for_is_covered() -> None:
    assert len(set(CASES)) == len(CASES)
    for threads in (1, 2):
        assert {case.worlds for case in CASES if case.threads == threads} == {1, 16, 64, 256, 1024}
        for worlds in (64, 256):
            driven = [case for case in CASES if case.threads == threads and case.worlds == worlds and case.camera]
            assert {case.description()["vehicles"] for case in driven} == {20, 50, 100}
    assert {case.weather for case in CASES} == set(town_cases.WEATHERS)
    assert {case.driver for case in CASES} == {"privileged", "warm-up"}
    assert {case.threads for case in all_cases(cores=1)} == {1}


def test_the_worlds_are_those_of_a_run() -> None:
    """Same settings, same observation, same episodes."""
    config = load_config(flags={"run.num_envs": 2, "run.seed": 0})
    theirs, ours = training_worlds(config), batch_for_training(Case().config(), 2, 0)
    first, same = theirs.reset()[0], ours.reset()[0]
    assert set(first) == set(same) and all(np.array_equal(first[name], same[name]) for name in first)


def test_a_measurement_says_what_it_measured() -> None:
    found = town_cases.measure(Case(worlds=2, camera=False, driver="warm-up", threads=1), decisions=3)
    assert found["worlds"] == 2 and found["vehicles"] == 20 and found["decisions"] == 3 and not found["camera"]
    assert 0 < found["lowest"] <= found["steps_per_s"] <= found["highest"]
    assert found["us_per_world_step"] == pytest.approx(1e6 / found["steps_per_s"], rel=0.01)
