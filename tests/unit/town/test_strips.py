"""Rasterised bands against their areas."""

from __future__ import annotations

import numpy as np
import pytest

from av_td3_system.town.strips import Frame, Strip, cover_strip, label_strip, paint_strip, raster_frame

FRAME = Frame(-25.0, -25.0, 0.125, 400, 400)


def arc_strip(low: float, high: float, radius: float = 15.0) -> tuple[Strip, np.ndarray]:
    """Half a circle to the left around the origin."""
    s = np.linspace(0, np.pi * radius, 60)
    angle = s / radius
    x, y = radius * np.cos(angle), radius * np.sin(angle)
    return Strip(x, y, angle + np.pi / 2, np.full_like(s, low), np.full_like(s, high)), s


def test_cover_adds_up_to_the_area_of_a_bent_band() -> None:
    cover = np.zeros((400, 400), np.uint8)
    strip, _ = arc_strip(-2.0, 1.5)
    cover_strip(cover, FRAME, strip)
    area = cover.sum() / 255 * 0.125**2
    assert area == pytest.approx(np.pi / 2 * (17.0**2 - 13.5**2), rel=0.01)


def test_cover_is_partial_only_at_the_long_sides() -> None:
    cover = np.zeros((400, 400), np.uint8)
    straight = Strip(
        *(np.array(v) for v in ([-10.0, 0, 10], [0.0, 0, 0], [0.0, 0, 0])), np.full(3, -0.3), np.full(3, 0.3)
    )
    cover_strip(cover, FRAME, straight)
    column = cover[190:210, 200].astype(float) / 255
    # 0.6 m are 4.8 cells: four full ones and two of 0.4.
    np.testing.assert_allclose(np.sort(column)[-6:], [0.4, 0.4, 1, 1, 1, 1], atol=0.01)
    assert column.sum() == pytest.approx(4.8, abs=0.02)


def test_paint_blends_once_where_slices_meet() -> None:
    image = np.zeros((400, 400), np.uint8)
    strip, s = arc_strip(-0.03, 0.03)  # about half a cell wide: double paint would show
    paint_strip(image, FRAME, strip, 200.0, s, 0.0, 0.0)
    assert image.sum() / 200 * 0.125**2 == pytest.approx(np.pi * 15 * 0.06, rel=0.05)
    assert image.max() <= 105


def test_dashes_paint_their_share() -> None:
    solid, dashed = np.zeros((2, 400, 400), np.uint8)
    strip, s = arc_strip(-0.2, 0.2)
    paint_strip(solid, FRAME, strip, 200.0, s, 0.0, 0.0)
    paint_strip(dashed, FRAME, strip, 200.0, s, 2.0, 8.0)
    assert dashed.sum() / solid.sum() == pytest.approx(12 / (15 * np.pi), abs=0.02)


def test_missing_borders_leave_a_gap() -> None:
    cover = np.zeros((400, 400), np.uint8)
    strip, _ = arc_strip(-1, 1)
    strip.low[20:40] = np.nan
    cover_strip(cover, FRAME, strip)
    assert cover[200 + int(15 / 0.125), 200] == 0  # the top of the arc
    assert cover[202, 200 + int(15 / 0.125)] == 255  # its start


def test_labels_carry_the_heading() -> None:
    kind, direction = np.zeros((400, 400), np.uint8), np.zeros((400, 400), np.float32)
    strip, _ = arc_strip(-1.5, 1.5)
    label_strip(kind, direction, FRAME, strip, 1, np.pi)
    rows, columns = np.nonzero(kind)
    x, y = -25 + (columns + 0.5) * 0.125, -25 + (rows + 0.5) * 0.125
    expected = np.arctan2(y, x) + np.pi / 2 + np.pi
    error = direction[rows, columns] - expected
    assert np.abs(np.arctan2(np.sin(error), np.cos(error))).max() < 0.02
    assert np.all(np.abs(direction) <= np.pi)
    assert np.abs(np.hypot(x, y) - 15).max() < 1.5 + 0.01  # chords


def test_strips_outside_of_the_raster_are_cut_off() -> None:
    cover = np.zeros((400, 400), np.uint8)
    strip, _ = arc_strip(-1, 1, radius=40.0)
    cover_strip(cover, FRAME, strip)
    assert cover.sum() == 0


def test_a_frame_holds_its_bounds_in_whole_multiples() -> None:
    frame = raster_frame((-3.3, 0.2, 11.9, 7.0), 5.0, 0.25, 2.0)
    assert (frame.x0, frame.y0) == (-10.0, -6.0)
    assert (frame.columns, frame.rows) == (112, 72)
