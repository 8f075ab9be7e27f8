"""How the ego moves, against closed forms: lines, circles, the friction circle, mirrors and shorter steps."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from av_td3_system.config.schema import VehicleConfig
from av_td3_system.town.bicycle import bicycle_step, tyre_forces
from av_td3_system.town.vehicle import GRAVITY, VehicleParameters, vehicle_parameters

DT = 0.05
REAL = vehicle_parameters(VehicleConfig())
# Nothing holds it back, its tyres always hold, its pedals act at once.
FREE = VehicleConfig(
    rolling_resistance=0.0,
    drag_area=0.0,
    friction=1e6,
    throttle_lag=0.0,
    brake_lag=0.0,
    part_throttle_speed=1e9,
    engine_power=1e12,
)
IDEAL = vehicle_parameters(FREE)
TRACK = 1.549  # m between the front wheels of the Golf VII
State = tuple[float, float, float, float, float, float, float]
Commands = list[tuple[float, float]]


def at(speed: float, steer: float = 0.0, drive: float = 0.0) -> State:
    return 0.0, 0.0, 0.0, speed, steer, drive, 0.0


def run(p: VehicleParameters, state: State, steer: float, pedal: float, steps: int, dt: float = DT) -> list[State]:
    """The state before and after every step."""
    states = [state]
    for _ in range(steps):
        states.append(bicycle_step(p, *states[-1][:6], steer, pedal, dt))
    return states


def test_two_seconds_at_twenty_metres_a_second_are_forty_metres() -> None:
    x, y, heading, speed, *_ = run(IDEAL, at(20.0), 0.0, 0.0, 40)[-1]
    assert x == pytest.approx(40.0) and y == 0.0 and heading == 0.0 and speed == 20.0


def test_constant_acceleration_covers_half_a_t_squared() -> None:
    x, _, _, speed, *_ = run(IDEAL, at(0.0), 0.0, 1.0, 60)[-1]
    assert speed == pytest.approx(9.0) and x == pytest.approx(13.5)


@pytest.mark.parametrize("command", [-0.8, -0.3, 0.3, 0.8])
def test_steady_turn_has_the_radius_of_the_bicycle_at_its_middle(command: float) -> None:
    angle = -command * REAL.max_steer
    states = run(IDEAL, at(5.0, angle), command, 0.0, 400)
    xs, ys = np.array([state[:2] for state in states]).T
    rear = REAL.wheelbase / math.tan(abs(angle))  # radius of the rear axle
    expected = math.hypot(rear, 0.5 * REAL.wheelbase)  # and of the middle of the wheelbase
    assert 0.5 * max(np.ptp(xs), np.ptp(ys)) == pytest.approx(expected, rel=0.01)
    yaw_rate = states[-1][6]
    assert abs(yaw_rate) == pytest.approx(5.0 / expected, rel=1e-6)
    assert math.copysign(1.0, yaw_rate) == -math.copysign(1.0, command)  # positive steering is to the right


def test_the_rear_axle_goes_where_it_points() -> None:
    half = 0.5 * IDEAL.wheelbase
    before, after = run(IDEAL, at(5.0, -0.4), 0.4 / REAL.max_steer, 0.0, 1, dt=1e-4)
    rear = [(x - half * math.cos(h), y - half * math.sin(h)) for x, y, h, *_ in (before, after)]
    (x0, y0), (x1, y1) = rear
    assert math.atan2(y1 - y0, x1 - x0) == pytest.approx(0.5 * (before[2] + after[2]), abs=1e-6)


def test_the_turning_circle_is_the_published_one() -> None:
    states = run(REAL, at(1.0, -REAL.max_steer), 1.0, 0.05, 400)
    _, _, _, speed, steer, _, yaw_rate = states[-1]
    centre = speed / abs(yaw_rate)
    rear = math.sqrt(centre**2 - (0.5 * REAL.wheelbase) ** 2)
    assert rear == pytest.approx(REAL.wheelbase / math.tan(abs(steer)), rel=1e-3)
    outer_front_wheel = math.hypot(rear + 0.5 * TRACK, REAL.wheelbase)
    assert 2.0 * outer_front_wheel == pytest.approx(10.9, rel=0.03), "kerb to kerb, Golf VII"


@given(st.floats(0, 40), st.floats(-0.6, 0.6), st.floats(-1, 1), st.floats(-1, 1), st.floats(0.2, 1.5))
def test_no_turn_is_tighter_than_the_tyres_hold(
    speed: float, steer: float, command: float, pedal: float, friction: float
) -> None:
    p = vehicle_parameters(VehicleConfig(friction=friction))
    _, after = run(p, at(speed, steer), command, pedal, 1)
    grip = friction * GRAVITY
    mean_speed = 0.5 * (speed + after[3])
    assert abs(speed * after[6]) <= grip * 1.0001 * max(mean_speed / max(speed, 1e-9), 1.0)
    assert speed - after[3] <= (grip + 0.6) * DT + 1e-9, "no braking beyond the tyres' and the air's"


@pytest.mark.parametrize("speed", [9.0, 12.0, 20.0])
def test_a_car_steered_too_sharply_goes_round_on_mu_g(speed: float) -> None:
    p = vehicle_parameters(FREE.model_copy(update={"friction": 0.5}))
    state = run(p, at(speed, -0.6), 1.0, 0.0, 20)[-1]
    assert state[3] / abs(state[6]) == pytest.approx(speed**2 / (0.5 * GRAVITY), rel=1e-9)
    held = run(p, at(3.0, -0.1), 0.1 / 0.6, 0.0, 1)[-1]
    same = run(IDEAL, at(3.0, -0.1), 0.1 / 0.6, 0.0, 1)[-1]
    assert held == same, "below the limit the tyres change nothing"


@given(st.floats(-30, 30), st.floats(-30, 30))
def test_tyres_give_what_is_asked_inside_the_friction_circle_and_its_rim_outside(along: float, across: float) -> None:
    grip = REAL.friction * GRAVITY
    given_along, given_across = tyre_forces(REAL, along, across)
    if math.hypot(along, across) <= grip:
        assert (given_along, given_across) == (along, across)
    else:
        assert math.hypot(given_along, given_across) == pytest.approx(grip)
        assert given_along * along >= 0.0 and given_across * across >= 0.0
        if abs(along) == abs(across):
            assert abs(given_along) == pytest.approx(abs(given_across))


def test_braking_in_a_bend_takes_longer_than_straight_ahead() -> None:
    straight = run(REAL, at(12.0), 0.0, -1.0, 10)[-1]
    bend = run(REAL, at(12.0, -0.3), 0.5, -1.0, 10)[-1]
    assert straight[3] < bend[3] < 12.0


def test_front_wheels_turn_no_faster_than_their_rate() -> None:
    angles = [state[4] for state in run(REAL, at(5.0), -1.0, 0.0, 20)]
    changes = [b - a for a, b in pairwise(angles)]
    assert max(changes) == pytest.approx(REAL.max_steer_rate * DT)
    assert angles[-1] == pytest.approx(REAL.max_steer) and max(angles) <= REAL.max_steer + 1e-12


@pytest.mark.parametrize("pedal", [-1.0, -0.2, 0.0, 0.03])
def test_a_standing_car_moves_its_wheels_and_nothing_else(pedal: float) -> None:
    """Neither brake nor rest nor a drive below the rolling resistance begins a motion: nothing creeps."""
    states = run(REAL, at(0.0), 0.7, pedal, 100)
    assert {state[:4] for state in states} == {(0.0, 0.0, 0.0, 0.0)}
    assert states[-1][4] == pytest.approx(-0.7 * REAL.max_steer)
    assert {state[6] for state in states} == {0.0}


@given(st.lists(st.tuples(st.floats(-1, 1), st.floats(-1, 0)), min_size=1, max_size=60), st.floats(0, 20))
def test_without_throttle_nothing_gains_speed_or_reverses(commands: Commands, speed: float) -> None:
    state = at(speed)
    for steer, pedal in commands:
        following = bicycle_step(REAL, *state[:6], steer, pedal, DT)
        assert 0.0 <= following[3] <= state[3]
        way = math.hypot(following[0] - state[0], following[1] - state[1])
        assert way <= state[3] * DT + 1e-12
        state = following


@given(st.lists(st.tuples(st.floats(-1, 1), st.floats(-1, 1)), min_size=1, max_size=80), st.floats(0, 25))
def test_mirrored_steering_gives_the_mirrored_path_to_the_bit(commands: Commands, speed: float) -> None:
    left = right = at(speed)
    for steer, pedal in commands:
        left = bicycle_step(REAL, *left[:6], -steer, pedal, DT)
        right = bicycle_step(REAL, *right[:6], steer, pedal, DT)
        x, y, heading, moving, angle, drive, yaw_rate = right
        assert left == (x, -y, -heading, moving, -angle, drive, -yaw_rate)


def drive_for(seconds: float, dt: float) -> np.ndarray:
    """Where a weaving car is that brakes to a stop and sets off again; commands change every 0.4 s, (x, y, speed)."""
    state = at(7.0)
    rng = np.random.default_rng(4)
    for _ in range(round(seconds / 0.4)):
        steer, pedal = rng.uniform(-0.8, 0.8), rng.uniform(-0.5, 0.7)
        for _ in range(round(0.4 / dt)):
            state = bicycle_step(REAL, *state[:6], steer, pedal, dt)
    return np.array([state[0], state[1], state[3]])


def test_shorter_steps_lead_to_the_same_place() -> None:
    exact = drive_for(12.0, 0.0005)
    tick, quarter, eighth = (float(np.abs(drive_for(12.0, dt) - exact).max()) for dt in (DT, DT / 4, DT / 8))
    assert tick < 0.3, "m or m/s after 12 s and 60 m at the tick that is used"
    assert quarter < 0.6 * tick and eighth < 0.6 * quarter


def test_the_same_commands_are_the_same_drive() -> None:
    assert np.array_equal(drive_for(4.0, DT), drive_for(4.0, DT))
