"""The training loop: one decision of every world, learning, and whatever falls due."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np

from av_td3_system.agents.policy import save_policy
from av_td3_system.checkpointing.preemption import StopSignals
from av_td3_system.checkpointing.store import CheckpointStore
from av_td3_system.config.schema import Config
from av_td3_system.environments.worlds import Worlds
from av_td3_system.evaluation.metrics import in_words
from av_td3_system.monitoring.progress import Progress
from av_td3_system.monitoring.run_directory import RunDirectory
from av_td3_system.training.learner import Learner
from av_td3_system.training.recorder import Recorder
from av_td3_system.training.schedule import Every, UpdateBudget
from av_td3_system.training.stopwatch import Stopwatch
from av_td3_system.training.validation import Validator

Ended = Literal["completed", "early_stopped", "halted", "interrupted"]


@dataclass
class Training:
    """All parts of a run and where it stands."""

    config: Config
    directory: RunDirectory
    env: Worlds
    learner: Learner
    validator: Validator
    recorder: Recorder
    store: CheckpointStore
    signals: StopSignals
    watch: Stopwatch = field(default_factory=Stopwatch)
    step: int = 0
    best_reward: float | None = None
    evaluations_without_gain: int = 0

    def __post_init__(self) -> None:
        run = self.config.run
        self._budget = UpdateBudget(self.config.agent.updates_per_step)
        self._due = {
            "log": Every(run.log_interval),
            "check": Every(self.config.guards.interval),
            "evaluate": Every(run.eval_freq),
            "save": Every(run.save_freq),
        }
        self._diagnose = False

    def run(self, progress: Progress) -> Ended:
        """Train until the timesteps are used up, a guard halts, a signal comes or nothing improves."""
        observation, _ = self.env.reset()
        self._announce_phase()
        while self.step < self.config.run.max_timesteps:
            observation = self._decide(observation)
            if self.step > self.config.learning_starts:
                self._learn()
            progress.update(self.step, self.recorder.note(self.step))
            halted = self._check()
            if self._due["log"](self.step):
                with self.watch.section("logging"):
                    self.recorder.interval(self.step)
                self._diagnose = self.config.run.debug
            if halted:
                return "halted"
            if (milestone := self._due["evaluate"].milestone(self.step)) is not None and self._evaluate(milestone):
                return "early_stopped"
            if (milestone := self._due["save"].milestone(self.step)) is not None:
                self._save(milestone)
            if self.signals.save_requested:
                self._save_named(f"checkpoint_{self.step}.pt")
                self.signals.save_done()
            if self.signals.requested is not None:
                return "interrupted"
        return "completed"

    def _decide(self, observation: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """One decision of every world, remembered and recorded; returns the next observation."""
        exploring = self.step < self.config.learning_starts
        with self.watch.section("acting"):
            actions = self.learner.act(observation, exploring)
        # Only the newest frame is remembered, and the next step may change it in its place.
        seen = {**observation, "image": self.learner.newest(observation)}
        with self.watch.section("simulator"):
            following, rewards, _, _, infos = self.env.step(actions)
        with self.watch.section("replay"):
            self.learner.remember(self.step, seen, actions, rewards, infos)
        was = self.recorder.phase(max(self.step, 1))
        self.step += self.env.num_envs
        if self.recorder.phase(self.step) != was:
            self._announce_phase()
        with self.watch.section("logging"):
            self.recorder.decision(self.step, following["vector"], actions, infos)
        return following

    def _learn(self) -> None:
        """The gradient updates that are due, as many at once as share their target networks."""
        agent = self.learner.agent
        due = self._budget.due(self.env.num_envs)
        while due > 0 and self.learner.can_learn():
            updates = min(due, agent.updates_until_policy)
            with self.watch.section("sampling"):
                batch = self.learner.sample(updates)
            with self.watch.section("update"):
                learned = agent.learn(batch, updates, diagnostics=self._diagnose)
            with self.watch.section("sampling"):
                self.learner.learned()
            self._diagnose = False
            for metrics in learned:
                self.recorder.update(metrics)
            due -= updates

    def _announce_phase(self) -> None:
        phase = self.recorder.phase(max(self.step, 1))
        self.recorder.log.phase(self.step, phase)
        self.recorder.events.write(self.step, "phase", phase=phase)

    def _check(self) -> bool:
        """Let the guards judge; True if the run must halt (its emergency checkpoint is written)."""
        if not self._due["check"](self.step):
            return False
        self.recorder.check(self.step)
        verdict = self.recorder.guards.verdict
        if verdict == "checkpoint":
            self._save_named(f"checkpoint_{self.step}.pt")
        elif verdict == "halt":
            self._save_named(f"emergency_halt_{self.step}.pt")
        return verdict == "halt"

    def _evaluate(self, milestone: int) -> bool:
        """Held-out evaluation; keeps the best policy. True if early stopping is on and says stop."""
        with self.watch.section("evaluation"):
            summary = self.validator.validate(milestone, self.learner.agent)
        self.recorder.evaluation(self.step, summary, summary["calibration"])
        self.recorder.log.info(f"evaluation step {milestone} {in_words(summary)}")
        if self.best_reward is None or summary["episode_reward"] > self.best_reward:
            self.best_reward = summary["episode_reward"]
            self.evaluations_without_gain = 0
            self._save_named("best.pt")
            self.save_policy(self.directory.best_policy, milestone)
        else:
            self.evaluations_without_gain += 1
        patience = self.config.evaluation.early_stopping_patience
        return self.config.run.enable_early_stopping and self.evaluations_without_gain >= patience

    def _save(self, milestone: int) -> None:
        with self.watch.section("saving"):
            self.store.save(self.state_dict(), milestone)

    def _save_named(self, name: str) -> None:
        with self.watch.section("saving"):
            self.store.save_named(self.state_dict(), name)

    def save_policy(self, path: Path, step: int) -> None:
        """Write the policy that is evaluated, with what one must know to drive with it."""
        config = self.config
        save_policy(path, self.learner.agent, config.run.algo, config.camera.frame_interval, {"step": step})

    def state_dict(self, with_replay: bool = False) -> dict[str, Any]:
        """Everything that must survive a restart (the replay only on request)."""
        return {
            "step": self.step,
            "learner": self.learner.state_dict(with_replay),
            "agent": self.learner.agent.state_dict(),
            "environment": self.env.state_dict(),
            "recorder": self.recorder.state_dict(),
            "schedule": {name: every.state_dict() for name, every in self._due.items()},
            "budget": self._budget.state_dict(),
            "best_reward": self.best_reward,
            "evaluations_without_gain": self.evaluations_without_gain,
        }
