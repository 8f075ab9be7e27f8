"""The batched environment: quotas, endings, determinism, exact restoring."""

from __future__ import annotations

import time
from typing import Any

import gymnasium
import numpy as np
import pytest

from av_td3_system.agents.baselines import ConstantPolicy, make_policy
from av_td3_system.config.layout import LAST_ACTION
from av_td3_system.environments.episode import EpisodeRecord
from av_td3_system.environments.vector_env import TownVectorEnv
from av_td3_system.rewards.reward import TERMS, DrivingState, compute_reward
from tests.unit.environments.batches import drive, drive_quota, make_batch, same_worlds, town_config

LAST = slice(LAST_ACTION, LAST_ACTION + 2)
EARLY = {"route_length": (60.0, 80.0)}


def actions_of(seed: int, count: int, worlds: int) -> np.ndarray:
    return np.random.default_rng(seed).uniform(-1, 1, (count, worlds, 2)).astype(np.float32)


def test_shapes_types_and_spaces() -> None:
    env = make_batch(3)
    observation, reward, terminated, truncated, infos = env.step(np.zeros((3, 2), np.float32))
    assert env.observation_space.contains(observation)
    assert reward.shape == terminated.shape == truncated.shape == (3,)
    assert terminated.dtype == truncated.dtype == np.bool_
    assert infos["reward_terms"].shape == (3, 5) and len(infos["episodes"]) == 3
    assert np.allclose(infos["reward_terms"].sum(1), reward)


@pytest.mark.parametrize("bad", [np.nan, np.full((2, 2), np.nan)])
def test_actions_that_are_no_numbers_are_refused(bad: object) -> None:
    env = make_batch(2)
    with pytest.raises(ValueError, match="finite"):
        env.step(np.zeros((2, 2)) + bad)


def test_one_seed_is_one_history_and_another_seed_another() -> None:
    a, b, c = make_batch(2, seed=1, camera=True), make_batch(2, seed=1, camera=True), make_batch(2, seed=2)
    for action in actions_of(0, 30, 2):
        first, second = a.step(action), b.step(action)
        assert np.array_equal(first[0]["image"], second[0]["image"])
        assert np.array_equal(first[0]["vector"], second[0]["vector"]) and np.array_equal(first[1], second[1])
    assert same_worlds(a.worlds.state, b.worlds.state) and not same_worlds(a.worlds.state, c.worlds.state)


def test_reset_with_a_seed_starts_the_sequence_anew() -> None:
    env = make_batch(2, seed=1)
    drive(env, "straight", 150)
    first, _ = env.reset(seed=8)
    kept = env.worlds.state.copy()
    drive(env, "straight", 50)
    second, _ = env.reset(seed=8)
    assert np.array_equal(first["vector"], second["vector"]) and same_worlds(kept, env.worlds.state)


def test_restored_worlds_go_on_to_the_bit() -> None:
    env = make_batch(3, seed=4, camera=True, environment=EARLY)
    drive(env, "privileged", 90)
    kept = env.state_dict()
    actions = actions_of(3, 50, 3)
    history = [env.step(action) for action in actions]
    other = make_batch(3, seed=77, camera=True, environment=EARLY)
    other.load_state_dict(kept)
    for action, (observation, reward, terminated, truncated, infos) in zip(actions, history, strict=True):
        again = other.step(action)
        assert np.array_equal(observation["image"], again[0]["image"])
        assert np.array_equal(observation["vector"], again[0]["vector"])
        assert np.array_equal(reward, again[1])
        assert np.array_equal(terminated, again[2]) and np.array_equal(truncated, again[3])
        assert infos["episodes"] == again[4]["episodes"]
    assert same_worlds(env.worlds.state, other.worlds.state)


def test_rewards_do_not_know_the_wall_clock() -> None:
    """Lesson: the reward depended on the computer's speed."""
    quick, slow = make_batch(2, seed=6), make_batch(2, seed=6)
    for action in actions_of(1, 8, 2):
        expected = quick.step(action)[1]
        time.sleep(0.02)
        assert np.array_equal(slow.step(action)[1], expected)


def test_every_world_drives_exactly_its_quota() -> None:
    env = TownVectorEnv(town_config(0, environment=EARLY), 3, seed=1, split="validation")
    records = drive_quota(env, "privileged", [[1, 2, 3], [4], []])
    assert sorted(record.episode_seed for record in records) == [1, 2, 3, 4]
    assert not env.active.any()
    _, reward, terminated, truncated, infos = env.step(np.ones((3, 2), np.float32))
    assert not reward.any() and not terminated.any() and not truncated.any() and infos["episodes"] == [None] * 3


def test_an_episode_does_not_depend_on_the_world_that_drives_it() -> None:
    first = drive_quota(make_batch(2, environment=EARLY, split="validation"), "idm-mobil", [[1, 2], [3]])
    second = drive_quota(make_batch(3, environment=EARLY, split="validation"), "idm-mobil", [[3], [2], [1]])
    key = lambda record: record.episode_seed  # noqa: E731
    assert sorted(first, key=key) == sorted(second, key=key)


def test_quota_of_another_number_of_worlds_is_refused() -> None:
    with pytest.raises(ValueError, match="worlds"):
        make_batch(2).assign_episodes([[1]])


def test_training_and_validation_drive_different_routes() -> None:
    train, held_out = make_batch(6, seed=1, vehicles=0), make_batch(6, seed=1, vehicles=0, split="validation")
    routes = [{tuple(w["route_lane"][: w["route_lanes"]]) for w in env.worlds.state} for env in (train, held_out)]
    assert not routes[0] & routes[1]


def ending_of(policy: str | ConstantPolicy, decisions: int, **settings: object) -> tuple[str, bool, bool, bool]:
    """Outcome, terminated, truncated and return_ends of the first episode that ends."""
    env = make_batch(1, **settings)  # type: ignore[arg-type]
    driver = make_policy(policy) if isinstance(policy, str) else policy
    observation = {"image": env.view.frames, "vector": env._vector}
    for _ in range(decisions):
        observation, _, terminated, truncated, infos = env.step(driver(observation, env))
        if infos["episodes"][0] is not None:
            return infos["episodes"][0].outcome, bool(terminated[0]), bool(truncated[0]), bool(infos["return_ends"][0])
    raise AssertionError("no episode ended")


@pytest.mark.parametrize(
    ("policy", "settings", "expected"),
    [
        ("privileged", {"vehicles": 0, "environment": EARLY}, ("goal_reached", True, False, False)),
        ("parked", {"vehicles": 0, "environment": {"stuck_time": 2.0}}, ("stuck", True, False, False)),
        (
            "parked",
            {"vehicles": 0, "environment": EARLY | {"time_allowance": 1.0, "slowest_speed": 100.0}},
            ("time_limit", False, True, False),
        ),
        (ConstantPolicy(1.0, 0.6), {"vehicles": 0}, ("off_road", True, False, True)),
        (ConstantPolicy(-0.35, 0.6), {"vehicles": 0}, ("wrong_way", True, False, True)),
    ],
)
def test_flags_of_every_ending(
    policy: str | ConstantPolicy, settings: dict, expected: tuple[str, bool, bool, bool]
) -> None:
    """Lesson: a truncated transition bootstraps, a terminal one does not; goal and stuck bootstrap too."""
    outcome, *flags = ending_of(policy, 400, **settings)
    if expected[0] in ("off_road", "wrong_way"):
        assert outcome in ("off_road", "wrong_way") and tuple(flags) == expected[1:]
    else:
        assert (outcome, *flags) == expected


def test_collision_ends_the_return_and_costs_once() -> None:
    env = make_batch(8, vehicles=20)
    rewards, records = drive(env, "pid-pursuit", 500)
    crashes = [record for record in records if record.outcome == "collision"]
    assert crashes and all(record.collisions == 1 and not record.success for record in crashes)
    assert (rewards < -15.0).sum() == len([r for r in records if r.outcome in ("collision", "off_road", "wrong_way")])


def test_the_true_last_observation_is_handed_out() -> None:
    env = make_batch(2, vehicles=0, environment=EARLY)
    driver = make_policy("privileged")
    observation = {"image": env.view.frames, "vector": env._vector}
    for _ in range(300):
        observation, _, _, _, infos = env.step(driver(observation, env))
        over = infos["_final_obs"]
        if over.any():
            w = int(np.flatnonzero(over)[0])
            assert infos["final_obs"]["vector"][w, 0] > 0.3  # still driving
            assert observation["vector"][w, 0] == 0.0  # the next episode's car stands
            return
    raise AssertionError("no episode ended")


def test_a_slow_correct_driver_is_not_failed_by_time() -> None:
    """Lesson: waiting once at a light meant failure."""
    env = TownVectorEnv(
        town_config(0, environment={"desired_speed": 10.5, "route_length": (150.0, 200.0), "time_allowance": 10.0}),
        4,
        seed=1,
        split="validation",
    )
    records = drive_quota(env, "privileged", [[1], [2], [3], [4]])
    assert all(record.success for record in records)


def test_events_are_counted_over_the_whole_episode() -> None:
    """Lesson: collisions and lane invasions were read on the last step only."""
    env = make_batch(8, vehicles=0)
    drift = np.tile(np.array([-0.05, 0.4], np.float32), (8, 1))  # over the marking, then into the oncoming lane
    found = 0
    for _ in range(120):
        before = env.tally.invasions.copy()
        _, _, _, _, infos = env.step(drift)
        for w, record in enumerate(infos["episodes"]):
            if record is not None and record.outcome == "wrong_way" and before[w] > 0:
                assert record.lane_invasions >= before[w]  # an invasion that lay before the last decision
                found += 1
    assert found >= 4


def test_the_vector_holds_the_cars_own_numbers_in_their_order_and_scales() -> None:
    env = make_batch(2)
    for _ in range(20):
        observation, *_ = env.step(np.array([[0.3, 0.6], [-0.2, 0.4]], np.float32))
    state, environment = env.worlds.state, env.config.environment
    assert observation["vector"][:, LAST].tolist() == pytest.approx(np.array([[0.3, 0.6], [-0.2, 0.4]]), abs=1e-6)
    expected = (
        state["ego_speed"] / environment.speed_scale,
        state["ego_yaw_rate"] / environment.yaw_rate_scale,
        state["ego_steer"] / env.config.vehicle.max_steer,
    )
    assert np.abs(state["ego_yaw_rate"]).min() > 0.01
    np.testing.assert_allclose(observation["vector"][:, :3], np.stack(expected, axis=1), atol=1e-6)


def test_a_new_episode_begins_without_a_last_action() -> None:
    env = make_batch(3)
    for _ in range(400):
        observation, _, terminated, truncated, infos = env.step(np.tile(np.float32([0.9, 0.9]), (3, 1)))
        over = terminated | truncated
        if over.any():
            break
    assert over.any()
    assert (observation["vector"][over, LAST] == 0).all()
    assert (infos["final_obs"]["vector"][over, LAST] == np.float32(0.9)).all()


def test_speeding_is_judged_by_the_desired_speed_in_kilometres_an_hour() -> None:
    env = make_batch(1, environment={"desired_speed": 18.0})
    for _ in range(60):
        _, _, _, _, infos = env.step(np.array([[0.0, 1.0]], np.float32))
        speed = float(env.worlds.state["ego_speed"][0])
        cost = float(infos["reward_terms"][0, TERMS.index("efficiency")])
        if speed > 5.2:
            break
        assert not 1.1 < speed <= 5.0 or cost == 0.0
    assert 5.2 < speed < 6.5 and cost < 0.0, "18 km/h are 5 m/s"


def test_jerk_and_steering_rate_are_per_second(monkeypatch: pytest.MonkeyPatch) -> None:
    env = make_batch(2)
    judged: list[DrivingState] = []

    def noted(driving: DrivingState, *rest: Any) -> Any:
        judged.append(driving)
        return compute_reward(driving, *rest)

    monkeypatch.setattr("av_td3_system.environments.earning.compute_reward", noted)
    state = env.worlds.state
    for action in ([0.0, 0.5], [0.1, 1.0]):
        before = state["ego_acceleration"].copy(), state["ego_steer"].copy()
        env.step(np.tile(np.float32(action), (2, 1)))
    decision = env.config.environment.tick * env.config.environment.action_repeat
    np.testing.assert_allclose(judged[-1].jerk, (state["ego_acceleration"] - before[0]) / decision)
    np.testing.assert_allclose(judged[-1].steer_rate, (state["ego_steer"] - before[1]) / decision)
    assert np.abs(judged[-1].steer_rate).min() > 0


def test_the_weather_follows_from_the_episodes_seed() -> None:
    env = make_batch(1, environment=EARLY)
    weathers = env.config.environment.weathers
    records = drive_quota(env, "parked", [[700, 701, 702]])
    assert [record.weather for record in records] == [weathers[seed % len(weathers)] for seed in (700, 701, 702)]
    assert len({record.weather for record in records}) == 3


@pytest.mark.parametrize("worlds", [1, 2, 5])
def test_the_number_of_worlds_changes_no_episode_of_a_random_policy(worlds: int) -> None:
    seeds = [900, 901, 902, 903, 904]

    def driven(count: int) -> list[EpisodeRecord]:
        records = drive_quota(make_batch(count), make_policy("random", 3), [seeds[w::count] for w in range(count)])
        return sorted(records, key=lambda record: record.episode_seed)

    assert driven(worlds) == driven(3)


def test_wrong_use_is_told_in_plain_words() -> None:
    with pytest.raises(ValueError, match="num_envs is 0"):
        TownVectorEnv(town_config(0), 0)
    with pytest.raises(ValueError, match="split is 'bogus'"):
        TownVectorEnv(town_config(0), 1, split="bogus")
    env = TownVectorEnv(town_config(0), 2)
    with pytest.raises(gymnasium.error.ResetNeeded, match="reset"):
        env.step(np.zeros((2, 2), np.float32))
    env.reset()
    with pytest.raises(ValueError, match=r"shape \(4,\) for 2 worlds"):
        env.step(np.zeros(4, np.float32))
