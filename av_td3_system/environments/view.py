"""The camera of each world: newest frame rendered, as many kept as an observation reaches back."""

from __future__ import annotations

import numpy as np

from av_td3_system.config.layout import PLANES
from av_td3_system.config.schema import CameraConfig, EnvironmentConfig, RandomizationConfig
from av_td3_system.environments.camera_variation import CameraVariation, camera_poses
from av_td3_system.environments.frames import read_scene, stack_frames
from av_td3_system.town.camera import build_camera, make_scratch
from av_td3_system.town.camera_types import make_vehicles
from av_td3_system.town.colours import vehicle_paint
from av_td3_system.town.lights import light_camera, repeated
from av_td3_system.town.render import render
from av_td3_system.town.shrink import shrink
from av_td3_system.town.town import Town, dress
from av_td3_system.town.wardrobe import wardrobe_of
from av_td3_system.town.weather import light_of, weather_named
from av_td3_system.town.world import TownWorlds


class CameraView:
    """Frame stacks of N worlds.

    Args:
        town: what there is to see.
        camera: size, pose, stack depth, the decisions between two of its frames and by which they are late.
        environment: names the weathers; `blank_image` leaves every frame black.
        worlds: the N worlds to look at.
        randomization: how pictures differ between episodes beyond the weather; None: not at all.
    """

    def __init__(
        self,
        town: Town,
        camera: CameraConfig,
        environment: EnvironmentConfig,
        worlds: TownWorlds,
        randomization: RandomizationConfig | None = None,
    ) -> None:
        num_envs = len(worlds.state)
        self.town = town
        self.blank = environment.blank_image
        # decisions, oldest frame first
        self._back = np.arange(camera.stack - 1, -1, -1) * camera.frame_interval + camera.delay
        depth = int(self._back[0]) + 1
        self._planes = PLANES[camera.color]
        shape = (self._planes, camera.height, camera.width)
        self._ring = np.zeros((num_envs, depth, *shape), np.uint8)
        self._ring_ticks = np.zeros((num_envs, depth), np.int64)
        self._cursor = np.zeros(num_envs, np.int64)  # of the newest frame in each ring
        self._look = np.zeros(num_envs, np.int64)
        self._weathers = len(environment.weathers)
        self._rain_seed = np.zeros(num_envs, np.int64)
        randomization = randomization or RandomizationConfig()
        poses = camera_poses(camera, randomization)
        vehicles = worlds.state["x"].shape[1]
        self.variation = CameraVariation(randomization, num_envs, vehicles, self._planes, len(poses))
        lights = [light_of(weather_named(name)) for name in environment.weathers]
        if self.blank:
            return
        self._factor = camera.supersampling
        large = {"width": camera.width * self._factor, "height": camera.height * self._factor, "supersampling": 1}
        self._models = [build_camera(pose.model_copy(update=large)) for pose in poses]
        self._scratches = [make_scratch(model, num_envs) for model in self._models]
        self._drawn = np.zeros((num_envs, 1, self._planes, large["height"], large["width"]), np.uint8)
        self._pose = np.zeros((3, num_envs))
        self._vehicles = make_vehicles(num_envs, vehicles)
        self._ground, self._scenery = dress(town.name, environment.weathers, self._planes, wardrobe_of(randomization))
        self._lights = [
            repeated(light_camera(model, lights, self._planes), self.variation.dressings) for model in self._models
        ]

    @property
    def newest(self) -> np.ndarray:
        """The newest frame that observations hold, uint8 (N, planes, H, W); a copy."""
        worlds, slots = self._stacked()
        return self._ring[worlds[:, 0], slots[:, -1]]

    @property
    def channels(self) -> int:
        """Pictures in an observation: frames of the stack times planes of each."""
        return len(self._back) * self._planes

    def begin(self, world: int, weather: int, seed: int) -> None:
        """Tell one world's episode: the index of its weather in `environment.weathers`, and its seed."""
        self.variation.begin(world, seed)
        self._look[world] = weather + self._weathers * self.variation.dressing[world]
        self._rain_seed[world] = (seed & 0x7FFFFFFF) << 32

    @property
    def frames(self) -> np.ndarray:
        """The stacks, uint8 (N, stack * planes, H, W), oldest frame first; a copy."""
        worlds, depth, planes, height, width = self._ring.shape
        shape = (worlds, len(self._back) * planes, height, width)
        if self.blank:
            return np.zeros(shape, np.uint8)
        stacks = np.empty(shape, np.uint8)
        # By words of eight bytes where a frame is made of such.
        unit = np.uint64 if planes * height * width % 8 == 0 else np.uint8
        ring = self._ring.reshape(worlds, depth, -1).view(unit)
        stack_frames(ring, self._cursor, self._back, stacks.reshape(worlds, len(self._back), -1).view(unit))
        return stacks

    @property
    def ticks(self) -> np.ndarray:
        """World tick at which each frame of the stacks was taken, int64 (N, stack); a copy."""
        return self._ring_ticks[self._stacked()]

    def _stacked(self) -> tuple[np.ndarray, np.ndarray]:
        depth = self._ring.shape[1]
        return np.arange(len(self._ring))[:, None], (self._cursor[:, None] - self._back) % depth

    def shift_in(self, worlds: TownWorlds, mask: np.ndarray) -> None:
        """Render the masked worlds; the frame is the newest of their stacks."""
        self._cursor[mask] = (self._cursor[mask] + 1) % self._ring.shape[1]
        self._render(worlds, mask)
        self._ring_ticks[mask, self._cursor[mask]] = worlds.state["tick"][mask]

    def fill(self, worlds: TownWorlds, mask: np.ndarray) -> None:
        """Render the masked worlds and fill their stacks with that frame: an episode's first observation."""
        self._render(worlds, mask)
        for w in [] if self.blank else np.flatnonzero(mask):
            self._ring[w] = self._ring[w, self._cursor[w]]
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
        read_scene(worlds.state, mask, self._vehicles, *self._pose)
        paint = self._vehicles.paint if self._planes == 1 else vehicle_paint(self._vehicles.paint[0], self._planes)
        vehicles = self._vehicles._replace(paint=self.variation.repaint(paint))
        place = (self._ring, self._cursor) if self._factor == 1 else (self._drawn, np.zeros_like(self._cursor))
        seed = self._rain_seed + worlds.state["tick"]
        for number, model in enumerate(self._models):
            mounted = mask & (self.variation.pose == number)
            if mounted.any():
                render(
                    model, self._ground, self._scenery, self._lights[number], self._look, *self._pose, vehicles,
                    seed, mounted, *place, self._scratches[number],
                )  # fmt: skip
        if self._factor > 1:
            shrink(self._drawn, mask, self._ring, self._cursor)
        self.variation.expose(self._ring, mask, self._cursor, seed)
