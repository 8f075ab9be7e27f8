"""The frame stack: filled with the first real frame, one decision a frame, black if asked."""

from __future__ import annotations

import numpy as np

from av_td3_system.environments.vector_env import TownVectorEnv
from av_td3_system.town.colours import LUMA
from av_td3_system.town.state import CAR, VAN
from tests.unit.environments.batches import make_batch, town_config


def test_the_stack_begins_with_the_first_real_frame() -> None:
    """Lesson: the first frames were all zero."""
    env = make_batch(2, vehicles=5, camera=True)
    frames = env.view.frames
    assert frames.max() > 60
    assert all(np.array_equal(frames[:, 0], frames[:, k]) for k in range(frames.shape[1]))
    assert np.all(env.view.ticks == 0)


def test_frames_of_a_stack_are_consecutive() -> None:
    """Lesson: the policy saw frames one or more ticks old."""
    env = make_batch(2, vehicles=5, camera=True)
    ahead = np.tile(np.array([0.0, 0.6], np.float32), (2, 1))
    repeat = env.config.environment.action_repeat
    before = env.view.frames.copy()
    for k in range(1, 8):
        observation, _, _, _, infos = env.step(ahead)
        assert np.array_equal(infos["frame_ticks"][:, -1], env.worlds.state["tick"])
        assert np.array_equal(infos["frame_ticks"][0], np.maximum(np.arange(k - 3, k + 1) * repeat, 0))
        assert np.array_equal(observation["image"][:, :-1], before[:, 1:])
        before = observation["image"]
    assert not np.array_equal(before[:, 0], before[:, -1])


def test_a_blank_camera_stays_black() -> None:
    env = make_batch(2, vehicles=5)
    env.step(np.ones((2, 2), np.float32))
    assert not env.view.frames.any()


def test_frames_lie_as_many_decisions_apart_as_set_and_survive_a_restart() -> None:
    config = town_config(5, camera=True)
    config = config.model_copy(update={"camera": config.camera.model_copy(update={"frame_interval": 3})})
    env, twin = TownVectorEnv(config, 2, seed=5), TownVectorEnv(config, 2, seed=6)
    env.reset()
    twin.reset()
    seen = [env.view.frames[:, -1].copy()]
    ahead = np.tile(np.array([0.0, 0.6], np.float32), (2, 1))
    for k in range(1, 25):
        observation, *_ = env.step(ahead)
        seen.append(observation["image"][:, -1])
        for depth, back in enumerate((9, 6, 3, 0)):
            assert np.array_equal(observation["image"][:, depth], seen[max(0, k - back)])
    twin.load_state_dict(env.state_dict())
    for _ in range(5):
        assert np.array_equal(twin.step(ahead)[0]["image"], env.step(ahead)[0]["image"])


def test_images_that_share_memory_are_those_of_the_copies() -> None:
    settings = {"slowest_speed": 1000.0, "time_allowance": 1.0}  # episodes of some seconds
    config = town_config(5, camera=True, environment=settings)
    config = config.model_copy(update={"camera": config.camera.model_copy(update={"frame_interval": 3})})
    copied, shared = TownVectorEnv(config, 3, seed=5), TownVectorEnv(config, 3, seed=5, copy=False)
    before, first = copied.reset()[0]["image"], shared.reset()[0]["image"]
    kept, ended = before.copy(), 0
    rng = np.random.default_rng(0)
    for _ in range(120):  # the memory of frames comes round four times
        assert np.array_equal(first, before)
        actions = rng.uniform(-1, 1, (3, 2)).astype(np.float32)
        (expected, *_, infos), (observation, *_, others) = copied.step(actions), shared.step(actions)
        assert np.array_equal(before, kept), "a copy changed"
        over = infos["_final_obs"]
        if over.any():
            assert np.array_equal(infos["final_obs"]["image"][over], others["final_obs"]["image"][over])
            assert not np.array_equal(others["final_obs"]["image"][over], observation["image"][over])
        ended += int(over.sum())
        before, first, kept = expected["image"], observation["image"], expected["image"].copy()
    assert np.shares_memory(first, shared.view.frames) and not np.shares_memory(before, copied.view.frames)
    assert ended > 5


def test_a_world_that_idles_keeps_what_it_saw_last_and_so_does_its_restart() -> None:
    config = town_config(5, camera=True, environment={"slowest_speed": 1000.0, "time_allowance": 1.0})
    envs = [TownVectorEnv(config, 2, seed=5, surroundings=True, copy=False) for _ in range(2)]
    env, twin = envs
    env.assign_episodes([[11], list(range(20, 40))])
    env.reset()
    twin.reset()
    ahead = np.tile(np.array([0.0, 0.4], np.float32), (2, 1))
    while env.active[0]:
        observation, *_, infos = env.step(ahead)
        twin.step(-ahead)
    last, tick = infos["final_obs"]["image"][0, -1].copy(), env.worlds.state["tick"][0]
    assert last.any()
    for k in range(3 * config.camera.stack + 40):  # the memory of frames comes round
        observation, *_, infos = env.step(ahead)
        assert np.array_equal(observation["image"][0, -1], last)
        if k >= config.camera.stack:
            assert (observation["image"][0] == last).all() and (infos["frame_ticks"][0] == tick).all()
    assert env.active[1]
    twin.load_state_dict(env.state_dict())
    for name, seen in env.step(ahead)[0].items():
        assert np.array_equal(twin.step(ahead)[0][name] if name == "image" else twin._present()[name], seen), name


def test_a_late_camera_shows_what_was_seen_so_many_decisions_ago() -> None:
    config = town_config(5, camera=True)
    late = config.model_copy(update={"camera": config.camera.model_copy(update={"delay": 2, "frame_interval": 3})})
    prompt = config.model_copy(update={"camera": config.camera.model_copy(update={"frame_interval": 3})})
    env, reference, twin = (TownVectorEnv(c, 2, seed=5) for c in (late, prompt, late))
    first, _ = env.reset()
    seen = [reference.reset()[0]["image"]]
    twin.reset(seed=9)
    assert np.array_equal(first["image"], seen[0])
    ahead = np.tile(np.array([0.0, 0.6], np.float32), (2, 1))
    for k in range(1, 15):
        observation, *_, infos = env.step(ahead)
        seen.append(reference.step(ahead)[0]["image"])
        assert np.array_equal(observation["image"], seen[max(0, k - 2)])
        assert (infos["frame_ticks"][:, -1] == max(0, k - 2) * config.environment.action_repeat).all()
        assert np.array_equal(observation["vector"], reference._vector), "what the car measures itself is not late"
    assert not np.array_equal(seen[-1], seen[-3])
    twin.load_state_dict(env.state_dict())
    for _ in range(4):
        assert np.array_equal(twin.step(ahead)[0]["image"], env.step(ahead)[0]["image"])


def test_the_grey_picture_is_the_luma_of_the_coloured_one() -> None:
    config = town_config(0, camera=True)
    coloured = config.model_copy(update={"camera": config.camera.model_copy(update={"color": "rgb"})})
    grey, colour = TownVectorEnv(config, 2, seed=5), TownVectorEnv(coloured, 2, seed=5)
    seen, painted = grey.reset()[0]["image"], colour.reset()[0]["image"]
    stack = config.camera.stack
    assert painted.shape == (2, 3 * stack, *seen.shape[2:])
    assert colour.observation_space["image"].contains(painted)
    luma = np.tensordot(painted.reshape(2, stack, 3, *seen.shape[2:]).astype(float), LUMA, axes=(2, 0))
    assert np.abs(luma - seen).mean() < 2.0
    assert np.ptp(painted[0, :3].reshape(3, -1).mean(axis=1)) > 3  # it is not all grey
    assert np.array_equal(colour.view.newest, painted[:, -3:])


def test_supersampling_smooths_edges_and_moves_nothing() -> None:
    config = town_config(5, camera=True)
    fine = config.model_copy(update={"camera": config.camera.model_copy(update={"supersampling": 3})})
    plain, smooth = TownVectorEnv(config, 2, seed=5), TownVectorEnv(fine, 2, seed=5)
    a, b = (env.reset()[0]["image"][:, -1].astype(float) for env in (plain, smooth))
    assert a.shape == b.shape
    assert 0.3 < np.abs(a - b).mean() < 8.0
    assert abs(a.mean() - b.mean()) < 2.0
    columns = np.abs(np.diff(b, axis=2))
    assert np.percentile(columns, 99.5) < np.percentile(np.abs(np.diff(a, axis=2)), 99.5)


def test_the_picture_shows_the_world_as_it_is() -> None:
    env = TownVectorEnv(town_config(8, camera=True), 3, seed=5)
    env.reset()
    ahead = np.tile(np.array([0.0, 0.5], np.float32), (3, 1))
    for _ in range(6):
        env.step(ahead)
    state, view = env.worlds.state, env.view
    # A van brakes 8 m ahead of every ego.
    distance, heading = 8.0, state["ego_heading"]
    state["x"][:, 0] = state["ego_x"] + distance * np.cos(heading)
    state["y"][:, 0] = state["ego_y"] + distance * np.sin(heading)
    state["heading"][:, 0], state["kind"][:, 0], state["size"][:, 0] = heading, VAN, (5.2, 1.95, 2.4)
    state["shade"][:, 0], state["brake"][:, 0] = 220.0, 1
    everywhere = np.ones(3, np.bool_)
    pictures = {}
    for name, column, value in (("van", "brake", 1), ("unlit", "brake", 0), ("car", "kind", CAR), ("gone", "x", 1e6)):
        state[column][:, 0] = value
        view.shift_in(env.worlds, everywhere)
        pictures[name] = view.newest[:, 0].astype(int)
    for before, after in (("van", "unlit"), ("unlit", "car"), ("car", "gone")):
        assert np.all(np.abs(pictures[before] - pictures[after]).max(axis=(1, 2)) > 20), (before, after)
    half = pictures["van"].shape[-1] // 2
    assert np.abs(pictures["van"] - pictures["gone"])[:, half - 2 : half + 3, half - 2 : half + 2].mean() > 20
