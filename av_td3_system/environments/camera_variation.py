"""What each episode draws of the camera's domain randomisation: dressing, mounting, exposure, vehicles' colours.

All of it follows from the episode's seed and takes nothing from the world's random stream: the same episode has the
same route and traffic with and without, and a restored one sees what it saw.
"""

from __future__ import annotations

import numpy as np

from av_td3_system.config.schema import CameraConfig, RandomizationConfig
from av_td3_system.town.sensor import expose
from av_td3_system.town.wardrobe import albedo_factors, wardrobe_of

_POSES, _EPISODE, _VEHICLES = 0xCA3E7A, 0xE915, 0xCA75  # streams: all else of a seed is drawn from others
JITTERED = ("pitch", "fov", "y", "z")


def camera_poses(camera: CameraConfig, config: RandomizationConfig) -> list[CameraConfig]:
    """The cameras that episodes draw from, each uniform in its ranges; the camera as set where there are none."""
    reach = [getattr(config, name) for name in JITTERED]
    if not any(reach):
        return [camera]
    poses = []
    for number in range(config.poses):
        draws = np.random.default_rng([_POSES, config.seed, number]).uniform(-1.0, 1.0, len(JITTERED))
        moved = {name: getattr(camera, name) + r * u for name, r, u in zip(JITTERED, reach, draws, strict=True)}
        poses.append(camera.model_copy(update=moved))
    return poses


class CameraVariation:
    """The draws of N worlds' present episodes.

    Attributes:
        dressing: (N,) of the town, below `wardrobe_of(config).dressings`.
        pose: (N,) index into the cameras. contrast: (N,) factor. brightness: (N,) grey levels.

    Args:
        config: the settings. num_envs: N. vehicles: M in each world. planes: of a picture. poses: cameras there are.
    """

    def __init__(self, config: RandomizationConfig, num_envs: int, vehicles: int, planes: int, poses: int) -> None:
        self.config = config
        self.dressings, self.poses = wardrobe_of(config).dressings, poses
        self.dressing, self.pose = np.zeros(num_envs, np.int64), np.zeros(num_envs, np.int64)
        self.contrast, self.brightness = np.ones(num_envs), np.zeros(num_envs)
        painted = num_envs if config.paint > 0.0 else 0
        self._paint = np.ones((planes, painted, vehicles), np.float32)

    def begin(self, world: int, seed: int) -> None:
        """Draw for the episode that the seed names."""
        config = self.config
        dressing, pose, contrast, brightness = np.random.default_rng([_EPISODE, seed]).random(4)
        self.dressing[world], self.pose[world] = int(dressing * self.dressings), int(pose * self.poses)
        self.contrast[world] = 1.0 + config.contrast * (2.0 * contrast - 1.0)
        self.brightness[world] = config.brightness * (2.0 * brightness - 1.0)
        if config.paint > 0.0:
            planes, _, vehicles = self._paint.shape
            rng = np.random.default_rng([_VEHICLES, seed])
            self._paint[:, world] = albedo_factors(rng, config.paint, vehicles, planes)

    def repaint(self, paint: np.ndarray) -> np.ndarray:
        """Albedo of the vehicles (P, N, M), 0..255, in this episode's colours."""
        return paint if self.config.paint == 0.0 else np.minimum(paint * self._paint, np.float32(255.0))

    def expose(self, pictures: np.ndarray, mask: np.ndarray, slot_of: np.ndarray, seed: np.ndarray) -> None:
        """Change the finished pictures as `sensor.expose` takes them; `seed` (N,) scatters the noise."""
        config = self.config
        if max(config.contrast, config.brightness, config.noise) > 0.0:
            expose(pictures, mask, slot_of, self.contrast, self.brightness, config.noise, seed)
