"""A run under a curriculum: told once, judged as without, gone on with to the bit, changed where worlds allow it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from av_td3_system.config.errors import UserError
from av_td3_system.config.load import load_resolved
from av_td3_system.monitoring import names
from av_td3_system.monitoring.run_directory import RunDirectory
from av_td3_system.reporting.status import run_status
from av_td3_system.training.resume import resume
from av_td3_system.training.run import train
from av_td3_system.training.validation import Validator
from av_td3_system.training.worlds import training_worlds
from tests.unit.training.small import lines_of, make_directory, small
from tests.unit.training.test_resume import COMMAND, LONG, Killed, die, killed_at, record, results

STAGES = (
    "[{from: 0, vehicles: [2]}, {from: 40, vehicles: [4, 9], weathers: [WetNoon, ClearSunset]}, "
    "{from: 70, vehicles: [0]}]"
)
DRAWN = (*LONG, f"curriculum.stages={STAGES}")


def stages_told(path: Path) -> list[dict[str, Any]]:
    events = [line for line in lines_of(RunDirectory(path).events) if line["kind"] == "stage"]
    return [{key: value for key, value in line.items() if key not in ("kind", "time")} for line in events]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run through all stages that nobody interrupted."""
    path = tmp_path_factory.mktemp("curriculum") / "whole"
    assert train(small(*DRAWN), path, COMMAND) in (0, 3)
    return path


def test_each_stage_is_told_of_once_and_its_episodes_say_what_they_drew(whole: Path) -> None:
    assert stages_told(whole) == [
        {"step": 0, "stage": 1, "from": 0, "vehicles": [2], "weathers": None},
        {"step": 42, "stage": 2, "from": 40, "vehicles": [4, 9], "weathers": ["WetNoon", "ClearSunset"]},
        {"step": 72, "stage": 3, "from": 70, "vehicles": [0], "weathers": None},
    ]
    log = (whole / "train.log").read_text()
    assert log.count("stage 2 of 3 begins: 4 or 9 vehicles, WetNoon or ClearSunset") == 1
    by_step = {
        line["step"]: line[names.CURRICULUM_STAGE]
        for line in lines_of(whole / "metrics.jsonl")
        if names.CURRICULUM_STAGE in line
    }
    assert {step: stage for step, stage in by_step.items() if step in (12, 30, 42, 60, 81)} == {
        12: 1, 30: 1, 42: 2, 60: 2, 81: 3,
    }  # fmt: skip
    episodes = lines_of(whole / "episodes.jsonl")
    assert {line["vehicles"] for line in episodes} >= {2, 4, 9}
    late = [line for line in episodes if line["vehicles"] in (4, 9)]
    assert late and {line["weather"] for line in late} <= {"WetNoon", "ClearSunset"}
    assert f"vehicles {episodes[0]['vehicles']} weather {episodes[0]['weather']}" in log


def test_the_status_says_where_it_stands_and_how_the_episodes_went(
    whole: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run_status(whole)
    words = capsys.readouterr().out
    assert "curriculum  stage 3 of 3 from step 70: 0 vehicles, weathers as set\n" in words
    assert "success by vehicles: 2 0.00 (n " in words and "success by weather: " in words
    run_status(whole, as_json=True)
    said = json.loads(capsys.readouterr().out)["curriculum"]
    assert (said["stage"], said["stages"], said["following"]) == (3, 3, None)
    drawn = {group["name"]: group["episodes"] for group in said["success"]["vehicles"]}
    assert sum(drawn.values()) == len(lines_of(whole / "episodes.jsonl")) and {"2", "4", "9"} <= set(drawn)


def test_a_run_without_one_says_nothing_of_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    train(small(*LONG, "run.max_timesteps=30"), tmp_path / "run", COMMAND)
    assert stages_told(tmp_path / "run") == []
    assert names.CURRICULUM_STAGE not in (tmp_path / "run" / "metrics.jsonl").read_text()
    run_status(tmp_path / "run")
    assert "curriculum" not in capsys.readouterr().out


@pytest.mark.parametrize("decision", [12, 25])
def test_killed_within_a_stage_it_ends_to_the_bit_where_it_would_have(
    whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, decision: int
) -> None:
    """Saved at steps 21 and 60: the next stage begins when the run has gone on."""
    with monkeypatch.context() as patched:
        killed_at(decision, patched, die)
        with pytest.raises(Killed):
            train(small(*DRAWN), tmp_path / "broken", COMMAND)
    resume(tmp_path / "broken", [], {}, COMMAND)
    assert record(tmp_path / "broken") == record(whole), "events and state_hash among it"
    assert stages_told(tmp_path / "broken") == stages_told(whole)


def test_one_stage_of_what_is_drawn_anyway_is_no_other_run(tmp_path: Path) -> None:
    plain = (*LONG, "run.max_timesteps=60", "traffic.vehicles=[3,3,3]")
    train(small(*plain), tmp_path / "plain", COMMAND)
    train(small(*plain, "curriculum.stages=[{from: 0, vehicles: [3]}]"), tmp_path / "stage", COMMAND)
    assert results(tmp_path / "plain")["state_hash"] == results(tmp_path / "stage")["state_hash"]
    assert lines_of(tmp_path / "plain" / "episodes.jsonl") == lines_of(tmp_path / "stage" / "episodes.jsonl")


def test_worlds_that_judge_know_nothing_of_it(tmp_path: Path, whole: Path) -> None:
    config = small(*DRAWN)
    validator = Validator(make_directory(tmp_path, config), config)
    env = validator._environment()
    assert env.worlds.config == env.config == config, "no more vehicles, no more weathers"
    env.assign_episodes([[10_000], [10_001]])
    env.reach(50)
    env.reset()
    assert (env.worlds.state["vehicles"] == 0).all()
    for line in lines_of(whole / "evaluations.jsonl"):
        assert all(episode["vehicles"] == 0 for episode in line["episodes"])
        assert {episode["weather"] for episode in line["episodes"]} <= set(config.environment.weathers)


def test_later_stages_may_be_changed_and_added_for_another_course(tmp_path: Path) -> None:
    train(small(*DRAWN, "run.max_timesteps=30"), tmp_path / "run", COMMAND)
    other = (
        "curriculum.stages=[{from: 0, vehicles: [2]}, {from: 36, vehicles: [11], weathers: [WetNoon, FoggyNoon]}, "
        "{from: 60, vehicles: [12]}, {from: 80}]"
    )
    resume(tmp_path / "run", [other], {"run.max_timesteps": 90}, COMMAND)
    assert [(line["step"], line["stage"]) for line in stages_told(tmp_path / "run")] == [
        (0, 1), (36, 2), (60, 3), (81, 4),
    ]  # fmt: skip
    assert len(load_resolved(tmp_path / "run" / "config.yaml").curriculum.stages) == 4
    assert "curriculum.stages" in json.loads((tmp_path / "run" / "manifest.json").read_text())["resumes"][0]["changed"]
    resume(tmp_path / "run", ["curriculum.stages=[{from: 0, vehicles: [6], weathers: [WetNoon, FoggyNoon]}]"],
           {"run.max_timesteps": 120}, COMMAND)  # fmt: skip
    told = stages_told(tmp_path / "run")[-1]
    assert (told["step"], told["stage"], told["vehicles"]) == (90, 1, [6]), "at once, where the run goes on"
    driven_among = [line["vehicles"] for line in lines_of(tmp_path / "run" / "episodes.jsonl")]
    assert driven_among == [2] * 6 + [11] * 3 + [12] * 3 + [6] * (len(driven_among) - 12)


@pytest.mark.parametrize(
    ("stages", "sentence", "hint"),
    [
        (
            "[{from: 0, vehicles: [2]}, {from: 40, vehicles: [100], weathers: [WetNoon]}]",
            "room for 20 .* for 120",
            "0 and 12",
        ),
        ("[{from: 0, vehicles: [2]}]", "open episodes know theirs by their place", "name these first"),
        ("[{from: 0, weathers: [Drizzle]}]", "unknown weather 'Drizzle'", "known weathers"),
    ],
)
def test_what_needs_other_worlds_is_refused_and_the_run_left_alone(
    tmp_path: Path, stages: str, sentence: str, hint: str
) -> None:
    train(small(*DRAWN, "run.max_timesteps=30"), tmp_path / "run", COMMAND)
    before = record(tmp_path / "run")
    with pytest.raises(UserError, match=rf"curriculum\.stages.*{sentence}|{sentence}") as refused:
        resume(tmp_path / "run", [f"curriculum.stages={stages}"], {"run.max_timesteps": 60}, COMMAND)
    assert hint in refused.value.hint
    assert record(tmp_path / "run") == before


def test_a_weather_that_there_is_not_and_a_crowd_that_finds_no_room_are_refused() -> None:
    with pytest.raises(UserError, match=r"^curriculum\.stages: unknown weather 'ClearNon'") as refused:
        training_worlds(small("curriculum.stages=[{from: 0, weathers: [ClearNon]}]"))
    assert "ClearNoon" in refused.value.hint
    with pytest.raises(UserError, match=r"^curriculum\.stages: 450 vehicles do not find room in TownA") as refused:
        training_worlds(small("curriculum.stages=[{from: 0}, {from: 9, vehicles: [20, 450]}]"))
    assert "at most 2" in refused.value.hint
    training_worlds(small("curriculum.stages=[{from: 0, vehicles: [20, 100]}]"))
