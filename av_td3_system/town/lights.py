"""What each weather makes of a town: its lit ground, its sky, and the numbers the camera's kernels need.

Whatever does not depend on the car is worked out here, once: shadows and street lamps are painted on the ground, the
sky is a strip all around with its clouds, and each row of the picture knows how far it sees through the fog.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from av_td3_system.town import colours
from av_td3_system.town.camera_types import CameraModel, Lights
from av_td3_system.town.ground import GREY, WET, Palette, ground_frame, paint_town, palettes
from av_td3_system.town.ground_light import ground_of, lamps_of, lay_light, level_sizes, pyramid, shadow_of
from av_td3_system.town.road_network import RoadNetwork
from av_td3_system.town.scene_types import GroundArrays, SceneryArrays
from av_td3_system.town.strips import Frame
from av_td3_system.town.texture import noise_tile
from av_td3_system.town.weather import Light

PUDDLE = 128  # cells, size of the largest puddles
FILM = 0.45  # mirror of a wet film, of a puddle's
CLOUD_CELLS = 256  # of the noise that clouds are made of, around and up
CLOUD_CONTRAST = 0.22  # of the sky's brightness, for half a sky of clouds


def light_ground(
    network: RoadNetwork,
    scenery: SceneryArrays,
    lights: Sequence[Light],
    planes: int,
    dressings: Sequence[Sequence[Palette]] = (),
) -> GroundArrays:
    """The ground of a town in every light.

    Args:
        network: the roads. scenery: what casts shadows, and the street lamps.
        lights: one for each weather. planes: 1 grey, 3 red, green and blue.
        dressings: palettes of the planes for each variant of the town's colours; the town as it is if empty.

    Returns:
        Looks V: all weathers of the first dressing, then of the next.
    """
    frame = ground_frame(network)
    wet = any(light.wetness > 0.0 for light in lights)
    paved = paint_town(network, WET) if wet else np.zeros((frame.rows, frame.columns), dtype=np.uint8)
    dressings = dressings or [palettes(planes)]
    albedos = ([paint_town(network, palette) for palette in dressing] for dressing in dressings)
    return lit_ground(albedos, (len(dressings), planes), paved, frame, scenery, lights)


def lit_ground(
    albedos: Iterable[Sequence[NDArray[np.uint8]]],
    shape: tuple[int, int],
    paved: NDArray[np.uint8],
    frame: Frame,
    scenery: SceneryArrays,
    lights: Sequence[Light],
) -> GroundArrays:
    """Lay shadows, lamps and weather on painted ground.

    Args:
        albedos: for each dressing the ground (rows, columns) of the frame in each plane; taken one by one.
        shape: numbers of dressings and planes.
        paved: (rows, columns) how far each cell mirrors when wet, 0..255.
        scenery: what casts shadows, and the street lamps. lights: one for each weather.
    """
    wet = any(light.wetness > 0.0 for light in lights)
    lit = np.zeros((frame.rows, frame.columns), dtype=np.uint8)
    dark = any(light.daylight < 1.0 for light in lights)
    lamps = lamps_of(scenery, frame) if dark else np.zeros(lit.shape, dtype=np.float32)
    suns = {(light.azimuth, light.altitude) for light in lights}
    shadows = {sun: shadow_of(scenery, frame, *sun) for sun in suns}
    dressings, planes = shape
    total = level_sizes(frame.rows, frame.columns)[3]
    cells = np.empty((dressings * len(lights), planes, total), dtype=np.uint8)
    for dressing, of_planes in enumerate(albedos):
        for weather, light in enumerate(lights):
            shadow = shadows[light.azimuth, light.altitude]
            for plane, albedo in enumerate(of_planes):
                direct, ambient, _ = plane_light(light, planes)[plane]
                lay_light(lit, albedo, paved, shadow, lamps, ambient, direct, darkness(light), light.wetness)
                cells[dressing * len(lights) + weather, plane] = pyramid(lit)
    gloss = np.stack([pyramid(_water(paved, light)) for light in lights] * dressings) if wet else None
    return ground_of(cells, frame, gloss)


def plain_ground(network: RoadNetwork, palette: Palette = GREY) -> GroundArrays:
    """The unlit ground of a town, one look in one plane, for maps."""
    return ground_of(pyramid(paint_town(network, palette))[None, None], ground_frame(network))


def _water(paved: NDArray[np.uint8], light: Light) -> NDArray[np.uint8]:
    """How far each cell mirrors, 0..255: a thin film everywhere, and puddles where a noise lies below their share."""
    noise = noise_tile(1024, ((PUDDLE, 1.0), (PUDDLE // 4, 0.6), (PUDDLE // 16, 0.25)))
    limit = float(np.quantile(noise, 0.35 * light.puddles)) if light.puddles > 0.0 else -np.inf
    share = np.where(noise < limit, 1.0, FILM * light.wetness)
    rows, columns = paved.shape
    tiled = np.tile(share, (-(-rows // 1024), -(-columns // 1024)))[:rows, :columns]
    return (paved * tiled + 0.5).astype(np.uint8)


def darkness(light: Light) -> float:
    """0 by day .. 1 at night: how far lamps are lit and seen."""
    return max(1.0 - 2.5 * light.daylight, 0.0)


def plane_light(light: Light, planes: int) -> list[tuple[float, float, float]]:
    """Direct light and ambient light, 0..1, and haze, 0..255, in each plane."""
    low = 1.0 - min(max(light.altitude, 0.0) / math.radians(40), 1.0)
    sun = (1 - low) * colours.SUNLIGHT["high"] + low * colours.SUNLIGHT["low"]
    night = 1.0 - light.daylight
    sky = colours.SKYLIGHT["night"] * night + (1 - night) * (
        light.clouds * colours.SKYLIGHT["cloud"]
        + (1 - light.clouds) * ((1 - low) * colours.SKYLIGHT["day"] + low * colours.SKYLIGHT["dusk"])
    )
    ambient = 0.5 * sky + 0.5 * colours.NEUTRAL
    # Haze must stay a byte in every plane, so its tint is taken back where it is bright.
    return [
        (light.sun * s, light.ambient * a, min(light.haze * h, 250.0))
        for s, a, h in zip(*(colours.spread(tint, planes) for tint in (sun, ambient, sky)), strict=True)
    ]


def _sky(camera: CameraModel, light: Light, haze: float, clearness: float) -> NDArray[np.uint8]:
    """The sky (H, C) of one plane: brighter at the horizon, with clouds that stand where they stand."""
    turn = math.ceil(2 * math.pi * camera.focal)
    up = np.maximum(camera.elevation, 0.0)
    column = (np.arange(turn + camera.width) % turn) / turn * CLOUD_CELLS
    noise = noise_tile(CLOUD_CELLS, ((64, 0.6), (32, 0.5), (16, 0.25)))
    # Clouds lie on a ceiling: towards the horizon they get flatter.
    row = np.minimum(CLOUD_CELLS * 0.25 / (up + 0.25), CLOUD_CELLS - 1)
    patch = noise[row.astype(np.int64)][:, column.astype(np.int64)]
    cover = 4.0 * light.clouds * (1.0 - light.clouds)  # a closed sky and a clear one are even
    plain = haze * (1.0 - 0.5 * clearness * up)[:, None]
    sky = plain * (1.0 + CLOUD_CONTRAST * cover * np.minimum(4.0 * up, 1.0)[:, None] * patch)
    return np.asarray(np.clip(sky, 0, 255) + 0.5, dtype=np.uint8)


def light_camera(camera: CameraModel, lights: Sequence[Light], planes: int) -> Lights:
    """What `render` needs to know of V looks for one camera; `planes` as for `light_ground`."""
    values = np.array([plane_light(light, planes) for light in lights], dtype=np.float64)  # (V, P, 3)
    sky = np.stack(
        [
            np.stack(
                [
                    _sky(camera, light, haze, sun / max(sun + ambient, 1e-6))
                    for sun, ambient, haze in plane_light(light, planes)
                ]
            )
            for light in lights
        ]
    )

    def column(name: str) -> NDArray[np.float32]:
        return np.array([getattr(light, name) for light in lights], dtype=np.float32)

    towards = [
        (
            math.cos(li.altitude) * math.cos(li.azimuth),
            math.cos(li.altitude) * math.sin(li.azimuth),
            math.sin(li.altitude),
        )
        for li in lights
    ]
    fog = column("fog")
    return Lights(
        sun=np.ascontiguousarray(values[..., 0], dtype=np.float32),
        ambient=np.ascontiguousarray(values[..., 1], dtype=np.float32),
        haze=np.ascontiguousarray(values[..., 2], dtype=np.float32),
        fog=fog,
        clear=np.exp(-fog[:, None] * np.minimum(camera.range, 1e5)[None]).astype(np.float32),
        sky=np.ascontiguousarray(sky),
        towards_sun=np.array(towards, dtype=np.float32),
        dark=np.array([darkness(light) for light in lights], dtype=np.float32),
        wet=column("wetness"),
        rain=column("rain"),
        wind=column("wind"),
    )


def repeated(lights: Lights, dressings: int) -> Lights:
    """The same V weathers for each of several dressings of the town, in the order of `light_ground`."""
    return Lights(*(np.concatenate([part] * dressings) for part in lights))
