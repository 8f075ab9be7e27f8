"""Seconds are charged to their section; what belongs to none is said too."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from av_td3_system.training import stopwatch
from av_td3_system.training.stopwatch import Pace, Stopwatch


class Clock:
    """Monotonic seconds that pass when told."""

    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(stopwatch, "time", SimpleNamespace(monotonic=clock.monotonic))
    return clock


def spend(watch: Stopwatch, clock: Clock, name: str, seconds: float) -> None:
    with watch.section(name):
        clock.now += seconds


def test_a_section_entered_again_adds_up(clock: Clock) -> None:
    watch = Stopwatch()
    spend(watch, clock, "update", 2.0)
    spend(watch, clock, "acting", 5.0)
    spend(watch, clock, "update", 1.5)
    assert (watch.seconds("update"), watch.seconds("acting"), watch.seconds("saving")) == (3.5, 5.0, 0.0)


def test_the_split_adds_up_to_the_total(clock: Clock) -> None:
    watch = Stopwatch()
    spend(watch, clock, "update", 2.0)
    clock.now += 4.0
    spend(watch, clock, "saving", 0.25)
    split = watch.split()
    assert split == {"update": 2.0, "saving": 0.25, "other": 4.0, "total": 6.25}
    assert watch.elapsed == 6.25


def test_a_section_that_fails_is_charged_and_the_error_goes_on(clock: Clock) -> None:
    watch = Stopwatch()

    def fail() -> None:
        with watch.section("simulator"):
            clock.now += 3.0
            raise RuntimeError("crash")

    with pytest.raises(RuntimeError, match="crash"):
        fail()
    assert watch.seconds("simulator") == 3.0


def test_looking_changes_nothing(clock: Clock) -> None:
    watch = Stopwatch()
    spend(watch, clock, "update", 2.0)
    before = watch.split()
    assert watch.split() == before
    clock.now += 1.0
    assert watch.split() == {"update": 2.0, "other": 1.0, "total": 3.0}


def test_the_pace_is_of_the_rounds_since_the_last_lap(clock: Clock) -> None:
    watch = Stopwatch()
    spend(watch, clock, "simulator", 9.0)
    pace = Pace(watch, "simulator")
    assert pace.lap() is None
    for _ in range(4):
        spend(watch, clock, "simulator", 0.003)
        pace.count()
    assert pace.lap() == pytest.approx(3.0)
    assert pace.lap() is None
