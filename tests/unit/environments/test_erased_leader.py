"""The vehicle ahead erased from the image: no trace of it in the picture, and nothing else is changed by that."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from av_td3_system.agents.baselines import make_policy
from av_td3_system.config.schema import Config
from av_td3_system.environments.debug_images import debug_images
from av_td3_system.environments.vector_env import TownVectorEnv
from av_td3_system.town.perception import leader_on_route
from av_td3_system.town.routes import route_pose
from av_td3_system.town.state import NONE, TRUCK
from tests.unit.environments.batches import same_worlds, town_config

# The sun behind the vehicle, its mirror image on wet ground, its lamps at night.
WEATHERS = ("ClearSunset", "WetSunset", "ClearNight")
WORLDS = len(WEATHERS)
ALL = np.ones(WORLDS, np.bool_)


def settings(erase: bool, camera: dict[str, Any] | None = None, vehicles: int = 12) -> Config:
    environment = {"erase_leader": erase, "weathers": WEATHERS}
    config = town_config(vehicles, camera=True, environment=environment, parked=(0, 0))
    size = {"width": 64, "height": 64, **(camera or {})}
    return config.model_copy(update={"camera": config.camera.model_copy(update=size)})


def begun(erase: bool, camera: dict[str, Any] | None = None) -> TownVectorEnv:
    """Each world in a weather of its own."""
    env = TownVectorEnv(settings(erase, camera), WORLDS, seed=5)
    env.reset()
    for world in range(WORLDS):
        env.view.begin(world, world, 5)
    return env


def put_on_route(env: TownVectorEnv, who: int, distance: float) -> None:
    """A truck that brakes, its centre `distance` m ahead of every ego's along the route."""
    state = env.worlds.state
    for world in range(len(state)):
        x, y, heading = route_pose(state[world], state["route_s"][world] + distance)
        state["x"][world, who], state["y"][world, who], state["heading"][world, who] = x, y, heading
    state["kind"][:, who], state["size"][:, who], state["shade"][:, who] = TRUCK, (6.5, 2.1, 3.0), 230.0
    state["brake"][:, who] = 1


def newest(env: TownVectorEnv) -> np.ndarray:
    """The picture of this moment, (N, planes, H, W)."""
    env.view.shift_in(env.worlds, ALL)
    return env.view.newest.astype(int)


@pytest.mark.parametrize("camera", [{}, {"color": "rgb"}, {"supersampling": 2}], ids=str)
def test_the_picture_is_that_of_a_world_without_the_vehicle_ahead(camera: dict[str, Any]) -> None:
    whole, erased = begun(False, camera), begun(True, camera)
    near, far = 0, 1
    for env in (whole, erased):
        env.worlds.state["x"][:] = 1e6  # nobody is near
        put_on_route(env, near, 13.0)
        put_on_route(env, far, 32.0)
    everything, shown = newest(whole), newest(erased)
    whole.worlds.state["x"][:, near] = 1e6
    only_far = newest(whole)
    assert (np.abs(everything - only_far).max(axis=(1, 2, 3)) > 20).all(), "the vehicle ahead is to be seen"
    assert np.array_equal(shown, only_far), "no trace of it, its shadow, its lamps, its mirror image"
    whole.worlds.state["x"][:, far] = 1e6
    assert (np.abs(shown - newest(whole)).max(axis=(1, 2, 3)) > 20).all(), "the next one is still there"


def test_beyond_the_sight_of_the_search_and_off_the_route_vehicles_are_painted() -> None:
    for place in ("far", "beside", "parked"):
        pair = begun(False), begun(True)
        for env in pair:
            state = env.worlds.state
            state["x"][:] = 1e6
            put_on_route(env, 0, 60.0 if place == "far" else 12.0)
            if place == "beside":
                state["x"][:, 0] -= 3.8 * np.sin(state["heading"][:, 0])
                state["y"][:, 0] += 3.8 * np.cos(state["heading"][:, 0])
            if place == "parked":  # it would be ahead, but it is not of the traffic
                state["vehicles"], state["parked"] = 0, 12
            assert all(leader_on_route(world, 4.5, 1.9)[2] == NONE for world in state)
        whole, erased = map(newest, pair)
        assert np.array_equal(whole, erased)
        pair[0].worlds.state["x"][:] = 1e6
        assert (np.abs(whole - newest(pair[0])).max(axis=(1, 2, 3)) > 8).all(), f"{place}: there is something to see"


def test_nothing_but_the_picture_changes() -> None:
    """The driver follows the vehicle ahead by its gap, so it meets it at all distances, and other drivers hit it."""
    seen = [TownVectorEnv(settings(erase, vehicles=20), 4, seed=5, surroundings=True) for erase in (False, True)]
    whole, erased = seen
    drivers = [make_policy("pid-pursuit") for _ in seen]
    observations = [env.reset()[0] for env in seen]
    with_leader, changed, unchanged, collisions = 0, 0, 0, 0
    for _ in range(250):
        for name in ("vector", "surroundings"):
            assert np.array_equal(observations[0][name], observations[1][name])
        assert same_worlds(whole.worlds.state, erased.worlds.state)
        leader = np.isfinite(whole.worlds.state["lead_gap"])
        differs = (whole.view.newest != erased.view.newest).any(axis=(1, 2, 3))
        assert not (differs & ~leader).any(), "who follows nobody sees the same"
        with_leader, changed = with_leader + leader.sum(), changed + differs.sum()
        unchanged += (~differs).sum()
        steps = [env.step(driver(o, env)) for env, driver, o in zip(seen, drivers, observations, strict=True)]
        observations = [step[0] for step in steps]
        for one, other in zip(steps[0][1:4], steps[1][1:4], strict=True):
            assert np.array_equal(one, other)
        records, others = (step[4]["episodes"] for step in steps)
        assert records == others
        collisions += sum(record is not None and record.outcome == "collision" for record in records)
    assert changed > 0.7 * with_leader > 50 and unchanged > 50, "around a corner the one ahead is in no picture"
    assert collisions, "what is not to be seen is still there to be hit"


def test_an_episode_begins_without_it_and_people_are_shown_it_beside_the_camera() -> None:
    env = begun(True)
    put_on_route(env, 0, 12.0)
    env.view.fill(env.worlds, ALL)
    stack = env.view.frames.copy()
    world = 0
    who = leader_on_route(env.worlds.state[world], env.worlds.vehicle.length, env.worlds.vehicle.width)[2]
    assert who != NONE
    images = debug_images(env, world)
    assert (images["instance"] == who).sum() > 50
    assert np.array_equal(images["camera"], stack[world, -1])
    env.worlds.state["x"][world, who] = 1e6
    whole = begun(False)
    for name in env.worlds.state.dtype.names or ():
        whole.worlds.state[name] = env.worlds.state[name]
    whole.view.fill(whole.worlds, ALL)
    assert np.array_equal(stack[world], whole.view.frames[world])
