"""The camera of each world: newest frame rendered, as many kept as an observation reaches back."""

from __future__ import annotations

import numpy as np

from av_td3_system.config.schema import CameraConfig, EnvironmentConfig
from av_td3_system.town.camera import build_camera, make_scratch, render
from av_td3_system.town.town import Town
from av_td3_system.town.weather import light_of, weather_named
from av_td3_system.town.world import TownWorlds


class CameraView:
    """Frame stacks of N worlds.

    Args:
        town: what there is to see.
        camera: size, pose, stack depth, the decisions between two of its frames and by which they are late.
        environment: names the weathers; `blank_image` leaves every frame black.
        worlds: the N worlds to look at.
    """

    def __init__(self, town: Town, camera: CameraConfig, environment: EnvironmentConfig, worlds: TownWorlds) -> None:
        num_envs, vehicles = worlds.state["lane"].shape
        self.town = town
        self.blank = environment.blank_image
        # decisions, oldest frame first
        self._back = np.arange(camera.stack - 1, -1, -1) * camera.frame_interval + camera.delay
        depth = int(self._back[0]) + 1
        self._ring = np.zeros((num_envs, depth, camera.height, camera.width), np.uint8)
        self._ring_ticks = np.zeros((num_envs, depth), np.int64)
        self._cursor = np.zeros(num_envs, np.int64)  # of the newest frame in each ring
        self._lights = np.stack([light_of(weather_named(name)) for name in environment.weathers])
        self._light = np.zeros((num_envs, self._lights.shape[1]), np.float32)
        self._newest = np.zeros((num_envs, camera.height, camera.width), np.uint8)
        self._model = build_camera(camera)
        self._scratch = make_scratch(self._model, num_envs, vehicles)

    def set_weather(self, world: int, index: int) -> None:
        """Give one world the weather of that index in `environment.weathers`."""
        self._light[world] = self._lights[index]

    @property
    def frames(self) -> np.ndarray:
        """The stacks, uint8 (N, stack, H, W), oldest frame first; a copy."""
        return self._ring[self._stacked()]

    @property
    def ticks(self) -> np.ndarray:
        """World tick at which each frame of the stacks was taken, int64 (N, stack); a copy."""
        return self._ring_ticks[self._stacked()]

    def _stacked(self) -> tuple[np.ndarray, np.ndarray]:
        depth = self._ring.shape[1]
        return np.arange(len(self._ring))[:, None], (self._cursor[:, None] - self._back) % depth

    def shift_in(self, worlds: TownWorlds, mask: np.ndarray) -> None:
        """Render the masked worlds; the frame is the newest of their stacks."""
        self._render(worlds, mask)
        self._cursor[mask] = (self._cursor[mask] + 1) % self._ring.shape[1]
        if not self.blank:
            self._ring[mask, self._cursor[mask]] = self._newest[mask]
        self._ring_ticks[mask, self._cursor[mask]] = worlds.state["tick"][mask]

    def fill(self, worlds: TownWorlds, mask: np.ndarray) -> None:
        """Render the masked worlds and fill their stacks with that frame: an episode's first observation."""
        self._render(worlds, mask)
        if not self.blank:
            self._ring[mask] = self._newest[mask][:, None]
        self._ring_ticks[mask] = worlds.state["tick"][mask][:, None]

    def state_dict(self) -> dict[str, np.ndarray]:
        """Every frame that a stack may still reach back to (copies)."""
        return {name: array.copy() for name, array in self._kept().items()}

    def load_state_dict(self, state: dict[str, np.ndarray]) -> None:
        """Restore what `state_dict` gave."""
        for name, array in self._kept().items():
            array[...] = state[name]

    def _kept(self) -> dict[str, np.ndarray]:
        return {"frames": self._ring, "ticks": self._ring_ticks, "cursor": self._cursor}

    def _render(self, worlds: TownWorlds, mask: np.ndarray) -> None:
        if self.blank:
            return
        state = worlds.state
        pose = [np.ascontiguousarray(state[name]) for name in ("ego_x", "ego_y", "ego_heading", "x", "y", "heading")]
        render(
            self._model,
            self.town.ground,
            self.town.scenery,
            self._light,
            *pose,
            state["size"].astype(np.float32),
            state["shade"].astype(np.float32),
            np.ascontiguousarray(state["brake"]),
            mask,
            self._newest,
            self._scratch,
        )
