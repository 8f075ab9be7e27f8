"""Environments whose every step is known, registered with Gymnasium under `Tiny/`."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
from gymnasium.spaces import Box, Dict, Discrete, Space


class Counting(gymnasium.Env[np.ndarray, np.ndarray]):
    """Observes (episode's seed mod 100, decisions taken) as a 1x2 matrix; pays the decision's number.

    Args:
        ends_after: decisions after which it terminates; 0: never.
        cut_after: decisions after which it truncates; 0: never.
    """

    def __init__(self, ends_after: int = 0, cut_after: int = 0) -> None:
        self.observation_space = Box(-np.inf, np.inf, (1, 2), np.float64)
        self.action_space = Box(np.array([[-2.0, 0.0]]), np.array([[4.0, 10.0]]), dtype=np.float64)
        self._ends_after, self._cut_after = ends_after, cut_after
        self.taken: list[np.ndarray] = []

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[np.ndarray, dict[str, Any]]:
        super().reset(seed=seed)
        assert seed is not None
        self._number, self._count = seed % 100, 0
        return np.array([[self._number, 0.0]]), {}

    def step(self, action: np.ndarray) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        self.taken.append(action.copy())
        self._count += 1
        ends, cut = self._count == self._ends_after, self._count == self._cut_after
        return np.array([[self._number, float(self._count)]]), float(self._count), ends, cut, {}


class Reaching(gymnasium.Env[np.ndarray, np.ndarray]):
    """A point on a line, to be brought to the middle and held there; twenty decisions."""

    def __init__(self, poison: bool = False) -> None:
        self.observation_space = Box(-2.0, 2.0, (1,), np.float64)
        self.action_space = Box(-0.4, 0.4, (1,), np.float32)
        self._poison = poison

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[np.ndarray, dict[str, Any]]:
        super().reset(seed=seed)
        self._x = float(self.np_random.uniform(-1.5, 1.5))
        self._count = 0
        return np.array([self._x]), {}

    def step(self, action: np.ndarray) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        self._x = float(np.clip(self._x + action[0], -2, 2))
        self._count += 1
        seen = np.array([np.nan if self._poison and self._count > 10 else self._x])
        return seen, -(self._x**2), False, self._count == 20, {}


class OfSpaces(gymnasium.Env[Any, Any]):
    """Nothing but its spaces."""

    def __init__(self, seen: Space[Any], acted: Space[Any]) -> None:
        self.observation_space, self.action_space = seen, acted


NUMBERS, ACTIONS = Box(-1, 1, (3,)), Box(-1, 1, (2,))
SPACES: dict[str, tuple[Space[Any], Space[Any]]] = {
    "Image": (Box(0, 255, (8, 8, 3), np.uint8), ACTIONS),
    "GreyImage": (Box(0, 255, (8, 8), np.uint8), ACTIONS),
    "Parts": (Dict({"a": NUMBERS}), ACTIONS),
    "Choice": (NUMBERS, Discrete(2)),
    "Endless": (NUMBERS, Box(-np.inf, np.inf, (2,))),
    "Empty": (Box(-1, 1, (0,)), ACTIONS),
}


def register() -> None:
    """Make them known (harmless when repeated)."""
    made = {
        "Tiny/Ends-v0": (Counting, {"ends_after": 3}),
        "Tiny/Cut-v0": (Counting, {"cut_after": 3}),
        "Tiny/Both-v0": (Counting, {"ends_after": 3, "cut_after": 3}),
        "Tiny/Reach-v0": (Reaching, {}),
        "Tiny/Poison-v0": (Reaching, {"poison": True}),
        **{f"Tiny/{name}-v0": (OfSpaces, {"seen": s, "acted": a}) for name, (s, a) in SPACES.items()},
    }
    for name, (kind, arguments) in made.items():
        if name not in gymnasium.registry:
            gymnasium.register(name, entry_point=kind, kwargs=arguments)
