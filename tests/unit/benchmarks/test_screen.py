"""The screening of changes: settings that exist, figures that add up."""

from __future__ import annotations

import json
from argparse import Namespace
from pathlib import Path
from typing import Any

import pytest

from av_td3_system.config.load import load_config, resolved_yaml
from benchmarks import screen
from benchmarks.variants import VARIANTS


@pytest.mark.parametrize("name", VARIANTS)
def test_a_change_is_one_and_was_expected_to_do_something(name: str) -> None:
    changed, base = (load_config(overrides=list(VARIANTS[one].settings)) for one in (name, VARIANTS[name].base))
    assert (changed == base) is (name == VARIANTS[name].base)
    assert len(VARIANTS[name].expected) > 20


def test_the_recommended_preset_is_one_that_others_are_compared_with() -> None:
    bases = {variant.base for variant in VARIANTS.values()}
    assert load_config() in [load_config(overrides=list(VARIANTS[base].settings)) for base in bases]


def evaluation(success: list[int], step: int = 50_000) -> dict[str, Any]:
    return {"step": step, "success": success, "route_completion": [0.5] * len(success), "collisions_per_km": 1.0}


def put(folder: Path, name: str, seed: int, success: list[int]) -> None:
    figures = {
        "variant": name,
        "seed": seed,
        "evaluations": [evaluation([0] * len(success), 25_000), evaluation(success)],
    }
    (folder / f"{name}-50k-seed{seed}.json").write_text(json.dumps(figures), encoding="utf-8")


def test_the_table_compares_with_the_base_on_the_same_seeds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(screen, "RESULTS", tmp_path)
    for seed in (60, 61):
        put(tmp_path, "start", seed, [1, 0] * 50)
    put(tmp_path, "lap", 60, [1] * 100)
    put(tmp_path, "lap", 99, [0] * 100)
    rows = {row.split("|")[1].strip(): row for row in screen.table(50_000).splitlines()[2:]}
    assert set(rows) == {"start", "lap"}
    assert "| 0.000 | 0.500 (0.50, 0.50)" in rows["start"] and "60, 61" in rows["start"]
    assert "start: +0.500" in rows["lap"] and "1 seeds" in rows["lap"] and "0.500 (1.00, 0.00)" in rows["lap"]


def test_an_interval_holds_the_difference_and_widens_with_disagreement() -> None:
    def run(success: list[int]) -> list[dict[str, Any]]:
        return [evaluation(success), evaluation(success)]

    base = {seed: run([1, 0] * 100) for seed in (1, 2, 3)}
    agreeing = {seed: run([1, 1, 1, 0] * 50) for seed in (1, 2, 3)}
    torn = {1: run([1] * 200), 2: run([1, 1, 1, 0] * 50), 3: run([1, 0] * 100)}

    def bounds(runs: dict[int, Any]) -> tuple[float, ...]:
        told = screen.difference(runs, base)
        return tuple(float(word.strip("(),")) for word in told.split()[:4] if word != "..")

    middle, low, high = bounds(agreeing)
    assert middle == pytest.approx(0.25) and 0 < low < middle < high
    wide = bounds(torn)
    assert wide[0] == pytest.approx(0.25) and wide[2] - wide[1] > high - low


def test_a_run_that_was_made_is_not_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(screen, "RESULTS", tmp_path)
    put(tmp_path, "start", 60, [1])
    screen.make("start", 60, Namespace(timesteps=50_000, runs=tmp_path / "runs", episodes=1))
    assert not (tmp_path / "runs").exists()


def longer_run(folder: Path, *settings: str) -> Path:
    config = load_config(
        overrides=[*VARIANTS["second"].settings, "run.threads=1", "evaluation.video=false", *settings],
        flags={"run.seed": 61, "run.max_timesteps": 100, "run.eval_freq": 50, "checkpoint.keep_last": 9},
    )
    folder.mkdir()
    (folder / "config.yaml").write_text(resolved_yaml(config), encoding="utf-8")
    lines = [
        {
            "step": step,
            "kind": kind,
            "calibration": {},
            "summary": {"collisions_per_km": 1.0},
            "episodes": [{"success": step == 50, "route_completion": 0.5}],
        }
        for step, kind in ((0, "parked"), (50, "validation"), (100, "validation"))
    ]
    (folder / "evaluations.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return folder


def test_the_first_part_of_a_longer_run_is_the_shorter_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(screen, "RESULTS", tmp_path)
    screen.take("second", longer_run(tmp_path / "run"), 50, episodes=load_config().evaluation.episodes)
    kept = json.loads(screen.result_file("second", 61, 50).read_text(encoding="utf-8"))
    assert [(one["step"], one["success"]) for one in kept["evaluations"]] == [(50, [1])]


@pytest.mark.parametrize("setting", ["agent.gamma=0.98", "run.num_envs=8", "evaluation.seed=3"])
def test_a_run_in_other_settings_is_not_taken(tmp_path: Path, setting: str) -> None:
    with pytest.raises(SystemExit, match="settings"):
        screen.take("second", longer_run(tmp_path / "run", setting), 50, episodes=load_config().evaluation.episodes)


def test_a_run_that_was_not_judged_then_is_not_taken(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="judged"):
        screen.take("second", longer_run(tmp_path / "run"), 40, episodes=load_config().evaluation.episodes)
