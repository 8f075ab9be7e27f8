"""Stages of a curriculum: read from files and the command line, refused in a sentence where they make no sense."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from av_td3_system.config.curriculum_sections import EXAMPLE, CurriculumConfig
from av_td3_system.config.errors import UserError
from av_td3_system.config.load import load_config, load_resolved, resolved_yaml, with_overrides
from av_td3_system.config.resume_rules import changes


def test_there_is_none_unless_asked_for() -> None:
    assert load_config().curriculum.stages == ()


def test_stages_are_read_from_the_command_line_and_from_a_file_and_written_as_they_were(tmp_path: Path) -> None:
    given_by_hand = load_config(overrides=[EXAMPLE])
    assert [(stage.begins, stage.vehicles, stage.weathers) for stage in given_by_hand.curriculum.stages] == [
        (0, (20,), None),
        (100_000, (20, 50, 100), None),
    ]
    file = tmp_path / "mine.yaml"
    file.write_text(
        "curriculum:\n  stages:\n    - {from: 0, vehicles: [20]}\n    - {from: 1e5, vehicles: [20, 50, 100]}\n"
    )
    assert load_config(files=[file]) == given_by_hand
    file.write_text(resolved_yaml(given_by_hand))
    assert load_resolved(file) == given_by_hand
    assert with_overrides(given_by_hand, ["run.seed=3"]).curriculum == given_by_hand.curriculum


def test_the_packaged_example_is_one() -> None:
    stages = load_config(files=["curriculum_config.yaml"]).curriculum.stages
    assert len(stages) == 3 and stages[0].weathers is None and stages[-1].vehicles == (20, 50, 100)
    assert stages[1].in_words() == "20 or 50 vehicles, weathers as set"


@given(st.lists(st.integers(1, 1_000_000), unique=True, max_size=6), st.integers(0, 1_100_000))
def test_the_stage_in_force_is_the_last_one_that_has_begun(later: list[int], timestep: int) -> None:
    begins = [0, *sorted(later)]
    config = CurriculumConfig.model_validate({"stages": [{"from": begin} for begin in begins]})
    assert config.stage_at(timestep) == sum(begin <= timestep for begin in begins) - 1


@pytest.mark.parametrize(
    ("stages", "sentence", "hint"),
    [
        ("[{from: 10}]", r"^--set: curriculum\.stages: the first stage is from 10, but must be from 0", "as without"),
        ("[{from: 0}, {from: 50}, {from: 50}]", "a stage from 50 comes after one from 50", "begin later"),
        ("[{from: 0}, {from: 70}, {from: 60}]", "a stage from 60 comes after one from 70", "begin later"),
        ("[{from: -1}]", r"curriculum\.stages\.0\.from is -1, but must be at least 0", EXAMPLE),
        ("[{vehicles: [20]}]", r"curriculum\.stages\.0 lacks from", EXAMPLE),
        ("[{from: 0, vehicle: [20]}]", r"unknown setting curriculum\.stages\.0\.vehicle", EXAMPLE),
        ("[{from: 0, vehicles: []}]", r"curriculum\.stages\.0\.vehicles is .*at least 1 values", EXAMPLE),
        ("[{from: 0, vehicles: 20}]", r"curriculum\.stages\.0\.vehicles is 20, but must be a list", EXAMPLE),
        (
            "[{from: 0, vehicles: [501]}]",
            r"curriculum\.stages\.0\.vehicles\.0 is 501, but must be at most 500",
            EXAMPLE,
        ),
        ("[{from: 0, weathers: [3]}]", r"curriculum\.stages\.0\.weathers\.0 is 3, but must be text", EXAMPLE),
        ("[7]", r"curriculum\.stages\.0 is 7, but must be a section", EXAMPLE),
        ("5", r"curriculum\.stages is 5, but must be a list", EXAMPLE),
    ],
)
def test_what_makes_no_sense_is_refused_in_a_sentence_with_a_hint(stages: str, sentence: str, hint: str) -> None:
    with pytest.raises(UserError, match=sentence) as refused:
        load_config(overrides=[f"curriculum.stages={stages}"])
    assert hint in refused.value.hint and "\n" not in refused.value.message


def test_a_number_of_vehicles_is_drawn_or_set_but_not_both() -> None:
    with pytest.raises(UserError, match=r"a stage draws .* exploration\.vehicles sets it to 30"):
        load_config(overrides=[EXAMPLE, "exploration.vehicles=30"])
    weathers_alone = "curriculum.stages=[{from: 0, weathers: [WetNoon]}]"
    assert load_config(overrides=[weathers_alone, "exploration.vehicles=30"]).exploration.vehicles == 30


def test_outside_the_town_there_is_no_traffic_to_draw() -> None:
    with pytest.raises(UserError, match=r"^--set: curriculum\.stages steers the town .* nothing to Hopper-v5"):
        load_config(overrides=[EXAMPLE], flags={"run.env": "Hopper-v5"})


def test_other_stages_are_another_course_of_a_run_that_goes_on() -> None:
    before = load_config()
    (change,) = changes(before, with_overrides(before, [EXAMPLE]))
    assert (change.name, change.effect) == ("curriculum.stages", "course")
