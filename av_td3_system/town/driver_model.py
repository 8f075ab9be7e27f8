"""The car-following model that the traffic drives by: IDM or Krauss', as `traffic.car_following` says.

Both come as an acceleration on a free road and one behind something ahead. Krauss' speaks of what is reached within a
step, so these take its length: a tick for what a driver does, its reaction time, the step of the published model, for
what it expects.
"""

from __future__ import annotations

from av_td3_system.town import car_following, krauss
from av_td3_system.town.kernel import kernel
from av_td3_system.town.random_stream import uniform
from av_td3_system.town.state import WorldRecord
from av_td3_system.town.traffic_parameters import KRAUSS, TrafficParameters


@kernel(forceinline=True)
def free_road(p: TrafficParameters, speed: float, desired: float, a: float, b: float, step: float) -> float:
    """Acceleration, m/s^2, with nobody ahead: at most `a`, and above the desired speed (m/s) not below -`b`."""
    if p.car_following == KRAUSS:
        return krauss.free_acceleration(speed, desired, a, b, step)
    return car_following.free_acceleration(speed, desired, a, b)


@kernel(forceinline=True)
def behind(
    p: TrafficParameters,
    free: float,
    speed: float,
    gap: float,
    lead_speed: float,
    headway: float,
    a: float,
    b: float,
    step: float,
) -> float:
    """Acceleration, m/s^2, of who would take `free` on a free road, `gap` m (inf: nobody) behind the next bumper.

    The driver's headway, s, is IDM's T and Krauss' reaction time. Not bounded below.
    """
    if p.car_following == KRAUSS:
        return min(free, krauss.safe_acceleration(speed, gap, lead_speed, headway, p.minimum_gap, b, step))
    return free - car_following.interaction(speed, gap, lead_speed, headway, p.minimum_gap, a, b)


@kernel(forceinline=True)
def dawdled(p: TrafficParameters, world: WorldRecord, acceleration: float, a: float) -> float:
    """The acceleration less Krauss' dawdling, sigma a times a number in [0, 1) drawn anew; IDM draws none.

    Drawn at every tick, as SUMO does at every step: the shorter the tick, the less it shakes the speed. What stays is
    a mean loss of half of sigma a while speeding up.
    """
    if p.car_following == KRAUSS:
        return acceleration - most_dawdled(p, a) * uniform(world, 0.0, 1.0)
    return acceleration


@kernel(forceinline=True)
def most_dawdled(p: TrafficParameters, a: float) -> float:
    """The most, m/s^2, that dawdling takes from the acceleration of a driver whose greatest is `a`."""
    return p.dawdling * a if p.car_following == KRAUSS else 0.0
