"""Videos of a drive: what the car's camera sees, beside the map from above.

Frames go to the encoder one by one, so an hour of driving needs no more memory than a second
(gymnasium's RecordVideo keeps every frame). The file appears under its name only when it is whole.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from av_td3_system.environments.episode import EpisodeRecord

if TYPE_CHECKING:
    from av_td3_system.agents.baselines import Policy
    from av_td3_system.environments.vector_env import TownVectorEnv

Image = NDArray[np.uint8]
MapPainter = Callable[["TownVectorEnv"], Image]
"""Draws world 0 of the environment from above, RGB uint8 (H, W, 3)."""

PANEL_HEIGHT = 420  # pixels, of both panels
CAPTION_HEIGHT = 28  # pixels, of the strip below


class VideoWriter:
    """Streams RGB frames into an H.264 file that every browser plays. Use as a context manager.

    Leaving it by an exception discards what was written.

    Args:
        path: ends in `.mp4`; its folder is made.
        fps: frames per second.
    """

    def __init__(self, path: str | Path, fps: float) -> None:
        self.path = Path(path)
        self.frames = 0
        self._fps = fps
        self._partial = self.path.with_name(f".{self.path.stem}.partial{self.path.suffix}")
        self._writer: Any = None
        self._shape: tuple[int, ...] | None = None

    def add(self, frame: Image) -> None:
        """Append one frame uint8 (H, W, 3); all frames have the size of the first.

        Raises:
            ValueError: wrong type or size.
        """
        if frame.dtype != np.uint8 or frame.ndim != 3 or frame.shape[2] != 3:
            raise ValueError(f"a frame is uint8 (H, W, 3), not {frame.dtype} {frame.shape}")
        if self._writer is None:
            self._shape = frame.shape
            self._writer = self._open()
        if frame.shape != self._shape:
            raise ValueError(f"frame {frame.shape} differs from the first, {self._shape}")
        self._writer.append_data(_even(frame))
        self.frames += 1

    def _open(self) -> Any:
        import imageio.v2 as imageio

        self.path.parent.mkdir(parents=True, exist_ok=True)
        return imageio.get_writer(
            self._partial, format="FFMPEG", fps=self._fps, codec="libx264", macro_block_size=2, ffmpeg_log_level="error"
        )

    def __enter__(self) -> VideoWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._writer is None:
            return
        self._writer.close()
        if kind is None:
            os.replace(self._partial, self.path)
        else:
            self._partial.unlink(missing_ok=True)


def compose(camera: Image, bird: Image, caption: str = "") -> Image:
    """The two panels side by side with a line of text below.

    Args:
        camera: its planes, grey (1, H, W) or RGB (3, H, W).
        bird: RGB (H, W, 3).
        caption: one short line.

    Returns:
        RGB uint8 (PANEL_HEIGHT + CAPTION_HEIGHT, W', 3).
    """
    from PIL import Image as Picture
    from PIL import ImageDraw

    seen = _scaled(np.broadcast_to(np.moveaxis(camera, 0, -1), (*camera.shape[1:], 3)))
    above = _scaled(bird)
    gap = np.full((PANEL_HEIGHT, 4, 3), 255, np.uint8)
    panels = np.concatenate([seen, gap, above], axis=1)
    strip = Picture.new("RGB", (panels.shape[1], CAPTION_HEIGHT), "black")
    ImageDraw.Draw(strip).text((8, 8), caption, fill="white")
    return np.concatenate([panels, np.asarray(strip, np.uint8)])


def record_drive(
    policy: Policy,
    env: TownVectorEnv,
    episode_seed: int,
    path: str | Path,
    paint_map: MapPainter,
    longest: float = 90.0,
) -> EpisodeRecord | None:
    """Drive one episode and film it.

    Args:
        policy: the driver.
        env: world 0 is driven, the others idle.
        episode_seed: which episode.
        path: of the video, `.mp4`.
        paint_map: draws the view from above.
        longest: seconds of driving after which the film (and the drive) is cut.

    Returns:
        The episode's record, or None where it was cut.
    """
    environment = env.config.environment
    decision = environment.tick * environment.action_repeat
    env.assign_episodes([[episode_seed], *([] for _ in range(env.num_envs - 1))])
    observation, _ = env.reset()
    reset = getattr(policy, "reset", None)
    if reset is not None:
        reset(np.ones(env.num_envs, np.bool_))
    earned, speed = 0.0, 0.0
    with VideoWriter(path, fps=1 / decision) as video:
        while video.frames * decision < longest:
            caption = f"{video.frames * decision:5.1f} s   {3.6 * speed:4.1f} km/h   reward {earned:7.1f}"
            video.add(compose(env.view.newest[0], paint_map(env), caption))
            observation, rewards, _, _, infos = env.step(policy(observation, env))
            earned += float(rewards[0])
            speed = float(infos["speed"][0])
            if infos["episodes"][0] is not None:
                return infos["episodes"][0]
    return None


def _scaled(image: Image) -> Image:
    """Nearest-neighbour scaling to the height of a panel: the camera's pixels stay visible."""
    height, width = image.shape[:2]
    panel_width = max(1, round(width * PANEL_HEIGHT / height))
    rows = np.arange(PANEL_HEIGHT) * height // PANEL_HEIGHT
    columns = np.arange(panel_width) * width // panel_width
    return image[rows[:, None], columns]


def _even(frame: Image) -> Image:
    """Cut to even sides, which the pixel format of H.264 asks for."""
    return np.ascontiguousarray(frame[: frame.shape[0] // 2 * 2, : frame.shape[1] // 2 * 2])
