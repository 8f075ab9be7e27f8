"""A vehicle's numbers in CARLA's terms, as far as the town's model has them; the rest are a compact car's."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

WHEEL_RADIUS = 32.0  # cm
GEARS = (3.6, 1.95, 1.3, 1.0, 0.8, 0.65)
FINAL_RATIO = 4.0
IDLE, FASTEST = 800.0, 6000.0  # rpm


def physics_control(body: np.void) -> list[Any]:
    """As `carla::rpc::VehiclePhysicsControl` is packed."""
    half, track = float(body["wheelbase"]) / 2, float(body["width"]) * 0.42
    angle = math.degrees(float(body["max_steer"]))
    wheels = []
    for ahead in (1.0, -1.0):
        for aside in (-1.0, 1.0):
            place = _in_world(body, ahead * half, aside * track)
            brakes, hand_brake = 1500.0, 3000.0 if ahead < 0 else 0.0
            steered = angle if ahead > 0 else 0.0
            wheels.append([
                float(body["friction"]), 0.25, steered, WHEEL_RADIUS, brakes, hand_brake, 2.0, 17.0, 1000.0, place
            ])  # fmt: skip
    gears = [[ratio, 0.5, 0.65] for ratio in GEARS]
    torque = [[0.0, 150.0], [2000.0, 200.0], [FASTEST, 140.0]]
    return [
        torque, FASTEST, 1.0, 0.15, 2.0, 0.35, True, 0.5, 10.0, FINAL_RATIO, gears, float(body["mass"]),
        float(body["drag_area"]), [0.0, 0.0, 0.0], [[0.0, 1.0], [120.0, 1.0]], wheels, False,
    ]  # fmt: skip


def telemetry(body: np.void, control: tuple[Any, ...]) -> list[Any]:
    """As `carla::rpc::VehicleTelemetryData` is packed: speed (m/s), command, rpm, gear, drag; no wheels."""
    speed = float(body["speed"])
    gear = -1 if body["rolls_back"] else 1 + min(int(speed / 7.0), len(GEARS) - 1)
    turns = speed / (WHEEL_RADIUS / 100) * 60 / (2 * math.pi) * FINAL_RATIO * GEARS[max(gear, 1) - 1]
    rpm = min(max(turns, IDLE), FASTEST)
    return [speed, control[1], control[0], control[2], rpm, gear, float(body["drag_area"]), []]


def wheel_angle(body: np.void, wheel: int) -> float:
    """How far a wheel (0 and 1 in front) is turned, degrees, positive to the right."""
    return -math.degrees(float(body["steer"])) if wheel in (0, 1) else 0.0


def _in_world(body: np.void, ahead: float, right: float) -> list[float]:
    """A place on a body in CARLA's axes, cm, as wheels are told."""
    heading = -float(body["heading"])
    x = float(body["x"]) + ahead * math.cos(heading) - right * math.sin(heading)
    y = -float(body["y"]) + ahead * math.sin(heading) + right * math.cos(heading)
    return [100.0 * x, 100.0 * y, WHEEL_RADIUS]
