"""Drivers that do not learn: trivial policies and scripted drivers that see the simulator's state.

| name          | sees                                | drives                                              |
|---------------|-------------------------------------|-----------------------------------------------------|
| `parked`      | nothing                             | full brake                                          |
| `straight`    | nothing                             | half throttle, no steering                          |
| `random`      | nothing                             | uniform actions                                     |
| `pid-pursuit` | its route, no traffic               | pure pursuit at the desired speed                   |
| `idm-mobil`   | vehicles' positions and speeds      | + IDM behind the leader, gives way by arrival times |
| `privileged`  | also who has been given the way     | + waits at the line until the way is its own        |

MOBIL decides on lane changes; where a road has one lane a direction there is nothing for it to decide.
"""

from __future__ import annotations

import math
from typing import Protocol

import numpy as np
from numba import njit, prange

from av_td3_system.config.errors import UserError
from av_td3_system.environments.vector_env import TownVectorEnv
from av_td3_system.town.car_following import idm_acceleration
from av_td3_system.town.drivetrain import pedal_for
from av_td3_system.town.perception import arrival_conflict, line_ahead
from av_td3_system.town.random_stream import word_after
from av_td3_system.town.roads import Roads
from av_td3_system.town.routes import route_pose
from av_td3_system.town.state import WorldRecord
from av_td3_system.town.vehicle import VehicleParameters

TRIVIAL = ("parked", "straight", "random")
SCRIPTED = ("pid-pursuit", "idm-mobil", "privileged")
NAMES = TRIVIAL + SCRIPTED

BLIND, ARRIVAL_TIMES, RIGHT_OF_WAY = 0, 1, 2
HEADWAY, GAP, ACCELERATION, DECELERATION = 1.2, 2.5, 2.0, 2.5  # IDM of the scripted drivers: s, m, m/s^2, m/s^2
LATERAL_ACCELERATION = 2.0  # m/s^2 in bends
LOOK_AHEAD = 30.0  # m over which bends are foreseen
PURSUIT = (1.5, 0.4)  # look-ahead of pure pursuit: m, plus s times the speed
LINE_STOP = 1.0  # m by which IDM's standstill gap may overlap the stop line
ARRIVAL_MARGIN = 1.5  # s between own presence in a junction and another's
ARRIVAL_CRUISE = 4.0  # m/s assumed of an ego that stands at the line


class Policy(Protocol):
    """Anything that drives: learned policies look at the observation, scripted ones at the worlds."""

    def __call__(self, observation: dict[str, np.ndarray], env: TownVectorEnv) -> np.ndarray:
        """Actions float32 (N, 2) for all N worlds."""
        ...


class ConstantPolicy:
    """The same action always."""

    def __init__(self, steer: float, pedal: float) -> None:
        self._action = np.array([steer, pedal], np.float32)

    def __call__(self, observation: dict[str, np.ndarray], env: TownVectorEnv) -> np.ndarray:
        """Actions float32 (N, 2)."""
        return np.tile(self._action, (env.num_envs, 1))


class RandomPolicy:
    """Uniform actions, a function of seed, episode and time alone: the number of worlds changes no episode."""

    def __init__(self, seed: int) -> None:
        self._key = np.uint64(word_after(np.uint64(seed)))

    def __call__(self, observation: dict[str, np.ndarray], env: TownVectorEnv) -> np.ndarray:
        """Actions float32 (N, 2)."""
        words = word_after(env.episode_seeds.astype(np.uint64) ^ self._key)
        words = word_after(words + env.worlds.state["tick"].astype(np.uint64))
        pair = np.stack([word_after(words + np.uint64(1)), word_after(words + np.uint64(2))], axis=1)
        return ((pair >> np.uint64(11)) * 2.0**-52 - 1.0).astype(np.float32)


class ScriptedDriver:
    """Pure pursuit (Coulter 1992) for steering; IDM, bends and junctions for speed."""

    def __init__(self, awareness: int) -> None:
        self._awareness = awareness

    def __call__(self, observation: dict[str, np.ndarray], env: TownVectorEnv) -> np.ndarray:
        """Actions float32 (N, 2)."""
        actions = np.zeros((env.num_envs, 2), np.float32)
        worlds = env.worlds
        desired = env.config.environment.desired_speed / 3.6
        _drive(worlds.roads, worlds.state, worlds.vehicle, desired, self._awareness, actions)
        return actions


@njit(cache=True)
def _bend_speed(world: WorldRecord, desired: float) -> float:
    """Speed, m/s, from which every bend ahead can be taken."""
    best = desired
    d = 0.0
    while d < LOOK_AHEAD:
        _, _, h0 = route_pose(world, world.route_s + d)
        _, _, h1 = route_pose(world, world.route_s + d + 2.0)
        bend = abs(math.atan2(math.sin(h1 - h0), math.cos(h1 - h0))) / 2.0
        if bend > 1e-4:
            best = min(best, math.sqrt(LATERAL_ACCELERATION / bend + 2.0 * 1.5 * d))
        d += 2.0
    return best


@njit(cache=True, parallel=True, nogil=True)
def _drive(
    roads: Roads, state: np.ndarray, p: VehicleParameters, desired: float, awareness: int, actions: np.ndarray
) -> None:
    for w in prange(actions.shape[0]):
        world = state[w]
        speed = world.ego_speed
        reach = PURSUIT[0] + PURSUIT[1] * speed
        x, y, _ = route_pose(world, world.route_s + reach)
        dx, dy = x - world.ego_x, y - world.ego_y
        bearing = math.atan2(dy, dx) - world.ego_heading
        distance = max(math.hypot(dx, dy), 1.0)
        steer = math.atan(2.0 * p.wheelbase * math.sin(bearing) / distance)
        target = _bend_speed(world, desired)
        gap, lead = (world.lead_gap, world.lead_speed) if awareness != BLIND else (np.inf, 0.0)
        best = idm_acceleration(speed, target, gap, lead, HEADWAY, GAP, ACCELERATION, DECELERATION)
        if awareness == RIGHT_OF_WAY:
            line = line_ahead(roads, world, p.length)
        elif awareness == ARRIVAL_TIMES:
            line = arrival_conflict(roads, world, p.length, ARRIVAL_CRUISE, ARRIVAL_MARGIN)
        else:
            line = np.inf
        if 0.0 < line < LOOK_AHEAD:
            stop = idm_acceleration(speed, target, line + LINE_STOP, 0.0, HEADWAY, GAP, ACCELERATION, DECELERATION)
            best = min(best, stop)
        actions[w, 0] = min(max(-steer / p.max_steer, -1.0), 1.0)
        actions[w, 1] = pedal_for(p, speed, best)


def make_policy(name: str, seed: int = 0) -> Policy:
    """The baseline of that name; `seed` matters to `random` only.

    Raises:
        UserError: unknown name.
    """
    if name == "parked":
        return ConstantPolicy(0.0, -1.0)
    if name == "straight":
        return ConstantPolicy(0.0, 0.5)
    if name == "random":
        return RandomPolicy(seed)
    if name == "pid-pursuit":
        return ScriptedDriver(BLIND)
    if name == "idm-mobil":
        return ScriptedDriver(ARRIVAL_TIMES)
    if name == "privileged":
        return ScriptedDriver(RIGHT_OF_WAY)
    raise UserError(f"--policy: there is no policy '{name}'", hint=f"use one of {', '.join(NAMES)}")
