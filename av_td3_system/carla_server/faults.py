"""Faults on purpose, for those who write clients that must survive a server's: `--inject FAULT`.

A fault is written NAME@N or NAME@N:M. N is the how-manieth tick that a client asks for since the server was started
(`refuse_spawn`: the how-manieth spawn); ticks of the free-running world do not count, so a script meets a fault at the
same place every time.

    hang@N:S         at tick N nothing is answered any more, for S seconds (for ever without)
    kill@N           the process ends at tick N, as if killed
    drop@N:M         sensor data of M ticks (1 without) from tick N on are not sent
    late@N:M         sensor data of tick N come with tick N + M (N + 1 without)
    reload@N         before tick N the map is loaded anew, as if by another client
    destroy@N        before tick N the first vehicle is destroyed, as if by another client
    refuse_spawn@N:M M spawns (1 without) from the Nth on are refused
"""

from __future__ import annotations

import os
import re
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass

from av_td3_system.carla_server.replies import Refusal
from av_td3_system.config.errors import UserError

NAMES = ("hang", "kill", "drop", "late", "reload", "destroy", "refuse_spawn")
KILLED = 137
_WRITTEN = re.compile(r"([a-z_]+)@(\d+)(?::(\d+(?:\.\d+)?))?")


@dataclass(frozen=True)
class Fault:
    """One fault: its name, the tick or spawn at which it happens, and how long."""

    name: str
    at: int
    length: float | None = None

    def covers(self, number: int) -> bool:
        """Whether `number` is among the `length` (1 without) numbers from `at` on."""
        return self.at <= number < self.at + (self.length or 1)


def read_fault(text: str) -> Fault:
    """The fault that is written NAME@N or NAME@N:M.

    Raises:
        UserError: it is not written so, or there is no such fault.
    """
    match = _WRITTEN.fullmatch(text)
    if match is None or match[1] not in NAMES:
        raise UserError(
            f"--inject: {text!r} is no fault", f"write NAME@TICK or NAME@TICK:LENGTH, NAME one of {', '.join(NAMES)}"
        )
    return Fault(match[1], int(match[2]), float(match[3]) if match[3] else None)


class Faults:
    """The faults that are to happen in one server's life; none if `wanted` is empty."""

    def __init__(self, wanted: Iterable[Fault] = ()) -> None:
        self._wanted = tuple(wanted)
        self._spawns = 0
        self._held: dict[int, list[tuple[int, bytes]]] = {}

    def on_spawn(self) -> None:
        """Called before each spawn.

        Raises:
            Refusal: this one is to be refused.
        """
        self._spawns += 1
        if self._now("refuse_spawn", self._spawns):
            raise Refusal("Spawn failed because of collision at spawn position")

    def on_tick(self, tick: int) -> None:
        """Called before a tick: the process may end or stand still here."""
        if self._now("kill", tick):
            sys.stderr.flush()
            os._exit(KILLED)
        hanging = self._first("hang", tick)
        if hanging is not None:
            end = time.monotonic() + (hanging.length if hanging.length is not None else float("inf"))
            while time.monotonic() < end:
                time.sleep(0.05)

    def reloads(self, tick: int) -> bool:
        """Whether the map is to be loaded anew before this tick."""
        return self._first("reload", tick) is not None

    def destroys(self, tick: int) -> bool:
        """Whether a vehicle is to be destroyed before this tick."""
        return self._first("destroy", tick) is not None

    def passed_on(self, tick: int, messages: Iterable[tuple[int, bytes]]) -> Iterable[tuple[int, bytes]]:
        """Sensor data (stream, payload) that are sent at this tick, of all that was measured and of what was held."""
        late = self._first("late", tick)
        messages = list(messages)
        if self._now("drop", tick):
            messages = []
        if late is not None:
            self._held[tick + int(late.length or 1)] = messages
            messages = []
        return [*self._held.pop(tick, ()), *messages]

    def _now(self, name: str, number: int) -> bool:
        return any(fault.name == name and fault.covers(number) for fault in self._wanted)

    def _first(self, name: str, number: int) -> Fault | None:
        return next((fault for fault in self._wanted if fault.name == name and fault.at == number), None)
