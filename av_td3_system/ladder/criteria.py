"""A line of a verdict: a measure, the bound it is held against, and whether it holds."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

Role = Literal["halt", "proceed", "report"]


@dataclass(frozen=True)
class Criterion:
    """One line of a verdict.

    Attributes:
        name: of the measure.
        value: measured; None where there was nothing to measure.
        bound: what it is held against.
        passed: whether it holds; without a value, proceed criteria fail and halting ones hold.
        role: `halt` and `proceed` decide, `report` does not.
        note: how to read it.
    """

    name: str
    value: float | None
    bound: float
    passed: bool
    role: Role
    note: str = ""


def mean(values: Sequence[float]) -> float | None:
    """Their mean; None without any."""
    return float(np.mean(values)) if len(values) else None


def persisting(series: Sequence[float], lines: int) -> float | None:
    """The highest level that `lines` consecutive values all reach (fewer where there are fewer).

    A value that is not finite is beyond every bound at once.
    """
    if not series:
        return None
    if not all(math.isfinite(value) for value in series):
        return math.inf
    width = min(lines, len(series))
    return max(min(series[start : start + width]) for start in range(len(series) - width + 1))


def above(name: str, value: float | None, bound: float, role: Role, note: str = "") -> Criterion:
    """Holds where the value is greater than the bound."""
    return criterion(name, value, bound, value is not None and value > bound, role, note)


def at_least(name: str, value: float | None, bound: float, role: Role, note: str = "") -> Criterion:
    """Holds where the value is not below the bound."""
    return criterion(name, value, bound, value is not None and value >= bound, role, note)


def below(name: str, value: float | None, bound: float, role: Role, note: str = "") -> Criterion:
    """Holds where the value is less than the bound."""
    return criterion(name, value, bound, value is not None and value < bound, role, note)


def at_most(name: str, value: float | None, bound: float, role: Role, note: str = "") -> Criterion:
    """Holds where the value is not above the bound."""
    return criterion(name, value, bound, value is not None and value <= bound, role, note)


def criterion(name: str, value: float | None, bound: float, holds: bool, role: Role, note: str) -> Criterion:
    """A line that holds as said, where there is a finite value; else as `Criterion.passed` says."""
    if value is None:
        return Criterion(name, None, float(bound), role == "halt", role, note or "not measured")
    if not math.isfinite(value):  # JSON has no infinity; the note says what was seen
        return Criterion(name, None, float(bound), False, role, "not finite")
    return Criterion(name, value, float(bound), holds, role, note)
