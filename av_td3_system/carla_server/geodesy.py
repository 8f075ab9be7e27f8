"""Where on the globe a place of the map lies, as the client library of CARLA 0.9.16 says it.

That is a transverse Mercator projection of a sphere (Snyder 1987, equations 8-6 to 8-8) with the scale of UTM, whatever
the map's own says, and y of CARLA's axes counts to the north: its `Map.transform_to_geolocation` gives these numbers.
"""

from __future__ import annotations

import math

EARTH_RADIUS = 6_378_137.0  # m, at the equator
SCALE = 0.9996  # on the central meridian


def place_on_earth(origin: tuple[float, float], x: float, y: float, z: float) -> tuple[float, float, float]:
    """Latitude and longitude in degrees, altitude in m.

    Args:
        origin: latitude and longitude of the map's (0, 0), degrees.
        x: m. y: m. z: m, all in CARLA's axes.
    """
    east, north = x / (SCALE * EARTH_RADIUS), math.radians(origin[0]) + y / (SCALE * EARTH_RADIUS)
    latitude = math.asin(math.sin(north) / math.cosh(east))
    longitude = math.atan2(math.sinh(east), math.cos(north))
    return math.degrees(latitude), origin[1] + math.degrees(longitude), z
