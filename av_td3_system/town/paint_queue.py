"""Numba kernels for the queue of what is only a few pixels large: poles, trunks and far vehicles.

They wait until everything larger is drawn, and are then blended from far to near by the exact share of each pixel that
they cover. So they move smoothly over the picture, do not flicker, and never drop out of it.
"""

from __future__ import annotations

import math

from av_td3_system.town.camera_types import Canvas, Cars, Layer, Work
from av_td3_system.town.kernel import painter
from av_td3_system.town.paint_boxes import face_light, fogged
from av_td3_system.town.paint_distant import draw_far, footprint_of
from av_td3_system.town.rasterizer import pole
from av_td3_system.town.scene_types import SceneryArrays


@painter()
def enqueue(work: Work, waiting: int, item: int, nearness: float) -> int:
    """Insert an item into the queue of `work`, which is sorted from far to near.

    Args:
        work: holds the queue. waiting: how many of its entries count.
        item: index of a vehicle, or -1 - index of a box. nearness: its 1/z.

    Returns:
        The new number of entries; a full queue drops the item.
    """
    if waiting == work.queue.shape[0]:
        return waiting
    place = waiting
    while place > 0 and work.queue_nearness[place - 1] > nearness:
        work.queue_nearness[place] = work.queue_nearness[place - 1]
        work.queue[place] = work.queue[place - 1]
        place -= 1
    work.queue_nearness[place] = nearness
    work.queue[place] = item
    return waiting + 1


@painter()
def draw_thin(
    canvas: Canvas,
    work: Work,
    forward: float,
    left: float,
    half: float,
    low: float,
    high: float,
    grey: float,
) -> None:
    """Blend an upright box by its mean half width, m; `low`, `high` m above the camera; lit grey."""
    cos, sin, focal = work.cos_pitch, work.sin_pitch, work.focal
    z_low = forward * cos + low * sin
    z_high = forward * cos + high * sin
    # A flat picture stretches what stands aside of its axis.
    half *= math.sqrt(1.0 + (2.0 * left / (z_low + z_high)) ** 2)
    pole(
        canvas,
        work.cx - focal * left / z_high,
        work.cy + focal * (forward * sin - high * cos) / z_high,
        focal * half / z_high,
        work.cx - focal * left / z_low,
        work.cy + focal * (forward * sin - low * cos) / z_low,
        focal * half / z_low,
        1.0 / min(z_low, z_high),
        fogged(work, grey, forward) - 0.5,
    )


@painter()
def blend_queue(canvas: Canvas, layer: Layer, work: Work, scenery: SceneryArrays, cars: Cars, waiting: int) -> None:
    """Blend all that waits, from far to near."""
    for place in range(waiting):
        index = work.queue[place]
        if index >= 0:
            footprint = footprint_of(work, cars, index)
            tall, paint = cars.size[index, 2], float(cars.paint[index])
            draw_far(canvas, layer, work, footprint, int(cars.kind[index]), tall, paint, cars.brake[index] != 0)
        else:
            index = -1 - index
            box = scenery.boxes[index]
            dx, dy = box[0] - work.eye_x, box[1] - work.eye_y
            forward, left = dx * work.eye_cos + dy * work.eye_sin, dy * work.eye_cos - dx * work.eye_sin
            half = (box[3] + box[4]) * (2.0 / math.pi)  # over all directions, by Cauchy: perimeter / (2 pi)
            light = face_light(work, -1.0, 0.0, forward, left)
            grey = scenery.albedo[work.dressing, work.plane, index] * light
            draw_thin(canvas, work, forward, left, half, box[5] - work.z, box[6] - work.z, grey)
