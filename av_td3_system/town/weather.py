"""Weather by CARLA's names: the 14 parameters, the presets of CARLA 0.9.16, and what they mean to our camera.

`light_of` reduces a weather to the light, the fog and the water that the renderer knows. The scattering terms of
CARLA's sky and the height of its fog have no counterpart here.
"""

from __future__ import annotations

import difflib
import math
from dataclasses import astuple, dataclass
from typing import NamedTuple

from av_td3_system.config.errors import UserError


@dataclass(frozen=True)
class WeatherParameters:
    """`carla.WeatherParameters` of CARLA 0.9.16: names, order and units are CARLA's."""

    cloudiness: float = 0.0  # 0..100
    precipitation: float = 0.0  # 0..100, rain
    precipitation_deposits: float = 0.0  # 0..100, puddles
    wind_intensity: float = 0.0  # 0..100
    sun_azimuth_angle: float = 0.0  # degrees 0..360
    sun_altitude_angle: float = 0.0  # degrees -90..90, negative is night
    fog_density: float = 0.0  # 0..100
    fog_distance: float = 0.0  # m at which the fog starts
    fog_falloff: float = 0.0  # how fast the fog thins with height; the town's fog has no height
    wetness: float = 0.0  # 0..100
    scattering_intensity: float = 0.0
    mie_scattering_scale: float = 0.0
    rayleigh_scattering_scale: float = 0.0331
    dust_storm: float = 0.0  # 0..100

    def values(self) -> tuple[float, ...]:
        """All 14 numbers in CARLA's order."""
        return astuple(self)


def _preset(
    cloudiness: float,
    precipitation: float,
    deposits: float,
    wind: float,
    altitude: float,
    fog_density: float,
    fog_distance: float = 0.75,
    fog_falloff: float = 0.1,
    wetness: float = 0.0,
    dust_storm: float = 0.0,
) -> WeatherParameters:
    # -1 azimuth and the scattering terms are the same in every preset of CARLA 0.9.16.
    return WeatherParameters(
        cloudiness, precipitation, deposits, wind, -1.0, altitude, fog_density, fog_distance, fog_falloff, wetness,
        1.0, 0.03, 0.0331, dust_storm,
    )  # fmt: skip


# Read from the client library of CARLA 0.9.16 (`carla.WeatherParameters.<name>`); FoggyNoon alone is ours.
WEATHERS: dict[str, WeatherParameters] = {
    "ClearNoon": _preset(5, 0, 0, 10, 45, 2),
    "CloudyNoon": _preset(60, 0, 0, 10, 45, 3),
    "WetNoon": _preset(5, 0, 50, 10, 45, 3),
    "WetCloudyNoon": _preset(60, 0, 50, 10, 45, 3),
    "SoftRainNoon": _preset(20, 30, 50, 30, 45, 3),
    "MidRainyNoon": _preset(60, 60, 60, 60, 45, 3),
    "HardRainNoon": _preset(100, 100, 90, 100, 45, 7),
    "ClearSunset": _preset(5, 0, 0, 10, 15, 2),
    "CloudySunset": _preset(60, 0, 0, 10, 15, 3),
    "WetSunset": _preset(5, 0, 50, 10, 15, 2),
    "WetCloudySunset": _preset(60, 0, 50, 10, 15, 2),
    "SoftRainSunset": _preset(20, 30, 50, 30, 15, 2),
    "MidRainSunset": _preset(60, 60, 60, 60, 15, 3),
    "HardRainSunset": _preset(100, 100, 90, 100, 15, 7),
    "ClearNight": _preset(5, 0, 0, 10, -90, 60, 75, 1),
    "CloudyNight": _preset(60, 0, 0, 10, -90, 60),
    "WetNight": _preset(5, 0, 50, 10, -90, 60, 75, 1, 60),
    "WetCloudyNight": _preset(60, 0, 50, 10, -90, 60, wetness=60),
    "SoftRainNight": _preset(60, 30, 50, 30, -90, 60, wetness=60),
    "MidRainyNight": _preset(80, 60, 60, 60, -90, 60, wetness=80),
    "HardRainNight": _preset(100, 100, 90, 100, -90, 100, wetness=100),
    "DustStorm": _preset(100, 0, 0, 100, 45, 2, dust_storm=100),
    "FoggyNoon": _preset(60, 0, 0, 10, 45, 100),
}


def weather_named(name: str) -> WeatherParameters:
    """Look a preset up.

    Raises:
        UserError: no preset has this name; the hint lists the nearest ones.
    """
    if name in WEATHERS:
        return WEATHERS[name]
    lowered = {known.lower(): known for known in WEATHERS}
    near = [lowered[match] for match in difflib.get_close_matches(name.lower(), lowered, n=4, cutoff=0.5)]
    hint = f"did you mean {', '.join(near)}?" if near else f"known weathers: {', '.join(WEATHERS)}"
    raise UserError(f"unknown weather {name!r}", hint=hint)


class Light(NamedTuple):
    """What a weather means to the camera."""

    sun: float  # 0..1, direct light on level ground
    ambient: float  # 0..1, light from everywhere; sun + ambient is at most 1: nothing gets brighter than its albedo
    fog: float  # 1/m, transmittance over d metres is exp(-fog * d)
    haze: float  # 0..255, brightness of fog and of the sky at the horizon
    azimuth: float  # rad, heading of the sun, counter-clockwise from +x
    altitude: float  # rad above the horizon
    daylight: float  # 0..1
    clouds: float  # 0..1
    dust: float  # 0..1
    wetness: float  # 0..1, film of water on the ground
    puddles: float  # 0..1, share of paved ground under water
    rain: float  # 0..1
    wind: float  # 0..1


def _share(percent: float) -> float:
    return min(max(percent, 0.0), 100.0) / 100


def light_of(weather: WeatherParameters) -> Light:
    """What the camera sees of a weather.

    CARLA's azimuth turns clockwise seen from above, ours counter-clockwise.
    """
    cloud, dust = _share(weather.cloudiness), _share(weather.dust_storm)
    angle = math.radians(min(max(weather.sun_altitude_angle, -90.0), 90.0))
    altitude = math.sin(angle)
    # The town's sun reaches full strength at CARLA's noon (45 degrees); daylight lingers 6 degrees below the horizon.
    direct = min(max(altitude, 0.0) / math.sin(math.radians(45)), 1.0)
    daylight = math.sqrt(min(max((altitude + 0.1) / 0.6, 0.0), 1.0))
    sun = 0.62 * direct * (1 - 0.85 * cloud) * (1 - 0.5 * dust)
    ambient = 0.12 + daylight * (0.26 + 0.24 * cloud)
    # CARLA's camera exposes automatically; ours makes up for a part of the missing light.
    exposure = (sun + ambient) ** -0.4
    # A fog that starts far away leaves the visible surroundings clear (CARLA's ClearNight: 60 % from 75 m on).
    fog = 0.0004 + 0.03 * _share(weather.fog_density) ** 2 / (1 + weather.fog_distance / 10)
    fog += 0.012 * dust + 0.004 * _share(weather.precipitation)
    sky = 28 + daylight * (165 + 30 * cloud)
    deposits = _share(weather.precipitation_deposits)
    return Light(
        sun=exposure * sun,
        ambient=exposure * ambient,
        fog=fog,
        haze=min(sky, 235.0),
        azimuth=-math.radians(weather.sun_azimuth_angle),
        altitude=angle,
        daylight=daylight,
        clouds=cloud,
        dust=dust,
        wetness=max(_share(weather.wetness), deposits, _share(weather.precipitation)),
        puddles=deposits,
        rain=_share(weather.precipitation),
        wind=_share(weather.wind_intensity),
    )
