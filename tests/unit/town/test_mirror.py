"""A mirrored route driven with mirrored steering gives the mirrored drive: no side is favoured."""

from __future__ import annotations

import numpy as np
import pytest

from av_td3_system.town.bicycle import drive_ego
from av_td3_system.town.routes import locate_ego
from tests.unit.environments.batches import make_batch

TURNED = ("ego_y", "ego_heading", "ego_steer", "ego_yaw_rate", "route_y", "route_heading", "lateral", "heading_error")


def test_a_mirrored_drive_has_the_opposite_deviation() -> None:
    worlds = make_batch(6, vehicles=0).worlds
    rng = np.random.default_rng(0)
    for world in worlds.state:
        mirrored = world.copy()
        for name in TURNED:
            mirrored[name] = -mirrored[name]
        steer, sideways = 0.0, 0.0
        for _ in range(200):
            steer = float(np.clip(steer + 0.1 * rng.standard_normal(), -0.5, 0.5))
            for one, sign in ((world, 1.0), (mirrored, -1.0)):
                drive_ego(worlds.vehicle, one, sign * steer, 0.4, 0.05)
                locate_ego(one, 6.0, 8.0)
            sideways = max(sideways, abs(float(world["lateral"])))
            assert mirrored["route_s"] == pytest.approx(float(world["route_s"]), abs=1e-6)
            assert mirrored["lateral"] == pytest.approx(-float(world["lateral"]), abs=1e-6)
            assert np.cos(mirrored["heading_error"] + world["heading_error"]) == pytest.approx(1.0, abs=1e-9)
        assert sideways > 0.05
