"""Frame stacks of CARLA's pictures: grey is the luma of the colours, as in the town."""

from __future__ import annotations

import numpy as np

from av_td3_system.config.schema import CameraConfig
from av_td3_system.environments.carla.worlds import CarlaWorlds
from av_td3_system.environments.frame_stacks import FrameStacks
from av_td3_system.town.colours import LUMA
from av_td3_system.town.shrink import shrink


class CarlaView(FrameStacks):
    """Frame stacks of N worlds on CARLA servers.

    Args:
        camera: size, stack depth, colour. num_envs: N. blank: frames stay black.
    """

    def __init__(self, camera: CameraConfig, num_envs: int, blank: bool) -> None:
        super().__init__(camera, num_envs, blank)
        self._factor = camera.supersampling

    def begin(self, world: int, weather: int, seed: int) -> None:
        """The server has its weather already."""

    def _draw(self, worlds: CarlaWorlds, mask: np.ndarray) -> None:
        assert worlds.pictures is not None
        for w in np.flatnonzero(mask):
            planes = planes_of(worlds.pictures[w], self._planes)
            if self._factor == 1:
                self._frames[w, self._newest] = planes
            else:
                newest = np.full(1, self._newest)
                shrink(planes[None, None], np.ones(1, np.bool_), self._frames[w : w + 1], newest)


def planes_of(picture: np.ndarray, planes: int) -> np.ndarray:
    """A picture uint8 (H, W, 4) BGRA as the planes of a frame, uint8 (P, H, W): grey, or red, green and blue."""
    colours = picture[..., 2::-1]
    if planes == 1:
        return np.rint(colours @ LUMA).astype(np.uint8)[None]
    return np.ascontiguousarray(np.moveaxis(colours, -1, 0))
