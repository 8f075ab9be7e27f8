"""What broke camera TD3 for driving before, each by the smallest thing that shows it.

`scripts/mutants.py` puts every one of these defects back and sees the tests here, and those of the
rooms, fail.
"""

from __future__ import annotations

import json
import math
import time
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from av_td3_system.agents.exploration import WarmupExploration
from av_td3_system.checkpointing.pieces import PieceStore
from av_td3_system.checkpointing.preemption import StopSignals
from av_td3_system.checkpointing.store import CheckpointStore
from av_td3_system.config.load import load_config
from av_td3_system.config.schema import (
    Config,
    EnvironmentConfig,
    ExplorationConfig,
    RewardConfig,
    TrafficConfig,
    VehicleConfig,
)
from av_td3_system.environments.episode import OUTCOMES
from av_td3_system.environments.observation import OWN_NUMBERS, observation_scales, observe, vector_dim
from av_td3_system.environments.outcome import RUNNING, ends_return, is_truncation, judge, time_limit
from av_td3_system.environments.surroundings import surroundings_dim
from av_td3_system.environments.tally import EpisodeTally
from av_td3_system.environments.vector_env import TownVectorEnv
from av_td3_system.environments.view import CameraView
from av_td3_system.monitoring import names
from av_td3_system.monitoring.run_directory import RunDirectory
from av_td3_system.monitoring.run_log import RunLog
from av_td3_system.rewards import DrivingState, compute_reward, terms
from av_td3_system.town.bicycle import bicycle_step
from av_td3_system.town.routes import locate_ego, route_pose
from av_td3_system.town.state import ROUTE_STEP, allocate
from av_td3_system.town.vehicle import vehicle_parameters
from av_td3_system.training.learner import Learner
from av_td3_system.training.loop import Training
from av_td3_system.training.recorder import Recorder
from av_td3_system.training.remedies import Remedies
from av_td3_system.training.saving import Saver
from av_td3_system.training.validation import Validator
from av_td3_system.training.worlds import training_worlds

ENVIRONMENT, REWARD = EnvironmentConfig(), RewardConfig()
DECISION = ENVIRONMENT.tick * ENVIRONMENT.action_repeat  # s
DESIRED = ENVIRONMENT.desired_speed / 3.6  # m/s
LANE = 3.5  # m
STRAIGHT, RADIUS = 60.0, 30.0  # m: the route below is straight, bends left by 90 degrees, is straight again
BEND = RADIUS * math.pi / 2


def pose(s: float) -> tuple[float, float, float]:
    """x, y and heading of the route at arc length `s`, by hand."""
    if s < STRAIGHT:
        return s, 0.0, 0.0
    angle = min((s - STRAIGHT) / RADIUS, math.pi / 2)
    x, y = STRAIGHT + RADIUS * math.sin(angle), RADIUS * (1 - math.cos(angle))
    return x, y + max(s - STRAIGHT - BEND, 0.0), angle


def worlds_on_route(arc: float, lateral: float = 0.0) -> np.ndarray:
    """One world whose ego is `lateral` metres to the left of the route at arc length `arc`, projected."""
    state = allocate(1, ENVIRONMENT, TrafficConfig(), 0)
    points = int(300.0 / ROUTE_STEP)
    for i in range(points):
        state["route_x"][0, i], state["route_y"][0, i], state["route_heading"][0, i] = pose(i * ROUTE_STEP)
    state["route_points"], state["route_length"] = points, 200.0
    x, y, heading = pose(arc)
    state["ego_x"] = x - lateral * math.sin(heading)
    state["ego_y"] = y + lateral * math.cos(heading)
    state["ego_heading"] = heading
    state["route_s"] = arc - 2.0  # where it was a moment ago
    locate_ego(state[0], 6.0, 8.0)
    return state


@pytest.mark.parametrize("arc", [3.0, 10.3, 37.9, 55.1, 61.0, 80.2, 104.0, 130.6, 199.0])
def test_waypoints_lie_ahead_on_the_route_at_every_pose(arc: float) -> None:
    state = worlds_on_route(arc)
    out = np.zeros((1, vector_dim(ENVIRONMENT)), np.float32)
    scales = observation_scales(ENVIRONMENT, VehicleConfig())
    observe(state, scales, np.zeros((1, 2), np.float32), np.ones(1, np.bool_), out)
    x, y, heading = pose(arc)
    for k, (ahead, left) in enumerate(out[0, OWN_NUMBERS:].reshape(-1, 2), start=1):
        ahead, left = ahead * ENVIRONMENT.waypoint_scale, left * ENVIRONMENT.waypoint_side_scale
        px, py, _ = pose(arc + k * ENVIRONMENT.waypoint_spacing)
        dx, dy = px - x, py - y
        assert ahead == pytest.approx(dx * math.cos(heading) + dy * math.sin(heading), abs=0.05)
        assert left == pytest.approx(dy * math.cos(heading) - dx * math.sin(heading), abs=0.05)
        assert ahead > 0


@pytest.mark.parametrize("arc", [10.25, 40.0, 75.0, 120.0])
def test_deviation_is_signed_and_from_the_routes_own_curve(arc: float) -> None:
    for lateral in (0.8, -0.8, LANE, -LANE):
        state = worlds_on_route(arc, lateral)
        assert state["lateral"][0] == pytest.approx(lateral, abs=0.02), "the oncoming lane is a lane's width away"
        assert state["route_s"][0] == pytest.approx(arc, abs=0.05)


def test_warm_up_covers_ground_and_reaches_both_sides() -> None:
    count, seconds = 60, 20.0
    warmup = WarmupExploration(count, ExplorationConfig(), DECISION, np.random.default_rng(0))
    vehicle = vehicle_parameters(VehicleConfig())
    cars = [(0.0, 0.0, 0.0, 0.0, 0.0, 0.0)] * count
    driven = np.zeros(count)
    for _ in range(round(seconds / DECISION)):
        actions = warmup.act().astype(float)
        for i, car in enumerate(cars):
            *moved, _ = bicycle_step(vehicle, *car, actions[i, 0], actions[i, 1], DECISION)
            driven[i] += math.hypot(moved[0] - car[0], moved[1] - car[1])
            cars[i] = tuple(moved)
    sides = np.array([car[1] for car in cars])
    assert np.quantile(driven, 0.1) > 20.0, "nearly every car drives tens of metres in 20 s"
    assert 0.25 < (sides > 0).mean() < 0.75
    assert (np.abs(sides) > 2.0).mean() > 0.5


def paid(speed: float, gap: float = math.inf, crash: bool = False, config: RewardConfig = REWARD) -> np.ndarray:
    """Weighted terms (5,) of one decision of steady driving in the lane's middle."""
    one = np.ones(1)
    state = DrivingState(
        best_before=100 * one,
        best_now=(100 + speed * DECISION) * one,
        speed=speed * one,
        lateral=0 * one,
        heading_error=0 * one,
        jerk=0 * one,
        steer_rate=0 * one,
        lead_gap=gap * one,
        lead_speed=0 * one,
        crossing_time=math.inf * one,
        line_gap=math.inf * one,
        took_way=np.zeros(1, bool),
        ended_badly=np.full(1, crash),
    )
    reward, weighted = compute_reward(state, config, DESIRED, LANE / 2)
    assert reward[0] == pytest.approx(weighted.sum())
    return weighted[0]


@pytest.mark.parametrize("algo", ["td3", "ddpg"])
def test_standing_is_worse_than_creeping_is_worse_than_driving(algo: str) -> None:
    config = load_config(algo)
    standing, creeping, driving = (paid(speed, config=config.reward).sum() for speed in (0.0, 0.8, DESIRED))
    assert standing < 0 < creeping < driving
    forever = standing / (1 - config.agent.gamma)
    assert paid(2.0, crash=True, config=config.reward).sum() < forever, "a crash is no way out of standing"
    assert paid(0.0, gap=3.0, config=config.reward).sum() < 0, "nor is it free to wait behind a car"


def test_reward_of_a_decision_is_a_few_units_whatever_happens() -> None:
    rng = np.random.default_rng(0)
    never = np.zeros(500, bool)
    wild = DrivingState(*(1000 * rng.standard_normal((11, 500))), took_way=never, ended_badly=never)
    wild = wild._replace(
        speed=np.abs(wild.speed), lead_gap=np.abs(wild.lead_gap), crossing_time=np.abs(wild.crossing_time)
    )
    reward, weighted = compute_reward(wild, REWARD, DESIRED, LANE / 2)
    assert np.abs(reward).max() < 10
    assert (weighted[:, :4] <= 0).all()


def test_standing_earns_no_progress_and_a_route_pays_once() -> None:
    best = np.array([0.0, 0.0, 1.5, 3.0, 3.0, 3.0, 4.0])
    progress = [float(terms.progress(np.full(1, before), np.full(1, now))[0]) for before, now in pairwise(best)]
    assert progress == [0.0, 1.5, 1.5, 0.0, 0.0, 1.0]
    assert paid(0.0)[4] == 0.0


def test_the_horizon_is_twice_the_free_flow_time_and_a_slow_correct_driver_succeeds() -> None:
    lengths = np.array(ENVIRONMENT.route_length)
    assert (time_limit(lengths, ENVIRONMENT) >= 2 * lengths / DESIRED + 10.0).all()
    state = worlds_on_route(199.0)
    state["route_best"] = state["route_length"]
    state["time"] = 2.2 * state["route_length"] / DESIRED
    assert OUTCOMES[judge(state, ENVIRONMENT)[0]] == "goal_reached"
    state["route_best"] = 100.0
    assert judge(state, ENVIRONMENT)[0] == RUNNING


def test_only_accidents_end_the_return() -> None:
    codes = np.arange(len(OUTCOMES))
    ends = {OUTCOMES[code] for code in codes if ends_return(codes)[code]}
    assert ends == {"collision", "off_road", "wrong_way"}
    truncated = {OUTCOMES[code] for code in codes if is_truncation(codes)[code]}
    assert truncated == {"time_limit", "simulator_failure"}


def test_events_are_counted_over_the_whole_episode() -> None:
    tally = EpisodeTally(1)
    active, none = np.ones(1, bool), np.zeros(1)
    for invasions in (1, 0, 2, 0):
        tally.add(active, none, np.zeros((1, 5)), np.array([invasions]), none)
    given = {"episode_seed": 1, "scenario": 0, "vehicles": 20, "town": "T", "weather": "W", "route_length": 100.0}
    drive = {"route_best": 40.0, "distance": 41.0, "time": 10.0}
    stuck = tally.record(0, outcome="stuck", **given, **drive)
    assert stuck.lane_invasions == 3
    assert not stuck.success, "no collision is no success"
    assert tally.record(0, outcome="goal_reached", **given, **drive).success


def test_time_to_collision_is_of_the_closing_speed() -> None:
    following = DrivingState(*np.zeros((11, 1)), took_way=np.zeros(1, bool), ended_badly=np.zeros(1, bool))
    following = following._replace(speed=np.full(1, 8.0), lead_gap=np.full(1, 10.0), lead_speed=np.full(1, 8.0))
    closing = following._replace(lead_speed=np.zeros(1))
    safety = [compute_reward(one, REWARD, DESIRED, LANE / 2)[1][0, 3] for one in (following, closing)]
    assert safety[0] == 0.0
    assert safety[1] < 0.0


def small(*overrides: str) -> Config:
    settings = [
        "camera.width=36",
        "camera.height=36",
        "network.crop_top=0",
        "run.num_envs=2",
        "agent.batch_size=2",
        "agent.n_step=1",
    ]
    network = ["network.channels=[8,8,8]", "network.features=16", "network.hidden=[16]", "agent.bfloat16=false"]
    return load_config(overrides=[*settings, *network, "replay.capacity=1000", *overrides])


FORWARD = np.tile(np.array([0.0, 0.6], np.float32), (2, 1))


def test_rewards_do_not_depend_on_the_computers_speed() -> None:
    config = small()
    earned = []
    for pause in (0.0, 0.01):
        env = TownVectorEnv(config, 2, seed=3)
        env.reset()
        rewards = []
        for _ in range(15):
            rewards.append(env.step(FORWARD)[1])
            time.sleep(pause)
        earned.append(np.array(rewards))
    np.testing.assert_array_equal(*earned)


@pytest.mark.parametrize("interval", [1, 3])
def test_a_stack_begins_with_the_first_real_frame_and_frames_are_evenly_spaced(interval: int) -> None:
    seconds = ("environment.slowest_speed=1000", "environment.time_allowance=0.5")  # two an episode
    config = small(f"camera.frame_interval={interval}", *seconds)
    env = TownVectorEnv(config, 2, seed=3)
    observation, infos = env.reset()
    spacing = config.environment.action_repeat * interval
    ended = 0
    for _ in range(50):
        fresh = CameraView(env.town, config.camera, config.environment, env.worlds)
        for w in range(2):
            fresh.begin(w, int(env._weather[w]), int(env.episode_seeds[w]))
        fresh.fill(env.worlds, np.ones(2, bool))
        np.testing.assert_array_equal(observation["image"][:, -1], fresh.frames[:, -1])  # of this very tick
        np.testing.assert_array_equal(infos["frame_ticks"][:, -1], env.worlds.state["tick"])
        for w in range(2):
            ticks, frames = infos["frame_ticks"][w], observation["image"][w]
            due = ticks[-1] - spacing * np.arange(config.camera.stack - 1, -1, -1)
            np.testing.assert_array_equal(ticks, np.maximum(due, 0))  # 0: the episode's first
            assert frames.reshape(config.camera.stack, -1).std(axis=1).min() > 5, "a frame is empty"
            assert ticks[-1] > 0 or (frames == frames[-1]).all()
        observation, _, _, truncated, infos = env.step(FORWARD)
        ended += int(truncated.sum())
    assert ended > 1


def test_a_time_limit_is_no_end_of_the_return_and_gives_its_true_last_observation() -> None:
    env = TownVectorEnv(small("environment.slowest_speed=1000", "environment.time_allowance=0.5"), 2, seed=3)
    env.reset()
    for _ in range(50):
        observation, _, terminated, truncated, infos = env.step(FORWARD)
        if truncated.any():
            break
    world = int(np.flatnonzero(truncated)[0])
    assert not terminated[world]
    assert not infos["return_ends"][world]
    assert infos["final_obs"]["vector"][world, 0] > 0.1, "the last observation is of a moving car"
    assert observation["vector"][world, 0] == 0.0, "the next is of a car that has not set off"


def test_ground_driven_twice_is_paid_once() -> None:
    env = TownVectorEnv(small("traffic.vehicles=[0,0,0]", "traffic.on_route=0"), 1, seed=3)
    env.reset()
    world = env.worlds.state[0]
    total = 0.0
    for decision in range(60):
        if decision == 30:  # put back by three metres, as after a turn in the road
            world["ego_x"], world["ego_y"], world["ego_heading"] = route_pose(world, world["route_s"] - 3.0)
        infos = env.step(FORWARD[:1])[4]
        total += infos["reward_terms"][0, 4]
        assert infos["episodes"] == [None]
    assert world["route_best"] > 6.0
    assert total == pytest.approx(env.config.reward.progress_weight * world["route_best"])


@pytest.mark.parametrize("return_ends", [False, True])
def test_what_is_remembered_of_an_episodes_end(return_ends: bool) -> None:
    config = small("agent.target_action=computed")
    learner = Learner(config)

    def seen(value: int) -> dict[str, np.ndarray]:
        vector = np.full((2, vector_dim(config.environment)), value, np.float32)
        around = np.full((2, surroundings_dim(config)), value, np.float32)
        return {"image": np.full((2, 4, 36, 36), value, np.uint8), "vector": vector, "surroundings": around}

    over = np.ones(2, bool)
    end = {"_final_obs": over, "return_ends": np.full(2, return_ends), "final_obs": seen(7)}
    for _ in range(3):
        learner.remember(0, seen(1), FORWARD, np.zeros(2), end, seen(2))
    batch = learner.sample()
    assert (batch.next_vector == 7).all()
    assert (batch.next_image[:, -1] == 7).all()
    assert (batch.discount == (0.0 if return_ends else np.float32(config.agent.gamma))).all()


class Watched(Learner):
    """A learner that notes when it was asked for warm-up."""

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self.exploring: list[bool] = []

    def act(self, observation: dict[str, np.ndarray], exploring: bool) -> np.ndarray:
        self.exploring.append(exploring)
        return super().act(observation, exploring)


def test_warm_up_ends_at_its_timestep_and_the_share_of_each_term_is_logged(tmp_path: Path) -> None:
    config = small("exploration.learning_starts=20", "run.max_timesteps=40", "run.log_interval=20")
    directory = RunDirectory.create(tmp_path / "run", algo="td3", scenario=0, seed=1)
    learner = Watched(config)
    with StopSignals() as signals, RunLog(directory.log) as log, Recorder(directory, config, log) as recorder:
        training = Training(
            config=config,
            directory=directory,
            env=training_worlds(config),
            learner=learner,
            validator=Validator(directory, config),
            recorder=recorder,
            saver=Saver(CheckpointStore(directory.checkpoints, "td3", 1), PieceStore(directory.replay), learner.replay),
            signals=signals,
            remedies=Remedies(directory.remedies, config),
        )
        training.driving.begin(0)
        for _ in range(20):
            training._decide()
        recorder.interval(training.step)
    assert training.step == 40, "timesteps count every world"
    assert learner.exploring == [True] * 10 + [False] * 10
    line = json.loads(directory.metrics.read_text().splitlines()[-1])
    shares = [line[tag] for tag in names.REWARD_SHARES.values()]
    assert sum(shares) == pytest.approx(1.0)
    assert min(shares) >= 0
