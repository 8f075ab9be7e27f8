"""Compiled copying between the worlds' records and the memory of frames: no temporary arrays, all cores."""

from __future__ import annotations

import numpy as np
from numba import njit, prange

from av_td3_system.town.camera_types import Vehicles
from av_td3_system.town.perception import leader_on_route
from av_td3_system.town.state import NONE, NOWHERE, WorldRecord


@njit(cache=True, nogil=True)
def _read_vehicles(world: WorldRecord, n: int, vehicles: Vehicles) -> None:
    for j in range(vehicles.x.shape[1]):
        vehicles.x[n, j] = world.x[j]
        vehicles.y[n, j] = world.y[j]
        vehicles.heading[n, j] = world.heading[j]
        vehicles.kind[n, j] = world.kind[j]
        vehicles.paint[0, n, j] = world.shade[j]
        vehicles.brake[n, j] = world.brake[j]
        for k in range(3):
            vehicles.size[n, j, k] = world.size[j, k]


@njit(cache=True, parallel=True, nogil=True)
def read_scene(
    state: np.ndarray, active: np.ndarray, vehicles: Vehicles, x: np.ndarray, y: np.ndarray, heading: np.ndarray
) -> None:
    """Copy what the camera needs of every active world's record.

    Args:
        state: (N,) records of the worlds. active: (N,) bool.
        vehicles: receives the other vehicles, in grey. x, y, heading: (N,) receive the ego's pose.
    """
    for n in prange(state.shape[0]):
        if active[n]:
            world = state[n]
            x[n], y[n], heading[n] = world.ego_x, world.ego_y, world.ego_heading
            _read_vehicles(world, np.int64(n), vehicles)


@njit(cache=True, nogil=True)
def _erase_leader(world: WorldRecord, n: int, ego_length: float, ego_width: float, vehicles: Vehicles) -> None:
    # A function of its own: written within prange, into an array of a tuple, Numba drops it as dead code.
    _, _, who = leader_on_route(world, ego_length, ego_width)
    if who != NONE:
        vehicles.x[n, who] = NOWHERE
        vehicles.y[n, who] = NOWHERE


@njit(cache=True, parallel=True, nogil=True)
def erase_leaders(
    state: np.ndarray, active: np.ndarray, ego_length: float, ego_width: float, vehicles: Vehicles
) -> None:
    """Take the vehicle that `lead_gap` is measured to out of what the camera gets; the worlds stay as they are.

    Args:
        state: (N,) records of the worlds. active: (N,) bool.
        ego_length: m. ego_width: m.
        vehicles: of `read_scene`; there the leader of every active world comes to lie `NOWHERE`.
    """
    for n in prange(state.shape[0]):
        if active[n]:
            _erase_leader(state[n], np.int64(n), ego_length, ego_width, vehicles)


@njit(cache=True, parallel=True, nogil=True)
def carry(frames: np.ndarray, kept: int) -> None:
    """Copy the last `kept` frames of every world to the beginning; `frames` is (N, L, F), L at least twice as many."""
    last = frames.shape[1] - kept
    for n in prange(frames.shape[0]):
        for k in range(kept):
            source, target = frames[n, last + k], frames[n, k]
            for i in range(source.shape[0]):
                target[i] = source[i]
