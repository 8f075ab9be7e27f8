"""The training loop: one decision of every world, learning, and whatever falls due."""

from __future__ import annotations

import traceback
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from torch import Tensor

from av_td3_system.agents.policy import save_policy
from av_td3_system.checkpointing.plain_state import to_numpy
from av_td3_system.checkpointing.preemption import StopSignals
from av_td3_system.config.errors import UserError
from av_td3_system.config.exit_codes import BACKEND_LOST, HALTED
from av_td3_system.config.layout import OF_THE_MACHINE
from av_td3_system.config.schema import Config
from av_td3_system.environments.worlds import Worlds
from av_td3_system.evaluation import metrics
from av_td3_system.evaluation.protocol import GivenUp
from av_td3_system.monitoring import names
from av_td3_system.monitoring.alerts import Alert
from av_td3_system.monitoring.guards import Verdict
from av_td3_system.monitoring.progress import Progress
from av_td3_system.monitoring.run_directory import RunDirectory
from av_td3_system.training.care import Care
from av_td3_system.training.collecting.driving import CollectedDriving, Collection
from av_td3_system.training.driving import Driving
from av_td3_system.training.failure import (
    Failure,
    NotFinite,
    SimulatorFailed,
    refuse_non_finite,
    simulator_may_fail,
    way_on,
)
from av_td3_system.training.learner import Learner
from av_td3_system.training.recorder import Recorder
from av_td3_system.training.remedies import Remedies
from av_td3_system.training.saving import Saver
from av_td3_system.training.schedule import Every, Schedule, UpdateBudget
from av_td3_system.training.stopwatch import Stopwatch
from av_td3_system.training.validation import Validator

Ended = Literal["completed", "early_stopped", "halted", "interrupted", "remedied"]
"""How a run ends; remedied: it goes on at once with what `Training.remedies` prescribes."""


@dataclass
class Training:
    """All parts of a run and where it stands."""

    config: Config
    directory: RunDirectory
    env: Worlds | Collection
    learner: Learner
    validator: Validator
    recorder: Recorder
    saver: Saver
    signals: StopSignals
    remedies: Remedies
    watch: Stopwatch = field(default_factory=Stopwatch)
    step: int = 0
    best_reward: float | None = None
    evaluations_without_gain: int = 0
    failure: Failure | None = None
    begun: bool = False  # there was a first observation, so there is a state to go on from
    best_policy: dict[str, Any] | None = None  # what `best_policy.safetensors` holds: `step` and `weights`
    enough: bool = False  # the last evaluation ends the run
    _progress: Progress = field(init=False, repr=False)
    called: dict[str, Any] | None = None  # `remedy`, `alerts` and how many were before, in a state saved for a remedy

    def __post_init__(self) -> None:
        run = self.config.run
        agent = self.config.agent
        self._budget = UpdateBudget(agent.updates_per_step, agent.late_updates_per_step, agent.late_after)
        self._due = Schedule(
            log=Every(run.log_interval),
            check=Every(self.config.guards.interval),
            evaluate=Every(run.eval_freq),
            save=Every(run.save_freq),
        )
        self._diagnose = True  # at the next update: what the guards of the encoder see
        self.care = Care(self.config.remedies, self.remedies, self.recorder, self.validator, self.saver.store)
        parts = self.learner, self.watch, self.saver.cut
        self.driving: Driving | CollectedDriving
        if isinstance(self.env, Collection):
            self.driving = CollectedDriving(self.env, *parts)
        else:
            self.driving = Driving(self.env, *parts)

    def run(self, progress: Progress) -> Ended:
        """Train until the timesteps are used up, a guard halts, a signal comes or nothing improves.

        Whatever falls due at a timestep is done before the next decision, and counts as done only then: a run that goes
        on from a checkpoint does the rest of it first.

        Raises:
            NotFinite, SimulatorFailed: the worlds are lost; see `halt`.
        """
        self._progress = progress
        if self._called_in_vain():
            return "remedied"
        if not self.driving.begun:
            self.driving.begin(self.step)
            self.begun = True
            self._announce_phase()
        self.recorder.stages.tell(self.step)
        while (ended := self._follow_up()) is None:
            if self.step >= self.config.run.max_timesteps:
                return "completed"
            phase = self.recorder.phase(max(self.step, 1))
            if self.driving.interrupted:
                self._begin_anew()
            self._decide()
            if self.recorder.phase(self.step) != phase:
                self._announce_phase()
                progress.restart(self.step)
            self.recorder.stages.tell(self.step)
            if self.step > self.config.learning_starts:
                self._learn()
            progress.update(self.step, self.recorder.note(self.step))
        return ended

    def _follow_up(self) -> Ended | None:
        """Whatever falls due at this timestep; how the run ends if it does."""
        due = self._due
        verdict = self._check() if due.check.take(self.step) else "continue"
        if verdict == "remedy":
            return "remedied"
        if due.log.take(self.step):
            with self.watch.section("logging"):
                pace = self.driving.pace.lap()
                machine = {} if pace is None else {names.SIMULATOR_MS: pace}
                self.recorder.interval(self.step, machine, self.learner.guided)
            self._diagnose = True
        if verdict == "halt":
            return "halted"
        if (milestone := due.evaluate.due(self.step)) is not None:
            try:
                self.enough = self._evaluate(milestone)
            except GivenUp:
                return "interrupted"
        if self.enough:
            return "early_stopped"
        if (milestone := due.save.due(self.step)) is not None:
            due.save.done(milestone)
            with self.watch.section("saving"):
                self.saver.save(self.state_dict(), milestone)
                self.care.keep_good(self.step)
        if verdict == "checkpoint" or self.signals.save_requested:
            self._save_named(f"checkpoint_{self.step}.pt")
            self.signals.save_done()
        return "interrupted" if self._asked_to_stop() else None

    def _asked_to_stop(self) -> bool:
        return self.signals.requested is not None

    def _decide(self) -> None:
        """One decision of every world, remembered and recorded.

        Raises:
            NotFinite: nothing of it is remembered: `state_dict` gives the state before it.
            SimulatorFailed: likewise.
        """
        came = self.driving.decide(self.step)
        self.step += self.env.num_envs
        with self.watch.section("logging"):
            self.recorder.decision(self.step, came.following, came.actions, came.infos)

    def halt(self, error: NotFinite | SimulatorFailed) -> Ended:
        """End the run at the state before the error, which is saved where a run can go on from it."""
        alert, newest = error.alert(self.step), None
        self.recorder.alert(self.step, alert, traceback=traceback.format_exception(error))
        self.failure = Failure(alert.message, BACKEND_LOST if isinstance(error, SimulatorFailed) else HALTED)
        if self.begun:
            newest = f"emergency_halt_{self.step}.pt", self.step
            self._save_named(newest[0])
        self.recorder.log.info(f"hint: {way_on(self.directory.path, newest)}")
        return "halted"

    def _learn(self) -> None:
        """The gradient updates that are due, as many at once as share their target networks."""
        agent = self.learner.agent
        due = wanted = self._budget.due(self.env.num_envs, self.step)
        while due > 0 and self.learner.can_learn():
            updates = min(due, agent.updates_until_policy)
            with self.watch.section("sampling"):
                batch = self.learner.sample(updates)
            with self.watch.section("update"):
                learned = agent.learn(batch, updates, diagnostics=self._diagnose)
            with self.watch.section("sampling"):
                self.learner.learned()
            self._diagnose = False
            for told in learned:
                self.recorder.update(told)
            due -= updates
        self.recorder.learning(wanted, wanted - due)

    def _announce_phase(self) -> None:
        phase = self.recorder.phase(max(self.step, 1))
        self.recorder.log.phase(self.step, phase)
        self.recorder.events.write(self.step, "phase", phase=phase)

    def _check(self) -> Verdict | Literal["remedy"]:
        """Let the guards judge; the state that made one of them halt, or call for a remedy, is kept."""
        with self.watch.section("guards"):
            raised = self.recorder.check(self.step)
            remedy = self.care.look(self.step, raised)
        if any(alert.name == "disk_low" for alert in raised):
            self.saver.prune()
        verdict = self.recorder.guards.verdict
        if remedy is not None and self.remedies.used_up:
            why = f"this calls for the remedy {remedy}, and {len(self.remedies.applied)} remedies did not help"
            self.recorder.log.error(f"the run is halted: {why}")
            self.recorder.events.write(self.step, "stop", reason=why)
            remedy, verdict = None, "halt"
        if remedy is not None:
            alerts = [{**alert.to_dict(), "step": alert.step} for alert in raised]
            self.called = {"remedy": remedy, "alerts": alerts, "before": len(self.remedies.applied)}
        if verdict == "halt":
            self._save_named(f"emergency_halt_{self.step}.pt")
        if remedy is None:
            return verdict
        self.care.prescribe(remedy, self.step, raised, self._save_named)
        return "remedy"

    def _called_in_vain(self) -> bool:
        """Do what the saved state called for, if a kill came between that and the book; whether it did."""
        called, raised = self.called, [Alert(**alert) for alert in (self.called or {}).get("alerts", ())]
        if called is None or len(self.remedies.applied) > called["before"]:
            self.called = None
            return False
        if self.remedies.used_up or self.remedies.called_for(raised) != called["remedy"]:
            self.called = None  # it went on with other settings
            return False
        self.care.prescribe(called["remedy"], self.step, raised, self._save_named)
        return True

    def _begin_anew(self) -> None:
        """Cut the open episodes, which are lost, and begin new ones."""
        self.driving.cut()
        self.driving.begin(self.step)

    def _evaluate(self, milestone: int) -> bool:
        """Held-out evaluation; keeps the best policy. True if early stopping is on and says stop.

        Raises:
            GivenUp: a signal came; it is still due.
            SimulatorFailed, NotFinite: likewise, and nothing can be said of the policy.
        """
        self.driving.interrupted = self.env.shares_worlds
        with self.watch.section("evaluation"):
            summary = self._validate(milestone)
            refuse_non_finite(evaluation=summary["episode_reward"])
        self._due.evaluate.done(milestone)
        self.recorder.evaluation(self.step, summary, summary["calibration"])
        self.recorder.log.info(f"evaluation step {milestone} {metrics.in_words(summary)}")
        if failures := summary.get("outcomes", {}).get("simulator_failure", 0):
            self.recorder.evaluation_cut(self.step, failures)  # what was cut short may look better than it is
            return False
        if self.best_reward is None or summary["episode_reward"] > self.best_reward:
            self.best_reward = summary["episode_reward"]
            self.evaluations_without_gain = 0
            with self.watch.section("saving"):
                state = self.state_dict()
                self.saver.with_room(lambda: self.saver.store.save_named(state, "best.pt"))
            self.best_policy = {"step": milestone, "weights": self.learner.agent.actor_state()}
            self.save_policy(self.directory.best_policy, milestone)
        else:
            self.evaluations_without_gain += 1
        patience = self.config.evaluation.early_stopping_patience
        return self.config.run.enable_early_stopping and self.evaluations_without_gain >= patience

    def _validate(self, milestone: int) -> dict[str, Any]:
        try:
            with simulator_may_fail():
                return self.validator.validate(milestone, self.learner.agent, self._tell_evaluated, self._asked_to_stop)
        except UserError as error:
            if self.config.run.env is None:
                raise
            raise NotFinite("evaluation") from error

    def _tell_evaluated(self, done: int, episodes: int) -> None:
        self._progress.update(self.step, f"evaluating, {done}/{episodes} episodes")

    def _save_named(self, name: str) -> None:
        with self.watch.section("saving"):
            self.saver.save_named(self.state_dict(), name, self.step)

    def save_policy(self, path: Path, step: int, weights: Mapping[str, Tensor] | None = None) -> None:
        """Write the policy that is evaluated, or these weights, with what one must know to drive with it."""
        config = self.config
        agent, algo, interval = self.learner.agent, config.run.algo, config.camera.frame_interval
        self.saver.with_room(lambda: save_policy(path, agent, algo, interval, {"step": step}, weights))

    def _restore_best(self, best: dict[str, Any] | None) -> None:
        """Bring the best policy's file to what it was: the run may go back behind an evaluation that was better."""
        self.best_policy, path = best, self.directory.best_policy
        if best is None:
            path.unlink(missing_ok=True)
        else:
            self.save_policy(path, int(best["step"]), best["weights"])

    @property
    def parts(self) -> dict[str, Any]:
        """The one list of what must survive a restart, beside the numbers below and the replay (see `Saver`).

        A test drives a run, restores another from its state, and compares everything that both consist of.
        """
        return {
            "learner": self.learner,
            "agent": self.learner.agent,
            "environment": self.env,
            "recorder": self.recorder,
            "schedule": self._due,
            "budget": self._budget,
            "health": self.care.health,
        }

    def state_dict(self) -> dict[str, Any]:
        """Everything that must survive a restart but the replay."""
        return {
            "step": self.step,
            "best_reward": self.best_reward,
            "evaluations_without_gain": self.evaluations_without_gain,
            "best_policy": self.best_policy,
            "enough": self.enough,
            "called": self.called,
            "diagnose": self._diagnose,
            **{name: part.state_dict() for name, part in self.parts.items()},
            **self.driving.before,
            OF_THE_MACHINE: {"watch": self.watch.state_dict()},
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on where a stored state stands; the replay is restored already.

        Raises:
            UserError: it is of other networks, worlds or explorations.
        """
        self.begun = True
        self.step = int(state["step"])
        self.best_reward = state["best_reward"]
        self.evaluations_without_gain = int(state["evaluations_without_gain"])
        self.enough, self.called = bool(state.get("enough", False)), state.get("called")
        if "best_policy" in state:
            self._restore_best(state["best_policy"])
        self.remedies.rewind(self.step)
        self._diagnose = bool(state["diagnose"])
        for name, part in self.parts.items():
            part.load_state_dict(state[name] if name == "agent" else to_numpy(state[name]))
        self.env.reach(self.step)
        self.watch.load_state_dict(state[OF_THE_MACHINE]["watch"])
        self.validator.resume(self._due.evaluate.last)
        self.driving.take_up()
        if self.driving.interrupted:
            self._begin_anew()
