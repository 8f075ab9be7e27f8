"""Crossing, merging and diverging ways in closed form."""

from __future__ import annotations

import numpy as np
import pytest

from av_td3_system.town.conflicts import CROSSING, DIVERGE, MERGE, Conflict, junction_conflicts


def line(a: tuple[float, float], b: tuple[float, float]) -> np.ndarray:
    return np.linspace(a, b, 41)


def found(
    a: np.ndarray, b: np.ndarray, after: tuple[set[int], set[int]], before: tuple[set[int], set[int]]
) -> list[Conflict]:
    return junction_conflicts([0, 1], {0: a, 1: b}, {0: 20.0, 1: 20.0}, dict(enumerate(after)), dict(enumerate(before)))


def test_perpendicular_lanes_cross_within_the_clearance_on_both_sides() -> None:
    conflicts = found(line((-10, 0), (10, 0)), line((4, -10), (4, 10)), ({8}, {9}), ({6}, {7}))
    assert [(c.own, c.other, c.kind) for c in conflicts] == [(0, 1, CROSSING), (1, 0, CROSSING)]
    first, second = conflicts
    assert (first.enter, first.leave) == pytest.approx((11.5, 16.5))  # strictly within 3 m, sampled at 0.5 m
    assert (second.enter, second.leave) == pytest.approx((7.5, 12.5))


def test_parallel_lanes_a_lane_apart_do_not_conflict() -> None:
    assert found(line((-10, 0), (10, 0)), line((10, 3.5), (-10, 3.5)), ({8}, {9}), ({6}, {7})) == []


def test_a_shared_exit_is_a_merge_and_a_shared_entry_a_diverge() -> None:
    merge = found(line((-20, 0), (0, 0)), line((0, -20), (0, 0)), ({8}, {8}), ({6}, {7}))
    assert [c.kind for c in merge] == [MERGE, MERGE]
    assert all(c.leave == 20.0 and 16.0 <= c.enter <= 18.0 for c in merge)
    diverge = found(line((0, 0), (20, 0)), line((0, 0), (0, 20)), ({8}, {9}), ({6}, {6}))
    assert [c.kind for c in diverge] == [DIVERGE, DIVERGE]
    assert all(c.enter == 0.0 and 2.0 <= c.leave <= 4.0 for c in diverge)
