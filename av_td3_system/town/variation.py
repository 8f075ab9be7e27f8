"""How an episode's car differs from its data sheet: another mass, weaker brakes, a late command.

A policy that is to drive a real car meets one that no model of it is right about (dynamics randomisation: Peng et al.
2018). What an episode's car is like follows from the episode's seed alone and takes nothing from the world's own random
stream: the same episode has the same route and traffic with and without.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from av_td3_system.config.schema import VariationConfig
from av_td3_system.town.kernel import kernel
from av_td3_system.town.random_stream import unit_of, word_after
from av_td3_system.town.state import COMMANDS, WorldRecord
from av_td3_system.town.vehicle import VehicleParameters

RANGES = ("mass", "engine", "brakes", "steering", "grip", "steering_offset")
_OWN_STREAM = np.uint64(0x5DEECE66D5A17C3B)  # sets these draws apart from all others of the episode's seed


class Variation(NamedTuple):
    """`VariationConfig` with each range as two numbers (units there)."""

    mass_low: float
    mass_high: float
    engine_low: float
    engine_high: float
    brakes_low: float
    brakes_high: float
    steering_low: float
    steering_high: float
    grip_low: float
    grip_high: float
    steering_offset_low: float
    steering_offset_high: float


def variation(config: VariationConfig) -> Variation:
    """The compiled kernels' view of the settings."""
    ends = {f"{name}_{end}": getattr(config, name)[i] for name in RANGES for i, end in enumerate(("low", "high"))}
    return Variation(**{name: float(value) for name, value in ends.items()})


@kernel()
def _between(seed: int, place: int, low: float, high: float) -> float:
    return low + (high - low) * unit_of(word_after(word_after(np.uint64(seed) ^ _OWN_STREAM) + np.uint64(place)))


@kernel()
def draw_variation(d: Variation, world: WorldRecord, seed: int) -> None:
    """Give the world the car of the episode that the seed names (all uniform in their ranges, independent)."""
    world.ego_mass = _between(seed, 0, d.mass_low, d.mass_high)
    world.ego_engine = _between(seed, 1, d.engine_low, d.engine_high)
    world.ego_brakes = _between(seed, 2, d.brakes_low, d.brakes_high)
    world.ego_steering = _between(seed, 3, d.steering_low, d.steering_high)
    world.ego_grip = _between(seed, 4, d.grip_low, d.grip_high)
    world.ego_steering_offset = _between(seed, 5, d.steering_offset_low, d.steering_offset_high)


@kernel()
def vehicle_of(p: VehicleParameters, world: WorldRecord) -> VehicleParameters:
    """The car of the world's episode: forces as drawn, over the mass as drawn."""
    return VehicleParameters(
        p.length,
        p.width,
        p.wheelbase,
        p.max_steer,
        p.max_steer_rate,
        p.mass * world.ego_mass,
        p.max_acceleration * world.ego_engine / world.ego_mass,
        p.engine_power * world.ego_engine,
        p.part_throttle_speed,
        p.kick_down,
        p.max_deceleration * world.ego_brakes / world.ego_mass,
        p.throttle_lag,
        p.brake_lag,
        p.rolling_resistance,
        p.drag_area,
        p.friction * world.ego_grip,
        p.steering_gain * world.ego_steering,
        p.steering_offset + world.ego_steering_offset,
    )


@kernel()
def delayed_command(world: WorldRecord, steer: float, pedal: float, delay: int) -> tuple[float, float]:
    """Steering and pedal that reach the car in this tick: those given `delay` ticks ago, neutral before the first."""
    now = world.tick % COMMANDS
    world.ego_command[now, 0] = steer
    world.ego_command[now, 1] = pedal
    then = (world.tick - delay) % COMMANDS
    return world.ego_command[then, 0], world.ego_command[then, 1]
