"""Compiled copying between the worlds' records, the rings of frames and the observations: no temporary arrays."""

from __future__ import annotations

import numpy as np
from numba import njit, prange

from av_td3_system.town.camera_types import Vehicles
from av_td3_system.town.state import WorldRecord


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


@njit(cache=True, nogil=True)
def read_scene(
    state: np.ndarray, active: np.ndarray, vehicles: Vehicles, x: np.ndarray, y: np.ndarray, heading: np.ndarray
) -> None:
    """Copy what the camera needs of every active world's record.

    Args:
        state: (N,) records of the worlds. active: (N,) bool.
        vehicles: receives the other vehicles, in grey. x, y, heading: (N,) receive the ego's pose.
    """
    for n in range(state.shape[0]):
        if active[n]:
            world = state[n]
            x[n], y[n], heading[n] = world.ego_x, world.ego_y, world.ego_heading
            _read_vehicles(world, n, vehicles)


@njit(cache=True, parallel=True, nogil=True)
def stack_frames(ring: np.ndarray, cursor: np.ndarray, back: np.ndarray, out: np.ndarray) -> None:
    """Put the stacks of all worlds together.

    Args:
        ring: (N, D, F), the last D frames of each world, unsigned integers of any size.
        cursor: (N,) where the newest lies.
        back: (S,) decisions before the newest of each frame of a stack, oldest first. out: (N, S, F).
    """
    depth = ring.shape[1]
    for n in prange(ring.shape[0]):
        for k in range(back.shape[0]):
            frame, target = ring[n, (cursor[n] - back[k]) % depth], out[n, k]
            for i in range(frame.shape[0]):
                target[i] = frame[i]
