"""CARLA's axes and the town's: signs, turns, and what hangs on something."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from av_td3_system.carla_server.conventions import Pose, attached, pose_from_wire, vector_from_wire, yaw_of


@pytest.mark.parametrize(("yaw", "x", "y"), [(0.0, 1.0, 0.0), (90.0, 0.0, 1.0), (180.0, -1.0, 0.0), (-90.0, 0.0, -1.0)])
def test_what_hangs_ahead_lies_where_the_yaw_points(yaw: float, x: float, y: float) -> None:
    there = attached(Pose(10.0, 20.0, 0.0, 0.0, yaw, 0.0), Pose(x=1.0, z=1.5, pitch=-6.0))
    assert (there.x, there.y) == pytest.approx((10.0 + x, 20.0 + y))
    assert (there.z, there.pitch, there.yaw) == (1.5, -6.0, yaw)


def test_right_is_right() -> None:
    there = attached(Pose(), Pose(y=2.0, yaw=90.0))
    assert (there.x, there.y, there.yaw) == pytest.approx((0.0, 2.0, 90.0))


@given(st.floats(-720.0, 720.0))
def test_yaw_and_heading_turn_into_each_other(yaw: float) -> None:
    back = yaw_of(Pose(yaw=yaw).heading)
    assert -180.0 <= back <= 180.0
    assert math.isclose(math.cos(math.radians(back - yaw)), 1.0, abs_tol=1e-12)


@pytest.mark.parametrize("packed", [None, [], [[0, 0, 0]], [[0, 0, 0], [0, 0, "x"]], [[math.nan, 0, 0], [0, 0, 0]]])
def test_what_is_no_transform_is_refused(packed: object) -> None:
    with pytest.raises(ValueError, match="transform"):
        pose_from_wire(packed)


def test_a_vector_must_be_finite() -> None:
    assert vector_from_wire([1, 2, 3]) == (1.0, 2.0, 3.0)
    with pytest.raises(ValueError, match="finite"):
        vector_from_wire([1, math.inf, 3])
