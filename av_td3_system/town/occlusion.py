"""Which boxes are hidden behind houses, by one look at the columns that they cover.

Houses stand on the ground, so in each column a wall hides whatever lies behind it, from the wall's top downwards: what
is farther also stands farther up in the picture. For each column the highest wall so far is kept; a box whose columns
are all hidden is not drawn. The order of drawing decides only how much is saved, never what is seen.
"""

from __future__ import annotations

import math

from av_td3_system.town.camera_types import Work
from av_td3_system.town.kernel import painter

LEAST = 1.0  # m ahead of the camera; walls that come nearer are left out
MARGIN = 1.0  # pixels of the wall's top that are not counted on


@painter()
def raise_roofline(work: Work, pf: float, pl: float, qf: float, ql: float, low: float, high: float) -> None:
    """Note the columns that the wall over the plan points p and q hides; heights in m above the camera."""
    cos, sin, focal = work.cos_pitch, work.sin_pitch, work.focal
    zp, zq = pf * cos + high * sin, qf * cos + high * sin
    wp, wq = pf * cos + low * sin, qf * cos + low * sin
    if min(min(zp, zq), min(wp, wq)) < LEAST:
        return
    up, uq = work.cx - focal * pl / zp, work.cx - focal * ql / zq
    tp, tq = work.cx - focal * pl / wp, work.cx - focal * ql / wq
    vp = work.cy + focal * (pf * sin - high * cos) / zp
    vq = work.cy + focal * (qf * sin - high * cos) / zq
    np_, nq = 1.0 / max(zp, wp), 1.0 / max(zq, wq)
    if up > uq:
        up, uq, tp, tq, vp, vq, np_, nq = uq, up, tq, tp, vq, vp, nq, np_
    first, last = int(math.ceil(max(max(up, tp), 0.0))), int(min(min(uq, tq), float(work.width)))
    if last <= first or uq - up < 1e-6:
        return
    slope, fall = (vq - vp) / (uq - up), (nq - np_) / (uq - up)
    for column in range(first, last):
        # The lower of both ends of the column, so that a slanted top hides no more than it does.
        middle = column + 0.5 - up
        v = vp + slope * middle + 0.5 * abs(slope) + MARGIN
        if v < work.roofline[column]:
            work.roofline[column] = v
            work.roof_nearness[column] = np_ + fall * middle - 0.5 * abs(fall)


@painter(forceinline=True)
def is_hidden(work: Work, forward: float, left: float, radius: float, high: float) -> bool:
    """Whether houses hide an upright thing within `radius` m of a plan point and up to `high` m above the camera."""
    near = forward - radius
    if near < LEAST:
        return False
    cos, sin, focal = work.cos_pitch, work.sin_pitch, work.focal
    z_near = near * cos + min(high * sin, -work.z * sin)
    z_far = (forward + radius) * cos + max(high * sin, -work.z * sin)
    if z_near < LEAST:
        return False
    right_edge, left_edge = left - radius, left + radius
    u0 = work.cx - focal * left_edge / (z_near if left_edge > 0.0 else z_far)
    u1 = work.cx - focal * right_edge / (z_far if right_edge > 0.0 else z_near)
    top = min((near * sin - high * cos) / z_near, ((forward + radius) * sin - high * cos) / z_far)
    v = work.cy + focal * top
    nearness = 1.0 / z_near
    first, last = max(int(u0), 0), min(int(u1) + 1, work.width)
    for column in range(first, last):
        if v < work.roofline[column] or nearness > work.roof_nearness[column]:
            return False
    return True
