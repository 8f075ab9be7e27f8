"""Worlds on a served town, by CARLA's real client library: the town's contract, and every fault survived."""

from __future__ import annotations

import importlib.util
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from av_td3_system.cli import main
from av_td3_system.config.errors import BackendLost, UserError
from av_td3_system.config.load import load_config
from av_td3_system.config.schema import Config
from av_td3_system.environments.carla import fleet
from av_td3_system.environments.carla.plain_env import CarlaEnv
from av_td3_system.environments.carla.server_process import VARIABLE
from av_td3_system.environments.carla.vector_env import CarlaVectorEnv, refuse_unknown_to_carla
from av_td3_system.environments.carla.view import planes_of
from av_td3_system.environments.carla.worlds import CarlaWorlds
from av_td3_system.environments.vector_env import TownVectorEnv
from av_td3_system.town.colours import LUMA

ROOT = Path(__file__).resolve().parents[4]
needs_carla = pytest.mark.skipif(
    importlib.util.find_spec("carla") is None or importlib.util.find_spec("msgpack") is None,
    reason="needs CARLA's client library and msgpack: pip install -e '.[carla]'",
)
AHEAD = np.array([[0.0, 0.4]], np.float32)
ALONE = ("traffic.vehicles=[0, 0, 0]", "traffic.parked=[0, 0]")
FEW = ("traffic.vehicles=[6, 6, 6]",)


def carla_config(port: int, *settings: str) -> Config:
    """Settings of a served town at that port, impatient."""
    return load_config(
        "td3",
        overrides=[
            "run.backend=carla", f"carla.port={port}", "carla.timeout=8", "carla.sensor_timeout=2",
            f"carla.traffic_manager_port={free_port()}", *settings,
        ],
    )  # fmt: skip


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    """Of TownA, served without faults."""
    command = [sys.executable, "-m", "av_td3_system", "serve-carla", "TownA", "--port", "0"]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    found = re.search(r":(\d+), streams at", process.stdout.readline())
    assert found is not None
    yield int(found[1])
    fleet.close_all()
    process.terminate()
    process.wait(20)


def test_grey_is_the_luma_of_the_colours() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (4, 5, 4), np.uint8)
    blue, green, red = (picture[..., k].astype(float) for k in range(3))
    grey = planes_of(picture, 1)
    assert grey.shape == (1, 4, 5)
    assert np.abs(grey[0] - (LUMA[0] * red + LUMA[1] * green + LUMA[2] * blue)).max() <= 0.5
    assert np.array_equal(planes_of(picture, 3), np.stack((red, green, blue)))


@pytest.mark.parametrize(
    "setting",
    [
        "variation.mass=[0.8, 1.2]",
        "randomization.noise=3.0",
        "environment.action_delay=2",
        "environment.erase_leader=true",
    ],
)
def test_what_no_server_can_do_is_refused(setting: str) -> None:
    with pytest.raises(UserError, match=setting.split("=")[0].split(".")[0]):
        refuse_unknown_to_carla(load_config("td3", overrides=[setting]))
    refuse_unknown_to_carla(load_config("td3"))


@needs_carla
def test_a_drive_alone_is_the_town_s_own(port: int) -> None:
    """Picture, numbers, rewards and events of the same commands: the served town has the town's own car."""
    config = carla_config(port, *ALONE)
    town, carla = TownVectorEnv(config, 1, split="validation"), CarlaVectorEnv(config, 1, split="validation")
    for env in (town, carla):
        env.assign_episodes([[10_003]])
    (there, _), (here, _) = town.reset(), carla.reset()
    assert carla.single_observation_space.contains({name: array[0] for name, array in here.items()})
    rng = np.random.default_rng(1)
    for k in range(150):
        apart = np.abs(there["image"].astype(int) - here["image"])
        assert apart.mean() < 0.5 and np.quantile(apart, 0.99) <= 2, k  # edges move with the last digit of a pose
        assert np.allclose(there["vector"], here["vector"], atol=3e-3), k
        state = town.worlds.state
        steer = -1.5 * (state["heading_error"][0] + 0.3 * state["lateral"][0]) + rng.normal(0.0, 0.05)
        action = np.array([[np.clip(-steer, -1, 1), 0.3]], np.float32)
        there, paid_there, ended_there, _, _ = town.step(action)
        here, paid_here, ended_here, _, infos = carla.step(action)
        assert paid_here[0] == pytest.approx(paid_there[0], abs=0.05), k
        assert ended_here[0] == ended_there[0] and infos["faults"] == []
        if ended_here[0]:
            break
    assert town.worlds.state["ego_speed"][0] > 3.0 or ended_here[0]
    assert carla.worlds.state["travelled"][0] == pytest.approx(town.worlds.state["travelled"][0], abs=0.1)


@needs_carla
def test_traffic_begins_where_the_town_s_does_and_moves(port: int) -> None:
    config = carla_config(port, "traffic.parked=[0, 0]")
    town, carla = TownVectorEnv(config, 1, seed=3), CarlaVectorEnv(config, 1, seed=3)
    town.reset()
    carla.reset()
    state = carla.worlds.state
    count = int(state["vehicles"][0])
    assert count >= 18
    places = [np.column_stack([env.worlds.state[name][0] for name in ("x", "y")])[:count] for env in (town, carla)]
    assert np.hypot(*(places[0] - places[1]).T).max() < 3.0  # a model's box may have its middle elsewhere
    assert (state["size"][0, :count] > 1.0).all()
    along = np.column_stack([np.cos(state["heading"][0]), np.sin(state["heading"][0])])[:count]
    driving = town.worlds.state["speed"][0, :count] > 3.0
    for k in range(50):
        carla.step(np.zeros((1, 2), np.float32))
        if k == 0:
            gone = np.column_stack([state[name][0] for name in ("x", "y")])[:count] - places[1]
            heading_on = (gone * along).sum(axis=1)[driving] / carla.config.environment.tick
    assert driving.sum() >= 5
    assert (np.array(heading_on) > 0.5).all(), "who drove at the beginning goes on that way"
    moved = np.hypot(*(np.column_stack([state[name][0] for name in ("x", "y")])[:count] - places[1]).T)
    assert (moved > 5.0).sum() >= count // 2


@needs_carla
def test_one_world_says_what_its_server_did_wrong(port: int) -> None:
    env = CarlaEnv(carla_config(port, *ALONE))
    env.reset(seed=1)
    assert env.step(AHEAD[0])[4]["faults"] == []
    worlds = env._batch.worlds
    assert isinstance(worlds, CarlaWorlds)
    simulator = worlds._simulators[0]
    assert simulator._process is not None
    simulator._process.kill()
    _, _, terminated, truncated, info = env.step(AHEAD[0])
    assert len(info["faults"]) == 1 and info["faults"][0].startswith("crash")
    assert truncated and not terminated and info["episode_record"]["outcome"] == "simulator_failure"


@needs_carla
@pytest.mark.parametrize(
    ("setting", "told"),
    [
        ("carla.ego=vehicle.flying.carpet", "has no vehicle vehicle.flying.carpet (carla.ego)"),
        ("carla.vehicle_types=[truck]", "has no cars with four wheels of the types in carla.vehicle_types"),
    ],
)
def test_a_setting_that_no_server_can_follow_is_a_mistake_of_the_user_s(
    port: int, capsys: pytest.CaptureFixture[str], setting: str, told: str
) -> None:
    """It is told at once, and not tried again."""
    settings = (f"carla.port={port}", f"carla.traffic_manager_port={free_port()}", setting)
    assert main(["evaluate", "--policy", "straight", "--backend", "carla", "--episodes", "1", "--set", *settings]) == 2
    said = capsys.readouterr().err
    assert f"error: the server's library {told}" in said
    assert said.count("loading TownA") == 1


@needs_carla
def test_batches_share_a_server_and_take_turns(port: int) -> None:
    config = carla_config(port, *FEW)
    one, other = (CarlaVectorEnv(config, 1, seed=seed) for seed in (1, 2))
    one.reset()
    one.step(AHEAD)
    other.reset()
    with pytest.raises(RuntimeError, match="reset before stepping on"):
        one.step(AHEAD)
    other.step(AHEAD)
    one.reset()
    one.step(AHEAD)


def drive_through(env: CarlaVectorEnv, decisions: int) -> tuple[list[str], list[Any]]:
    """Faults and records of so many decisions."""
    env.reset()
    faults: list[str] = []
    records = []
    for _ in range(decisions):
        *_, infos = env.step(AHEAD)
        faults += infos["faults"]
        records += [record for record in infos["episodes"] if record is not None]
    return faults, records


@needs_carla
@pytest.mark.parametrize(
    ("fault", "kinds"),
    [
        ("hang@90", ("hang",)),
        ("kill@90", ("hang", "crash", "no_connection")),
        ("drop@90:3", ("missing_frame",)),
        ("late@90:3 late@91:3", ("missing_frame",)),  # one of them is the last tick of a decision
        ("destroy@90", ("destroyed_actor",)),
        ("reload@90", ("destroyed_actor", "changed_world", "refused_call")),
    ],
)
def test_a_fault_ends_the_episode_and_no_more(monkeypatch: pytest.MonkeyPatch, fault: str, kinds: tuple[str]) -> None:
    """The server is one of ours, so it is made anew where it hangs or dies."""
    fleet.close_all()
    serve = f"{sys.executable} -m av_td3_system serve-carla TownA --port {{port}} --inject {fault}"
    monkeypatch.setenv(VARIABLE, serve)
    env = CarlaVectorEnv(carla_config(free_port(), *FEW), 1, seed=4)
    try:
        faults, records = drive_through(env, 60)
    finally:
        fleet.close_all()
    assert faults and any(faults[0].startswith(kind) for kind in kinds), faults
    outcomes = [record.outcome for record in records]
    assert outcomes.count("simulator_failure") >= 1
    failed = next(record for record in records if record.outcome == "simulator_failure")
    assert not failed.success and failed.length >= 1 and np.isfinite(failed.episode_reward)


@needs_carla
def test_a_refused_spawn_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    fleet.close_all()
    serve = f"{sys.executable} -m av_td3_system serve-carla TownA --port {{port}} --inject refuse_spawn@1:1"
    monkeypatch.setenv(VARIABLE, serve)
    env = CarlaVectorEnv(carla_config(free_port(), *FEW), 1, seed=4)
    try:
        env.reset()
        faults = [str(fault) for fault in env.worlds.take_faults()]  # type: ignore[attr-defined]
        *_, infos = env.step(AHEAD)
    finally:
        fleet.close_all()
    assert len(faults) == 1 and faults[0].startswith("failed_spawn")
    assert infos["faults"] == []


@needs_carla
def test_a_server_that_never_comes_is_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)

    env = CarlaVectorEnv(carla_config(free_port(), "carla.load_timeout=0.5"), 1)
    with pytest.raises(BackendLost, match="no episode begins"):
        env.reset()


@needs_carla
def test_who_evaluates_without_a_server_is_told_what_to_do(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(VARIABLE, f"{sys.executable} -m av_td3_system serve-carla NoSuchTown --port {{port}}")
    settings = (f"carla.port={free_port()}",)
    assert main(["evaluate", "--policy", "straight", "--backend", "carla", "--episodes", "1", "--set", *settings]) == 4
    told = capsys.readouterr().err
    assert "error: no episode begins on the CARLA server" in told and "try that command by hand" in told
    assert told.count("there is no built-in town") == 2, "the warning and the error: it is not tried again"
    assert "there is no built-in town 'NoSuchTown'" in told, "what the server said of itself"
