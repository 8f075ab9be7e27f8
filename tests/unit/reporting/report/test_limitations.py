"""Each rule speaks where its bound is crossed and is silent where it is not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from av_td3_system.reporting.report.driving import BLANK
from av_td3_system.reporting.report.limitations import limitations
from av_td3_system.reporting.report.material import Material, read_material
from tests.unit.reporting.report.made import add_evaluation, make_grid, make_run
from tests.unit.reporting.written_run import change_manifest, write_alert

GOOD = {"q_return_gap": 0.05, "q1_q2_gap": 0.05}


@pytest.fixture
def sound(tmp_path: Path) -> Callable[[], Material]:
    """Three seeds to their end, evaluated once, and nothing else to say of them."""
    runs = [make_run(tmp_path / str(seed), seed, steps=1000) for seed in (1, 2, 3)]
    for run in runs:
        add_evaluation(run, 1000, [500.0] * 4, GOOD)
        change_manifest(run, code={"commit": "abc", "modified": False})
    return lambda: read_material([str(run.path) for run in runs])


def test_nothing_is_said_where_nothing_is_amiss(sound: Callable[[], Material]) -> None:
    assert limitations(sound(), None) == []


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda runs, path: change_manifest(runs[0].directory, how="halted"), "1 ended early: halted at step 1,000"),
        (lambda runs, path: change_manifest(runs[0].directory, how=None), "1 had not ended"),
        (lambda runs, path: change_manifest(runs[1].directory, resumes=[{}, {}]), "went on 2 time(s)"),
        (
            lambda runs, path: change_manifest(runs[0].directory, code={"commit": "abc", "modified": True}),
            "code of 1 had changes",
        ),
        (lambda runs, path: change_manifest(runs[0].directory, code={"commit": "b"}), "different code revisions"),
        (
            lambda runs, path: write_alert(runs[0].directory, "q_diverging", "critical", 900),
            "alerts in TD3: 1 critical",
        ),
        (
            lambda runs, path: add_evaluation(runs[0].directory, 1000, [1.0], {"q_return_gap": 0.61}),
            "is 61 %, above 50 %",
        ),
        (lambda runs, path: runs[0].directory.evaluations.unlink(), "1 of 3 runs of TD3 have no held-out evaluation"),
        (
            lambda runs, path: [add_evaluation(one.directory, 1000, [1.0], GOOD) for one in runs],
            "chosen among 2 on",
        ),
    ],
)
def test_what_is_amiss_is_said(sound: Callable[[], Material], tmp_path: Path, spoil: Callable, words: str) -> None:
    spoil(sound().runs, tmp_path)
    assert words in "\n".join(limitations(sound(), None))


def test_seeds_steps_and_values_that_are_none(tmp_path: Path) -> None:
    run = make_run(tmp_path / "1", 1, steps=1000, metrics={"train/td_error": float("nan")})
    told = "\n".join(limitations(read_material([str(run.path)]), "10k"))
    assert "1 training seed(s), where 3 are asked" in told
    assert "fewer than the 10,000 steps that this document is about: 1 1,000" in told
    assert "2 lines of 1 hold values that were not finite and are left out (train/td_error)" in told
    assert "no held-out evaluation" in told


def test_evaluations_are_held_against_the_protocol(tmp_path: Path) -> None:
    run = make_run(tmp_path / "1", 1, steps=1000)
    policy = str(run.path / "policy.safetensors")
    seen = make_grid(tmp_path / "seen", driver=policy, towns=("TownA",), missing=1)
    told = "\n".join(limitations(read_material([str(run.path)], [seen]), None))
    for words in (
        "of TD3 is not complete: 1 episodes are missing",
        "cells of TD3 have fewer than 500 episodes",
        "25 % of the held-out routes' length in TownA",
        "TD3 was not evaluated in a new town.",
        "the camera is worth to TD3 was not measured",
        "No row of privileged, idm-mobil, parked, straight, random",
    ):
        assert words in told
    blind = make_grid(tmp_path / "blank", driver=policy, towns=("TownA",), overrides=[BLANK])
    assert "A black camera costs TD3 0 points" in "\n".join(
        limitations(read_material([str(run.path)], [seen, blind]), None)
    )


def test_a_policy_that_looks_is_not_called_blind(tmp_path: Path) -> None:
    run = make_run(tmp_path / "1", 1, steps=1000)
    policy = str(run.path / "policy.safetensors")
    folders = [
        make_grid(tmp_path / "seen", driver=policy),
        make_grid(tmp_path / "blank", lambda route, weather: False, driver=policy, overrides=[BLANK]),
    ]
    assert "camera" not in "\n".join(limitations(read_material([str(run.path)], folders), None))
