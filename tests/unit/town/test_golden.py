"""Golden images of every weather, and how far weathers lie apart.

After a change of the camera that is meant to be seen: `python tests/unit/town/golden_street.py`, and look at them.
"""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from PIL import Image

from av_td3_system.town.weather import WEATHERS, light_of
from tests.unit.town.golden_street import CAMERA, FOLDER, TICK, images, picture

VISIBLE = 0.01 * 255  # grey levels of mean absolute difference: a hundredth of the range
GROUND = slice(CAMERA.height // 2, None)  # rows: the camera looks down, so the horizon lies above them
RENEW = "python tests/unit/town/golden_street.py"
LIGHT = {name: light_of(weather) for name, weather in WEATHERS.items()}
RAINY = [name for name in WEATHERS if LIGHT[name].rain > 0]
MISTY = ("FoggyNoon", "DustStorm")


def distance(one: str, other: str, rows: slice = slice(None)) -> float:
    """Mean absolute difference of two weathers' pictures in these rows, grey levels."""
    return float(np.abs(picture(one).astype(float) - picture(other))[rows].mean())


def time_of(name: str) -> str:
    return next(time for time in ("Noon", "Sunset", "Night", "DustStorm") if name.endswith(time)).replace(
        "DustStorm", "Noon"
    )


@pytest.mark.parametrize("name", images())
def test_the_picture_is_the_golden_one(name: str) -> None:
    """Processors differ in the last digit of a float, so single pixels may be off."""
    weather, planes = images()[name]
    assert (FOLDER / name).is_file(), f"no golden image of {weather}: {RENEW}"
    golden = np.asarray(Image.open(FOLDER / name)).astype(float)
    seen = picture(weather, planes=planes)
    assert golden.shape == seen.shape
    off = np.abs(golden - seen)
    assert off.mean() <= 0.5 and (off <= 3).mean() >= 0.999, f"{name} differs by {off.mean():.2f}; if meant: {RENEW}"


def test_there_is_no_golden_image_too_many() -> None:
    assert {path.name for path in FOLDER.iterdir()} == set(images())


def test_the_comparison_sees_small_changes() -> None:
    """Neither a pixel's shift nor two per cent of brightness would pass."""
    seen = picture("ClearNoon").astype(float)
    for change in (np.roll(seen, 1, axis=0), np.roll(seen, 1, axis=1), seen * 0.98):
        off = np.abs(change - seen)
        assert off.mean() > 0.5 or (off <= 3).mean() < 0.999


def test_times_of_day_are_visibly_different() -> None:
    pairs = [pair for pair in combinations(WEATHERS, 2) if time_of(pair[0]) != time_of(pair[1])]
    assert len(pairs) > 100
    assert min((distance(*pair), pair) for pair in pairs)[0] > VISIBLE


@pytest.mark.parametrize("time", ["Noon", "Sunset", "Night"])
def test_dry_wet_and_rainy_streets_are_visibly_different(time: str) -> None:
    """Of the same clouds: dry against wet ground, dry against the least rain, wet against the hardest."""
    of_time = [name for name in WEATHERS if time_of(name) == time and name not in MISTY]
    dry = [name for name in of_time if LIGHT[name].wetness == 0]
    rain = [name for name in of_time if name in RAINY]
    assert len(dry) == 2 and len(rain) == 3
    for sky in ("Clear", "Cloudy"):
        wet = f"Wet{sky}{time}".replace("Clear", "")
        assert distance(f"{sky}{time}", wet, GROUND) > VISIBLE
        assert distance(wet, f"HardRain{time}") > VISIBLE
        for rainy in rain:
            assert distance(f"{sky}{time}", rainy) > VISIBLE, rainy


@pytest.mark.parametrize("name", MISTY)
def test_fog_and_dust_are_visibly_different_from_all_else(name: str) -> None:
    assert min(distance(name, other) for other in WEATHERS if other != name) > VISIBLE


@pytest.mark.parametrize("time", ["Noon", "Sunset"])
def test_clouds_are_visible_by_day(time: str) -> None:
    assert distance(f"Clear{time}", f"Cloudy{time}") > VISIBLE


def test_no_two_weathers_give_the_same_picture() -> None:
    assert all(not np.array_equal(picture(one), picture(other)) for one, other in combinations(WEATHERS, 2))


@pytest.mark.parametrize("name", RAINY)
def test_rain_falls_and_a_tick_has_its_rain(name: str) -> None:
    now, next_tick = picture(name), picture(name, TICK + 1)
    changed = (now != next_tick).mean()
    assert changed > 0.01, "new streaks in every tick"
    picture.cache_clear()
    assert np.array_equal(picture(name), now)


def test_a_dry_picture_does_not_change_with_the_tick() -> None:
    dry = WEATHERS.keys() - set(RAINY)
    assert len(dry) > 10
    assert all(np.array_equal(picture(name), picture(name, TICK + 1)) for name in dry)


def test_harder_rain_changes_more_from_tick_to_tick() -> None:
    changes = [np.abs(picture(n).astype(float) - picture(n, TICK + 1)).mean() for n in
               ("WetNoon", "SoftRainNoon", "MidRainyNoon", "HardRainNoon")]  # fmt: skip
    assert np.all(np.diff(changes) > 0.5)


def test_colour_is_in_the_coloured_images() -> None:
    for name, (weather, planes) in images().items():
        if planes == 3:
            seen = picture(weather, planes=3).astype(float)
            assert seen.shape == (CAMERA.height, CAMERA.width, 3)
            assert np.ptp(seen, axis=-1).mean() > VISIBLE, name
            luma = seen @ np.array([0.299, 0.587, 0.114])
            assert np.abs(luma - picture(weather)).mean() < 3.0, "grey is the luma, up to lamps and rounding"


def test_rain_at_night_shines_in_the_head_lamps() -> None:
    """The weathers differ in nothing but the rain, which a mean over all pixels would hide."""
    change = picture("SoftRainNight").astype(float) - picture("WetCloudyNight")
    assert (change > 15).mean() > 0.005
    assert (change > 30).any()
