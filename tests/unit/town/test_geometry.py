"""Rectangles, angles and poses on lanes."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from av_td3_system.town.geometry import in_rectangle, rectangles_overlap, wrap_angle

number = st.floats(-8.0, 8.0)
angle = st.floats(-7.0, 7.0)


@given(st.floats(-50.0, 50.0))
def test_wrapped_angles_are_the_same_direction(value: float) -> None:
    wrapped = wrap_angle(value)
    assert -math.pi <= wrapped <= math.pi
    assert math.cos(wrapped) == pytest.approx(math.cos(value), abs=1e-9)
    assert math.sin(wrapped) == pytest.approx(math.sin(value), abs=1e-9)


@given(number, number, angle, number, number, angle)
def test_overlap_agrees_with_sampled_points(ax: float, ay: float, ah: float, bx: float, by: float, bh: float) -> None:
    overlap = rectangles_overlap(ax, ay, ah, 4.5, 1.9, bx, by, bh, 4.0, 1.8)
    assert overlap == rectangles_overlap(bx, by, bh, 4.0, 1.8, ax, ay, ah, 4.5, 1.9)
    u, v = np.meshgrid(np.linspace(-2.25, 2.25, 61), np.linspace(-0.95, 0.95, 27))
    x = ax + u * math.cos(ah) - v * math.sin(ah)
    y = ay + u * math.sin(ah) + v * math.cos(ah)
    shared = any(
        in_rectangle(px, py, bx, by, math.cos(bh), math.sin(bh), 2.0, 0.9)
        for px, py in zip(x.ravel(), y.ravel(), strict=True)
    )
    if shared:
        assert overlap
    elif overlap:  # then only by less than the sampling distance
        assert not rectangles_overlap(ax, ay, ah, 4.3, 1.7, bx, by, bh, 3.8, 1.6) or not shared
