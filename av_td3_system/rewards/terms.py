"""The five reward terms: pure functions of a batch of driving states, each bounded.

Every function takes and returns float64 arrays of shape (N,) for N worlds. Terms are unweighted:
`progress` is in metres, the others are costs in [-limit, 0]. Events are paid once, at the decision
in which they happen. The same functions are compiled for one world's numbers (`reward`), hence NumPy
functions alone that mean the same of a number and of an array.
"""

from __future__ import annotations

import numpy as np
from numba.extending import register_jitable

from av_td3_system.rewards.elementwise import clip, where

APPROACH_BRAKING = 2.5  # m/s^2
MAX_STEP = 5.0  # m of progress that one decision can earn (a jump of the projection is not driving)


@register_jitable
def progress(best_before: np.ndarray, best_now: np.ndarray) -> np.ndarray:
    """New ground along the route, m: growth of the greatest arc length reached. In [0, MAX_STEP].

    A plain difference: standing still earns exactly zero, and no metre is paid twice.
    """
    return clip(best_now - best_before, 0.0, MAX_STEP)


@register_jitable
def efficiency(
    speed: np.ndarray, desired_speed: float, idle_speed: float, overspeed_slope: float, overspeed_limit: float
) -> np.ndarray:
    """Cost of standing (-1 below `idle_speed` m/s, fading to 0 at twice that) and of speeding.

    Speeding costs `overspeed_slope` per m/s above `desired_speed` (m/s), at most `overspeed_limit`.
    """
    idle = clip(2.0 - speed / idle_speed, 0.0, 1.0)
    over = clip((speed - desired_speed) * overspeed_slope, 0.0, overspeed_limit)
    return -idle - over


@register_jitable
def lane_keeping(lateral: np.ndarray, heading_error: np.ndarray, half_lane: float) -> np.ndarray:
    """Cost of being off the route's line: mean of squared deviation / half lane and squared sine, in [-1, 0]."""
    offset = clip(np.abs(lateral) / half_lane, 0.0, 1.0) ** 2
    return -0.5 * (offset + np.sin(clip(heading_error, -np.pi / 2, np.pi / 2)) ** 2)


@register_jitable
def comfort(jerk: np.ndarray, steer_rate: np.ndarray, jerk_scale: float, steer_rate_scale: float) -> np.ndarray:
    """Cost of jerk (m/s^3) and of steering rate (rad/s), each squared in units of its scale, in [-1, 0]."""
    rough = clip(np.abs(jerk) / jerk_scale, 0.0, 1.0) ** 2
    restless = clip(np.abs(steer_rate) / steer_rate_scale, 0.0, 1.0) ** 2
    return -0.5 * (rough + restless)


@register_jitable
def approach(line_gap: np.ndarray, speed: np.ndarray, price: float, line_speed: float) -> np.ndarray:
    """Cost of coming to a junction too fast to give way, at most 0: part of the safety term.

    Each m/s costs `price` above the speed from which APPROACH_BRAKING leaves `line_speed` (m/s) at the line, `line_gap`
    metres ahead. Beyond the line, and where none is near (infinite), nothing.
    """
    ahead = where(line_gap > 0.0, line_gap, np.inf)
    return -price * np.maximum(speed - np.sqrt(line_speed**2 + 2.0 * APPROACH_BRAKING * ahead), 0.0)


@register_jitable
def safety(
    lead_gap: np.ndarray,
    lead_speed: np.ndarray,
    speed: np.ndarray,
    crossing_time: np.ndarray,
    took_way: np.ndarray,
    ended_badly: np.ndarray,
    horizon: float,
    headway: float,
    standstill_gap: float,
    near_collision: float,
    crossing: float,
    crossing_horizon: float,
    right_of_way: float,
    terminal: float,
) -> np.ndarray:
    """Cost of being about to collide, or of following too closely, and of what ends an episode.

    In [-near_collision - crossing - right_of_way - terminal, 0]. The time to collision is gap / closing speed (m, m/s),
    infinite when not closing; from `horizon` seconds down to zero the cost grows linearly to `near_collision`.
    So it does with the time headway, gap beyond `standstill_gap` / own speed, from `headway` seconds down: at equal
    speeds no time to collision warns, and the way from comfort to a crash is then one decision long. The greater
    of the two counts. A car that stands pays neither, however near: waiting must stay far better than
    a crash. One that creeps on within `standstill_gap` metres pays all of it. Being on the way to meet a crossing
    vehicle in `crossing_time` seconds costs too, from `crossing_horizon` seconds down to zero linearly up to
    `crossing`. Entering a junction without having the way costs `right_of_way`, once: most such entries end well, so
    the collisions that follow the others teach little. Collision, leaving the road and wrong way cost `terminal`, once.
    """
    closing_speed = speed - lead_speed
    time_to_collision = where(closing_speed > 0.0, lead_gap / np.maximum(closing_speed, 1e-6), np.inf)
    room = np.maximum(lead_gap - standstill_gap, 0.0)
    time_headway = where(speed > 0.0, room / np.maximum(speed, 1e-6), np.inf)
    nearness = 1.0 - np.minimum(time_to_collision / horizon, time_headway / headway)
    meeting = clip(1.0 - crossing_time / crossing_horizon, 0.0, 1.0)
    events = right_of_way * took_way + terminal * ended_badly
    return -near_collision * clip(nearness, 0.0, 1.0) - crossing * meeting - events
