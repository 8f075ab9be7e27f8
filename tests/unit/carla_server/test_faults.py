"""Faults on purpose: how they are written, and what they do to a server's messages."""

from __future__ import annotations

import time

import pytest

from av_td3_system.carla_server.faults import Fault, Faults, read_fault
from av_td3_system.carla_server.replies import Refusal
from av_td3_system.config.errors import UserError


def faults(*texts: str) -> Faults:
    return Faults(read_fault(text) for text in texts)


def test_a_fault_is_a_name_a_tick_and_a_length() -> None:
    assert read_fault("drop@120:3") == Fault("drop", 120, 3.0)
    assert read_fault("kill@7") == Fault("kill", 7)
    for wrong in ("explode@3", "drop", "drop@", "drop@x", "drop@3:"):
        with pytest.raises(UserError, match="is no fault"):
            read_fault(wrong)


def test_nothing_happens_without() -> None:
    none, sent = Faults(), [(5, b"image")]
    none.on_spawn()
    none.on_tick(1)
    assert not none.reloads(1)
    assert not none.destroys(1)
    assert list(none.passed_on(1, sent)) == sent


def test_data_are_dropped_for_as_many_ticks_as_it_says() -> None:
    dropping = faults("drop@10:2")
    assert [bool(list(dropping.passed_on(frame, [(1, b"")]))) for frame in range(9, 13)] == [True, False, False, True]


def test_late_data_come_with_a_later_tick_and_before_its_own() -> None:
    late = faults("late@10:2")
    got = [[payload for _, payload in late.passed_on(f, [(1, str(f).encode())])] for f in range(9, 13)]
    assert got == [[b"9"], [], [b"11"], [b"10", b"12"]]


def test_a_hang_lasts_as_long_as_it_says_and_happens_once() -> None:
    hanging = faults("hang@3:0.3")
    spent = []
    for tick in range(2, 5):
        begun = time.monotonic()
        hanging.on_tick(tick)
        spent.append(time.monotonic() - begun >= 0.3)
    assert spent == [False, True, False]


def test_spawns_are_refused_by_their_number() -> None:
    refusing = faults("refuse_spawn@2:2")
    refusing.on_spawn()
    for _ in range(2):
        with pytest.raises(Refusal, match="collision at spawn position"):
            refusing.on_spawn()
    refusing.on_spawn()
