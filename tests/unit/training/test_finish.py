"""However a run ends, its directory tells what came of it."""

from __future__ import annotations

import json
import math
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from av_td3_system.agents.policy import load_policy
from av_td3_system.agents.td3 import TD3
from av_td3_system.checkpointing.plain_state import state_hash
from av_td3_system.monitoring import names
from av_td3_system.reporting.results import REQUIRED
from av_td3_system.training.finish import finish
from av_td3_system.training.loop import Ended, Training
from tests.unit.training.small import Promised, lines_of, promise, run, seen, small, training, with_rule

UNTIL_30 = ("run.eval_freq=10", "run.max_timesteps=30")


def results_of(made: Training) -> dict[str, Any]:
    return json.loads(made.directory.results_json.read_text(), parse_constant=lambda name: pytest.fail(name))


ENDS = {
    "completed": small(*UNTIL_30),
    "early_stopped": small(*UNTIL_30, "run.enable_early_stopping=true", "evaluation.early_stopping_patience=1"),
    "halted": with_rule(small(*UNTIL_30), names.SPEED, -1.0),
    "interrupted": small(*UNTIL_30),
}


@pytest.mark.parametrize(
    ("ended", "steps"), [("completed", 30), ("early_stopped", 21), ("halted", 12), ("interrupted", 0)]
)
def test_every_end_leaves_results_and_a_policy(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], ended: Ended, steps: int
) -> None:
    with training(tmp_path, ENDS[ended], validator=promise(30.0, 20.0, 10.0)) as made:
        if ended == "interrupted":
            os.kill(os.getpid(), signal.SIGTERM)
        assert run(made) == ended
        returned = finish(made, ended)
        results = results_of(made)
        assert results == json.loads(json.dumps(returned)) and set(REQUIRED) <= results.keys()
        assert (results["ended"], results["env_steps"]) == (ended, steps)
        assert results["updates"] == made.recorder.updates and results["episodes"] == made.recorder.episodes
        assert results["state_hash"] == state_hash({**made.state_dict(), "replay": made.learner.replay.books()})
        assert f"{ended} after {steps} timesteps" in made.directory.results_md.read_text()
        assert made.saver.store.load(made.directory.checkpoints / "final.pt")["step"] == steps
        policy = load_policy(made.directory.policy, "cpu")
        assert policy.metadata is not None and policy.metadata.extra == {"step": steps}
        assert np.allclose(policy(seen(50)), made.learner.agent.act_averaged(seen(50)), atol=1e-6)
        assert (made.directory.path / "learning_curve.png").is_file() == (ended not in ("halted", "interrupted"))
    printed = capsys.readouterr().out
    assert f"td3 scenario 0 seed 42: {ended} after {steps} timesteps" in printed
    assert str(made.directory.results_md) in printed


def test_last_and_best_evaluation_are_told_apart(tmp_path: Path) -> None:
    with training(tmp_path, small(*UNTIL_30), validator=promise(10.0, 30.0, 20.0)) as made:
        finish(made, run(made))
        evaluation = results_of(made)["eval"]
    assert (evaluation["last"]["step"], evaluation["last"]["episode_reward"]) == (30, pytest.approx(20.0))
    assert (evaluation["best"]["step"], evaluation["best"]["episode_reward"]) == (20, pytest.approx(30.0))
    assert evaluation["last"]["n_episodes"] == 5 and len(evaluation["last"]["success_rate_interval"]) == 2


@pytest.mark.parametrize(("baseline", "judged"), [(10, True), (30, False)])
def test_the_gate_judges_a_run_with_a_baseline_of_its_own(tmp_path: Path, baseline: int, judged: bool) -> None:
    config = small(*UNTIL_30, f"gate.baseline_step={baseline}", "gate.rung_step=30", "gate.halt_reward=15")
    with training(tmp_path, config, validator=promise(30.0, 20.0, 10.0)) as made:
        finish(made, run(made))
        gate = results_of(made)["gate"]
        verdicts = [line for line in lines_of(made.directory.events) if line["kind"] == "verdict"]
    assert (gate is not None) == judged == bool(verdicts)
    if judged:
        assert gate["verdict"] == verdicts[0]["verdict"] == "halt", "a reward of 10 is below the least"
        assert verdicts[0]["step"] == 30
        assert "gate 10k: **halt**" in made.directory.results_md.read_text()


@pytest.mark.parametrize(("rung", "images"), [(30, {"rung", "blank", "shuffled"}), (31, set())])
def test_from_100k_on_more_is_driven_for_the_verdict(tmp_path: Path, rung: int, images: set[str]) -> None:
    steps = ("gate.baseline_step=5", "gate.rung_step=10", f"gate.rung_100k_step={rung}", "gate.rung_episodes=4")
    with training(tmp_path, small(*UNTIL_30, *steps), validator=promise(10.0, 20.0, 30.0)) as made:
        finish(made, run(made))
        gate = results_of(made)["gate"]
        kinds = {line["kind"]: line for line in lines_of(made.directory.evaluations)}
    assert kinds.keys() - {"validation"} == images
    if images:
        assert gate["name"] == "100k" and kinds["rung"]["step"] == 30
        assert {line["name"]: line["value"] for line in gate["criteria"]}["paired_episodes"] == 4


class Stopping(Promised):
    """Gets a signal while it drives for a verdict."""

    rewards = (10.0, 20.0, 30.0)

    def examine(self, step: int, agent: TD3, stop: Callable[[], bool] = lambda: False) -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        super().examine(step, agent, stop)


def test_a_run_stopped_while_it_drives_for_its_verdict_goes_on_with_that(tmp_path: Path) -> None:
    steps = ("gate.baseline_step=5", "gate.rung_step=10", "gate.rung_100k_step=30", "gate.rung_episodes=4")
    with training(tmp_path, small(*UNTIL_30, *steps), validator=Stopping) as made:
        assert run(made) == "completed"
        results = finish(made, "completed")
        assert results["ended"] == "interrupted" and results["gate"] is None
        assert {line["kind"] for line in lines_of(made.directory.evaluations)} == {"validation"}


def test_alerts_are_reported_with_their_timestep(tmp_path: Path) -> None:
    with training(tmp_path, with_rule(small(), names.SPEED, -1.0)) as made:
        finish(made, run(made))
        (alert,) = results_of(made)["alerts"]
        assert (alert["name"], alert["severity"], alert["step"]) == ("test_rule", "halt", 12)
        assert "- halt `test_rule` at step 12" in made.directory.results_md.read_text()


def test_a_run_halted_by_what_is_not_finite_has_results(tmp_path: Path) -> None:
    """JSON has no NaN: what was not a number is reported as not measured."""
    with training(tmp_path, small()) as made:
        made.recorder.update({"td_error": math.nan, "q_value": math.inf, "critic_loss": 2.0, "finite": False})
        ended = run(made)
        finish(made, ended)
        results = results_of(made)
    assert ended == results["ended"] == "halted"
    assert (results["td_error"], results["q_value_mean"], results["critic_loss"]) == (None, None, 2.0)
    assert "non_finite_train_td_error" in {alert["name"] for alert in results["alerts"]}
    assert made.directory.results_md.is_file()


@pytest.mark.parametrize("ended", ["completed", "interrupted"])
def test_the_best_policy_is_filmed_unless_someone_waits_for_the_end(tmp_path: Path, ended: Ended) -> None:
    config = small("run.eval_freq=12", "run.max_timesteps=12", "evaluation.video=true")
    with training(tmp_path, config, validator=promise(10.0)) as made:
        run(made)
        finish(made, ended)
        film = made.directory.videos / "best.mp4"
        assert (film.is_file() and film.stat().st_size > 0) == (ended == "completed")
        assert results_of(made)["timing"]["total"] > 0
