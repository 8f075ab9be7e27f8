"""The ego vehicle against closed forms."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest

from av_td3_system.config.schema import VehicleConfig
from av_td3_system.town.bicycle import bicycle_step, longitudinal_acceleration, vehicle_parameters

DT = 0.05
IDEAL = vehicle_parameters(VehicleConfig(rolling_drag=0.0, air_drag=0.0, max_speed=1000.0))
REAL = vehicle_parameters(VehicleConfig())
State = tuple[float, float, float, float, float, float]


def run(p: object, state: State, steer: float, pedal: float, steps: int) -> State:
    for _ in range(steps):
        state = bicycle_step(p, *state[:5], steer, pedal, DT)
    return state


def test_two_seconds_at_twenty_metres_a_second_are_forty_metres() -> None:
    x, y, heading, speed, *_ = run(IDEAL, (0.0, 0.0, 0.0, 20.0, 0.0, 0.0), 0.0, 0.0, 40)
    assert x == pytest.approx(40.0) and y == 0.0 and heading == 0.0 and speed == 20.0


def test_constant_acceleration_covers_half_a_t_squared() -> None:
    x, _, _, speed, *_ = run(IDEAL, (0.0, 0.0, 0.0, 0.0, 0.0, 0.0), 0.0, 1.0, 60)
    assert speed == pytest.approx(9.0, rel=0.01) and x == pytest.approx(13.5, rel=0.01)


@pytest.mark.parametrize("command", [-0.8, -0.3, 0.3, 0.8])
def test_steady_turn_has_the_radius_of_the_bicycle_at_its_middle(command: float) -> None:
    angle = -command * REAL.max_steer
    state = (0.0, 0.0, 0.0, 5.0, angle, 0.0)
    xs, ys = [], []
    for _ in range(400):
        state = bicycle_step(IDEAL, *state[:5], command, 0.0, DT)
        xs.append(state[0])
        ys.append(state[1])
    rear = REAL.wheelbase / math.tan(abs(angle))  # radius of the rear axle
    expected = math.hypot(rear, 0.5 * REAL.wheelbase)  # and of the middle of the wheelbase
    measured = 0.5 * max(max(xs) - min(xs), max(ys) - min(ys))
    assert measured == pytest.approx(expected, rel=0.01)
    assert abs(state[5]) == pytest.approx(5.0 / expected, rel=1e-6)
    assert math.copysign(1.0, state[5]) == -math.copysign(1.0, command)  # positive steering is to the right


def test_left_and_right_are_mirror_images() -> None:
    left = run(REAL, (0.0, 0.0, 0.0, 6.0, 0.0, 0.0), -0.7, 0.2, 50)
    right = run(REAL, (0.0, 0.0, 0.0, 6.0, 0.0, 0.0), 0.7, 0.2, 50)
    assert left == pytest.approx((right[0], -right[1], -right[2], right[3], -right[4], -right[5]))


def test_front_wheels_turn_no_faster_than_their_rate() -> None:
    state: State = (0.0, 0.0, 0.0, 5.0, 0.0, 0.0)
    angles = [0.0]
    for _ in range(20):
        state = bicycle_step(REAL, *state[:5], -1.0, 0.0, DT)
        angles.append(state[4])
    changes = [b - a for a, b in pairwise(angles)]
    assert max(changes) == pytest.approx(REAL.max_steer_rate * DT)
    assert angles[-1] == pytest.approx(REAL.max_steer) and max(angles) <= REAL.max_steer + 1e-12


def test_braking_ends_at_a_standstill_and_never_reverses() -> None:
    x, _, _, speed, *_ = run(REAL, (0.0, 0.0, 0.0, 8.0, 0.0, 0.0), 0.0, -1.0, 100)
    assert speed == 0.0
    assert x == pytest.approx(64.0 / (2 * REAL.max_deceleration), rel=0.06)


def test_drag_slows_a_rolling_car_but_moves_no_standing_one() -> None:
    assert longitudinal_acceleration(REAL, 8.0, 0.0) == pytest.approx(-REAL.rolling_drag - REAL.air_drag * 64)
    assert longitudinal_acceleration(REAL, 0.0, 0.0) == 0.0
    assert longitudinal_acceleration(REAL, REAL.max_speed, 1.0) < 0.0
