"""Held-out evaluation during training: fixed episodes, the deterministic policy, one file line each."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from av_td3_system.agents.baselines import TRIVIAL, Policy, make_policy
from av_td3_system.agents.policy import act_where_active
from av_td3_system.agents.td3 import TD3
from av_td3_system.config.schema import Config
from av_td3_system.environments.plain_episode import summarise_plain
from av_td3_system.environments.seeding import fixed_seeds
from av_td3_system.environments.vector_env import TownVectorEnv
from av_td3_system.environments.worlds import Worlds
from av_td3_system.evaluation.calibration import CalibrationMeter
from av_td3_system.evaluation.metrics import summarise
from av_td3_system.evaluation.protocol import Progress, evaluate_policy
from av_td3_system.monitoring.run_directory import RunDirectory
from av_td3_system.training.worlds import validation_worlds

Observation = dict[str, np.ndarray]


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

    def validate(self, step: int, agent: TD3, progress: Progress | None = None) -> dict[str, Any]:
        """Drive the fixed episodes; returns the summary, with `calibration`."""
        env = self._environment()
        meter = CalibrationMeter(
            agent.q_values,
            agent.act_averaged,
            self._config.agent.gamma,
            self._worlds,
        )
        records = evaluate_policy(AgentPolicy(agent), env, self._seeds, progress, observer=meter)
        summary = summarise(records) if self._config.run.env is None else summarise_plain(records)
        calibration = meter.result()
        self._write(step, "validation", summary, [record.to_dict() for record in records], calibration)
        self.history.append((step, {**summary, "calibration": calibration}))
        return self.history[-1][1]

    def judge_trivial(self) -> None:
        """Evaluate parked, straight and random on the same episodes of the town: what any gate must be above."""
        blind = self._config.model_copy(
            update={"environment": self._config.environment.model_copy(update={"blank_image": True})}
        )
        env = TownVectorEnv(blind, self._worlds, split="validation")  # they see nothing, so nothing is rendered
        for name in TRIVIAL:
            policy: Policy = make_policy(name, self._config.evaluation.seed)
            records = evaluate_policy(policy, env, self._seeds)
            self._write(0, name, summarise(records), [record.to_dict() for record in records], {})

    def _environment(self) -> Worlds:
        if self._env is None:
            self._env = validation_worlds(self._config, self._worlds)
        return self._env

    def _write(self, step: int, kind: str, summary: Any, episodes: list[Any], calibration: dict[str, float]) -> None:
        line = {"step": step, "kind": kind, "summary": summary, "calibration": calibration, "episodes": episodes}
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line, allow_nan=False) + "\n")
