"""When a run was in trouble, and which of its checkpoints were saved in good health."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from av_td3_system.checkpointing.ledger import CheckpointRecord
from av_td3_system.config.schema import RemedyConfig


class Health:
    """Judges checkpoints by what came after them.

    A checkpoint is good when nothing critical or halting held when it was saved nor for `settle` timesteps after,
    and the newest evaluation by then had no less than `reward_share` of the best before it: a policy that is
    unlearning is in no alarm yet.

    Args:
        config: of remedies.
    """

    def __init__(self, config: RemedyConfig) -> None:
        self._config = config
        self._troubles: list[list[int]] = []  # [first, last] check of each time in trouble
        self._lasts = False  # whether the last of them does

    def note(self, step: int, troubled: bool) -> None:
        """Take one check of the guards."""
        if troubled and self._lasts:
            self._troubles[-1][1] = step
        elif troubled:
            self._troubles.append([step, step])
        self._lasts = troubled

    def is_good(self, saved: int, now: int, rewards: Sequence[tuple[int, float]] = ()) -> bool:
        """Whether a checkpoint of the step `saved` is known to be good at the step `now`.

        Args:
            saved: step of the checkpoint.
            now: step of the last check.
            rewards: (step, mean reward) of the evaluations so far, in order.
        """
        end = saved + self._config.settle
        if now < end or any(first <= end and last >= saved for first, last in self._troubles):
            return False
        seen = [reward for step, reward in rewards if step <= saved]
        best = max(seen, default=0.0)
        return not seen or best <= 0 or seen[-1] >= self._config.reward_share * best

    def newest_good(
        self, records: Iterable[CheckpointRecord], now: int, rewards: Sequence[tuple[int, float]] = ()
    ) -> CheckpointRecord | None:
        """The first of these records, newest first, that is good."""
        return next((r for r in records if r.step is not None and self.is_good(r.step, now, rewards)), None)

    def state_dict(self) -> dict[str, Any]:
        """Plain state."""
        return {"troubles": [list(trouble) for trouble in self._troubles], "lasts": self._lasts}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore `state_dict()`."""
        self._troubles = [[int(step) for step in trouble] for trouble in state["troubles"]]
        self._lasts = bool(state["lasts"])
