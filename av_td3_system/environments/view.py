"""The camera of each world: newest frame rendered, the last few kept as a stack."""

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
        camera: size, pose and stack depth.
        environment: names the weathers; `blank_image` leaves every frame black.
        worlds: the N worlds to look at.
    """

    def __init__(self, town: Town, camera: CameraConfig, environment: EnvironmentConfig, worlds: TownWorlds) -> None:
        num_envs, vehicles = worlds.state["lane"].shape
        self.town = town
        self.blank = environment.blank_image
        self.frames = np.zeros((num_envs, camera.stack, camera.height, camera.width), np.uint8)
        self.ticks = np.zeros((num_envs, camera.stack), np.int64)  # world tick at which each frame was taken
        self._lights = np.stack([light_of(weather_named(name)) for name in environment.weathers])
        self._light = np.zeros((num_envs, self._lights.shape[1]), np.float32)
        self._newest = np.zeros((num_envs, camera.height, camera.width), np.uint8)
        self._model = build_camera(camera)
        self._scratch = make_scratch(self._model, num_envs, vehicles)

    def set_weather(self, world: int, index: int) -> None:
        """Give one world the weather of that index in `environment.weathers`."""
        self._light[world] = self._lights[index]

    def shift_in(self, worlds: TownWorlds, mask: np.ndarray) -> None:
        """Render the masked worlds and push the frame to the end of their stacks."""
        self._render(worlds, mask)
        self.frames[mask, :-1] = self.frames[mask, 1:]
        self.ticks[mask, :-1] = self.ticks[mask, 1:]
        self.frames[mask, -1] = self._newest[mask]
        self.ticks[mask, -1] = worlds.state["tick"][mask]

    def fill(self, worlds: TownWorlds, mask: np.ndarray) -> None:
        """Render the masked worlds and fill their stacks with that frame: an episode's first observation."""
        self._render(worlds, mask)
        self.frames[mask] = self._newest[mask][:, None]
        self.ticks[mask] = worlds.state["tick"][mask][:, None]

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
