"""Numba kernels for what weather puts over a finished picture: mirrors on wet ground, rain and drops on the lens."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from av_td3_system.town.camera_types import CameraModel, Canvas, Work
from av_td3_system.town.kernel import painter
from av_td3_system.town.random_stream import word_after

STREAKS = 0.02  # rain drops in the air for each pixel of the picture, in the hardest rain
STREAK_LENGTH = 0.09  # of the picture's height, most
STREAK_LIGHT = 0.35  # share of the haze's brightness that a streak puts over what lies behind
LAMP_LIGHT = 150.0  # brightness of a streak right before the head lamps, at night
SLANT = 0.45  # columns a row in the strongest wind
LENS_DROPS = 10  # in the hardest rain
DROP_RADIUS = (0.015, 0.04)  # of the picture's width
DROP_TICKS = 30  # ticks that a drop stays on the lens


@painter()
def mirror_ground(canvas: Canvas, gloss: NDArray[np.uint8], camera: CameraModel) -> None:
    """Blend into wet ground what stands, or shines, as steeply above the horizon as the ground lies below it."""
    image, depth = canvas.image, canvas.depth
    height, width = image.shape
    for row in range(height):
        above = camera.mirror[row]
        if above < 0:
            continue
        for column in range(width):
            share = np.int32(gloss[row, column])
            if share > 0 and depth[row, column] == 0.0:
                own, other = np.int32(image[row, column]), np.int32(image[above, column])
                image[row, column] = np.uint8((own * (255 - share) + other * share) // 255)


@painter()
def share_of(word: np.uint64, shift: int) -> float:
    """Twelve bits of a word as a number 0..1."""
    return float((word >> np.uint64(shift)) & np.uint64(4095)) / 4096.0


@painter()
def draw_rain(canvas: Canvas, work: Work, rain: float, wind: float, seed: int) -> None:
    """Streaks of falling rain, new in every picture, and drops on the lens, which stay for a while.

    Args:
        canvas: the finished picture. work: its light.
        rain, wind: 0..1. seed: the tick in its low 32 bits, the world's in the high ones; the same for all planes.
    """
    image = canvas.image
    height, width = image.shape
    light = work.haze * (1.0 - 0.5 * work.dark) + 25.0 * work.dark
    slope = SLANT * wind
    for k in range(int(STREAKS * rain * height * width)):
        word = word_after(np.uint64(seed) * np.uint64(0x9E3779B97F4A7C15) + np.uint64(k))
        near = share_of(word, 40)
        length = int(STREAK_LENGTH * height * (0.3 + 0.7 * near)) + 1
        top, column = share_of(word, 0) * (height + length) - length, share_of(word, 16) * width
        weight = STREAK_LIGHT * (0.4 + 0.6 * near)
        shine = light + LAMP_LIGHT * work.dark * near * near
        for step in range(length):
            row, at = int(math.floor(top + step)), int(math.floor(column - slope * step))
            if 0 <= row < height and 0 <= at < width:
                grey = float(image[row, at])
                image[row, at] = np.uint8(min(grey + weight * max(shine + 40.0 - grey, 12.0) * 0.6, 255.0))
    _draw_drops(canvas, rain, seed)


@painter()
def _draw_drops(canvas: Canvas, rain: float, seed: int) -> None:
    """Each drop is a small lens: it shows what lies around it, upside down and paler."""
    image = canvas.image
    height, width = image.shape
    world, tick = seed >> 32, seed & 0xFFFFFFFF
    for k in range(int(LENS_DROPS * rain + 0.5)):
        # Drops come and go one after the other.
        age = (tick + k * DROP_TICKS // LENS_DROPS) // DROP_TICKS
        word = word_after(np.uint64(world * 131 + k) * np.uint64(0x9E3779B97F4A7C15) + np.uint64(age))
        radius = width * (DROP_RADIUS[0] + (DROP_RADIUS[1] - DROP_RADIUS[0]) * share_of(word, 0))
        cu, cv = share_of(word, 16) * width, share_of(word, 28) * height
        for row in range(max(int(cv - radius), 0), min(int(cv + radius) + 1, height)):
            for column in range(max(int(cu - radius), 0), min(int(cu + radius) + 1, width)):
                du, dv = column + 0.5 - cu, row + 0.5 - cv
                inside = 1.0 - math.sqrt(du * du + dv * dv) / radius
                if inside <= 0.0:
                    continue
                other_row = min(max(int(cv - 3.0 * dv), 0), height - 1)
                other_column = min(max(int(cu - 3.0 * du), 0), width - 1)
                share = min(2.0 * inside, 0.8)
                bent = float(canvas.image[other_row, other_column]) * 0.9 + 20.0
                image[row, column] = np.uint8(min(image[row, column] * (1 - share) + bent * share, 255.0))
