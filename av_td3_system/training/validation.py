"""Held-out evaluation during training: fixed episodes, the deterministic policy, one file line each."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from typing import Any, TypeVar

import numpy as np

from av_td3_system.agents.baselines import TRIVIAL, Policy, make_policy
from av_td3_system.agents.policy import act_where_active
from av_td3_system.agents.td3 import TD3
from av_td3_system.config.load import with_overrides
from av_td3_system.config.schema import Config
from av_td3_system.environments.driving import driving_worlds
from av_td3_system.environments.plain_episode import summarise_plain
from av_td3_system.environments.seeding import fixed_seeds
from av_td3_system.environments.worlds import Worlds
from av_td3_system.evaluation.calibration import CalibrationMeter
from av_td3_system.evaluation.camera_ablation import SETTINGS, AblatedCamera
from av_td3_system.evaluation.metrics import summarise
from av_td3_system.evaluation.protocol import Progress as Told
from av_td3_system.evaluation.protocol import evaluate_policy
from av_td3_system.ladder.read_run import RUNG
from av_td3_system.monitoring.json_lines import JsonLinesFile, read_json_lines
from av_td3_system.monitoring.progress import Progress
from av_td3_system.monitoring.run_directory import RunDirectory
from av_td3_system.training.worlds import for_validation, validation_worlds

Observation = dict[str, np.ndarray]
T = TypeVar("T")


class AgentPolicy:
    """The agent's policy as it is evaluated; idle worlds cost nothing."""

    def __init__(self, agent: TD3) -> None:
        self._agent = agent

    def __call__(self, observation: Observation, env: Worlds) -> np.ndarray:
        """Actions float32 (N, A)."""
        return act_where_active(self._agent.act_averaged, observation, env)


class Validator:
    """Evaluates on the validation routes and keeps `evaluations.jsonl`.

    Args:
        directory: of the run.
        config: of the run.
    """

    def __init__(self, directory: RunDirectory, config: Config) -> None:
        self._path = directory.evaluations
        self._config = config
        settings = config.evaluation
        self._seeds = fixed_seeds(settings.seed, settings.episodes)
        self._worlds = min(settings.num_envs, settings.episodes)
        self._env: Worlds | None = None
        self.history: list[tuple[int, dict[str, Any]]] = []  # (step, summary with calibration), validations only
        self._lines: JsonLinesFile | None = None

    def resume(self, last: int) -> None:
        """Take up what the file holds up to the validation of the milestone `last`, and drop what is behind it."""
        self._lines = JsonLinesFile(self._path, last)
        self.history = [
            (line["step"], {**line["summary"], "calibration": line["calibration"]})
            for line in read_json_lines(self._path)
            if line.get("kind") == "validation" and {"step", "summary", "calibration"} <= line.keys()
        ]

    def validate(
        self,
        step: int,
        agent: TD3,
        progress: Told | None = None,
        stop: Callable[[], bool] = lambda: False,
    ) -> dict[str, Any]:
        """Drive the fixed episodes; returns the summary, with `calibration`.

        Raises:
            GivenUp: `stop` said so; nothing is written.
        """
        env = self._environment()
        meter = CalibrationMeter(
            agent.q_values,
            agent.act_averaged,
            self._config.agent.gamma,
            self._worlds,
        )
        records = evaluate_policy(AgentPolicy(agent), env, self._seeds, progress, meter, stop)
        summary = summarise(records) if self._config.run.env is None else summarise_plain(records)
        calibration = meter.result()
        self._write(step, "validation", summary, [record.to_dict() for record in records], calibration)
        self.history.append((step, {**summary, "calibration": calibration}))
        return self.history[-1][1]

    def examine(self, step: int, agent: TD3, stop: Callable[[], bool] = lambda: False) -> None:
        """Drive for the verdict of a rung, where that was not done: more of the episodes, also without the camera.

        Writes a line `rung` with `gate.rung_episodes` episodes, the validation's among them, and two more: `blank`, the
        same with black images, and `shuffled`, with those of other worlds.

        Raises:
            GivenUp: `stop` said so; what is not complete is not written.
        """
        seeds = fixed_seeds(self._config.evaluation.seed, max(self._config.gate.rung_episodes, len(self._seeds)))
        done = {line["kind"] for line in read_json_lines(self._path) if line.get("step") == step}
        kinds = {RUNG: "seen", "blank": "blank", "shuffled": "shuffled"}
        left = {kind: image for kind, image in kinds.items() if kind not in done}
        for (kind, image), progress in _counted(left.items(), len(seeds)):
            env, meter = self._environment(), None
            policy: Callable[[Observation, Worlds], np.ndarray] = AgentPolicy(agent)
            if image == "seen":
                meter = CalibrationMeter(agent.q_values, agent.act_averaged, self._config.agent.gamma, self._worlds)
            elif image == "blank":
                env = validation_worlds(with_overrides(self._config, SETTINGS["blank"], {}), self._worlds)
            else:
                policy = AblatedCamera(policy, "shuffled", self._config.evaluation.seed)
            records = evaluate_policy(policy, env, seeds, progress, meter, stop)
            told = meter.result() if meter is not None else {}
            self._write(step, kind, summarise(records), [record.to_dict() for record in records], told)

    def judge_trivial(self, stop: Callable[[], bool] = lambda: False) -> None:
        """Evaluate parked, straight and random on the same episodes of the town: what any gate must be above.

        Raises:
            GivenUp: `stop` said so.
        """
        blind = self._config.model_copy(
            update={"environment": self._config.environment.model_copy(update={"blank_image": True})}
        )
        # They see nothing, so nothing is rendered.
        env = driving_worlds(for_validation(blind), self._worlds, split="validation")
        for name, progress in _counted(TRIVIAL, len(self._seeds)):
            policy: Policy = make_policy(name, self._config.evaluation.seed)
            records = evaluate_policy(policy, env, self._seeds, progress, stop=stop)
            self._write(0, name, summarise(records), [record.to_dict() for record in records], {})

    def _environment(self) -> Worlds:
        if self._env is None:
            self._env = validation_worlds(self._config, self._worlds)
        return self._env

    def _write(self, step: int, kind: str, summary: Any, episodes: list[Any], calibration: dict[str, float]) -> None:
        line = {"step": step, "kind": kind, "summary": summary, "calibration": calibration, "episodes": episodes}
        if self._lines is None:
            self._lines = JsonLinesFile(self._path)
        self._lines.append(line)
        self._lines.sync()

    def close(self) -> None:
        """Close the file."""
        if self._lines is not None:
            self._lines.close()


def _counted(drives: Collection[T], episodes: int) -> Iterator[tuple[T, Told]]:
    """Each of the drives, with what shows how many of all their episodes are done."""
    with Progress(len(drives) * episodes, unit="episodes") as progress:
        for i, drive in enumerate(drives):
            yield drive, lambda done, _, before=i * episodes: progress.update(before + done)  # type: ignore[misc]
