"""Critic calibration: what the critic promised beside the discounted return that followed.

TD3 exists to remove overestimation; this measures whether it did. Over the decisions of evaluation
episodes, Q(s, a) = min(Q1, Q2) is compared with the return that followed. The critic learns of the exploring
policy in the training worlds, the return is of the policy that is evaluated in the validation worlds: where those
differ (averaged policy, busier training traffic), that difference is in the gap, too.
An episode that was bootstrapped through in training (goal, stuck, time limit) is closed with the
critic's value of its last observation; a collision or departure is closed with nothing.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

Observation = dict[str, np.ndarray]
Values = Callable[[Observation, np.ndarray], tuple[np.ndarray, np.ndarray]]
"""(observation, actions (N, 2)) -> (Q1, Q2), each (N,); the same array twice for a single critic."""
Act = Callable[[Observation], np.ndarray]
"""observation -> deterministic actions (N, 2)."""


class CalibrationMeter:
    """Step observer of `protocol.evaluate_policy` that collects Q and the return that followed.

    Args:
        values: the critics.
        act: the policy, asked for its action in the last observation of an episode.
        gamma: discount, in (0, 1).
        num_envs: worlds.
        every: decisions between two values of Q (the return uses every decision); neighbouring
            decisions say the same, and a critic call costs as much as an action.
    """

    def __init__(self, values: Values, act: Act, gamma: float, num_envs: int, every: int = 10) -> None:
        self._values, self._act, self._gamma, self._every = values, act, gamma, every
        self._rewards: list[list[float]] = [[] for _ in range(num_envs)]
        self._open: list[list[tuple[int, float, float]]] = [[] for _ in range(num_envs)]  # (decision, Q1, Q2)
        self._closed: list[tuple[float, float, float]] = []  # (Q1, Q2, return)
        self._decision = 0

    def __call__(
        self,
        observation: Observation,
        actions: np.ndarray,
        rewards: np.ndarray,
        active: np.ndarray,
        over: np.ndarray,
        infos: dict[str, object],
    ) -> None:
        """One decision of all worlds; see `protocol.StepObserver`."""
        if self._decision % self._every == 0:
            q1, q2 = self._values(observation, actions)
            for world in np.flatnonzero(active):
                self._open[world].append((len(self._rewards[world]), float(q1[world]), float(q2[world])))
        self._decision += 1
        for world in np.flatnonzero(active):
            self._rewards[world].append(float(rewards[world]))
        if over.any():
            self._close(over, infos)

    def _close(self, over: np.ndarray, infos: dict[str, object]) -> None:
        return_ends = np.asarray(infos["return_ends"])
        beyond = np.zeros(len(over))
        if (over & ~return_ends).any():
            last = infos["final_obs"]
            assert isinstance(last, dict)
            beyond = np.minimum(*self._values(last, self._act(last)))
        for world in np.flatnonzero(over):
            rewards = self._rewards[world]
            returns = np.empty(len(rewards))
            following = 0.0 if return_ends[world] else float(beyond[world])
            for decision in range(len(rewards) - 1, -1, -1):
                following = rewards[decision] + self._gamma * following
                returns[decision] = following
            self._closed += [(q1, q2, float(returns[decision])) for decision, q1, q2 in self._open[world]]
            self._rewards[world], self._open[world] = [], []

    def result(self) -> dict[str, float]:
        """Calibration over all finished episodes; empty without one.

        Returns:
            `q_value` mean of min(Q1, Q2); `return` mean discounted return that followed; `q_bias` their
            difference; `q_return_gap` |q_bias| / mean |Q|, so that the luck of single episodes cancels;
            `q1_q2_gap` mean |Q1 - Q2| / mean |Q|.
        """
        if not self._closed:
            return {}
        q1, q2, returns = np.array(self._closed).T
        q = np.minimum(q1, q2)
        scale = max(float(np.abs(q).mean()), 1e-9)
        bias = float(q.mean() - returns.mean())
        return {
            "q_value": float(q.mean()),
            "return": float(returns.mean()),
            "q_bias": bias,
            "q_return_gap": abs(bias) / scale,
            "q1_q2_gap": float(np.abs(q1 - q2).mean()) / scale,
        }
