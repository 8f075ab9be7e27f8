"""The car-following model of Krauss (Krauss, Wagner & Gawron 1997; Krauss 1998, ch. 3; SUMO's default).

A driver takes the greatest speed from which it can still stop behind the one ahead, should that one brake as hard as
it would itself: v_safe = v_l + (g - v_l tau) / ((v + v_l) / (2 b) + tau). It never brakes before it must, unlike
IDM, and then follows at its reaction time. Published as a map from one time step to the next; here the next speed
min(v + a dt, v_safe, v_max) is given as the acceleration, m/s^2, that leads to it.
"""

from __future__ import annotations

from av_td3_system.town.kernel import kernel


@kernel()
def safe_speed(
    speed: float, distance: float, lead_speed: float, reaction_time: float, comfortable_deceleration: float
) -> float:
    """Krauss' v_safe, m/s; negative where even standing is too near.

    Args:
        speed: own, m/s.
        distance: m that may be used up, the standstill gap left out; inf where nobody is ahead.
        lead_speed: of the vehicle ahead, m/s.
        reaction_time: tau, s.
        comfortable_deceleration: b, m/s^2.
    """
    return lead_speed + (distance - lead_speed * reaction_time) / (
        (speed + lead_speed) / (2.0 * comfortable_deceleration) + reaction_time
    )


@kernel()
def free_acceleration(
    speed: float, desired_speed: float, max_acceleration: float, comfortable_deceleration: float, step: float
) -> float:
    """Acceleration, m/s^2, of a driver on a free road over the next `step` seconds.

    Above the desired speed it is held at the comfortable deceleration: the published model drops to v_max within a
    step, and a drop of the limit at a bend is not an emergency.
    """
    return max(min(max_acceleration, (desired_speed - speed) / step), -comfortable_deceleration)


@kernel()
def safe_acceleration(
    speed: float,
    gap: float,
    lead_speed: float,
    reaction_time: float,
    minimum_gap: float,
    comfortable_deceleration: float,
    step: float,
) -> float:
    """Acceleration, m/s^2, to the safe speed within `step` seconds, unbounded either way.

    `gap` is bumper to bumper, m (inf: nobody). Who reacts faster than once a step would run into the one ahead.
    """
    reaction = max(reaction_time, step)
    safe = safe_speed(speed, gap - minimum_gap, lead_speed, reaction, comfortable_deceleration)
    return (max(safe, 0.0) - speed) / step
