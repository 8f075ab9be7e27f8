"""What the simulator knows and no policy reads: against plain geometry, and only where it was asked for."""

from __future__ import annotations

import numpy as np
import pytest

from av_td3_system.agents.baselines import make_policy
from av_td3_system.config.layout import LEADER_NUMBERS, SIGHT, SURROUNDINGS, VEHICLE_NUMBERS, VEHICLES, WAY_NUMBERS
from av_td3_system.environments.observation import CAR_NUMBERS
from av_td3_system.environments.surroundings import surroundings_dim
from av_td3_system.environments.vector_env import TownVectorEnv
from av_td3_system.town.passages import LINE_REACH
from av_td3_system.town.perception import find_leader
from av_td3_system.town.state import NONE
from tests.unit.environments.batches import make_batch, town_config

AHEAD = np.tile(np.array([0.0, 0.6], np.float32), (3, 1))


def knowing(vehicles: int = 20) -> TownVectorEnv:
    env = TownVectorEnv(town_config(vehicles), 3, seed=5, surroundings=True)
    env.reset()
    return env


def expected(world: np.ndarray) -> np.ndarray:
    row = np.zeros(SURROUNDINGS)
    if np.isfinite(world["lead_gap"]):
        row[:3] = [np.exp(-world["lead_gap"] / 4), np.exp(-world["lead_gap"] / 15), world["lead_speed"] / 10]
    count = int(world["vehicles"])
    offset = (world["x"] - world["ego_x"] + 1j * (world["y"] - world["ego_y"]))[:count] * np.exp(
        -1j * world["ego_heading"]
    )
    nearest = [j for j in np.argsort(abs(offset)) if abs(offset[j]) <= SIGHT][:VEHICLES]
    for place, j in enumerate(nearest):
        turned = np.exp(1j * (world["heading"][j] - world["ego_heading"]))
        first = LEADER_NUMBERS + VEHICLE_NUMBERS * place
        numbers = [offset[j].real / 10, offset[j].imag / 10, turned.real, turned.imag, world["speed"][j] / 10, 1]
        row[first : first + VEHICLE_NUMBERS] = numbers
    return row


def test_surroundings_are_those_of_plain_geometry() -> None:
    env = knowing()
    leaders = 0
    for _ in range(150):
        observation, *_ = env.step(AHEAD)
        assert observation["surroundings"].shape == (3, SURROUNDINGS)
        for w in range(3):
            np.testing.assert_allclose(observation["surroundings"][w], expected(env.worlds.state[w]), atol=1e-5)
            leaders += bool(observation["surroundings"][w, 0] > 0)
    assert leaders > 10


def test_the_first_observation_knows_the_vehicle_ahead() -> None:
    env = TownVectorEnv(town_config(20), 24, seed=5, surroundings=True)
    observation, _ = env.reset()
    ahead = 0
    for w, world in enumerate(env.worlds.state):
        before = float(world["lead_gap"])
        find_leader(world, env.worlds.vehicle.length, env.worlds.vehicle.width)
        assert before == world["lead_gap"]
        np.testing.assert_allclose(observation["surroundings"][w], expected(world), atol=1e-5)
        ahead += before < np.inf
    assert ahead > 2


def test_an_empty_town_has_no_surroundings() -> None:
    env = knowing(vehicles=0)
    observation, *_ = env.step(AHEAD)
    assert not observation["surroundings"].any()


def test_nothing_privileged_unless_asked_for() -> None:
    env = make_batch(3, vehicles=20)
    assert set(env.single_observation_space.spaces) == set(env.step(AHEAD)[0]) == {"image", "vector"}


def test_the_last_observation_and_a_restart_keep_them() -> None:
    env, twin = knowing(), knowing()
    crash = np.tile(np.array([1.0, 1.0], np.float32), (3, 1))
    before = env.step(crash)[0]["surroundings"]
    compared = 0
    for _ in range(120):
        observation, _, _, _, infos = env.step(crash)
        first = observation["surroundings"]
        for w in np.flatnonzero(infos["_final_obs"]) if infos["_final_obs"].any() else ():
            np.testing.assert_allclose(first[w], expected(env.worlds.state[w]), atol=1e-5)
            if before[w].any():
                final = infos["final_obs"]["surroundings"][w]
                assert abs(final - before[w]).max() < abs(first[w] - before[w]).max()
                compared += 1
        before = first
    assert compared
    twin.load_state_dict(env.state_dict())
    for actions in (AHEAD, crash, AHEAD):
        np.testing.assert_array_equal(twin.step(actions)[0]["surroundings"], env.step(actions)[0]["surroundings"])


def test_a_state_without_surroundings_is_refused_where_they_are_asked_for() -> None:
    env = knowing()
    with pytest.raises(ValueError, match="without surroundings"):
        env.load_state_dict(make_batch(3, vehicles=20).state_dict())


def test_where_the_policy_drives_by_commands_its_critic_still_knows_the_route() -> None:
    config = town_config(20, environment={"navigation": "command"})
    env, twin = TownVectorEnv(config, 3, seed=5, surroundings=True), knowing()
    env.reset()
    for _ in range(60):
        observation, same = env.step(AHEAD)[0], twin.step(AHEAD)[0]
        assert env.observation_space.contains(observation)
        told = observation["surroundings"]
        assert told.shape == (3, surroundings_dim(config))
        np.testing.assert_array_equal(told[:, :SURROUNDINGS], same["surroundings"])
        np.testing.assert_array_equal(told[:, SURROUNDINGS:], same["vector"][:, CAR_NUMBERS:])
    unasked = TownVectorEnv(config, 3, seed=5)
    assert set(unasked.reset()[0]) == {"image", "vector"}


def expected_way(env: TownVectorEnv, world: np.ndarray) -> list[float]:
    """Plain geometry: the next line before the front, and what the town's claims say of it."""
    half = 0.5 * env.config.vehicle.length
    junction = env.town.network.lanes.junction[world["route_lane"]] >= 0
    starts = world["route_lane_start"][:-1]
    lines = starts[junction & (starts > world["route_s"] + half) & (np.arange(len(starts)) < world["route_lanes"])]
    in_junction = junction & (starts <= world["route_s"] + half) & (world["route_lane_start"][1:] > world["route_s"])
    gap = np.inf if in_junction.any() or lines.size == 0 else lines.min() - world["route_s"] - half
    near = [np.exp(-gap / 4), np.exp(-gap / 15)] if gap + half < LINE_REACH else [0.0, 0.0]
    given = world["ego_granted"] != NONE and 0 <= world["ego_ticket"] <= world["ego_granted_at"]
    refused = world["ego_granted"] == NONE and world["ego_ticket"] >= 0 and gap < np.inf
    return [*near, float(refused), float(given)]


@pytest.mark.parametrize("navigation", ["waypoints", "command"])
@pytest.mark.parametrize("driver", ["privileged", "pid-pursuit"])
def test_the_way_is_told_last_where_the_critic_is_to_know_it(driver: str, navigation: str) -> None:
    plain = town_config(60, environment={"navigation": navigation})
    config = plain.model_copy(update={"network": plain.network.model_copy(update={"critic_way": True})})
    env, twin = (TownVectorEnv(one, 6, seed=5, surroundings=True) for one in (config, plain))
    env.reset()
    twin.reset()
    policy = make_policy(driver)
    waited, given, taken = 0, 0, 0
    for _ in range(400):
        actions = policy(env.observation(), env)
        told, same = env.step(actions)[0]["surroundings"], twin.step(actions)[0]["surroundings"]
        np.testing.assert_array_equal(told[:, :-WAY_NUMBERS], same)
        for w, world in enumerate(env.worlds.state):
            np.testing.assert_allclose(told[w, -WAY_NUMBERS:], expected_way(env, world), atol=1e-5)
            waited += told[w, -2] > 0
            given += told[w, -1] > 0
            taken += world["ego_granted"] != NONE and told[w, -1] == 0
    assert waited > 20 and given > 200
    assert taken == 0 if driver == "privileged" else taken > 20
