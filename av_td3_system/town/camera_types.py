"""What the kernels of the camera hand to each other: NamedTuples of arrays and numbers, which Numba takes as is.

V counts looks (a weather, a variant of the town's colours), P the planes of a picture, H and W its rows and columns.
"""

from __future__ import annotations

from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

LONGEST_SIDE = 4096  # pixels of a picture, as drawn
LONGEST_QUEUE = 1024  # things that are blended last

# What the kernels know of the picture at hand, in one record: some thirty numbers and a dozen arrays would else be
# copied with every call.
WORK = np.dtype(
    [
        # the camera, as in CameraModel
        ("width", np.int64),
        ("height", np.int64),
        ("focal", np.float64),
        ("cx", np.float64),
        ("cy", np.float64),
        ("z", np.float64),
        ("cos_pitch", np.float64),
        ("sin_pitch", np.float64),
        ("side_cos", np.float64),
        ("side_sin", np.float64),
        # where it is in the world and which way the car heads
        ("eye_x", np.float64),
        ("eye_y", np.float64),
        ("eye_cos", np.float64),
        ("eye_sin", np.float64),
        ("dressing", np.int64),  # variant of the town's colours that it meets there
        # light and fog of the plane at hand
        ("plane", np.int64),
        ("primary", np.int64),  # 0 grey, 1 red, 2 green, 3 blue
        ("level", np.float64),  # light 0..1 on level faces
        ("ambient", np.float64),  # light 0..1 from everywhere
        ("direct", np.float64),  # light 0.. of the sun on an upright face that looks towards it
        ("sun_forward", np.float64),  # the level part of the way to the sun, ahead of the car ...
        ("sun_left", np.float64),  # ... and to its left; a unit vector together, 0 when the sun has no side
        ("fog", np.float64),  # 1/m
        ("haze", np.float64),  # brightness of fog and of the horizon's sky
        ("dark", np.float64),  # 0 by day .. 1 at night
        # working memory
        ("points", np.float64, (8, 3)),  # corners at hand: right, down, ahead of the camera, m
        ("polygon", np.float64, (16, 2)),  # the same on the screen: u, v
        ("first", np.int32, (LONGEST_SIDE,)),  # columns first <= j < last of the polygon at hand in each row
        ("last", np.int32, (LONGEST_SIDE,)),
        ("sums", np.int32, (LONGEST_SIDE,)),  # ground samples of a row
        ("roofline", np.float32, (LONGEST_SIDE,)),  # v from which on a house hides what lies behind it in a column
        ("roof_nearness", np.float32, (LONGEST_SIDE,)),  # its 1/z
        ("seen", np.int32, (LONGEST_QUEUE,)),  # indices of the vehicles that may be in view
        ("queue", np.int32, (LONGEST_QUEUE,)),  # what is blended last: index of a vehicle, or -1 - index of a box
        ("queue_nearness", np.float64, (LONGEST_QUEUE,)),  # its 1/z, ascending
    ],
    align=True,
)
Work: TypeAlias = Any  # one element of an array of WORK, as the kernels see it


class CameraModel(NamedTuple):
    """A pinhole camera and its per-row tables (H rows); lengths in m, z along the optical axis."""

    width: int
    height: int
    focal: float  # pixels
    cx: float  # pixels, principal point
    cy: float
    x: float  # m ahead of the vehicle's centre
    y: float  # m to its left
    z: float  # m above the ground
    cos_pitch: float
    sin_pitch: float
    side_cos: float  # of the widest half angle seen in plan, for culling
    side_sin: float
    elevation: NDArray[np.float64]  # (H,) sine of a row's angle above the horizon
    range: NDArray[np.float64]  # (H,) z of the ground seen by a row's centre, 1e6 at and above the horizon
    mirror: NDArray[np.int32]  # (H,) row that looks up as steeply as this one looks down, -1 where none does
    beam: NDArray[np.float32]  # (H, W) light of the own head lamps on the ground, 0..1
    level: NDArray[np.uint8]  # (H,) level of the ground's pyramid
    tap_first: NDArray[np.int32]  # (H,) samples of row i are tap_first[i] : tap_first[i] + tap_count[i]
    tap_count: NDArray[np.int32]  # (H,) 0 where no raster is read
    tap_forward: NDArray[np.float64]  # (K,) m ahead of the camera
    tap_left: NDArray[np.float64]  # (K,) m to the left at column 0
    tap_step: NDArray[np.float64]  # (K,) m to the right per column


class Lights(NamedTuple):
    """What the looks of a town do to the picture of one camera."""

    sun: NDArray[np.float32]  # (V, P) direct light on level ground, 0..1
    ambient: NDArray[np.float32]  # (V, P) light from everywhere, 0..1
    haze: NDArray[np.float32]  # (V, P) brightness of fog and horizon, 0..255
    fog: NDArray[np.float32]  # (V,) 1/m
    clear: NDArray[np.float32]  # (V, H) share of the ground's contrast that the fog leaves in each row
    sky: NDArray[np.uint8]  # (V, P, H, C) all around: the column grows to the right, W more than a full turn
    towards_sun: NDArray[np.float32]  # (V, 3) unit vector, z up
    dark: NDArray[np.float32]  # (V,) 0 by day .. 1 at night: lamps are lit
    wet: NDArray[np.float32]  # (V,) 0..1, the ground mirrors
    rain: NDArray[np.float32]  # (V,) 0..1
    wind: NDArray[np.float32]  # (V,) 0..1, slants the rain


class Vehicles(NamedTuple):
    """The other vehicles of N worlds, M in each."""

    x: NDArray[np.float64]  # (N, M) m
    y: NDArray[np.float64]
    heading: NDArray[np.float64]  # rad
    size: NDArray[np.float64]  # (N, M, 3) length, width, height, m
    kind: NDArray[np.int8]  # (N, M) row of `vehicle_shape.PARTS`
    paint: NDArray[np.float32]  # (P, N, M) albedo of the body 0..255
    brake: NDArray[np.uint8]  # (N, M) brake lamps, 0 or not


def make_vehicles(worlds: int, vehicles: int) -> Vehicles:
    """Room for the vehicles of N worlds, M in each, in grey."""
    shape = (worlds, vehicles)
    x, y, heading = np.zeros((3, *shape))
    kind, brake = np.zeros(shape, np.int8), np.zeros(shape, np.uint8)
    return Vehicles(x, y, heading, np.zeros((*shape, 3)), kind, np.zeros((1, *shape), np.float32), brake)


class Scratch(NamedTuple):
    """Working memory of `render`, one slot for each thread (T); renders that run at the same time must not share it."""

    work: NDArray[np.void]  # (T,) of WORK
    depth: NDArray[np.float32]  # (T, H, W)
    colour: NDArray[np.float32]  # (T, H, W)
    coverage: NDArray[np.float32]  # (T, H, W)
    gloss: NDArray[np.uint8]  # (T, H, W)


class Canvas(NamedTuple):
    """One plane of one world's picture."""

    image: NDArray[np.uint8]  # (H, W)
    depth: NDArray[np.float32]  # (H, W) 1/z of what stands nearest, 0 where nothing stands


class Layer(NamedTuple):
    """One blended object; both arrays are 0 between objects."""

    colour: NDArray[np.float32]  # (H, W) brightness times covered area
    coverage: NDArray[np.float32]  # (H, W) covered area of each pixel


class Footprint(NamedTuple):
    """A rectangle in the ground plan, from the camera along the car's heading; m."""

    forward: float
    left: float
    cos: float  # of its yaw against the car's heading
    sin: float
    half_length: float
    half_width: float


class Cars(NamedTuple):
    """The other vehicles of one world (M), in one plane."""

    x: NDArray[np.float64]
    y: NDArray[np.float64]
    heading: NDArray[np.float64]
    size: NDArray[np.float64]  # (M, 3) length, width, height, m
    kind: NDArray[np.int8]
    paint: NDArray[np.float32]  # albedo of the body 0..255
    brake: NDArray[np.uint8]
