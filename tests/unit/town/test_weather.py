"""Weather presets and the light they give."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from av_td3_system.config.errors import UserError
from av_td3_system.town.weather import WEATHERS, WeatherParameters, light_of, weather_named

# As `carla.WeatherParameters` of CARLA 0.9.16 prints them, in the order of the wire.
ORDER = [
    "cloudiness",
    "precipitation",
    "precipitation_deposits",
    "wind_intensity",
    "sun_azimuth_angle",
    "sun_altitude_angle",
    "fog_density",
    "fog_distance",
    "fog_falloff",
    "wetness",
    "scattering_intensity",
    "mie_scattering_scale",
    "rayleigh_scattering_scale",
    "dust_storm",
]


def test_fields_are_carlas_and_in_its_order() -> None:
    assert [field.name for field in dataclasses.fields(WeatherParameters)] == ORDER
    assert len(WEATHERS["ClearNoon"].values()) == 14


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("ClearNoon", (5, 0, 0, 10, -1, 45, 2, 0.75, 0.1, 0, 1, 0.03, 0.0331, 0)),
        ("HardRainNoon", (100, 100, 90, 100, -1, 45, 7, 0.75, 0.1, 0, 1, 0.03, 0.0331, 0)),
        ("CloudySunset", (60, 0, 0, 10, -1, 15, 3, 0.75, 0.1, 0, 1, 0.03, 0.0331, 0)),
        ("ClearNight", (5, 0, 0, 10, -1, -90, 60, 75, 1, 0, 1, 0.03, 0.0331, 0)),
        ("MidRainyNight", (80, 60, 60, 60, -1, -90, 60, 0.75, 0.1, 80, 1, 0.03, 0.0331, 0)),
    ],
)
def test_presets_have_the_values_of_carla_0_9_16(name: str, values: tuple[float, ...]) -> None:
    assert WEATHERS[name].values() == pytest.approx(values)


def test_presets_agree_with_an_installed_carla_client() -> None:
    carla = pytest.importorskip("carla", reason="the CARLA client is not installed")
    for name in WEATHERS.keys() - {"FoggyNoon"}:
        theirs = getattr(carla.WeatherParameters, name)
        assert WEATHERS[name].values() == pytest.approx([getattr(theirs, field) for field in ORDER]), name


@pytest.mark.parametrize("name", sorted(WEATHERS))
def test_light_stays_in_range(name: str) -> None:
    light = light_of(WEATHERS[name])
    assert light.sun >= 0 and light.ambient >= 0.15 and light.sun + light.ambient <= 1.0 + 1e-6
    assert 0 < light.fog < 0.05 and 20 <= light.haze <= 235
    for share in ("daylight", "clouds", "dust", "wetness", "puddles", "rain", "wind"):
        assert 0.0 <= getattr(light, share) <= 1.0


def test_light_orders_weathers_as_the_eye_does() -> None:
    light = {name: light_of(weather) for name, weather in WEATHERS.items()}
    total = {name: values.sun + values.ambient for name, values in light.items()}
    assert total["ClearNoon"] > total["CloudyNoon"] > total["CloudySunset"] > total["CloudyNight"]
    assert total["ClearNoon"] > total["ClearSunset"] > total["ClearNight"]
    assert light["ClearNoon"].sun > 2 * light["CloudyNoon"].sun * 0.9 and light["ClearNight"].sun == 0
    assert light["FoggyNoon"].fog > 10 * light["ClearNoon"].fog
    assert light["ClearNight"].haze < 60 < light["ClearSunset"].haze


def test_fog_grows_with_density_alone() -> None:
    fogs = [light_of(WeatherParameters(sun_altitude_angle=45, fog_density=d)).fog for d in range(0, 101, 10)]
    assert np.all(np.diff(fogs) > 0)


def test_unknown_weather_names_near_matches() -> None:
    assert weather_named("ClearNoon") is WEATHERS["ClearNoon"]
    with pytest.raises(UserError, match="clearnon") as caught:
        weather_named("clearnon")
    assert "ClearNoon" in caught.value.hint
    with pytest.raises(UserError) as caught:
        weather_named("xyzzy")
    assert "CloudySunset" in caught.value.hint
