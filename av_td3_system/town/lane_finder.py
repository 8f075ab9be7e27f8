"""On which lane a vehicle is that somebody else moves: nearest lane of its heading, its own path's preferred.

Where connecting lanes of a junction still lie on one another nothing tells which one a vehicle takes; the lane that it
was on, or was expected to go on to, then counts as half a metre nearer.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from av_td3_system.town.road_network import LaneArrays

CANDIDATES = 24  # nearest samples looked at: those of all connecting lanes that lie on one another
TURNED = 4.0  # m that a heading across a lane counts as, against it twice
EXPECTED = 0.5  # m


class LaneFinder:
    """Finds lanes for vehicles' places.

    Args:
        lanes: of the town.
    """

    def __init__(self, lanes: LaneArrays) -> None:
        self._tree = cKDTree(np.column_stack((lanes.x, lanes.y)))
        self._heading = lanes.heading
        count = np.asarray(lanes.count)
        self._lane = np.repeat(np.arange(len(count), dtype=np.int32), count)
        spacing = np.asarray(lanes.length) / (count - 1)
        self._along = (np.arange(len(self._lane)) - np.repeat(np.asarray(lanes.first), count)) * np.repeat(
            spacing, count
        )
        self._x, self._y = np.asarray(lanes.x), np.asarray(lanes.y)
        self._length = np.asarray(lanes.length)
        self._candidates = min(CANDIDATES, len(self._lane))

    def find(
        self, x: NDArray[np.float64], y: NDArray[np.float64], heading: NDArray[np.float64], path: NDArray[np.int32]
    ) -> tuple[NDArray[np.int32], NDArray[np.float64]]:
        """Lane and position along it, m.

        Args:
            x: (V,) m. y: (V,) m. heading: (V,) rad.
            path: (V, K) lanes that each is on or expected to go on to, NONE where unknown.

        Returns:
            Lanes (V,) and positions (V,), within the lanes' lengths.
        """
        if len(x) == 0:
            return np.empty(0, np.int32), np.empty(0)
        distance, nearest = self._tree.query(np.column_stack((x, y)), self._candidates)
        distance, nearest = distance.reshape(len(x), -1), nearest.reshape(len(x), -1)
        turned = 1.0 - np.cos(self._heading[nearest] - heading[:, None])
        lanes = self._lane[nearest]
        expected = (lanes[:, :, None] == path[:, None, :]).any(axis=2)
        chosen = np.argmin(distance + TURNED * turned - EXPECTED * expected, axis=1)
        at = nearest[np.arange(len(x)), chosen]
        lane, angle = self._lane[at], self._heading[at]
        ahead = (x - self._x[at]) * np.cos(angle) + (y - self._y[at]) * np.sin(angle)
        return lane, np.clip(self._along[at] + ahead, 0.0, self._length[lane])
