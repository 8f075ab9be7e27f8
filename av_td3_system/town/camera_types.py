"""What the kernels of the camera hand to each other: NamedTuples of arrays and numbers, which Numba takes as is."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class CameraModel(NamedTuple):
    """A pinhole camera and its per-row tables (H rows); lengths in m, z along the optical axis."""

    width: int
    height: int
    focal: float  # pixels
    cx: float  # pixels, principal point
    cy: float
    x: float  # m ahead of the vehicle's centre
    z: float  # m above the ground
    cos_pitch: float
    sin_pitch: float
    side_cos: float  # of the widest half angle seen in plan, for culling
    side_sin: float
    elevation: NDArray[np.float64]  # (H,) sine of a row's angle above the horizon
    range: NDArray[np.float64]  # (H,) z of the ground seen by a row's centre, 1e6 at and above the horizon
    level: NDArray[np.uint8]  # (H,) raster level 0..2
    tap_first: NDArray[np.int32]  # (H,) samples of row i are tap_first[i] : tap_first[i] + tap_count[i]
    tap_count: NDArray[np.int32]  # (H,) 0 where no raster is read
    tap_forward: NDArray[np.float64]  # (K,) m ahead of the camera
    tap_left: NDArray[np.float64]  # (K,) m to the left at column 0
    tap_step: NDArray[np.float64]  # (K,) m to the right per column


class Scratch(NamedTuple):
    """Working memory of `render`, one slot for each thread (T); renders that run at the same time must not share it."""

    depth: NDArray[np.float32]  # (T, H, W)
    colour: NDArray[np.float32]  # (T, H, W)
    coverage: NDArray[np.float32]  # (T, H, W)
    first: NDArray[np.int32]  # (T, H)
    last: NDArray[np.int32]  # (T, H)
    sums: NDArray[np.int32]  # (T, W)
    points: NDArray[np.float64]  # (T, 8, 3)
    polygon: NDArray[np.float64]  # (T, 16, 2)
    queue: NDArray[np.int32]  # (T, Q)
    queue_nearness: NDArray[np.float64]  # (T, Q)


class Canvas(NamedTuple):
    """One world's picture and one slot of the working memory."""

    image: NDArray[np.uint8]  # (H, W)
    depth: NDArray[np.float32]  # (H, W) 1/z of what stands nearest, 0 where nothing stands
    colour: NDArray[np.float32]  # (H, W) layer of one blended object: grey times covered area
    coverage: NDArray[np.float32]  # (H, W) its covered area of each pixel; both layers are 0 between objects
    first: NDArray[np.int32]  # (H,) columns first <= j < last of the polygon at hand
    last: NDArray[np.int32]  # (H,)
    sums: NDArray[np.int32]  # (W,) ground samples of a row
    points: NDArray[np.float64]  # (8, 3) corners at hand: right, down, ahead of the camera, m
    polygon: NDArray[np.float64]  # (16, 2) the same on the screen: u, v
    queue: NDArray[np.int32]  # (Q,) what is blended last: index of a car, or -1 - index of a box
    queue_nearness: NDArray[np.float64]  # (Q,) its 1/z, ascending


class Air(NamedTuple):
    """Light and fog."""

    level: float  # light 0..1 on level faces
    ends: float  # on the ends of a box
    sides: float  # on its long sides
    fog: float  # 1/m
    haze: float  # grey of fog and of the horizon's sky
    clearness: float  # 0..1 share of direct light, darkens the sky overhead


class Eye(NamedTuple):
    """Where the camera is in the world and which way the car heads."""

    x: float
    y: float
    cos: float
    sin: float


class Footprint(NamedTuple):
    """A rectangle in the ground plan, from the camera along the car's heading; m."""

    forward: float
    left: float
    cos: float  # of its yaw against the car's heading
    sin: float
    half_length: float
    half_width: float


class Cars(NamedTuple):
    """The other cars of one world (M)."""

    x: NDArray[np.float64]
    y: NDArray[np.float64]
    heading: NDArray[np.float64]
    size: NDArray[np.float32]  # (M, 3) length, width, height, m
    shade: NDArray[np.float32]  # albedo of the body 0..255
    brake: NDArray[np.uint8]
