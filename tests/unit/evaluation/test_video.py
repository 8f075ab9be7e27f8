"""Videos are whole files of the right size, written frame by frame."""

from __future__ import annotations

from pathlib import Path

import imageio.v2 as imageio
import numpy as np
import pytest

from av_td3_system.agents.baselines import make_policy
from av_td3_system.config.load import load_config
from av_td3_system.environments.vector_env import TownVectorEnv
from av_td3_system.evaluation.video import CAPTION_HEIGHT, PANEL_HEIGHT, VideoWriter, compose, record_drive


def test_a_video_has_its_frames_size_and_rate(tmp_path: Path) -> None:
    path = tmp_path / "videos" / "drive.mp4"
    with VideoWriter(path, fps=10) as video:
        for brightness in range(0, 250, 10):
            video.add(np.full((61, 101, 3), brightness, np.uint8))
    reader = imageio.get_reader(path)
    assert reader.count_frames() == 25 == video.frames
    assert reader.get_meta_data()["fps"] == 10
    assert reader.get_data(0).shape == (60, 100, 3), "H.264 has even sides"
    assert int(reader.get_data(20)[30, 50, 0]) == pytest.approx(200, abs=6)


def test_a_video_that_fails_leaves_no_half_file(tmp_path: Path) -> None:
    def fail() -> None:
        with VideoWriter(tmp_path / "drive.mp4", fps=10) as video:
            video.add(np.zeros((60, 100, 3), np.uint8))
            raise RuntimeError("simulator")

    with pytest.raises(RuntimeError, match="simulator"):
        fail()
    assert list(tmp_path.iterdir()) == []


def test_wrong_frames_are_refused(tmp_path: Path) -> None:
    with VideoWriter(tmp_path / "drive.mp4", fps=10) as video:
        with pytest.raises(ValueError, match="uint8"):
            video.add(np.zeros((60, 100, 3), np.float32))  # type: ignore[arg-type]
        video.add(np.zeros((60, 100, 3), np.uint8))
        with pytest.raises(ValueError, match="differs"):
            video.add(np.zeros((60, 80, 3), np.uint8))


def test_camera_and_map_stand_side_by_side() -> None:
    camera = np.zeros((1, 84, 84), np.uint8)
    camera[..., 42:] = 200
    bird = np.zeros((50, 100, 3), np.uint8)
    bird[..., 1] = 90
    picture = compose(camera, bird, "12 km/h")
    assert picture.shape == (PANEL_HEIGHT + CAPTION_HEIGHT, PANEL_HEIGHT + 4 + 2 * PANEL_HEIGHT, 3)
    assert tuple(picture[10, 10]) == (0, 0, 0)
    assert tuple(picture[10, PANEL_HEIGHT - 10]) == (200, 200, 200)
    assert tuple(picture[10, -10]) == (0, 90, 0)
    assert picture[PANEL_HEIGHT:].max() > 200, "the caption is readable"
    coloured = np.stack([np.full((84, 84), value, np.uint8) for value in (10, 20, 30)])
    assert tuple(compose(coloured, bird)[10, 10]) == (10, 20, 30)


def test_a_drive_is_filmed_to_its_end_or_cut(tmp_path: Path) -> None:
    config = load_config(overrides=["camera.width=16", "camera.height=16"])
    env = TownVectorEnv(config, num_envs=2, seed=0, split="validation")
    bird = np.zeros((40, 60, 3), np.uint8)
    whole = record_drive(make_policy("straight"), env, 10_000, tmp_path / "whole.mp4", lambda _: bird)
    assert whole is not None
    assert whole.episode_seed == 10_000
    assert imageio.get_reader(tmp_path / "whole.mp4").count_frames() == whole.length
    cut = record_drive(make_policy("parked"), env, 10_000, tmp_path / "cut.mp4", lambda _: bird, longest=2.0)
    assert cut is None
    assert imageio.get_reader(tmp_path / "cut.mp4").count_frames() == 20, "2 s at ten decisions a second"
