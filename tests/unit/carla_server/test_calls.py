"""The calls: what is refused and how, and that no argument of any call brings a server down."""

from __future__ import annotations

import math
from typing import Any

import msgpack
import pytest

from av_td3_system.carla_server.calls import REFUSED, REFUSED_VOID, Calls
from av_td3_system.carla_server.session import Session


@pytest.fixture
def calls(session: Session) -> Calls:
    return Calls(session)


def point(session: Session, number: int = 0) -> list[list[float]]:
    return session.episode.place.spawn_points[number].to_wire()


def test_an_unknown_call_is_refused_by_its_name(calls: Calls) -> None:
    with pytest.raises(LookupError, match="does not answer the call 'make_coffee'"):
        calls.answer("make_coffee", [])


def test_known_calls_say_what_is_missing(calls: Calls) -> None:
    assert calls.answer("start_recorder", ["file"]) == [[0, ["start_recorder: serve-carla has no recorder"]]]
    assert calls.answer("load_map_layer", [1])[0][0] is True
    assert not set(calls.names()) & (set(REFUSED) | set(REFUSED_VOID))


JUNK: list[Any] = [None, -1, 2**40, math.nan, "x", b"x", [], [[]], {}, True, [None] * 7, [[math.inf] * 3, [0] * 3]]


def test_no_argument_brings_a_server_down(calls: Calls, session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session.places, "receive", lambda xodr: None)
    for name in calls.names():
        if name == "load_new_episode":
            continue
        for count in range(5):
            for junk in JUNK:
                packed = msgpack.packb(calls.answer(name, [junk] * count), use_bin_type=True)
                assert msgpack.unpackb(packed, strict_map_key=False) is not None
    session.episode.tick(0.05)
    session.episode.snapshot(0.05, 0.0)


def test_a_batch_answers_command_by_command(calls: Calls, session: Session) -> None:
    car = [0, "vehicle.seat.leon", []]
    follow = [[2, [0, [1.0, 0.0, 0.0, False, False, False, 0]]]]
    batch = [
        [[0, [car, point(session), [False], "", [follow]]]],
        [[0, [car, point(session), [False], "", []]]],
        [[1, [99999]]],
        [[20, ["rm -rf /"]]],
        "nonsense",
    ]
    spawned, taken, gone, console, nonsense = calls.answer("apply_batch", [batch, False])
    assert spawned[0][0] == 1
    assert session.episode.actors[spawned[0][1]].control[0] == 1.0  # type: ignore[attr-defined]
    assert "collision at spawn" in taken[0][1][0]
    assert "unable to find actor 99999" in gone[0][1][0]
    assert "no console commands" in console[0][1][0]
    assert "no command of a batch" in nonsense[0][1][0]


def test_settings_that_no_world_can_take_are_refused(calls: Calls, session: Session) -> None:
    wanted = list(session.settings)
    wanted[2] = [True, 100.0]
    assert "fixed_delta_seconds is 100.0" in calls.answer("set_episode_settings", [wanted])[0][1][0]
    wanted[2] = [True, 0.1]
    calls.answer("set_episode_settings", [wanted])
    assert session.delta == 0.1
    wanted[2] = [True, 0.0]
    calls.answer("set_episode_settings", [wanted])
    assert session.delta == 0.05, "as CARLA takes it, a variable step"


def test_a_new_episode_is_empty_and_says_so(calls: Calls, session: Session) -> None:
    calls.answer("spawn_actor", [[0, "vehicle.seat.leon", []], point(session)])
    before, frame = session.episode.number, session.episode.frame
    assert calls.answer("load_new_episode", ["", False, 0]) == [[False]]
    assert session.episode.number == before + 1
    assert len(session.episode.bodies) == 0
    assert session.episode.frame == frame, "frames go on"
    assert "map not found: Atlantis" in calls.answer("load_new_episode", ["Atlantis", False, 0])[0][1][0]


def test_a_map_that_a_client_sends_is_checked_as_any_other(calls: Calls) -> None:
    refused = calls.answer("copy_opendrive_to_file", ["<!DOCTYPE x><OpenDRIVE/>", []])
    assert "document type" in refused[0][1][0]
    assert "map not found" in calls.answer("load_new_episode", ["OpenDriveMap", True, 0])[0][1][0], (
        "nothing is left of it"
    )


def test_traffic_managers_find_each_other(calls: Calls) -> None:
    assert calls.answer("is_traffic_manager_running", [8000]) == [[1, False]]
    assert calls.answer("add_traffic_manager_running", [["127.0.0.1", 8000]]) == [[1, True]]
    assert calls.answer("add_traffic_manager_running", [["127.0.0.1", 8000]]) == [[1, False]]
    assert calls.answer("get_traffic_manager_running", [8000]) == [[1, ["127.0.0.1", 8000]]]
    assert calls.answer("destroy_traffic_manager", [8000]) == [[1, True]]
