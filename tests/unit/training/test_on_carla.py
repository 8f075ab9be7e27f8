"""A run on a served town: it trains, is evaluated in the same server, survives a death of it, and goes on."""

from __future__ import annotations

import importlib.util
import json
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from av_td3_system.environments.carla import fleet
from av_td3_system.environments.carla.server_process import VARIABLE
from av_td3_system.training.resume import resume
from av_td3_system.training.run import train
from tests.unit.training.small import lines_of, small

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("carla") is None or importlib.util.find_spec("msgpack") is None,
    reason="needs CARLA's client library and msgpack: pip install -e '.[carla]'",
)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


@pytest.fixture
def dying(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, ...]]:
    """Settings of servers that each die in the middle of training."""
    fleet.close_all()
    serve = f"{sys.executable} -m av_td3_system serve-carla TownA --port {{port}} --inject kill@330"
    monkeypatch.setenv(VARIABLE, serve)
    yield (
        "run.backend=carla", "run.num_envs=1", "evaluation.num_envs=1", f"carla.port={free_port()}",
        f"carla.traffic_manager_port={free_port()}", "carla.timeout=8", "traffic.vehicles=[3, 3, 3]",
    )  # fmt: skip
    fleet.close_all()


@pytest.mark.slow
def test_a_run_survives_its_server_and_goes_on(tmp_path: Path, dying: tuple[str, ...]) -> None:
    run = tmp_path / "run"
    short = ("run.max_timesteps=300", "run.eval_freq=150", "run.save_freq=150", "evaluation.episodes=1")
    config = small(*short, *dying, "environment.blank_image=false", "environment.stuck_time=8")
    assert train(config, run, "av-td3 train --backend carla") in (0, 3)  # the gate may halt so short a run
    results = json.loads((run / "results.json").read_text())
    assert (results["ended"], results["backend"], results["env_steps"]) == ("completed", "carla", 300)
    assert json.loads((run / "manifest.json").read_text())["resume"] == "episode_cut"
    failures = [line for line in lines_of(run / "events.jsonl") if line["kind"] == "simulator_failure"]
    episodes = lines_of(run / "episodes.jsonl")
    assert failures and all(line["message"] for line in failures)
    assert [line["outcome"] for line in episodes].count("simulator_failure") >= 1
    validations = [line for line in lines_of(run / "evaluations.jsonl") if line["kind"] == "validation"]
    assert [line["step"] for line in validations] == [150, 300]
    assert resume(run, (), {"run.max_timesteps": 340}, "av-td3 train --resume") in (0, 3)
    assert json.loads((run / "results.json").read_text())["env_steps"] == 340
