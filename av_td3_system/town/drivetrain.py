"""From pedal to force: engine, brakes and what holds a car back, all as accelerations (force / mass, m/s^2).

At part throttle the drive falls linearly with speed, so that every pedal position has a speed at which it stays, as
the maps of engines and gearboxes are laid out; beyond `kick_down` the pedal's last stretch leads up to everything the
engine has: constant force, then constant power. Brakes act in proportion to the pedal. Both build up and fade with a
first-order lag. Rolling resistance is c_rr g, air drag rho c_w A v^2 / (2 m) (Rajamani 2012, section 4.1).
"""

from __future__ import annotations

import math

from av_td3_system.town.kernel import kernel
from av_td3_system.town.vehicle import AIR_DENSITY, GRAVITY, VehicleParameters


@kernel()
def full_drive(p: VehicleParameters, speed: float) -> float:
    """The greatest drive, m/s^2: a constant force up to the speed (m/s) from which the engine's power is the limit."""
    if p.mass * p.max_acceleration * speed <= p.engine_power:
        return p.max_acceleration
    return p.engine_power / (p.mass * speed)


@kernel()
def part_drive(p: VehicleParameters, speed: float) -> float:
    """Drive, m/s^2, for each unit of a pedal that is not beyond the kick-down."""
    fading = p.max_acceleration * max(1.0 - speed / p.part_throttle_speed, 0.0)
    return min(fading, full_drive(p, speed))


@kernel()
def drive_demand(p: VehicleParameters, speed: float, pedal: float) -> float:
    """Drive (above zero) or braking (below), m/s^2, that a pedal in [-1, 1] asks for at a speed in m/s."""
    if pedal < 0.0:
        return pedal * p.max_deceleration
    slope = part_drive(p, speed)
    if pedal <= p.kick_down:
        return pedal * slope
    held = p.kick_down * slope
    return held + (full_drive(p, speed) - held) * (pedal - p.kick_down) / (1.0 - p.kick_down)


@kernel()
def pedal_for(p: VehicleParameters, speed: float, acceleration: float) -> float:
    """The pedal in [-1, 1] that leads to an acceleration (m/s^2) on a level road: the inverse of `drive_demand`."""
    held_back = resistance(p, speed) if speed > 0.0 or acceleration > 0.0 else 0.0
    wanted = acceleration + held_back
    if wanted <= 0.0:
        return max(wanted / p.max_deceleration, -1.0)
    slope = part_drive(p, speed)
    held = p.kick_down * slope
    if wanted <= held:
        return wanted / slope
    beyond = full_drive(p, speed) - held
    if p.kick_down >= 1.0 or wanted - held >= beyond:
        return 1.0
    return p.kick_down + (1.0 - p.kick_down) * (wanted - held) / beyond


@kernel()
def resistance(p: VehicleParameters, speed: float) -> float:
    """Deceleration, m/s^2, by rolling resistance and air at a speed in m/s."""
    return p.rolling_resistance * GRAVITY + 0.5 * AIR_DENSITY * p.drag_area / p.mass * speed * speed


@kernel()
def build_up(p: VehicleParameters, drive: float, demand: float, dt: float) -> tuple[float, float]:
    """Drive or braking (m/s^2) after `dt` seconds of a demand, and its mean over them: a first-order lag, exactly."""
    lag = p.brake_lag if demand < 0.0 or drive < 0.0 else p.throttle_lag
    if lag <= 0.0:
        return demand, demand
    left = math.exp(-dt / lag)
    missing = drive - demand
    return demand + missing * left, demand + missing * (1.0 - left) * lag / dt
