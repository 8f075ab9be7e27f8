"""The camera of each world: newest frame rendered, as many kept as an observation reaches back.

Frames of a world lie one after the other in time, so a stack is a strided view of them and need not be put together:
that would be the greatest traffic of memory in a step. When the end of the memory is reached, as many frames as a
stack reaches back are carried to its beginning.
"""

from __future__ import annotations

import numpy as np

from av_td3_system.config.layout import PLANES
from av_td3_system.config.schema import CameraConfig, EnvironmentConfig, RandomizationConfig
from av_td3_system.environments.camera_variation import CameraVariation, camera_poses
from av_td3_system.environments.frames import carry, erase_leaders, read_scene
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

SPARE = 2  # times what a stack reaches back: room in memory before frames are carried


class CameraView:
    """Frame stacks of N worlds.

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
        self.blank = environment.blank_image
        self._erases_leader = environment.erase_leader
        self._ego_size = worlds.vehicle.length, worlds.vehicle.width  # m
        # decisions, oldest frame first
        self._back = np.arange(camera.stack - 1, -1, -1) * camera.frame_interval + camera.delay
        self._interval = camera.frame_interval
        self._depth = int(self._back[0]) + 1
        self._planes = PLANES[camera.color]
        shape = (self._planes, camera.height, camera.width)
        self._frames = np.zeros((num_envs, (1 + SPARE) * self._depth, *shape), np.uint8)
        self._ticks = np.zeros(self._frames.shape[:2], np.int64)
        self._newest = self._depth - 1  # place of every world's newest frame
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
        return self._frames[:, self._newest - self._back[-1]].copy()

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

    def shift_in(self, worlds: TownWorlds, mask: np.ndarray) -> None:
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
        self._render(worlds, mask)
        self._ticks[mask, self._newest] = worlds.state["tick"][mask]

    def fill(self, worlds: TownWorlds, mask: np.ndarray) -> None:
        """Render the masked worlds and fill their stacks with that frame: an episode's first observation."""
        self._render(worlds, mask)
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

    def _render(self, worlds: TownWorlds, mask: np.ndarray) -> None:
        if self.blank:
            return
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
