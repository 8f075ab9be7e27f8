"""What kind of vehicle drives, and who is at the wheel."""

from __future__ import annotations

from av_td3_system.town.kernel import kernel
from av_td3_system.town.random_stream import uniform
from av_td3_system.town.state import WorldRecord
from av_td3_system.town.traffic_parameters import TrafficParameters, Triple, VehicleMix

PAINT = (25.0, 235.0)  # range of the paint's brightness


@kernel()
def draw_share(world: WorldRecord, shares: Triple) -> int:
    """0, 1 or 2, each with the probability of its share of the sum."""
    place = uniform(world, 0.0, shares[0] + shares[1] + shares[2])
    if place < shares[0]:
        return 0
    return 1 if place < shares[0] + shares[1] else 2


@kernel()
def draw_body(mix: VehicleMix, world: WorldRecord, i: int) -> None:
    """Draw kind, size and paint of vehicle `i`."""
    kind = draw_share(world, mix.kind_shares)
    world.kind[i] = kind
    for k in range(3):
        world.size[i, k] = uniform(world, mix.smallest[kind][k], mix.largest[kind][k])
    world.shade[i] = uniform(world, PAINT[0], PAINT[1])


@kernel()
def draw_vehicle(p: TrafficParameters, mix: VehicleMix, world: WorldRecord, i: int) -> None:
    """Draw vehicle `i` and its driver: what the kind can do, as far as the driver asks for it."""
    draw_body(mix, world, i)
    kind = world.kind[i]
    driver = draw_share(world, mix.driver_shares)
    world.driver[i] = driver
    factor = uniform(world, p.speed_factor_low, p.speed_factor_high) * mix.kind_speed[kind] * mix.driver_speed[driver]
    world.speed_factor[i] = min(factor, 1.0)
    world.headway[i] = p.time_headway * mix.driver_headway[driver]
    world.max_acceleration[i] = p.max_acceleration * mix.kind_acceleration[kind] * mix.driver_acceleration[driver]
    world.comfortable_deceleration[i] = p.comfortable_deceleration * mix.kind_deceleration[kind]
    world.politeness[i] = min(p.politeness * mix.driver_politeness[driver], 1.0)
    world.yields[i] = 0 if uniform(world, 0.0, 1.0) < mix.non_yielding else 1
