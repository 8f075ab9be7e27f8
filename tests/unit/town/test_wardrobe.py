"""Dressings of a town: other colours and textures, the same streets and houses."""

from __future__ import annotations

import numpy as np
import pytest

from av_td3_system.config.schema import RandomizationConfig
from av_td3_system.town.colours import LUMA
from av_td3_system.town.ground import GREY, palettes
from av_td3_system.town.scene_types import CROWN, HOUSE, POLE, TRUNK
from av_td3_system.town.scenery import coloured
from av_td3_system.town.town import dress, load_town
from av_td3_system.town.wardrobe import (
    MATERIALS,
    PLAIN,
    Wardrobe,
    albedo_factors,
    dressed_ground,
    dressed_scenery,
    wardrobe_of,
)

MANY = Wardrobe(dressings=64, colors=0.3, texture=2.0)


def test_nothing_to_vary_is_one_plain_dressing() -> None:
    assert wardrobe_of(RandomizationConfig(looks=8)) == PLAIN
    assert wardrobe_of(RandomizationConfig(looks=8, texture=1.0)) == Wardrobe(8, 0.0, 1.0, 0)
    assert dressed_ground(PLAIN, 3) == [palettes(3)]


@pytest.mark.parametrize("planes", [1, 3])
def test_factors_fill_their_range_at_the_luma_of_the_grey_ones(planes: int) -> None:
    factors = albedo_factors(np.random.default_rng(0), 0.3, 5000, planes)
    assert factors.shape == (planes, 5000)
    luma = factors[0] if planes == 1 else LUMA @ factors
    assert 0.7 <= luma.min() < 0.701 and 1.299 < luma.max() <= 1.3
    assert luma == pytest.approx(albedo_factors(np.random.default_rng(0), 0.3, 5000, 1)[0])
    if planes == 3:
        tint = factors / luma
        assert tint.std() > 0.05 and tint.min() > 0.7 and tint.max() < 1.4


def test_palettes_stay_within_the_strengths() -> None:
    found = [dressing[0] for dressing in dressed_ground(MANY, 1)]
    assert len(found) == 64
    for name in MATERIALS:
        factors = np.array([getattr(palette, name) for palette in found]) / getattr(GREY, name)
        assert np.abs(factors - 1).max() <= 0.3 + 1e-9
        assert factors.std() > 0.08
    texture = np.array([palette.texture for palette in found])
    assert texture.min() >= 0.0 and texture.max() <= 3.0 and texture.std() > 0.5
    assert len({palette.pattern for palette in found}) > 60
    kept = dressed_ground(Wardrobe(8, 0.0, 2.0), 1)
    assert all(palette[:5] == GREY[:5] for (palette,) in kept)
    assert all(dressing[0].pattern == 0 for dressing in dressed_ground(Wardrobe(8, 0.3, 0.0), 1))


def test_another_seed_is_another_wardrobe_and_more_dressings_keep_the_first() -> None:
    ground = dressed_ground(MANY, 1)
    assert dressed_ground(MANY._replace(dressings=3), 1) == ground[:3]
    assert dressed_ground(MANY._replace(seed=1), 1)[0] != ground[0]


def test_every_house_has_a_colour_of_its_own() -> None:
    scenery = load_town("TownA").scenery
    for planes in (1, 3):
        plain = coloured(scenery, planes)
        dressed = dressed_scenery(MANY._replace(dressings=4), plain)
        assert dressed.albedo.shape == (4, planes, len(scenery.boxes))
        assert dressed.boxes is scenery.boxes and dressed.albedo.max() <= 255
        factors = dressed.albedo / plain.albedo
        assert not np.allclose(factors[0], factors[1])
        for kind in (CROWN, TRUNK, POLE):
            of_kind = factors[..., scenery.kind == kind]
            assert np.ptp(of_kind, axis=-1).max() < 1e-3
        assert factors[0, 0, scenery.kind == HOUSE].std() > 0.1


def test_looks_are_the_weathers_of_one_dressing_after_the_other() -> None:
    weathers = ("ClearNoon", "WetNoon")
    wardrobe = Wardrobe(2, 0.3, 1.0)
    ground, scenery = dress("TownA", weathers, 1, wardrobe)
    plain, _ = dress("TownA", weathers, 1)
    assert len(ground.cells) == len(ground.gloss) == 4 and len(scenery.albedo) == 2 and len(plain.cells) == 2
    assert np.array_equal(ground.gloss[:2], ground.gloss[2:]) and np.array_equal(ground.gloss[:2], plain.gloss)
    first = ground.rows[0] * ground.columns[0]
    means = ground.cells[:, 0, :first].mean(axis=1)
    ratio = means / np.tile(plain.cells[:, 0, :first].mean(axis=1), 2)
    assert ratio[0] == pytest.approx(ratio[1], abs=0.02) and ratio[2] == pytest.approx(ratio[3], abs=0.02)
    assert abs(ratio[0] - ratio[2]) > 0.02
