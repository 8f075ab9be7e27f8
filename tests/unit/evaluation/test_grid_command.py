"""The protocol's grid: every episode once, whatever interrupts it, and tables from its lines alone."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from av_td3_system.cli import main
from av_td3_system.config.errors import UserError
from av_td3_system.config.load import load_config
from av_td3_system.environments.seeding import spelled_out
from av_td3_system.environments.vector_env import TownVectorEnv
from av_td3_system.evaluation.camera_ablation import IMAGES
from av_td3_system.evaluation.drivers import Driver, open_driver
from av_td3_system.evaluation.episode_lines import read_asked, read_lines
from av_td3_system.evaluation.episode_writer import EpisodeLines
from av_td3_system.evaluation.grid import Grid, GridRequest, cells, episode_seeds, grid_for, settings_of
from av_td3_system.evaluation.grid_command import run_grid
from av_td3_system.evaluation.grid_table import figures, tables
from av_td3_system.evaluation.protocol import evaluate_policy
from av_td3_system.evaluation.route_set import load_route_set

SMALL = GridRequest("test", ["empty", "1"], ["TownA", "TownB"], ["ClearNoon", "WetSunset"], routes=2)
TINY = replace(SMALL, scenarios=["0"], towns=["TownA"])
PICTURE = ["camera.width=16", "camera.height=16"]


def drive(driver: Driver, out: Path, asked: GridRequest = SMALL, **more: Any) -> int:
    """Drive it with pictures that are quickly drawn."""
    return run_grid(driver, asked, out=out, **{"overrides": PICTURE, **more})


class Interrupted(BaseException):
    """Stands for Ctrl-C or a kill."""


class Failing:
    """Drives straight, until it is interrupted."""

    def __init__(self, decisions: int) -> None:
        self._left, self._policy = decisions, open_driver(None, "straight", 0).policy

    def __call__(self, observation: dict[str, np.ndarray], env: Any) -> np.ndarray:
        self._left -= 1
        if self._left < 0:
            raise Interrupted
        return self._policy(observation, env)


def straight(decisions: int = 10**9) -> Driver:
    return Driver("straight", Failing(decisions), load_config())


def by_episode(folder: Path) -> dict[tuple[Any, ...], dict[str, Any]]:
    return {(line["town"], line["cell_scenario"], line["episode_seed"]): line for line in read_lines(folder)}


def test_an_interrupted_evaluation_goes_on_and_ends_with_the_lines_of_one_that_was_not(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert drive(straight(), tmp_path / "whole", num_envs=4) == 0
    table = capsys.readouterr().out
    whole = by_episode(tmp_path / "whole")
    assert len(whole) == 2 * 2 * 2 * 2
    had = []
    for decisions in (150, 150):
        with pytest.raises(Interrupted):
            drive(straight(decisions), tmp_path / "broken", num_envs=3)
        had.append(len(read_lines(tmp_path / "broken")))
    assert 0 < had[0] < had[1] < len(whole), "the interruptions came in the middle"
    with open(tmp_path / "broken" / "episodes.jsonl", "ab") as file:
        file.write(b'{"episode_seed": -1, "tow')  # as a kill may leave it
    capsys.readouterr()
    drive(straight(), tmp_path / "broken", num_envs=5)
    assert by_episode(tmp_path / "broken") == whole
    assert len((tmp_path / "broken" / "episodes.jsonl").read_text().splitlines()) == len(whole), "none was driven twice"
    told = capsys.readouterr()
    assert sorted(told.out.splitlines()) == sorted(table.splitlines())


def test_a_line_says_what_the_record_of_its_episode_says(tmp_path: Path) -> None:
    drive(straight(), tmp_path, replace(SMALL, scenarios=["1"], towns=["TownB"]), num_envs=4)
    grid = Grid("test", ("1",), ("TownB",), ("ClearNoon", "WetSunset"), 2)
    config = load_config(overrides=PICTURE)
    (cell,) = cells(grid)
    told = episode_seeds(grid, load_route_set("TownB", "test"))
    env = TownVectorEnv(settings_of(cell, grid, config), 1, split="test")
    records = evaluate_policy(straight().policy, env, list(told))
    lines = {line["episode_seed"]: line for line in read_lines(tmp_path)}
    for record in records:
        line = lines[record.episode_seed]
        assert {name: line[name] for name in record.to_dict()} == record.to_dict()
        assert sum(line["speed_counts"]) == record.length and record.scenario == 1
        assert record.episode_seed == spelled_out(line["route"], 0, grid.weathers.index(record.weather))
    assert {record.weather for record in records} == set(grid.weathers)
    for route in {line["route"] for line in lines.values()}:
        pair = [line for line in lines.values() if line["route"] == route]
        assert len(pair) == 2 and pair[0]["route_length"] == pair[1]["route_length"]


def test_the_same_route_among_other_traffic() -> None:
    config = load_config(overrides=["camera.width=16", "camera.height=16"])
    env = TownVectorEnv(config, 3, split="test")
    route = load_route_set("TownA", "test").routes[3]
    env.assign_episodes(
        [[spelled_out(route.seed, 0, 0)], [spelled_out(route.seed, 1, 0)], [spelled_out(route.seed, 0, 1)]]
    )
    env.reset()
    state = env.worlds.state
    assert (state["route_length"] == state["route_length"][0]).all() and state["route_length"][0] == pytest.approx(
        route.length, abs=1e-3
    )
    assert (state["route_x"] == state["route_x"][0]).all()
    assert not (state["x"][0] == state["x"][1]).all(), "other traffic"
    assert (state["x"][0] == state["x"][2]).all(), "another weather, the same traffic"


def test_a_trajectory_gives_back_the_figures_of_its_episode(tmp_path: Path) -> None:
    drive(straight(), tmp_path, TINY, trajectories=True)
    files = list((tmp_path / "trajectories").iterdir())
    assert len(files) == 4
    for line in read_lines(tmp_path):
        name = f"TownA-0-{line['route']}-{line['traffic']}-{line['weather']}.npz"
        with np.load(tmp_path / "trajectories" / name, allow_pickle=False) as drives:
            assert len(drives["time"]) == line["length"] and drives["reward"].sum() == pytest.approx(
                line["episode_reward"]
            )
            assert drives["time"][-1] == pytest.approx(line["time"])
            assert (drives["pedal"] == 0.5).all() and (drives["steering"] == 0.0).all()


def test_another_driver_or_grid_does_not_get_into_the_folder(tmp_path: Path) -> None:
    drive(straight(), tmp_path, num_envs=4)
    before = (tmp_path / "episodes.jsonl").read_bytes()
    with pytest.raises(UserError, match="holds another evaluation: driver differ"):
        drive(open_driver(None, "parked", 0), tmp_path)
    with pytest.raises(UserError, match="grid, episodes differ"):
        drive(straight(), tmp_path, replace(SMALL, routes=3))
    with pytest.raises(UserError, match="config_hash, overrides differ"):
        drive(straight(), tmp_path, overrides=[*PICTURE, "vehicle.mass=900"])
    assert (tmp_path / "episodes.jsonl").read_bytes() == before


def test_two_processes_do_not_write_into_one_folder(tmp_path: Path) -> None:
    lines = EpisodeLines(tmp_path, {"driver": "x"})
    with pytest.raises(UserError, match="another process evaluates"):
        EpisodeLines(tmp_path, {"driver": "x"})
    lines.close()
    EpisodeLines(tmp_path, {"driver": "x"}).close()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--grid", "--scenario", "1"], "--scenario does not go with --grid"),
        (["--grid", "--image", "dark"], "--image is 'dark'"),
        (["--robustness", "--image", "blank"], "--image does not go with --robustness"),
        (["--robustness", "--grid"], "--grid does not go with --robustness"),
        (["--robustness", "--trajectories"], "--trajectories does not go with --robustness"),
        (["--routes", "3"], "--routes does not go with an evaluation without --grid"),
        (["--grid", "--scenarios", "0", "7"], "--scenarios 7: must be of empty, 0, 1, 2"),
        (["--grid", "--scenarios", "1", "1"], "each once"),
        (["--grid", "--routes", "26"], "--routes is 26"),
        (["--grid", "--traffic-seeds", "0"], "--traffic-seeds is 0"),
        (["--grid", "--weathers", "Snow"], "unknown weather 'Snow'"),
        (["--grid", "--split", "train"], "--split is 'train'"),
        (["--grid", "--towns", "Atlantis"], "Atlantis"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_written(
    arguments: list[str],
    words: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["evaluate", "--policy", "straight", *arguments]) == 2
    assert words in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_the_protocols_grid_is_what_is_not_said() -> None:
    config = load_config()
    grid = grid_for(config, GridRequest("test"))
    assert grid.scenarios == ("0", "1", "2") and grid.towns == ("TownA", "TownB")
    assert grid.weathers == (*config.environment.weathers, "WetSunset", "SoftRainSunset")
    assert grid.episodes == 3 * 2 * 6 * 25


def test_tables_are_of_the_lines_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    drive(straight(), tmp_path, num_envs=4, as_json=True)
    told = json.loads(capsys.readouterr().out)
    lines, asked = read_lines(tmp_path), read_asked(tmp_path)
    cell = told["cells"]["1 / new town / new weather"]
    chosen = [
        line for line in lines if (line["cell_scenario"], line["town"], line["weather"]) == ("1", "TownB", "WetSunset")
    ]
    assert len(chosen) == 2 == cell["n_episodes"]
    assert cell == json.loads(json.dumps(figures(chosen)))
    metres = sum(line["distance"] for line in chosen)
    assert cell["off_road_per_km"] == pytest.approx(1000 * sum(line["off_road"] for line in chosen) / metres)
    assert "| scenario empty / training town / training weather * | 2 |" in tables(lines, asked)


def test_pooled_figures_weigh_by_time(tmp_path: Path) -> None:
    drive(straight(), tmp_path, TINY, num_envs=4)
    one, two = (dict(line) for line in read_lines(tmp_path)[:2])
    one |= {"length": 100, "ttc_below_2": 0.5, "jerk_rms": 1.0, "jerk_max": 3.0, "ttc_min": None, "route": 1}
    two |= {"length": 300, "ttc_below_2": 0.1, "jerk_rms": 3.0, "jerk_max": 2.0, "ttc_min": 4.0, "route": 2}
    one["ttc_counts"], two["ttc_counts"] = [[0] * 40 for _ in range(2)]
    one["ttc_counts"][3] = 19
    two["ttc_counts"][10] = 1
    pooled = figures([one, two])
    assert pooled["ttc_below_2"] == pytest.approx(0.2)
    assert pooled["jerk_rms"] == pytest.approx(np.sqrt((100 * 1 + 300 * 9) / 400)) and pooled["jerk_max"] == 3.0
    assert pooled["ttc_min"] == 4.0 and pooled["ttc_p05"] == 2.75, "the 20th of 400 lies in the bin from 2.5 to 2.75 s"
    two["ttc_counts"][10] = 0
    assert figures([one, two])["ttc_p05"] is None
    assert figures([{**one, "jerk_rms": None}, two])["jerk_rms"] == 3.0


class Watching:
    """Stands, and notes whether there was anything to see."""

    def __init__(self) -> None:
        self.images: list[np.ndarray] = []
        self.erased: set[bool] = set()

    def __call__(self, observation: dict[str, np.ndarray], env: Any) -> np.ndarray:
        self.images.append(observation["image"].copy())
        self.erased.add(env.config.environment.erase_leader)
        return np.tile(np.float32([0.0, 0.5]), (len(observation["image"]), 1))


def test_another_image_has_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    shown, erased = {}, {}
    two_towns = replace(TINY, towns=["TownA", "TownB"], routes=1)
    for image in IMAGES:
        watcher = Watching()
        settings = [*PICTURE, "environment.time_allowance=1", "environment.slowest_speed=100"]
        run_grid(Driver("x", watcher, load_config()), two_towns, image=image, overrides=settings)  # type: ignore[arg-type]
        shown[image], erased[image] = watcher.images, watcher.erased
    assert {path.name for path in (tmp_path / "runs").iterdir()} == {
        "evaluation-x-test",
        "evaluation-x-test-blank",
        "evaluation-x-test-frozen",
        "evaluation-x-test-shuffled",
        "evaluation-x-test-leader_erased",
    }
    assert not any(image.any() for image in shown["blank"]) and all(image.any() for image in shown["seen"])
    assert np.array_equal(shown["shuffled"][0], shown["seen"][0][::-1]), "of two worlds each is shown the other's"
    assert np.array_equal(shown["frozen"][5], shown["frozen"][0]) and shown["frozen"][0].any()
    assert erased == {image: {image == "leader_erased"} for image in IMAGES}
    for image in ("blank", "leader_erased"):
        assert read_asked(tmp_path / "runs" / f"evaluation-x-test-{image}")["image"] == image
