"""Tells of the stages of a curriculum: once each, where the run comes to it, and as a metric beside the others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from av_td3_system.config.schema import CurriculumConfig
from av_td3_system.monitoring import names
from av_td3_system.monitoring.run_log import RunLog
from av_td3_system.monitoring.sinks import EventLog


class StageLog:
    """Knows by the events of a run which stage was told of last, so that one that goes on does not tell it again.

    Args:
        config: without stages nothing is told.
        log: the readable log.
        events: of the run.
        before: lines that the events have already.
    """

    def __init__(
        self, config: CurriculumConfig, log: RunLog, events: EventLog, before: Sequence[Mapping[str, Any]]
    ) -> None:
        self._config, self._log, self._events = config, log, events
        self._stage = -1  # told of last
        for line in before:
            if line.get("kind") == "stage":
                same = (stage for stage in range(len(config.stages)) if self._fields(stage).items() <= line.items())
                self._stage = next(same, -1)  # none where the stages were changed

    def tell(self, step: int) -> None:
        """The run stands at this timestep: say which stage begins, if one does."""
        if not self._config.stages or (stage := self._config.stage_at(step)) == self._stage:
            return
        self._stage = stage
        what = self._config.stages[stage].in_words()
        self._log.info(f"step {step} stage {stage + 1} of {len(self._config.stages)} begins: {what}")
        self._events.write(step, "stage", **self._fields(stage))

    def figures(self, step: int) -> dict[str, float]:
        """The stage in force as a metric, counted from 1; nothing without a curriculum."""
        return {names.CURRICULUM_STAGE: self._config.stage_at(step) + 1.0} if self._config.stages else {}

    def _fields(self, stage: int) -> dict[str, Any]:
        return {"stage": stage + 1, **self._config.stages[stage].model_dump(mode="json")}
