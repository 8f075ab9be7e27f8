"""How the ego moves: a kinematic bicycle (Rajamani 2012, section 2.2) within what its tyres hold.

The rear wheel goes where it points, the front wheel where it is steered to, exactly. The tyres together hold at most
mu g (friction circle): steering and braking each ask for no more than that, and together they are cut down in
proportion. A car that asks for more than it gets in the bend understeers: it goes round as if it were steered less.
"""

from __future__ import annotations

import math

from av_td3_system.town.drivetrain import build_up, drive_demand, resistance
from av_td3_system.town.kernel import kernel
from av_td3_system.town.state import WorldRecord
from av_td3_system.town.vehicle import GRAVITY, VehicleParameters


@kernel()
def tyre_forces(p: VehicleParameters, along: float, across: float) -> tuple[float, float]:
    """What the tyres give of the accelerations asked of them along and across the car, m/s^2."""
    grip = p.friction * GRAVITY
    along = min(max(along, -grip), grip)
    across = min(max(across, -grip), grip)
    asked = math.hypot(along, across)
    if asked > grip:
        along *= grip / asked
        across *= grip / asked
    return along, across


@kernel()
def bicycle_step(
    p: VehicleParameters,
    x: float,
    y: float,
    heading: float,
    speed: float,
    steer: float,
    drive: float,
    steer_command: float,
    pedal: float,
    dt: float,
) -> tuple[float, float, float, float, float, float, float]:
    """Advance the car by `dt` seconds.

    Args:
        p: the vehicle.
        x: position of the centre, m.
        y: position of the centre, m.
        heading: rad, counter-clockwise.
        speed: m/s, never negative (there is no reverse gear).
        steer: present angle of the front wheels, rad, positive to the left.
        drive: present drive, or braking below zero, m/s^2.
        steer_command: in [-1, 1], positive to the RIGHT, as CARLA's `VehicleControl.steer`.
        pedal: in [-1, 1], throttle above zero, brake below.
        dt: s.

    Returns:
        x, y, heading, speed, steer, drive and yaw rate (rad/s) after the step. The reference point is the
        middle of the wheelbase, so the velocity points `beta = atan(tan(steer) / 2)` off the heading.
    """
    target = -steer_command * p.max_steer * p.steering_gain + p.steering_offset
    target = min(max(target, -p.max_steer), p.max_steer)
    limit = p.max_steer_rate * dt
    turn = min(max(target - steer, -limit), limit)
    steer += turn
    drive, mean_drive = build_up(p, drive, drive_demand(p, speed, pedal), dt)

    tangent = math.tan(steer - 0.5 * turn)  # the mean over the step: a shorter one then leads to the same place
    slip = math.atan(0.5 * tangent)
    bend = math.cos(slip) * tangent / p.wheelbase  # curvature of the centre's path, 1/m
    along, across = tyre_forces(p, mean_drive, speed * speed * bend)
    if abs(across) < abs(speed * speed * bend):
        bend = across / (speed * speed)
        tangent = bend * p.wheelbase / math.sqrt(1.0 - (0.5 * bend * p.wheelbase) ** 2)
        slip = math.atan(0.5 * tangent)

    new_speed, covered = _roll(speed, along, resistance(p, speed), dt)
    turned = covered * bend
    middle = heading + slip + 0.5 * turned
    x += covered * math.cos(middle)
    y += covered * math.sin(middle)
    return x, y, heading + turned, new_speed, steer, drive, turned / dt


@kernel()
def _roll(speed: float, force: float, held_back: float, dt: float) -> tuple[float, float]:
    """Speed after `dt` seconds and metres covered, under a force and a resistance (m/s^2) that begins no motion."""
    if speed <= 0.0 and force <= held_back:
        return 0.0, 0.0
    acceleration = force - held_back
    new_speed = speed + acceleration * dt
    if new_speed < 0.0:  # it stops within the step
        return 0.0, -0.5 * speed * speed / acceleration
    return new_speed, 0.5 * (speed + new_speed) * dt


@kernel()
def drive_ego(p: VehicleParameters, world: WorldRecord, steer_command: float, pedal: float, dt: float) -> None:
    """Advance the ego of a world by `dt` seconds, see `bicycle_step`."""
    x, y, heading, speed, steer, drive, yaw_rate = bicycle_step(
        p,
        world.ego_x,
        world.ego_y,
        world.ego_heading,
        world.ego_speed,
        world.ego_steer,
        world.ego_drive,
        steer_command,
        pedal,
        dt,
    )
    world.travelled += math.hypot(x - world.ego_x, y - world.ego_y)
    world.ego_x = x
    world.ego_y = y
    world.ego_heading = heading
    world.ego_speed = speed
    world.ego_steer = steer
    world.ego_drive = drive
    world.ego_yaw_rate = yaw_rate
