"""What a replay is given of an observation."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class Sight(NamedTuple):
    """What is kept of an observation of each of N worlds.

    Attributes:
        image: uint8 (N, *image_shape), the newest frame.
        vector: float32 (N, D).
        surroundings: float32 (N, R), where R > 0.
        policy: float32 (N, P), what the policy wants there, where P > 0.
    """

    image: np.ndarray
    vector: np.ndarray
    surroundings: np.ndarray | None = None
    policy: np.ndarray | None = None
