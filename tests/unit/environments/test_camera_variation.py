"""Domain randomisation of what the camera sees: off by default, drawn from the episode's seed, within its ranges."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from av_td3_system.config.errors import UserError
from av_td3_system.config.load import load_config
from av_td3_system.config.schema import CameraConfig, Config, RandomizationConfig
from av_td3_system.environments.camera_variation import JITTERED, CameraVariation, camera_poses
from av_td3_system.environments.vector_env import TownVectorEnv
from tests.unit.environments.batches import same_worlds, town_config

WORLDS = 6
AHEAD = np.tile(np.array([0.0, 0.6], np.float32), (WORLDS, 1))
EVERYTHING: dict[str, Any] = {
    "looks": 2, "colors": 0.3, "texture": 2.0, "paint": 0.4, "brightness": 20.0, "contrast": 0.3, "noise": 4.0,
    "poses": 3, "pitch": 3.0, "fov": 8.0, "y": 0.3, "z": 0.2,
}  # fmt: skip


def config_with(camera: dict[str, Any] | None = None, **randomization: Any) -> Config:
    config = town_config(20, camera=True, environment={"weathers": ("ClearNoon", "SoftRainSunset")})
    return config.model_copy(
        update={
            "camera": CameraConfig(**{"width": 40, "height": 40, **(camera or {})}),
            "randomization": RandomizationConfig(**randomization),
        }
    )


def drive(env: TownVectorEnv, decisions: int = 4) -> np.ndarray:
    """The pictures (decisions, N, stack, H, W) of a drive straight ahead."""
    return np.stack([env.step(AHEAD)[0]["image"] for _ in range(decisions)])


def started(episodes: int = 5, **settings: Any) -> TownVectorEnv:
    env = TownVectorEnv(config_with(**settings), WORLDS, seed=episodes)
    env.reset()
    return env


@pytest.fixture(scope="module")
def plain() -> TownVectorEnv:
    env = started()
    drive(env)
    return env


# Settings under which the one that is named changes the pictures.
CHANGES: dict[str, dict[str, Any]] = {
    "seed": {"seed": 1, "pitch": 3.0, "colors": 0.3},
    "looks": {"looks": 2, "colors": 0.3},
    "colors": {"colors": 0.3},
    "texture": {"texture": 3.0},
    "paint": {"paint": 0.5},
    "brightness": {"brightness": 30.0},
    "contrast": {"contrast": 0.5},
    "noise": {"noise": 4.0},
    "poses": {"poses": 3, "pitch": 3.0},
    "pitch": {"pitch": 3.0},
    "fov": {"fov": 10.0},
    "y": {"y": 0.5},
    "z": {"z": 0.5},
}


@pytest.mark.parametrize("name", RandomizationConfig.model_fields)
def test_every_setting_changes_the_pictures_and_nothing_else(name: str, plain: TownVectorEnv) -> None:
    change = CHANGES[name]
    without = {key: value for key, value in change.items() if key != name}
    env = started(**change)
    drive(env)
    assert same_worlds(env.worlds.state, plain.worlds.state), "the drive itself is the same"
    reference = plain
    if without:
        reference = started(**without)
        drive(reference)
    assert not np.array_equal(env.view.frames, reference.view.frames)


def test_off_by_default_and_numbers_of_looks_and_poses_alone_change_nothing(plain: TownVectorEnv) -> None:
    assert camera_poses(CameraConfig(), RandomizationConfig()) == [CameraConfig()]
    env = started(looks=8, poses=8, seed=3)
    drive(env)
    assert np.array_equal(env.view.frames, plain.view.frames)
    assert not env.view.variation.dressing.any() and not env.view.variation.pose.any()


def test_the_same_seed_gives_the_same_pictures_and_another_gives_others() -> None:
    env, twin, other = started(**EVERYTHING), started(**EVERYTHING), started(episodes=6, **EVERYTHING)
    assert np.array_equal(drive(env), drive(twin))
    draws = [e.view.variation for e in (env, other)]
    assert not np.allclose(draws[0].brightness, draws[1].brightness)
    again, _ = env.reset(seed=5)
    first, _ = TownVectorEnv(env.config, WORLDS, seed=5).reset()
    assert np.array_equal(again["image"], first["image"]), "pictures do not depend on the episodes before"


def test_a_world_sees_the_same_in_any_batch() -> None:
    """Neither the number of worlds nor who is drawn together decides what is seen."""
    few = TownVectorEnv(config_with(**EVERYTHING), 2, seed=5)
    assert np.array_equal(few.reset()[0]["image"], started(**EVERYTHING).view.frames[:2])


def test_a_restored_batch_sees_what_it_would_have_seen() -> None:
    env, twin = started(**EVERYTHING), started(episodes=9, **EVERYTHING)
    drive(env)
    twin.load_state_dict(env.state_dict())
    assert np.array_equal(drive(twin), drive(env))


def test_a_pose_is_that_camera() -> None:
    """Each world's picture is, to the bit, the one of an unvaried camera that is mounted so."""
    settings = {"poses": 3, "pitch": 4.0, "fov": 10.0, "y": 0.4, "z": 0.3}
    env = started(**settings)
    pose = env.view.variation.pose
    assert len(set(pose)) > 1
    for number, camera in enumerate(camera_poses(env.config.camera, env.config.randomization)):
        fixed = started(camera=camera.model_dump())
        assert np.array_equal(fixed.view.frames[pose == number], env.view.frames[pose == number])
        if (pose != number).any():
            assert not np.array_equal(fixed.view.frames[pose != number], env.view.frames[pose != number])


def test_supersampled_and_coloured_pictures_vary_as_well() -> None:
    camera = {"supersampling": 2, "color": "rgb"}
    env, off = started(camera=camera, **EVERYTHING), started(camera=camera)
    assert env.view.frames.shape == off.view.frames.shape
    assert np.abs(env.view.frames.astype(float) - off.view.frames).mean(axis=(1, 2, 3)).min() > 2.0


def test_draws_fill_their_ranges_and_stay_within() -> None:
    config = RandomizationConfig(**{**EVERYTHING, "looks": 4})
    draws = CameraVariation(config, 1, 20, 3, poses=5)
    seen = []
    for seed in range(2000):
        draws.begin(0, seed)
        painted = draws.repaint(np.full((3, 1, 20), 100.0, np.float32))
        seen.append((draws.dressing[0], draws.pose[0], draws.contrast[0], draws.brightness[0], painted[:, 0, 0]))
    dressing, pose, contrast, brightness = (np.array([row[k] for row in seen]) for k in range(4))
    assert np.bincount(dressing, minlength=4).min() > 400 and np.bincount(pose, minlength=5).min() > 300
    assert 0.7 <= contrast.min() < 0.71 and 1.29 < contrast.max() <= 1.3
    assert -20 <= brightness.min() < -19.5 and 19.5 < brightness.max() <= 20
    assert np.abs(np.corrcoef(np.stack([dressing, pose, contrast, brightness]))[np.triu_indices(4, 1)]).max() < 0.1
    luma = np.array([row[4] for row in seen]) @ np.array([0.299, 0.587, 0.114])
    assert 60 - 1e-3 <= luma.min() < 61 and 139 < luma.max() <= 140 + 1e-3


def test_poses_fill_their_ranges_and_stay_within() -> None:
    camera = CameraConfig()
    config = RandomizationConfig(poses=64, pitch=4.0, fov=10.0, y=0.5, z=0.3)
    poses = camera_poses(camera, config)
    assert len(poses) == 64
    for name in JITTERED:
        reach, middle = getattr(config, name), getattr(camera, name)
        off = np.array([getattr(pose, name) for pose in poses]) - middle
        assert np.abs(off).max() <= reach and off.max() > 0.8 * reach and off.min() < -0.8 * reach
    others = camera_poses(camera, config.model_copy(update={"seed": 1}))
    assert not {pose.pitch for pose in poses} & {pose.pitch for pose in others}, "poses never seen for an evaluation"


@pytest.mark.parametrize("setting", ["pitch=40", "fov=60", "z=1.2"])
def test_a_pose_that_is_no_camera_is_refused(setting: str) -> None:
    with pytest.raises(UserError, match=rf"randomization\.{setting.split('=')[0]}") as caught:
        load_config(overrides=[f"randomization.{setting}"])
    assert "at most" in caught.value.hint
