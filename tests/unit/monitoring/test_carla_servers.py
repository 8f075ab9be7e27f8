"""CARLA servers are asked over the wire: one that answers, one that hangs, one that is something else, none."""

from __future__ import annotations

import socket
import time

from av_td3_system.monitoring.carla_servers import ask_server, servers_of
from tests.unit.training.test_doctor_checks import answering

VERSION = b"\x94\x01\x00\xc0\x91\x92\x01\xa60.9.16"


def test_a_server_answers_with_its_version() -> None:
    with answering(VERSION) as (host, port):
        server = ask_server(host, port)
    assert (server.version, server.why_not, server.place) == ("0.9.16", "", f"{host}:{port}")


def test_a_server_that_hangs_is_told_from_one_that_is_not_there() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        begun = time.monotonic()
        server = ask_server("127.0.0.1", port, 0.3)
        assert time.monotonic() - begun < 5.0
        assert server.version is None and "hangs" in server.why_not
    gone = ask_server("127.0.0.1", port, 0.3)
    assert gone.version is None and "refused" in gone.why_not


def test_something_else_that_listens_is_no_server() -> None:
    with answering(b"HTTP/1.1 400 Bad Request") as (host, port):
        server = ask_server(host, port)
    assert server.version is None and "no CARLA server" in server.why_not


def test_every_world_has_a_server_of_its_own() -> None:
    with answering(VERSION) as (host, port):
        found = servers_of(host, port - 4, 4, 2, 0.3)
    assert [server.port for server in found] == [port - 4, port]
    assert found[1].version == "0.9.16"
