"""Is the training reward falling, or no longer rising?"""

from __future__ import annotations

from collections import deque
from typing import Any

from av_td3_system.config.schema import GuardConfig
from av_td3_system.monitoring.alerts import Alert, make_alert

_BLOCKS = 10  # block means that a trend is read from


class RewardTrend:
    """Watches training episode rewards over `trend_window` timesteps.

    *Degrading*: of ten block means in a row, nearly every later one is lower (Kendall's tau against
    time at most `-trend_tau`), and the last is below the first by `trend_margin` and by
    `trend_drop` of it. For independent block means tau <= -0.85 has probability 0.00006 (the Mann-Kendall test, n = 10,
    S <= -39), and 1M timesteps hold some 90 such tests: noise halts at most one of 200 such runs. Rewards that swing
    for tens of thousands of timesteps are not independent, so the drop is asked for, too.

    *No improvement*: every `trend_window` timesteps, the mean of the last `trend_episodes` episodes
    is below the best such mean so far by more than `trend_margin` (the action plan's monitor).

    Args:
        config: of the guards.
    """

    def __init__(self, config: GuardConfig) -> None:
        self._config = config
        self._span = max(1, config.trend_window // _BLOCKS)
        self._blocks: deque[list[float]] = deque(maxlen=_BLOCKS)  # [index, sum, episodes] of finished blocks
        self._open: list[float] = [0, 0.0, 0]
        self._recent: deque[float] = deque(maxlen=config.trend_episodes)
        self._best: float | None = None
        self._marks = 0  # whole windows passed
        self._raised = False

    def update(self, step: int, rewards: list[float]) -> list[Alert]:
        """Take the rewards of episodes that ended since the last check; alerts raised by them."""
        alerts: list[Alert] = []
        index = max(0, step - 1) // self._span  # a block is steps k*span + 1 .. (k+1)*span
        if index > self._open[0]:
            alerts += self._close_block(step, index)
        self._open[1] += sum(rewards)
        self._open[2] += len(rewards)
        self._recent.extend(rewards)
        if step // self._config.trend_window > self._marks:
            self._marks = step // self._config.trend_window
            alerts += self._compare_with_best(step)
        return alerts

    def _close_block(self, step: int, index: int) -> list[Alert]:
        if self._open[2]:
            self._blocks.append(self._open)
        self._open = [index, 0.0, 0]
        # Episodes longer than a block leave gaps: then there is no trend to read.
        contiguous = len(self._blocks) == _BLOCKS and self._blocks[-1][0] - self._blocks[0][0] == _BLOCKS - 1
        means = [total / count for _, total, count in self._blocks]
        falling = contiguous and self._is_falling(means)
        rising_edge = falling and not self._raised
        self._raised = falling
        if not rising_edge:
            return []
        return [make_alert("reward_degrading", "halt", step, means[-1], means[0], span=self._config.trend_window)]

    def _is_falling(self, means: list[float]) -> bool:
        drop = means[0] - means[-1]
        enough = max(self._config.trend_margin, self._config.trend_drop * abs(means[0]))
        return drop > enough and kendall_tau(means) <= -self._config.trend_tau

    def _compare_with_best(self, step: int) -> list[Alert]:
        if not self._recent:
            return []
        current = sum(self._recent) / len(self._recent)
        alerts = []
        if self._best is not None and current < self._best - self._config.trend_margin:
            threshold = self._best - self._config.trend_margin
            alerts.append(
                make_alert("no_improvement", "warning", step, current, threshold, span=self._config.trend_window)
            )
        self._best = current if self._best is None else max(self._best, current)
        return alerts

    def rearm(self) -> None:
        """Let a trend that still holds halt again (a halted run was resumed)."""
        self._raised = False

    def state_dict(self) -> dict[str, Any]:
        """Plain state."""
        return {
            "blocks": [list(block) for block in self._blocks],
            "open": list(self._open),
            "recent": list(self._recent),
            "best": self._best,
            "marks": self._marks,
            "raised": self._raised,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore `state_dict()`."""
        self._blocks = deque((list(block) for block in state["blocks"]), maxlen=_BLOCKS)
        self._open = list(state["open"])
        self._recent = deque(state["recent"], maxlen=self._config.trend_episodes)
        self._best, self._marks, self._raised = state["best"], int(state["marks"]), bool(state["raised"])


def kendall_tau(values: list[float]) -> float:
    """Kendall's rank correlation (tau-a) of a series with its index, in [-1, 1]."""
    count = len(values)
    score = sum(
        (values[later] > values[earlier]) - (values[later] < values[earlier])
        for later in range(count)
        for earlier in range(later)
    )
    return 2 * score / (count * (count - 1))
