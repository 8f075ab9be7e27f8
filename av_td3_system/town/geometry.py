"""Small plane geometry for the compiled world kernels: poses on roads, rectangles, angles."""

from __future__ import annotations

import math

from av_td3_system.town.kernel import kernel
from av_td3_system.town.roads import Roads

JOINT_GAP = 1.0  # m by which lanes that follow one another may miss each other
STRETCH = 0.8  # of a step along a curve: its ends lie at most 1 / STRETCH steps apart


@kernel(forceinline=True)
def wrap_angle(angle: float) -> float:
    """The same angle, rad, in [-pi, pi)."""
    turned = angle + math.pi
    if turned < 0.0 or turned >= 2.0 * math.pi:
        turned %= 2.0 * math.pi
    return turned - math.pi


@kernel(forceinline=True)
def lane_pose(roads: Roads, lane: int, s: float) -> tuple[float, float, float]:
    """Centre-line x (m), y (m) and heading (rad) at arc length `s` (clamped) of a lane."""
    count = roads.lane[lane].count
    position = s / roads.lane[lane].length * (count - 1)
    i = min(max(int(math.floor(position)), 0), count - 2)
    t = min(max(position - i, 0.0), 1.0)
    p = roads.lane[lane].first + i
    x = roads.sample[p].x + t * (roads.sample[p + 1].x - roads.sample[p].x)
    y = roads.sample[p].y + t * (roads.sample[p + 1].y - roads.sample[p].y)
    turn = wrap_angle(roads.sample[p + 1].heading - roads.sample[p].heading)
    return x, y, wrap_angle(roads.sample[p].heading + t * turn)


@kernel()
def steps_clear(distance_squared: float, radius: float, step: float) -> int:
    """How many steps (at least 1) along a curve surely end outside of a circle whose centre is that far from it.

    Args:
        distance_squared: from the present point of the curve to the centre, m^2.
        radius: m.
        step: m of arc length.
    """
    clear = math.sqrt(distance_squared) - radius - JOINT_GAP
    return max(int(STRETCH * clear / step), 1)


@kernel(forceinline=True)
def in_rectangle(
    x: float, y: float, cx: float, cy: float, cos_h: float, sin_h: float, half_length: float, half_width: float
) -> bool:
    """Whether a point lies in the rectangle centred at (cx, cy) whose long axis has that cosine and sine."""
    dx = x - cx
    dy = y - cy
    return abs(dx * cos_h + dy * sin_h) <= half_length and abs(dy * cos_h - dx * sin_h) <= half_width


@kernel()
def rectangles_overlap(
    ax: float,
    ay: float,
    a_heading: float,
    a_length: float,
    a_width: float,
    bx: float,
    by: float,
    b_heading: float,
    b_length: float,
    b_width: float,
) -> bool:
    """Whether two oriented rectangles (m, rad) touch, by the separating axis theorem."""
    dx = bx - ax
    dy = by - ay
    apart = dx * dx + dy * dy
    reach = 0.5 * (a_length + a_width + b_length + b_width)  # no shorter than half of both diagonals
    if apart > reach * reach:
        return False
    reach = 0.5 * (math.hypot(a_length, a_width) + math.hypot(b_length, b_width))
    if apart > reach * reach:
        return False
    ca, sa = math.cos(a_heading), math.sin(a_heading)
    cb, sb = math.cos(b_heading), math.sin(b_heading)
    c = abs(ca * cb + sa * sb)
    s = abs(ca * sb - sa * cb)
    if abs(dx * ca + dy * sa) > 0.5 * (a_length + b_length * c + b_width * s):
        return False
    if abs(dy * ca - dx * sa) > 0.5 * (a_width + b_length * s + b_width * c):
        return False
    if abs(dx * cb + dy * sb) > 0.5 * (b_length + a_length * c + a_width * s):
        return False
    return abs(dy * cb - dx * sb) <= 0.5 * (b_width + a_length * s + a_width * c)
