"""CARLA's coordinates and the town's.

CARLA's are Unreal's: left-handed, x ahead, y to the right, z up; yaw clockwise seen from above, pitch upwards, in
degrees. The town's are OpenDRIVE's: y to the left, headings counter-clockwise, in rad. A map's CARLA coordinates are
its OpenDRIVE coordinates with y negated (as the client's own map does), so both turn into each other by signs alone.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

LARGEST = 1e6  # m, m/s or degrees; what is told in single precision must stay finite


class Pose(NamedTuple):
    """A `carla.Transform`, in CARLA's convention: m and degrees."""

    x: float = 0.0
    y: float = 0.0
    z: float = 0.0
    pitch: float = 0.0
    yaw: float = 0.0
    roll: float = 0.0

    @property
    def heading(self) -> float:
        """The town's heading, rad."""
        return -math.radians(self.yaw)

    def to_wire(self) -> list[list[float]]:
        """As `carla::geom::Transform` is packed: location, then pitch, yaw and roll."""
        return [[self.x, self.y, self.z], [self.pitch, self.yaw, self.roll]]


HERE = Pose()


def pose_from_wire(packed: Any) -> Pose:
    """The pose of a packed `carla::geom::Transform`.

    Raises:
        ValueError: it is none, or not finite.
    """
    try:
        (x, y, z), (pitch, yaw, roll) = packed
        pose = Pose(*(float(number) for number in (x, y, z, pitch, yaw, roll)))
    except (TypeError, ValueError) as error:
        raise ValueError("this is not a transform") from error
    if not all(abs(number) <= LARGEST for number in pose):
        raise ValueError(f"a transform must be finite and within {LARGEST:g}")
    return pose


def vector_from_wire(packed: Any) -> tuple[float, float, float]:
    """The numbers of a packed location or vector.

    Raises:
        ValueError: it is none, or not finite.
    """
    try:
        x, y, z = (float(number) for number in packed)
    except (TypeError, ValueError) as error:
        raise ValueError("this is not a vector") from error
    if not all(abs(number) <= LARGEST for number in (x, y, z)):
        raise ValueError(f"a vector must be finite and within {LARGEST:g}")
    return x, y, z


def yaw_of(heading: float) -> float:
    """CARLA's yaw, degrees in [-180, 180), of the town's heading in rad."""
    return (180.0 - math.degrees(heading)) % 360.0 - 180.0


def attached(parent: Pose, relative: Pose) -> Pose:
    """Where something is that is fixed to a parent which stands level.

    The order of operations is the renderer's own for a camera on a car, so that both come to the same numbers.
    """
    heading = parent.heading
    cos, sin = math.cos(heading), math.sin(heading)
    left = -relative.y
    x = parent.x + relative.x * cos - left * sin
    y = -parent.y + relative.x * sin + left * cos
    yaw = parent.yaw + relative.yaw
    return Pose(x, -y, parent.z + relative.z, relative.pitch, yaw, relative.roll)
