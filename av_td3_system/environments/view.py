"""The camera of each world of the town: the newest frame of its stack is rendered."""

from __future__ import annotations

import numpy as np

from av_td3_system.config.schema import CameraConfig, EnvironmentConfig, RandomizationConfig
from av_td3_system.environments.camera_variation import CameraVariation, camera_poses
from av_td3_system.environments.frame_stacks import FrameStacks
from av_td3_system.environments.frames import erase_leaders, read_scene
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


class CameraView(FrameStacks):
    """Frame stacks of N worlds of the town.

    Args:
        town: what there is to see.
        camera: size, pose, stack depth, the decisions between two of its frames and by which they are late.
        environment: names the weathers; `blank_image` leaves every frame black, `erase_leader` the vehicle ahead out.
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
        super().__init__(camera, num_envs, environment.blank_image)
        self._erases_leader = environment.erase_leader
        self._ego_size = worlds.vehicle.length, worlds.vehicle.width  # m
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

    def begin(self, world: int, weather: int, seed: int) -> None:
        """Tell one world's episode: the index of its weather in `environment.weathers`, and its seed."""
        self.variation.begin(world, seed)
        self._look[world] = weather + self._weathers * self.variation.dressing[world]
        self._rain_seed[world] = (seed & 0x7FFFFFFF) << 32

    def _draw(self, worlds: TownWorlds, mask: np.ndarray) -> None:
        read_scene(worlds.state, mask, self._vehicles, *self._pose)
        if self._erases_leader:
            erase_leaders(worlds.state, mask, *self._ego_size, self._vehicles)
        paint = self._vehicles.paint if self._planes == 1 else vehicle_paint(self._vehicles.paint[0], self._planes)
        vehicles = self._vehicles._replace(paint=self.variation.repaint(paint))
        newest = np.full(len(mask), self._newest)
        place = (self._frames, newest) if self._factor == 1 else (self._drawn, np.zeros_like(newest))
        seed = self._rain_seed + worlds.state["tick"]
        for number, model in enumerate(self._models):
            mounted = mask & (self.variation.pose == number)
            if mounted.any():
                render(
                    model, self._ground, self._scenery, self._lights[number], self._look, *self._pose, vehicles,
                    seed, mounted, *place, self._scratches[number],
                )  # fmt: skip
        if self._factor > 1:
            shrink(self._drawn, mask, self._frames, newest)
        self.variation.expose(self._frames, mask, newest, seed)
