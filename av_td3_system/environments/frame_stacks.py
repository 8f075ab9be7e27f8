"""Frame stacks of N worlds: as many frames kept as an observation reaches back, whoever makes the pictures.

Frames of a world lie one after the other in time, so a stack is a strided view of them and need not be put together:
that would be the greatest traffic of memory in a step. When the end of the memory is reached, as many frames as a
stack reaches back are carried to its beginning.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import numpy as np

from av_td3_system.config.layout import PLANES
from av_td3_system.config.schema import CameraConfig
from av_td3_system.environments.frames import carry

SPARE = 2  # times what a stack reaches back: room in memory before frames are carried


class FrameStacks(ABC):
    """The stacks, filled by `_draw`.

    Args:
        camera: size, stack depth, the decisions between two of its frames and by which they are late.
        num_envs: N.
        blank: frames stay black.
    """

    def __init__(self, camera: CameraConfig, num_envs: int, blank: bool) -> None:
        self.blank = blank
        # decisions, oldest frame first
        self._back = np.arange(camera.stack - 1, -1, -1) * camera.frame_interval + camera.delay
        self._interval = camera.frame_interval
        self._depth = int(self._back[0]) + 1
        self._planes = PLANES[camera.color]
        shape = (self._planes, camera.height, camera.width)
        self._frames = np.zeros((num_envs, (1 + SPARE) * self._depth, *shape), np.uint8)
        self._ticks = np.zeros(self._frames.shape[:2], np.int64)
        self._newest = self._depth - 1  # place of every world's newest frame

    @abstractmethod
    def begin(self, world: int, weather: int, seed: int) -> None:
        """Tell one world's episode: the index of its weather in `environment.weathers`, and its seed."""

    @abstractmethod
    def _draw(self, worlds: Any, mask: np.ndarray) -> None:
        """Put the masked worlds' pictures into `_frames[:, _newest]`."""

    @property
    def newest(self) -> np.ndarray:
        """The newest frame that observations hold, uint8 (N, planes, H, W); a copy."""
        return self._frames[:, self._newest - self._back[-1]].copy()

    @property
    def channels(self) -> int:
        """Pictures in an observation: frames of the stack times planes of each."""
        return len(self._back) * self._planes

    @property
    def frames(self) -> np.ndarray:
        """The stacks, uint8 (N, stack * planes, H, W), oldest frame first.

        Where it can, it shares memory: with the next `fill` the rows of the filled worlds change.
        """
        stacks = self._frames[:, self._stacked()]
        return stacks.reshape(len(stacks), self.channels, *stacks.shape[3:])

    @property
    def ticks(self) -> np.ndarray:
        """World tick at which each frame of the stacks was taken, int64 (N, stack); a copy."""
        return self._ticks[:, self._stacked()].copy()

    def _stacked(self) -> slice:
        """Places of a stack's frames."""
        newest, oldest = self._newest - int(self._back[-1]), self._newest - int(self._back[0])
        return slice(oldest, newest + 1, self._interval)

    def shift_in(self, worlds: Any, mask: np.ndarray) -> None:
        """Render the masked worlds; the frame is the newest of their stacks. Other worlds' newest frame comes again."""
        kept = self._depth - 1
        if self._newest == self._frames.shape[1] - 1:
            carry(self._frames.reshape(*self._ticks.shape, -1), kept)
            carry(self._ticks[..., None], kept)
            self._newest = kept - 1
        self._newest += 1
        still = ~mask
        if still.any():
            for past in (self._frames, self._ticks):
                past[still, self._newest] = past[still, self._newest - 1]
        self._picture(worlds, mask)
        self._ticks[mask, self._newest] = worlds.state["tick"][mask]

    def fill(self, worlds: Any, mask: np.ndarray) -> None:
        """Render the masked worlds and fill their stacks with that frame: an episode's first observation."""
        self._picture(worlds, mask)
        first = self._newest + 1 - self._depth
        for w in [] if self.blank else np.flatnonzero(mask):
            self._frames[w, first : self._newest] = self._frames[w, self._newest]
        self._ticks[mask, first : self._newest + 1] = worlds.state["tick"][mask][:, None]

    def state_dict(self) -> dict[str, np.ndarray]:
        """Every frame that a stack may still reach back to (copies)."""
        return {name: array.copy() for name, array in self._kept().items()}

    def load_state_dict(self, state: dict[str, np.ndarray]) -> None:
        """Restore what `state_dict` gave."""
        for name, array in self._kept().items():
            array[...] = state[name]

    def _kept(self) -> dict[str, np.ndarray]:
        kept = slice(self._newest + 1 - self._depth, self._newest + 1)
        return {"frames": self._frames[:, kept], "ticks": self._ticks[:, kept]}

    def _picture(self, worlds: Any, mask: np.ndarray) -> None:
        if not self.blank:
            self._draw(worlds, mask)
