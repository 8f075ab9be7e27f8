"""Every number of the Methods paragraph is a setting, or is computed from settings."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from av_td3_system.reporting.report.methods import Voice, methods, methods_by
from av_td3_system.reporting.report.runs import RunGroup, in_words, read_groups
from tests.unit.reporting.report.made import begin_from, make_run
from tests.unit.reporting.written_run import write_run

NUMBER = re.compile(r"(?<![\w.])\d+(?:\.\d+)?(?:e-?\d+)?")


def _groups(path: Path, *overrides: str) -> list[RunGroup]:
    return read_groups([str(make_run(path, 7, *overrides, steps=500).path)])


def test_every_number_was_said_from_the_settings(tmp_path: Path) -> None:
    groups = _groups(tmp_path / "run")
    voice = Voice(groups)
    text = methods_by(voice, groups)
    said = {number for value in voice.said for number in NUMBER.findall(value)} | {"7"}  # the seed
    assert len(NUMBER.findall(text)) > 30
    assert [number for number in NUMBER.findall(text) if number not in said] == []


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("agent.gamma=0.913", "discount 0.913"),
        ("agent.batch_size=77", "batches of 77"),
        ("agent.actor_lr=0.00042", "0.00042 (actor)"),
        ("environment.desired_speed=23", "23 km/h"),
        ("environment.action_repeat=4", "(0.2 s)"),
        ("run.num_envs=9", "first 2250 steps"),  # of the warm-up, which grows with the worlds
        ("reward.terminal=33", "costs 33"),
        ("reward.right_of_way=17", "having been given the way costs 17"),
        ("reward.approach=0.7", "costs 0.7 a decision"),
        ("network.critic_way=false", "where other vehicles are, in place of images. The image"),
        ("agent.gradient_clip=null", "gradients not clipped"),
        ("network.layer_norm=false", "no LayerNorm"),
        ("environment.navigation=command", "the next turn"),
        ("camera.color=rgb", "rgb images"),
        ("environment.erase_leader=true", "The vehicle ahead is left out of the image"),
        ("run.scenario=1", "among 50 other vehicles"),
        (
            "curriculum.stages=[{from: 0, vehicles: [20]}, {from: 1500, weathers: [WetNoon]}]",
            "a curriculum: from timestep 0 20 vehicles, weathers as set; from timestep 1,500 vehicles as set, WetNoon.",
        ),
        ("traffic.car_following=krauss", "follow the model of Krauss with a dawdling of 0.5 along routes"),
    ],
)
def test_a_setting_changes_the_paragraph(tmp_path: Path, override: str, words: str) -> None:
    assert words in methods(_groups(tmp_path / "run", override))
    assert words not in methods(_groups(tmp_path / "plain"))


def test_where_runs_disagree_it_says_so(tmp_path: Path) -> None:
    paths = [
        str(make_run(tmp_path / "a", 1, steps=500).path),
        str(make_run(tmp_path / "b", 1, "agent.gamma=0.9", "guards.trend_tau=0.5", steps=500).path),
    ]
    text = methods(read_groups(paths))
    assert "discount 0.9 (TD3 (gamma 0.9)) or 0.97 (TD3 (gamma 0.97))" in text
    assert "do not share these settings: agent.gamma 0.9 (TD3 (gamma 0.9)) or 0.97" in text
    assert "guards.trend_tau" in text


def test_it_says_which_runs_began_with_given_networks(tmp_path: Path) -> None:
    given = str(begin_from(make_run(tmp_path / "a", 1, steps=500), "/some/where/final.pt"))
    drawn = str(make_run(tmp_path / "b", 2, steps=500).path)
    assert "began as those" not in methods(read_groups([drawn]))
    words = "began as those in final.pt (SHA-256 abababababab), with new optimisers and an empty replay; in place of"
    assert f"The networks {words}" in methods(read_groups([given]))
    assert f"The networks of TD3 (--init-from yes) {words}" in methods(read_groups([given, drawn]))


def test_it_names_the_model_of_the_traffic(tmp_path: Path) -> None:
    assert "follow the Intelligent Driver Model along routes" in methods(_groups(tmp_path / "idm"))
    krauss = methods(_groups(tmp_path / "krauss", "traffic.car_following=krauss", "traffic.dawdling=0.25"))
    assert "Intelligent" not in krauss and "a dawdling of 0.25" in krauss


def test_runs_that_differ_in_their_seed_share_every_setting(tmp_path: Path) -> None:
    paths = [str(make_run(tmp_path / str(seed), seed, steps=500).path) for seed in (1, 2)]
    assert methods(read_groups(paths)).endswith("The runs share every setting but the seed.")


def test_another_environment_has_no_town(tmp_path: Path) -> None:
    path = write_run(tmp_path / "run", "run.env=Pendulum-v1", steps=500).path
    text = methods(read_groups([str(path)]))
    assert text.startswith("The agents act in Pendulum-v1.")
    assert "vehicles" not in text and "camera" not in text


def test_values_in_words() -> None:
    assert [in_words(one) for one in (None, True, 0.1 * 3, 5.0, (1, 2.5), "x")] == [
        "none",
        "yes",
        "0.3",
        "5",
        "1, 2.5",
        "x",
    ]
