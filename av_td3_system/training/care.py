"""What a run knows of its own health, and what it does about it."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from av_td3_system.checkpointing.ledger import CheckpointRecord
from av_td3_system.checkpointing.store import CheckpointStore
from av_td3_system.config.schema import RemedyConfig
from av_td3_system.monitoring import names
from av_td3_system.monitoring.alerts import Alert
from av_td3_system.training.health import Health
from av_td3_system.training.recorder import Recorder
from av_td3_system.training.remedies import Remedies, effect_in_words, in_words
from av_td3_system.training.validation import Validator

FIGURES = (names.Q_VALUE, names.TD_ERROR, names.CRITIC_LOSS, names.EPISODE_REWARD)


class Care:
    """Looks after a run: notes trouble, keeps the last good checkpoint, calls for remedies and tells their effect.

    Args:
        config: of remedies.
        remedies: the book.
        recorder: what the guards say, and where it is written down.
        validator: held-out evaluations so far.
        store: of checkpoints.
    """

    def __init__(
        self,
        config: RemedyConfig,
        remedies: Remedies,
        recorder: Recorder,
        validator: Validator,
        store: CheckpointStore,
    ) -> None:
        self.health = Health(config)
        self.remedies = remedies
        self._recorder, self._validator, self._store = recorder, validator, store

    def begin(self, step: int) -> None:
        """Tell what was done before the run went on here."""
        for entry in self.remedies.untold():
            self._recorder.remedy(step, entry, in_words(entry))

    def look(self, step: int, raised: Sequence[Alert]) -> str | None:
        """Take one check of the guards; the remedy that it calls for, None for none (see `Remedies.used_up`)."""
        troubled = self._recorder.guards.troubled
        self.health.note(step, troubled)
        known = self.remedies.look(step, troubled, self._figures())
        if known is not None:
            self._recorder.remedy(step, known, effect_in_words(known))
            self._recorder.guards.rearm_troubles()
        return self.remedies.called_for(raised)

    def prescribe(self, remedy: str, step: int, raised: Sequence[Alert], save: Callable[[str], None]) -> None:
        """Write down what is to be done; whoever runs the training does it.

        Args:
            remedy: its name.
            step: now.
            raised: the alerts that called for it.
            save: saves the run as it stands under a name, for a remedy that does not go back.
        """
        place: tuple[str, int] | None
        if self.remedies.goes_back(remedy):
            good = self._newest_good(step)
            place = None if good is None or good.step is None else (good.name, good.step)
        else:
            place = f"checkpoint_{step}.pt", step
            save(place[0])
        self._recorder.log.warning(in_words(self.remedies.prescribe(remedy, step, raised, self._figures(), place)))

    def keep_good(self, step: int) -> None:
        """Keep the newest checkpoint that has proved good by now from rotation."""
        good = self._newest_good(step)
        if good is not None:
            self._store.keep_good(good.name)

    def end(self, step: int, halted: bool) -> None:
        """The run ends: what can be said of the last remedy by now."""
        trouble = [alert.name for alert in self._recorder.alerts[-1:]] if halted else []
        self.remedies.end(step, trouble, self._figures())

    def _newest_good(self, step: int) -> CheckpointRecord | None:
        rewards = [(when, float(summary["episode_reward"])) for when, summary in self._validator.history]
        return self.health.newest_good(self._store.resumable(), step, rewards)

    def _figures(self) -> dict[str, float]:
        """What says how well learning goes, as last seen."""
        latest = self._recorder.latest
        seen = {tag: latest[tag] for tag in FIGURES if tag in latest}
        if self._validator.history:
            seen[names.EVAL_EPISODE_REWARD] = float(self._validator.history[-1][1]["episode_reward"])
        return {tag: value for tag, value in seen.items() if math.isfinite(value)}
