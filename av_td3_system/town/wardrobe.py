"""The dressings of a town: the same streets and houses in other colours and textures.

Domain randomisation (Tobin et al. 2017): who has learned in many dressings does not rely on the grey of one asphalt.
Painting the ground takes seconds and megabytes, so there is a fixed number of dressings, made at the start, of which
each episode wears one. They follow from the wardrobe's seed and their number alone.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from av_td3_system.config.schema import RandomizationConfig
from av_td3_system.town import colours
from av_td3_system.town.ground import Palette, palettes
from av_td3_system.town.scene_types import CROWN, HOUSE, TRUNK, SceneryArrays

_GROUND, _SCENERY = 1, 2  # streams of a dressing
MATERIALS = ("grass", "pavement", "kerb", "asphalt", "marking")


class Wardrobe(NamedTuple):
    """How many dressings there are and how far they go (units as in `RandomizationConfig`)."""

    dressings: int = 1
    colors: float = 0.0
    texture: float = 0.0
    seed: int = 0


PLAIN = Wardrobe()
"""The town as it is."""


def wardrobe_of(config: RandomizationConfig) -> Wardrobe:
    """The dressings that the settings ask for; a single one where all would be alike."""
    if config.colors == 0.0 and config.texture == 0.0:
        return PLAIN
    return Wardrobe(config.looks, config.colors, config.texture, config.seed)


def albedo_factors(rng: np.random.Generator, strength: float, count: int, planes: int) -> NDArray[np.float64]:
    """Factors (planes, count) on the albedo of `count` things.

    The brightness varies by 1 +- strength, in colour also the tint by half of that, at the same luma: the grey picture
    of a dressing is the luma of the coloured one.
    """
    brightness, *tint = rng.uniform(-1.0, 1.0, (4, count))
    if planes == 1:
        return 1.0 + strength * brightness[None]
    primaries = 1.0 + 0.5 * strength * np.array(tint)
    return np.asarray((1.0 + strength * brightness) * primaries / (colours.LUMA @ primaries))


def dressed_ground(wardrobe: Wardrobe, planes: int) -> list[list[Palette]]:
    """The palettes of each dressing, one for each plane."""
    if wardrobe == PLAIN:
        return [palettes(planes)]
    found = []
    for number in range(wardrobe.dressings):
        rng = np.random.default_rng([wardrobe.seed, number, _GROUND])
        # Kerbs are of the pavement's stone.
        grass, stone, asphalt, marking = albedo_factors(rng, wardrobe.colors, 4, planes).T
        factors = np.array([grass, stone, stone, asphalt, marking]).T
        texture = max(1.0 + wardrobe.texture * rng.uniform(-1.0, 1.0), 0.0)
        pattern = 1 + int(rng.integers(1 << 16)) if wardrobe.texture > 0.0 else 0
        dressing = []
        for plain, own in zip(palettes(planes), factors, strict=True):
            materials = {
                name: min(getattr(plain, name) * factor, 255.0) for name, factor in zip(MATERIALS, own, strict=True)
            }
            dressing.append(plain._replace(**materials, texture=texture, pattern=pattern))
        found.append(dressing)
    return found


def dressed_scenery(wardrobe: Wardrobe, scenery: SceneryArrays) -> SceneryArrays:
    """The same boxes with an albedo (D, P, B): in each dressing one for trees, one for poles, one for each house."""
    if wardrobe.colors == 0.0:
        return scenery._replace(albedo=np.repeat(scenery.albedo, wardrobe.dressings, axis=0))
    _, planes, boxes = scenery.albedo.shape
    albedo = np.empty((wardrobe.dressings, planes, boxes), dtype=np.float32)
    house = scenery.kind == HOUSE
    for number in range(wardrobe.dressings):
        rng = np.random.default_rng([wardrobe.seed, number, _SCENERY])
        leaves, bark, poles = albedo_factors(rng, wardrobe.colors, 3, planes).T[..., None]
        factors = np.where(scenery.kind == CROWN, leaves, np.where(scenery.kind == TRUNK, bark, poles))
        factors[:, house] = albedo_factors(rng, wardrobe.colors, int(house.sum()), planes)
        albedo[number] = np.minimum(scenery.albedo[0] * factors, 255.0)
    return scenery._replace(albedo=albedo)
