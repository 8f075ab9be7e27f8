"""Exposure and noise of finished pictures."""

from __future__ import annotations

from statistics import NormalDist

import numpy as np
import pytest

from av_td3_system.town.sensor import MIDDLE, expose


def exposed(
    pictures: np.ndarray, contrast: float = 1.0, brightness: float = 0.0, noise: float = 0.0, seed: int = 1
) -> np.ndarray:
    worlds = len(pictures)
    out = pictures[:, None].copy()
    everywhere = np.ones(worlds, np.bool_)
    values = np.full(worlds, contrast), np.full(worlds, brightness)
    expose(out, everywhere, np.zeros(worlds, np.int64), *values, noise, np.arange(worlds) + (seed << 32))
    return out[:, 0]


GREYS = np.arange(256, dtype=np.uint8).reshape(1, 1, 16, 16)


def test_exposure_is_linear_rounded_and_cut_off() -> None:
    assert np.array_equal(exposed(GREYS), GREYS)
    for contrast, brightness in ((1.5, 0.0), (0.6, 0.0), (1.0, 30.0), (0.8, -45.0), (1.7, 60.0)):
        expected = (GREYS.astype(float) - MIDDLE) * contrast + MIDDLE + brightness
        assert np.abs(exposed(GREYS, contrast, brightness) - np.clip(expected, 0, 255)).max() <= 0.5 + 1e-9


@pytest.mark.parametrize("noise", [1.0, 8.0])
def test_noise_is_normal_unbiased_and_without_pattern(noise: float) -> None:
    grey = np.full((4, 3, 100, 100), 120, np.uint8)
    deviation = exposed(grey, noise=noise).astype(float) - 120
    assert abs(deviation.mean()) < 4 * noise / np.sqrt(deviation.size)
    assert deviation.std() == pytest.approx(np.hypot(noise, np.sqrt(1 / 12)), rel=0.01)  # with that of rounding
    for level in np.rint(np.array([-2, -1, 0, 1, 2]) * noise):
        assert (deviation <= level).mean() == pytest.approx(NormalDist(0, noise).cdf(level + 0.5), abs=0.006)
    flat = deviation.reshape(4, 3, -1)
    for lag in (1, 2, 5, 100):  # neighbours, a word's end, the row below
        own = (flat[..., lag:] * flat[..., :-lag]).mean() / deviation.var()
        assert abs(own) < 0.015, lag
    for one, other in ((flat[:, 0], flat[:, 1]), (flat[0], flat[1])):  # planes, worlds
        assert abs((one * other).mean() / deviation.var()) < 0.03


def test_noise_follows_from_its_seed() -> None:
    grey = np.full((2, 1, 40, 40), 90, np.uint8)
    once = exposed(grey, noise=5.0)
    assert np.array_equal(once, exposed(grey, noise=5.0))
    assert not np.array_equal(once, exposed(grey, noise=5.0, seed=2))


def test_inactive_worlds_and_other_slots_are_left_alone() -> None:
    pictures = np.full((3, 2, 1, 8, 8), 100, np.uint8)
    active, slots = np.array([True, False, True]), np.array([0, 1, 1])
    expose(pictures, active, slots, np.ones(3), np.full(3, 20.0), 0.0, np.zeros(3, np.int64))
    assert pictures.mean(axis=(2, 3, 4)).tolist() == [[120, 100], [100, 100], [100, 120]]
