"""What a run writes while it goes: metrics, episodes, events, log lines; and what the guards get to see."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping
from types import TracebackType
from typing import Any

import numpy as np

from av_td3_system.config.layout import OF_THE_MACHINE
from av_td3_system.config.schema import Config
from av_td3_system.monitoring import names
from av_td3_system.monitoring.alerts import Alert
from av_td3_system.monitoring.guards import Guards
from av_td3_system.monitoring.json_lines import read_json_lines
from av_td3_system.monitoring.run_directory import RunDirectory
from av_td3_system.monitoring.run_log import RunLog, phase_of
from av_td3_system.monitoring.sinks import EpisodeLog, EventLog, JsonLinesSink, Sinks, TensorBoardSink
from av_td3_system.monitoring.system import SystemSampler
from av_td3_system.training.figures import figures_of
from av_td3_system.training.stage_log import StageLog

SATURATED = 0.99  # |action| beyond which a component counts as saturated
RECENT = 20  # episodes in the running figures of the progress line


class Recorder:
    """Collects figures between two lines and writes them; a context manager that closes its files.

    Args:
        directory: of the run.
        config: of the run.
        log: its readable log.
        gpu: index of the GPU in use, or None.
        resumed: the state of a run that goes on, as `Training.state_dict` gave it; None: it begins.
    """

    def __init__(
        self,
        directory: RunDirectory,
        config: Config,
        log: RunLog,
        gpu: int | None = None,
        resumed: Mapping[str, Any] | None = None,
    ) -> None:
        self.config = config
        self.log = log
        step = None if resumed is None else int(resumed["step"])
        length = None if resumed is None else int(resumed["recorder"][OF_THE_MACHINE]["metrics_bytes"])
        self._lines = JsonLinesSink(directory.metrics, step, length)
        self.metrics = Sinks([TensorBoardSink(directory.path, step), self._lines])
        self.episode_log = EpisodeLog(directory.episodes, step)
        self.events = EventLog(directory.events, step)
        self.stages = StageLog(config.curriculum, log, self.events, read_json_lines(directory.events))
        self.guards = Guards(
            config.guards, enable_monitoring=config.run.enable_monitoring, max_timesteps=config.run.max_timesteps
        )
        self.alerts: list[Alert] = []
        self.episodes = 0
        self.updates = 0
        self.latest: dict[str, float] = {}  # of the newest interval line
        self._system = SystemSampler(directory.path, step or 0, gpu=gpu)
        self._interval: dict[str, list[float]] = defaultdict(list)
        self._unchecked: dict[str, list[float]] = defaultdict(list)
        self._machine: dict[str, float] = {}  # the newest figures of `system/` that no guard has seen
        self._figures = figures_of(config)
        self._non_finite: set[str] = set()
        self._line_step = -1
        self._recent: list[Any] = []

    def __enter__(self) -> Recorder:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.metrics.close()
        self.episode_log.close()
        self.events.close()

    def decision(self, step: int, vector: np.ndarray, actions: np.ndarray, infos: Mapping[str, Any]) -> None:
        """One decision of all worlds: behaviour, rewards, finished episodes."""
        self._note(names.ACTION_SATURATION, float((np.abs(actions) > SATURATED).mean()))
        for tag, value in self._figures.decision(vector, infos).items():
            self._unchecked[tag].append(value)
        if not np.isfinite(vector).all():
            self._non_finite.add("observation")
        if not np.isfinite(infos["reward_terms"]).all():
            self._non_finite.add("reward")
        for fault in infos.get("faults", ()):
            self.log.warning(f"a simulator failed and was made anew: {fault}")
            self.events.write(step, "simulator_failure", message=fault)
        for record in infos["episodes"]:
            if record is not None:
                self._episode(step, record)

    def _episode(self, step: int, record: Any) -> None:
        self.episodes += 1
        self._recent = [*self._recent[-RECENT + 1 :], record]
        plain = record.to_dict()
        self.log.episode(self.episodes, step, self.phase(step), plain)
        self.episode_log.write(step, self.episodes, plain)
        self.guards.observe(names.EPISODE_REWARD, record.episode_reward)
        values = {names.EPISODE_REWARD: record.episode_reward, names.EPISODE_LENGTH: float(record.length)}
        self.metrics.write(step, values | self._figures.episode(record))

    def update(self, metrics: Mapping[str, float | bool]) -> None:
        """The figures of one gradient update."""
        self.updates += 1
        if not metrics["finite"]:
            self._non_finite.add("loss or gradient")
        for name, value in metrics.items():
            if name != "finite":
                self._note(names.resolve(name), float(value))

    def learning(self, due: int, made: int) -> None:
        """How many updates were due at a decision, and how many the replay had a batch for."""
        if due:
            self._unchecked[names.UPDATES_MISSED].append((due - made) / due)

    def _note(self, tag: str, value: float) -> None:
        self._interval[tag].append(value)
        self._unchecked[tag].append(value)

    def interval(self, step: int, machine: Mapping[str, float] | None = None, guided: bool = False) -> None:
        """Write the means since the last line; nothing where that was at this very timestep.

        Args:
            step: timestep.
            machine: further tags of `system/`.
            guided: the policy drives, with noise, before learning too.
        """
        if step == self._line_step:
            return
        self._line_step = step
        values = {tag: float(np.mean(samples)) for tag, samples in self._interval.items()}
        self._interval.clear()
        figures = self._figures.interval()
        for tag, value in figures.items():
            self._unchecked[tag].append(value)
        values |= figures
        learning = self.phase(step) == phase_of(self.config.learning_starts + 1, self.config.learning_starts)
        values[names.EXPLORATION_NOISE] = self.config.agent.exploration_noise if learning or guided else 1.0
        self._machine = {**self._system.sample(step), **(machine or {})}
        values |= self._machine | self.stages.figures(step)
        self.metrics.write(step, values)
        self.latest.update(values)
        self.log.interval(step, self.phase(step), values)

    def check(self, step: int) -> list[Alert]:
        """Let the guards judge what is new since the last check; returns what they raised."""
        values = {tag: float(np.mean(samples)) for tag, samples in self._unchecked.items() if samples}
        values |= self._machine
        self._unchecked.clear()
        self._machine = {}
        raised = self.guards.check(step, values, self._non_finite)
        self._non_finite.clear()
        for alert in raised:
            self.alert(step, alert)
        return raised

    def alert(self, step: int, alert: Alert, **more: Any) -> None:
        """Tell of an alert wherever one is looked for; `more` goes into its event."""
        self.alerts.append(alert)
        self.log.alert(alert)
        told = {name: value for name, value in alert.to_dict().items() if name not in ("step", "kind")}
        self.events.write(step, "alert", **told, **more)
        self.metrics.write(step, {names.alert_tag(alert.name): 1.0})

    def remedy(self, step: int, entry: Mapping[str, Any], words: str) -> None:
        """A remedy that was applied, or what came of it."""
        self.log.warning(words)
        told = {k: v for k, v in entry.items() if k not in ("step", "done", "told")}
        self.events.write(step, "remedy", **told, called_for_at=entry["step"], message=words)

    def evaluation(self, step: int, summary: Mapping[str, Any], calibration: Mapping[str, float]) -> None:
        """Write the figures of a held-out evaluation, without those that were not measured."""
        values = {
            names.EVAL_EPISODE_REWARD: summary["episode_reward"],
            names.EVAL_SUCCESS_RATE: summary["success_rate"],
            names.EVAL_ROUTE_COMPLETION: summary["route_completion"],
            names.EVAL_COLLISIONS_PER_KM: summary["collisions_per_km"],
        }
        self.metrics.write(step, {tag: value for tag, value in values.items() if value is not None})
        if math.isfinite(calibration.get("q_bias", math.nan)):
            self.guards.observe(names.Q_BIAS, calibration["q_bias"])

    def evaluation_cut(self, step: int, failures: int) -> None:
        """Tell that a simulator failed in so many episodes of an evaluation, which is then not compared with others."""
        self.log.warning(f"a simulator failed in {failures} episodes of this evaluation: it is never the best")
        for _ in range(failures):
            self.events.write(step, "simulator_failure", message="in an episode of an evaluation")

    def phase(self, step: int) -> str:
        """EXPLORATION or LEARNING."""
        return phase_of(step, self.config.learning_starts)

    def note(self, step: int) -> str:
        """A few words for the progress line."""
        words = [self.phase(step).lower()]
        if self._recent:
            words.append(f"reward {np.mean([record.episode_reward for record in self._recent]):.0f}")
            words += self._figures.note(self._recent)
        return ", ".join(words)

    def state_dict(self) -> dict[str, Any]:
        """Counters, guards and what has been noted since the last line; what was written before is on the disk."""
        self.events.sync()
        self.episode_log.sync()
        return {
            "episodes": self.episodes,
            "updates": self.updates,
            "guards": self.guards.state_dict(),
            "interval": {tag: list(samples) for tag, samples in self._interval.items()},
            "unchecked": {tag: list(samples) for tag, samples in self._unchecked.items()},
            "figures": self._figures.state_dict(),
            "non_finite": sorted(self._non_finite),
            "line_step": self._line_step,
            OF_THE_MACHINE: {
                "metrics_bytes": self._lines.sync(),
                "latest": dict(self.latest),
                "alerts": [{**alert.to_dict(), "step": alert.step} for alert in self.alerts],
            },
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take up a stored state; `resumed` has brought the files to it already."""
        self.episodes, self.updates = int(state["episodes"]), int(state["updates"])
        self.guards.load_state_dict(state["guards"])
        for own, name in ((self._interval, "interval"), (self._unchecked, "unchecked")):
            own.clear()
            own.update({tag: list(samples) for tag, samples in state[name].items()})
        self._figures.load_state_dict(state["figures"])
        self._non_finite = set(state["non_finite"])
        self._line_step = int(state["line_step"])
        self.latest = dict(state[OF_THE_MACHINE]["latest"])
        self.alerts = [Alert(**alert) for alert in state[OF_THE_MACHINE]["alerts"]]
