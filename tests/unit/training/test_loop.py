"""The loop: what falls due happens at its timestep, and every way to end is told apart."""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils._pytree import tree_leaves

from av_td3_system.agents.policy import load_policy
from av_td3_system.config.schema import Config
from av_td3_system.monitoring import names
from av_td3_system.monitoring.alerts import Alert
from av_td3_system.monitoring.guards import Guards
from av_td3_system.replay.windows import TRANSITION
from av_td3_system.training.learner import Learner
from av_td3_system.training.loop import Training
from av_td3_system.training.validation import Validator
from tests.unit.training.small import lines_of, promise, run, seen, small, training, with_rule

THREE = ("run.eval_freq=10", "run.max_timesteps=30")  # evaluations; with three worlds at steps 12, 21 and 30


def checkpoints(made: Training) -> set[str]:
    return {path.name for path in made.directory.checkpoints.glob("*.pt")}


def step_in(made: Training, name: str) -> int:
    return int(made.saver.store.load(made.directory.checkpoints / name)["step"])


def test_saves_at_each_milestone_though_the_worlds_do_not_divide_it(tmp_path: Path) -> None:
    with training(tmp_path, small("run.save_freq=10", "run.max_timesteps=31", "checkpoint.keep_last=2")) as made:
        assert run(made) == "completed"
        assert made.step == 33, "the last decision is taken in all worlds"
        assert checkpoints(made) == {"td3_0.02k.pt", "td3_0.03k.pt"}, "named by the milestone, the oldest removed"
        assert [step_in(made, f"td3_0.0{k}k.pt") for k in (2, 3)] == [21, 30]


def test_what_is_to_be_kept_for_good_outlives_rotation(tmp_path: Path) -> None:
    kept = small(
        "run.save_freq=10", "run.max_timesteps=40", "checkpoint.keep_last=1", "checkpoint.keep_steps=[10, 30, 35]"
    )
    with training(tmp_path, kept) as made:
        run(made)
        assert checkpoints(made) == {"td3_0.01k.pt", "td3_0.03k.pt", "td3_0.04k.pt"}, "nothing was saved at 35"


def test_evaluates_at_each_milestone_and_leaves_the_training_worlds_alone(tmp_path: Path) -> None:
    def history(path: Path, config: Config) -> tuple[list[int], list[dict[str, Any]]]:
        with training(path, config) as made:
            run(made)
            assert checkpoints(made) == ({"best.pt"} if made.validator.history else set())
            return [step for step, _ in made.validator.history], lines_of(made.directory.episodes)

    short = ("run.max_timesteps=40", "environment.slowest_speed=1000")  # an episode is over within 13 decisions
    evaluated, episodes = history(tmp_path / "often", small("run.eval_freq=15", *short))
    never, same = history(tmp_path / "never", small(*short))
    assert (evaluated, never) == ([15, 30], [])
    assert episodes == same and episodes


def test_keeps_the_policy_of_the_best_evaluation_alone(tmp_path: Path) -> None:
    config = small(*THREE, "run.max_timesteps=40")
    with training(tmp_path, config, validator=promise(10.0, 30.0, 30.0, 20.0)) as made:
        assert run(made) == "completed"
        assert (made.best_reward, made.evaluations_without_gain) == (30.0, 2), "as good as the best is no better"
        assert step_in(made, "best.pt") == 21
        policy = load_policy(made.directory.best_policy, "cpu")
        assert policy.metadata is not None and policy.metadata.extra == {"step": 20}
        assert not np.array_equal(policy(seen(50)), made.learner.agent.act_averaged(seen(50))), "learning has gone on"
        rewards = [line[names.EVAL_EPISODE_REWARD] for line in lines_of(made.directory.metrics) if "eval/" in str(line)]
    assert rewards == pytest.approx([10.0, 30.0, 30.0, 20.0])


def test_an_evaluation_that_a_simulator_cut_is_never_the_best(tmp_path: Path) -> None:
    """An episode that ends early costs less; and it is told as what it is."""

    class Cut(promise(10.0, 30.0, 20.0)):  # type: ignore[misc]
        def validate(self, *arguments: Any, **more: Any) -> dict[str, Any]:
            summary: dict[str, Any] = super().validate(*arguments, **more)
            if len(self.history) == 2:
                summary["outcomes"] = {**summary["outcomes"], "simulator_failure": 2}
            return summary

    with training(tmp_path, small("run.eval_freq=10", "run.max_timesteps=30"), validator=Cut) as made:
        assert run(made) == "completed"
        assert (made.best_reward, step_in(made, "best.pt")) == (20.0, 30)
        failures = [line["step"] for line in lines_of(made.directory.events) if line["kind"] == "simulator_failure"]
    assert failures == [21, 21]


@pytest.mark.parametrize(("switch", "ended", "step"), [("true", "early_stopped", 42), ("false", "completed", 60)])
def test_stops_early_only_when_told_to(tmp_path: Path, switch: str, ended: str, step: int) -> None:
    config = small(
        "run.eval_freq=10",
        "run.max_timesteps=60",
        f"run.enable_early_stopping={switch}",
        "evaluation.early_stopping_patience=2",
        "exploration.learning_starts=1000",
    )
    with training(tmp_path, config, validator=promise(20.0, 30.0, 25.0, 10.0, 10.0, 10.0)) as made:
        assert (run(made), made.step) == (ended, step)


def test_a_better_evaluation_restores_patience(tmp_path: Path) -> None:
    config = small(
        "run.eval_freq=10",
        "run.max_timesteps=60",
        "run.enable_early_stopping=true",
        "evaluation.early_stopping_patience=2",
        "exploration.learning_starts=1000",
    )
    with training(tmp_path, config, validator=promise(20.0, 10.0, 30.0, 10.0, 40.0, 10.0)) as made:
        assert run(made) == "completed"


class Signalled(Learner):
    """Sends this process a signal at its fourth decision."""

    signum = signal.SIGTERM
    decisions = 0

    def act(self, observation: dict[str, np.ndarray], exploring: bool) -> np.ndarray:
        self.decisions += 1
        if self.decisions == 4:
            os.kill(os.getpid(), self.signum)
        return super().act(observation, exploring)


class AskedToSave(Signalled):
    signum = signal.SIGUSR2


def learner(kind: type[Learner]) -> Any:
    return lambda _, config: kind(config)


def test_a_stop_signal_ends_the_run_after_its_decision(tmp_path: Path) -> None:
    with training(tmp_path, small(), learner=learner(Signalled)) as made:
        assert (run(made), made.step) == ("interrupted", 12)


def test_a_save_signal_saves_once_and_goes_on(tmp_path: Path) -> None:
    with training(tmp_path, small(), learner=learner(AskedToSave)) as made:
        assert (run(made), made.step) == ("completed", 30)
        assert checkpoints(made) == {"checkpoint_12.pt"}
        assert step_in(made, "checkpoint_12.pt") == 12


def test_a_guard_that_halts_leaves_the_state_behind(tmp_path: Path) -> None:
    config = with_rule(small("run.save_freq=10", "run.eval_freq=10"), names.SPEED, -1.0)
    with training(tmp_path, config) as made:
        assert (run(made), made.step) == ("halted", 12)
        assert checkpoints(made) == {"emergency_halt_12.pt"}
        assert step_in(made, "emergency_halt_12.pt") == 12
        assert [alert.name for alert in made.recorder.alerts] == ["test_rule"]


def test_a_guard_below_halting_does_not_end_the_run(tmp_path: Path) -> None:
    config = with_rule(small(), names.SPEED, -1.0, severity="critical")
    with training(tmp_path, config) as made:
        assert run(made) == "completed"
        assert len(made.recorder.alerts) == 1 and checkpoints(made) == set()


@pytest.mark.parametrize(("rate", "updates"), [(1.0, 18), (0.5, 9), (0.25, 4)])
def test_learning_begins_after_warm_up(tmp_path: Path, rate: float, updates: int) -> None:
    config = small("exploration.learning_starts=12", f"agent.updates_per_step={rate}")
    with training(tmp_path, config) as made:
        run(made)
        assert made.recorder.updates == made.learner.agent.updates == updates, "for the timesteps 13 to 30"
        events = [(line["step"], line["phase"]) for line in lines_of(made.directory.events)]
    assert events == [(0, "EXPLORATION"), (15, "LEARNING")]


def test_nothing_is_learned_during_warm_up(tmp_path: Path) -> None:
    config = small("exploration.learning_starts=30")
    with training(tmp_path, config) as made:
        run(made)
        fresh = Learner(config).agent.networks.state_dict()
        assert all(
            torch.equal(weight, fresh[name]) for name, weight in made.learner.agent.networks.state_dict().items()
        )
        assert len(made.learner.replay) == 30, "but everything is remembered"


def test_lines_come_at_their_interval_with_what_guards_of_the_encoder_watch(tmp_path: Path) -> None:
    with training(tmp_path, small()) as made:
        run(made)
        metrics = [line for line in lines_of(made.directory.metrics) if names.RAM_GB in line]
    assert [line["step"] for line in metrics] == [12, 21, 30]
    for tag in (names.TD_ERROR, names.ENCODER_FEATURE_NORM, names.IMAGE_USE, names.DEAD_UNITS[0]):
        assert [tag in line for line in metrics] == [False, True, True]


def test_every_metric_that_a_default_rule_watches_reaches_the_guards(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A rule on a metric that no run hands in would be silent for ever."""
    handed_in: set[str] = set()
    check = Guards.check

    def listening(self: Guards, step: int, metrics: Mapping[str, float], *more: Any) -> list[Alert]:
        handed_in.update(metrics, self._pending)
        return check(self, step, metrics, *more)

    monkeypatch.setattr(Guards, "check", listening)
    with training(tmp_path, small("run.enable_monitoring=true", "run.max_timesteps=200", "run.eval_freq=100")) as made:
        run(made)
    watched = {rule.metric for rule in made.config.guards.rules.values() if rule is not None}
    absent = {names.GPU_UTILIZATION, names.GPU_MEMORY_FREE_GB, names.GPU_TEMPERATURE}  # there may be no GPU
    assert watched - absent <= handed_in
    assert names.Q_BIAS in handed_in


def test_one_seed_is_one_run(tmp_path: Path) -> None:
    def state(path: Path, seed: int) -> dict[str, Any]:
        with training(path, small(f"run.seed={seed}")) as made:
            run(made)
            return {**made.learner.agent.networks.state_dict(), "vector": torch.tensor(made.env._vector)}

    first, again, other = (state(tmp_path / str(k), seed) for k, seed in enumerate((1, 1, 2)))
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not torch.equal(first["vector"], other["vector"])


def test_what_is_remembered_does_not_change_with_the_worlds_images(tmp_path: Path) -> None:
    """The training worlds' images share memory, and an episode that ends writes over those of the step before."""
    settings = (
        "environment.blank_image=false", "environment.slowest_speed=1000", "environment.time_allowance=0.5",
        "run.max_timesteps=90", "traffic.vehicles=[12,12,12]", "traffic.on_route=3",
        "network.critic_input=surroundings",
    )  # fmt: skip
    states = []
    for copy in (False, True):
        with training(tmp_path / str(copy), small(*settings)) as made:
            made.env._copy = copy
            run(made)
            assert made.env._drawn.min() > 1, "no episode ended"
            states.append(made.learner.replay.state_dict())
    for shared, copied in zip(*(tree_leaves(state) for state in states), strict=True):
        assert np.array_equal(shared, copied)


def test_the_state_says_where_the_run_stands(tmp_path: Path) -> None:
    with training(tmp_path, small(*THREE), validator=promise(10.0, 30.0, 20.0)) as made:
        assert isinstance(made.validator, Validator)
        run(made)
        state = made.state_dict()
        assert (state["step"], state["best_reward"], state["evaluations_without_gain"]) == (30, 30.0, 1)
        assert state["schedule"]["evaluate"] == {"last": 30}
        assert state["recorder"]["updates"] == made.learner.agent.updates


def test_every_update_tells_the_replay_its_errors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with training(tmp_path, small("replay.prioritized=true", "agent.critic_loss=huber")) as made:
        told: list[np.ndarray] = []
        monkeypatch.setattr(made.learner.replay, "prioritize", lambda drawn, error: told.append(error))
        run(made)
        errors = np.concatenate(told)
        assert len(errors) == 4 * made.recorder.updates > 0
        assert np.isfinite(errors).all() and errors.min() >= 0
        assert np.unique(errors[:4]).size == 4


@pytest.mark.parametrize("setting", ["replay.on_device=true", "replay.file={folder}/frames"])
def test_a_run_learns_wherever_its_frames_lie(tmp_path: Path, setting: str) -> None:
    with training(tmp_path, small(setting.format(folder=tmp_path))) as made:
        assert run(made) == "completed" and made.recorder.updates > 0
        kept = made.learner.replay.state_dict()
        assert len(made.learner.replay) == 30 and (kept["rows"]["flags"] & TRANSITION).sum() == 30
