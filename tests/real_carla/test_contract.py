"""The environment's contract on any CARLA 0.9.16 server, a real one above all; nothing here knows whose it is."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pytest

from av_td3_system.config.load import with_overrides
from av_td3_system.config.schema import Config
from av_td3_system.environments.carla.vector_env import CarlaVectorEnv
from av_td3_system.environments.episode import OUTCOMES
from av_td3_system.monitoring.carla_servers import CARLA_VERSION, ask_server

pytestmark = pytest.mark.real_carla
ALONE = ("traffic.vehicles=[0, 0, 0]", "traffic.parked=[0, 0]")
Make = Callable[..., CarlaVectorEnv]


@pytest.fixture
def make(settings: Config) -> Iterator[Make]:
    """Environments of the server, with further settings."""
    made: list[CarlaVectorEnv] = []

    def environment(*overrides: str, seed: int = 1) -> CarlaVectorEnv:
        made.append(CarlaVectorEnv(with_overrides(settings, overrides), 1, seed=seed))
        return made[-1]

    yield environment
    for env in made:
        env.close()


def act(env: CarlaVectorEnv, steer: float, pedal: float, decisions: int) -> list[dict]:  # type: ignore[type-arg]
    """Infos of so many decisions under one command."""
    return [env.step(np.array([[steer, pedal]], np.float32))[-1] for _ in range(decisions)]


def test_the_server_answers_and_is_the_version_that_is_spoken(settings: Config) -> None:
    assert ask_server(settings.carla.host, settings.carla.port, 10.0).version == CARLA_VERSION


def test_an_observation_is_what_the_space_says_and_a_picture_of_something(make: Make) -> None:
    env = make()
    seen, _ = env.reset()
    assert env.single_observation_space.contains({name: array[0] for name, array in seen.items()})
    newest = seen["image"][0, -1]
    assert newest.std() > 5.0 and 20.0 < newest.mean() < 235.0
    assert np.abs(seen["vector"][0, 5:7]).max() < 0.1, "the car begins on its route, heading along it"
    sky, road = newest[:20].mean(), newest[-20:].mean()
    assert abs(sky - road) > 5.0


def test_every_picture_is_of_its_tick(make: Make) -> None:
    env = make(*ALONE)
    env.reset()
    ticks = [infos["frame_ticks"][0, -1] for infos in act(env, 0.0, 0.2, 20)]
    assert np.array_equal(np.diff(ticks), np.full(19, env.config.environment.action_repeat))


def test_throttle_drives_steering_turns_and_brakes_stop(make: Make) -> None:
    env = make(*ALONE)
    env.reset()
    state = env.worlds.state
    act(env, 0.0, 0.5, 25)
    assert state["ego_speed"][0] > 1.5 and state["travelled"][0] > 1.0
    heading = float(state["ego_heading"][0])
    act(env, 0.3, 0.2, 5)
    turned = (float(state["ego_heading"][0]) - heading + np.pi) % (2 * np.pi) - np.pi
    assert turned < -0.01, "steering above zero turns to the right: clockwise, headings fall"
    assert state["ego_steer"][0] < 0.0 and state["ego_yaw_rate"][0] < 0.0
    act(env, 0.0, -1.0, 30)
    assert state["ego_speed"][0] < 0.2


def test_progress_along_the_route_is_paid(make: Make) -> None:
    env = make(*ALONE)
    env.reset()
    paid = [env.step(np.array([[0.0, 0.4]], np.float32))[1][0] for _ in range(40)]
    assert env.worlds.state["route_best"][0] > 2.0
    assert max(paid) > 0.0


def test_whoever_drives_on_blindly_ends_badly_and_begins_anew(make: Make) -> None:
    env = make(seed=5)
    env.reset()
    records = [infos["episodes"][0] for infos in act(env, 0.15, 0.7, 300) if infos["episodes"][0] is not None]
    assert records and all(record.outcome in OUTCOMES for record in records)
    assert {"off_road", "wrong_way", "collision"} & {record.outcome for record in records}
    assert all(record.outcome != "simulator_failure" for record in records)


def test_traffic_drives(make: Make) -> None:
    env = make("traffic.vehicles=[15, 15, 15]")
    env.reset()
    state = env.worlds.state
    count = int(state["vehicles"][0])
    assert count >= 10
    act(env, 0.0, -1.0, 60)
    assert (state["speed"][0, :count] > 1.0).sum() >= count // 3


def test_weather_is_seen(make: Make) -> None:
    looks = []
    for name in ("ClearNoon", "HardRainSunset"):
        env = make(*ALONE, f"environment.weathers=[{name}]", seed=9)
        looks.append(env.reset()[0]["image"][0, -1].astype(float))
    assert np.abs(looks[0] - looks[1]).mean() > 3.0


def test_the_same_seed_is_the_same_beginning(make: Make) -> None:
    begun = []
    for _ in range(2):
        env = make(seed=21)
        seen, _ = env.reset(seed=21)
        begun.append((seen["vector"][0], env.worlds.state["x"][0].copy()))
    assert np.allclose(begun[0][0], begun[1][0], atol=1e-2)
    assert np.allclose(begun[0][1], begun[1][1], atol=0.1)


def test_many_episodes_leave_nobody_behind(make: Make) -> None:
    env = make("traffic.vehicles=[5, 5, 5]")
    for _ in range(10):
        env.reset()
        faults = [fault for infos in act(env, 0.0, 0.3, 3) for fault in infos["faults"]]
        assert faults == []
        assert int(env.worlds.state["vehicles"][0]) <= 5
