"""What CARLA's cameras see, drawn by the town's own: RGB by its renderer, depth and tags by its rays.

A camera is a pinhole of any place and heading, tilted up or down; a roll is left out, since the town's cameras have
none. The vehicle that carries the camera is not in its picture, as in the town.
"""

from __future__ import annotations

import functools
import math
from collections import OrderedDict

import numpy as np
from numpy.typing import NDArray

from av_td3_system.carla_server.bodies import Bodies
from av_td3_system.carla_server.conventions import Pose
from av_td3_system.config.schema import CameraConfig
from av_td3_system.town.camera import build_camera, make_scratch
from av_td3_system.town.camera_types import CameraModel, Lights, Scratch
from av_td3_system.town.ground import WET, ground_frame, paint_town, palettes
from av_td3_system.town.lights import light_camera, lit_ground
from av_td3_system.town.ray_caster import FAR, cast_rays
from av_td3_system.town.render import render
from av_td3_system.town.scene_types import GroundArrays, SceneryArrays
from av_td3_system.town.scenery import coloured
from av_td3_system.town.semantic_tags import GroundTags, paint_tags
from av_td3_system.town.town import Town, load_town
from av_td3_system.town.weather import WeatherParameters, light_of

PLANES = 3
LARGEST_SIDE = 4096  # pixels
LOWEST = 0.05  # m above the ground; a camera below it looks from there
MODELS = 8  # geometries of cameras that are kept, 16 bytes a pixel each
LOOKS = 2  # weathers whose lit ground is kept; 50 MB each in TownA


class Eyes:
    """Draws what cameras see of one town, in any weather."""

    def __init__(self, town: Town) -> None:
        self._town = town
        self._looks: OrderedDict[WeatherParameters, GroundArrays] = OrderedDict()
        self._lights: OrderedDict[tuple[object, ...], tuple[CameraModel, Lights, Scratch]] = OrderedDict()

    @functools.cached_property
    def _albedos(self) -> list[NDArray[np.uint8]]:
        return [paint_town(self._town.network, palette) for palette in palettes(PLANES)]

    @functools.cached_property
    def _paved(self) -> NDArray[np.uint8]:
        return paint_town(self._town.network, WET)

    @functools.cached_property
    def _scenery(self) -> SceneryArrays:
        return coloured(self._town.scenery, PLANES)

    @functools.cached_property
    def _tags(self) -> GroundTags:
        return paint_tags(self._town.network)

    def color(
        self, pose: Pose, size: tuple[int, int], fov: float, weather: WeatherParameters, bodies: Bodies,
        carrier: int | None, seed: int,
    ) -> NDArray[np.uint8]:  # fmt: skip
        """The RGB camera's picture, BGRA (H, W, 4).

        Args:
            pose: of the camera. size: width and height, pixels. fov: horizontal, degrees.
            weather: any of CARLA's. bodies: what stands and drives there.
            carrier: actor that carries the camera and is not seen. seed: of the drops of rain in this picture.
        """
        model, lights, scratch = self._model(pose, size, fov, weather)
        vehicles = bodies.seen_from(carrier)
        planes = np.empty((1, 1, PLANES, size[1], size[0]), np.uint8)
        x, y, heading = np.array([pose.x]), np.array([-pose.y]), np.array([pose.heading])
        render(
            model, self._ground(weather), self._scenery, lights, np.zeros(1, np.int64), x, y, heading, vehicles,
            np.array([seed], np.int64), np.ones(1, np.bool_), planes, np.zeros(1, np.int64), scratch,
        )  # fmt: skip
        picture = np.full((size[1], size[0], 4), 255, np.uint8)
        picture[..., :3] = np.moveaxis(planes[0, 0, ::-1], 0, -1)
        return picture

    def depth(
        self, pose: Pose, size: tuple[int, int], fov: float, bodies: Bodies, carrier: int | None
    ) -> NDArray[np.uint8]:
        """The depth camera's picture, BGRA (H, W, 4): 24 bits of depth / 1000 m, red lowest."""
        meters, _ = self._rays(pose, size, fov, bodies, carrier)
        levels = np.rint(np.clip(meters.astype(np.float64) / FAR, 0.0, 1.0) * (2**24 - 1)).astype(np.uint32)
        picture = np.full((size[1], size[0], 4), 255, np.uint8)
        for channel, shift in ((2, 0), (1, 8), (0, 16)):
            picture[..., channel] = (levels >> shift) & 255
        return picture

    def tags(
        self, pose: Pose, size: tuple[int, int], fov: float, bodies: Bodies, carrier: int | None
    ) -> NDArray[np.uint8]:
        """The semantic camera's picture, BGRA (H, W, 4): CARLA's tag in red."""
        _, tags = self._rays(pose, size, fov, bodies, carrier)
        picture = np.zeros((size[1], size[0], 4), np.uint8)
        picture[..., 2], picture[..., 3] = tags, 255
        return picture

    def _rays(
        self, pose: Pose, size: tuple[int, int], fov: float, bodies: Bodies, carrier: int | None
    ) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
        place = (pose.x, -pose.y, pose.heading)
        model = build_camera_of(size, fov, _height(pose), _tilt(pose))
        images = cast_rays(model, self._tags, self._town.scenery, place, bodies.seen_from(carrier))
        return images.depth, images.semantic

    def _ground(self, weather: WeatherParameters) -> GroundArrays:
        if weather not in self._looks:
            light, frame = light_of(weather), ground_frame(self._town.network)
            paved = self._paved if light.wetness > 0.0 else np.zeros((frame.rows, frame.columns), np.uint8)
            lit = lit_ground([self._albedos], (1, PLANES), paved, frame, self._town.scenery, [light])
            _remember(self._looks, weather, lit, LOOKS)
        self._looks.move_to_end(weather)
        return self._looks[weather]

    def _model(
        self, pose: Pose, size: tuple[int, int], fov: float, weather: WeatherParameters
    ) -> tuple[CameraModel, Lights, Scratch]:
        key = (size, fov, _height(pose), _tilt(pose), weather)
        if key not in self._lights:
            model = build_camera_of(size, fov, _height(pose), _tilt(pose))
            made = model, light_camera(model, [light_of(weather)], PLANES), make_scratch(model, 1)
            _remember(self._lights, key, made, MODELS)
        self._lights.move_to_end(key)
        return self._lights[key]


@functools.lru_cache(maxsize=1)
def eyes_of(source: str) -> Eyes:
    """The eyes for a map, as `load_town` takes it; a painted town is large, so one is kept."""
    return Eyes(load_town(source))


@functools.lru_cache(maxsize=MODELS)
def build_camera_of(size: tuple[int, int], fov: float, height: float, tilt: float) -> CameraModel:
    """The geometry of a camera that stands over the place it looks from."""
    # Settings of a run are kept within what a driving camera is; a client's camera may also hang high or look down.
    config = CameraConfig.model_construct(
        width=size[0], height=size[1], fov=fov, x=0.0, y=0.0, z=height, pitch=tilt, supersampling=1, color="rgb"
    )
    return build_camera(config)


def _height(pose: Pose) -> float:
    return max(round(pose.z, 6), LOWEST)


def _tilt(pose: Pose) -> float:
    folded = (round(pose.pitch, 6) + 180.0) % 360.0 - 180.0
    return math.copysign(min(abs(folded), 89.0), folded)


def _remember(kept: OrderedDict, key: object, made: object, most: int) -> None:  # type: ignore[type-arg]
    """Keep one more, and forget those that were not used for longest."""
    while len(kept) >= most:
        kept.popitem(last=False)
    kept[key] = made
