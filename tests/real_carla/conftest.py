"""Where the server is: `pytest -m real_carla --carla-host HOST [--carla-port P] [--carla-town NAME.xodr]`."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator

import pytest

from av_td3_system.config.load import load_config
from av_td3_system.config.schema import Config
from av_td3_system.environments.carla import fleet


@pytest.fixture(scope="session")
def settings(request: pytest.FixtureRequest) -> Iterator[Config]:
    """Of the server that the command line names; skips where it names none."""
    host = request.config.getoption("--carla-host")
    if host is None:
        pytest.skip("no --carla-host: these tests ask a running CARLA server")
    if importlib.util.find_spec("carla") is None:
        pytest.skip("needs CARLA's client library: pip install carla==0.9.16")
    given = {
        "run.backend": "carla",
        "carla.host": host,
        "carla.port": request.config.getoption("--carla-port"),
        "environment.town": request.config.getoption("--carla-town"),
    }
    yield load_config("td3", overrides=[f"{name}={value}" for name, value in given.items()])
    fleet.close_all()
