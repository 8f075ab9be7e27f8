"""Which server and which port each world gets; no client is connected before it drives."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from av_td3_system.config.errors import UserError
from av_td3_system.config.load import load_config
from av_td3_system.config.schema import Config
from av_td3_system.environments.carla import fleet
from av_td3_system.environments.carla.server_process import VARIABLE
from av_td3_system.town.town import map_file


@pytest.fixture(autouse=True)
def no_servers(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No library is needed, since nobody connects; no servers are left over."""
    monkeypatch.setattr(fleet, "_refuse_without_library", lambda: None)
    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.setattr(fleet, "_simulators", {})
    yield
    fleet.close_all()


def config_of(*settings: str) -> Config:
    return load_config("td3", overrides=["run.backend=carla", *settings])


def test_each_world_has_its_own_ports_and_batches_share_them() -> None:
    config = config_of("carla.port=3000", "carla.port_step=4", "carla.traffic_manager_port=9000")
    found = fleet.simulators(config, 3)
    assert [(spec.port, spec.traffic_manager_port) for _, spec in found] == [(3000, 9000), (3004, 9001), (3008, 9002)]
    assert [one for one, _ in fleet.simulators(config, 2)] == [one for one, _ in found[:2]]


def test_another_machine_s_server_at_the_same_port_is_another_one() -> None:
    (here, _), (there, _) = (
        fleet.simulators(config_of(f"carla.host={host}"), 1)[0] for host in ("127.0.0.1", "192.0.2.7")
    )
    assert here is not there


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        (("carla.traffic_manager_port=2000",), "port 2000 is wanted by a Traffic Manager and by a server"),
        (("carla.traffic_manager_port=2003",), "port 2004 is wanted"),
        (("carla.traffic_manager_port=2005",), "port 2005 is wanted"),
        (("carla.port=65532",), "servers from 65532"),
    ],
)
def test_a_port_that_is_wanted_twice_is_refused(settings: tuple[str, ...], told: str) -> None:
    with pytest.raises(UserError, match=told):
        fleet.simulators(config_of(*settings), 2)
    if "port=200" in settings[0]:
        fleet.simulators(config_of(*settings, "carla.host=192.0.2.7"), 2)  # the servers' ports are that machine's


def test_an_address_that_no_client_can_use_is_refused() -> None:
    with pytest.raises(UserError, match="must be a name or IPv4 address"):
        fleet.simulators(config_of("carla.host=::1"), 1)


def test_a_map_of_another_encoding_is_sent_as_what_it_says(tmp_path: Path) -> None:
    text = map_file("TownA").read_text("utf-8").replace('name="west-south"', 'name="Stra\u00dfe"')
    path = tmp_path / "town.xodr"
    path.write_bytes(text.replace("encoding='utf-8'", "encoding='iso-8859-1'", 1).encode("iso-8859-1"))
    (_, spec), *_ = fleet.simulators(config_of(f"environment.town={path}"), 1)
    assert 'name="Stra\u00dfe"' in spec.opendrive
    assert spec.opendrive.splitlines()[0] == "<?xml version='1.0' encoding='UTF-8'?>"
