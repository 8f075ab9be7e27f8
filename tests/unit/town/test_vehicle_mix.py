"""Kinds of vehicles and of drivers differ as their settings say."""

from __future__ import annotations

import numpy as np
import pytest

from av_td3_system.town.car_following import equilibrium_gap, idm_acceleration
from av_td3_system.town.state import BRISK, CAR, NONE, NORMAL, PATIENT, TRUCK, VAN
from tests.unit.environments.batches import make_batch
from tests.unit.town.crossroads import put_before, tick
from tests.unit.town.test_claims import ego_before_line, make_worlds, rival_of


def test_shares_are_kept() -> None:
    state = make_batch(60, vehicles=20, kind_shares=(2, 1, 1), driver_shares=(1, 0, 3)).worlds.state
    kind, driver = state["kind"][:, :20], state["driver"][:, :20]
    assert [np.mean(kind == k) for k in (CAR, VAN, TRUCK)] == pytest.approx([0.5, 0.25, 0.25], abs=0.05)
    assert [np.mean(driver == d) for d in (NORMAL, PATIENT, BRISK)] == pytest.approx([0.25, 0.0, 0.75], abs=0.05)


def test_a_truck_is_larger_and_slower_and_a_brisk_driver_faster_and_nearer() -> None:
    state = make_batch(40, vehicles=20).worlds.state
    kind, driver = state["kind"][:, :20], state["driver"][:, :20]

    def mean(name: str, mask: np.ndarray) -> float:
        return float(state[name][:, :20][mask].mean())

    lengths = [float(state["size"][:, :20, 0][kind == k].mean()) for k in (CAR, VAN, TRUCK)]
    assert lengths == sorted(lengths) and lengths[2] - lengths[0] > 1.0
    for name in ("max_acceleration", "comfortable_deceleration", "speed_factor"):
        assert mean(name, kind == TRUCK) < mean(name, kind == CAR)
    patient, brisk = driver == PATIENT, driver == BRISK
    assert mean("headway", patient) > mean("headway", driver == NORMAL) > mean("headway", brisk)
    assert mean("politeness", patient) > mean("politeness", driver == NORMAL) > mean("politeness", brisk) == 0.0
    assert mean("speed_factor", patient) < mean("speed_factor", brisk)
    assert state["speed_factor"].max() <= 1.0, "the limit holds for everybody"


def test_a_mixed_platoon_settles_at_the_equilibrium_gap_of_each() -> None:
    # Treiber, Hennecke & Helbing 2000: s_e(v) = (s0 + v T) / sqrt(1 - (v / v0)^4).
    world = make_batch(1, vehicles=12).worlds.state[0]
    n, s0, v, dt = 12, 2.0, 4.0, 0.05
    assert len(set(world["kind"][:n].tolist())) > 1 and len(set(world["driver"][:n].tolist())) > 1
    place, speed, desired = -30.0 * np.arange(n + 1.0), np.full(n + 1, v), 13.9 * world["speed_factor"][:n]
    for _ in range(12000):
        pull = np.zeros(n + 1)
        for i in range(n):
            manners = (world["headway"][i], s0, world["max_acceleration"][i], world["comfortable_deceleration"][i])
            pull[i + 1] = idm_acceleration(
                float(speed[i + 1]), float(desired[i]), float(place[i] - place[i + 1]), float(speed[i]), *manners
            )
        place += speed * dt
        speed = np.maximum(speed + pull * dt, 0.0)
    gaps = place[:-1] - place[1:]
    expected = [equilibrium_gap(v, float(desired[i]), float(world["headway"][i]), s0) for i in range(n)]
    assert speed == pytest.approx(np.full(n + 1, v), abs=1e-3)
    assert gaps == pytest.approx(expected, abs=0.05)


@pytest.mark.parametrize(("rate", "granted"), [(0.0, False), (1.0, True)])
def test_who_does_not_yield_goes_although_the_ego_came_first(rate: float, granted: bool) -> None:
    worlds = make_worlds(1)
    world = worlds.state[0]
    wanted = ego_before_line(worlds, 6.0)
    rival = rival_of(worlds, wanted)
    put_before(worlds, 0, rival, 60.0, 0.0)
    tick(worlds, ego_speed=3.0)
    assert world["ego_granted"] != NONE
    put_before(worlds, 0, rival, 6.0, 3.0)
    world["yields"][0] = 0 if rate else 1
    tick(worlds, ego_speed=3.0)
    assert bool(world["granted"][0] == rival) == granted


def test_the_rate_of_those_who_do_not_yield_is_the_one_set() -> None:
    assert make_batch(4, vehicles=20).worlds.state["yields"][:, :20].all()
    some = make_batch(60, vehicles=20, non_yielding=0.3).worlds.state["yields"][:, :20]
    assert np.mean(some == 0) == pytest.approx(0.3, abs=0.05)
