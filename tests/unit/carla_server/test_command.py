"""The verb: what it says where something is missing or taken."""

from __future__ import annotations

import importlib.util
import socket

import pytest

from av_td3_system import cli


def test_without_msgpack_it_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    found = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *rest: None if name == "msgpack" else found(name, *rest)
    )
    assert cli.main(["serve-carla"]) == 2
    told = capsys.readouterr().err.splitlines()
    assert told == [
        "error: serve-carla needs the package msgpack, which is not installed",
        "hint: pip install 'msgpack>=1'",
    ]


def test_an_address_that_clients_cannot_reach_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["serve-carla", "--host", "::1"]) == 2
    assert capsys.readouterr().err.splitlines() == [
        "error: --host is ::1, but serve-carla listens at IPv4 addresses alone",
        "hint: --host 127.0.0.1",
    ]


def test_a_port_that_is_taken_is_one_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert cli.main(["serve-carla", "--port", str(port)]) == 2
    first, second = capsys.readouterr().err.splitlines()
    assert first == f"error: cannot serve at 127.0.0.1:{port}: address already in use"
    assert "--port" in second


def test_an_address_of_another_machine_is_one_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["serve-carla", "--host", "192.0.2.77", "--port", "24999"]) == 2
    assert "hint: --host is an address of this machine, as 127.0.0.1" in capsys.readouterr().err
