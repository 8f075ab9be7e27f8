"""What a run leaves behind at its end, early ends too: results, verdict, picture, video, summary."""

from __future__ import annotations

import contextlib
import math
import sys
from typing import Any

from av_td3_system.agents.policy import load_policy
from av_td3_system.checkpointing.disk_space import wants_room
from av_td3_system.checkpointing.manifest import mark_ended
from av_td3_system.checkpointing.plain_state import state_hash
from av_td3_system.checkpointing.preemption import Stopped
from av_td3_system.environments.driving import driving_worlds
from av_td3_system.environments.map_view import paint_map
from av_td3_system.evaluation.metrics import in_words
from av_td3_system.evaluation.protocol import GivenUp
from av_td3_system.evaluation.video import record_drive
from av_td3_system.ladder.command import render_verdict
from av_td3_system.ladder.gate import Verdict, judge
from av_td3_system.ladder.inputs import rung_of
from av_td3_system.ladder.read_run import read_gate_inputs
from av_td3_system.monitoring import names
from av_td3_system.monitoring.run_directory import RunDirectory
from av_td3_system.monitoring.run_log import RunLog
from av_td3_system.monitoring.terminal import write_line
from av_td3_system.reporting.learning_curve import draw_learning_curve
from av_td3_system.reporting.results import EVAL_REQUIRED, what_was_run, write_results
from av_td3_system.training.failure import disk_failure, way_on
from av_td3_system.training.loop import Ended, Training

VIDEO_SECONDS = 30.0  # longest drive that is filmed
KEPT = (*EVAL_REQUIRED, "success_rate_interval", "episode_reward_std")


def halt_for_the_disk(training: Training, error: OSError) -> dict[str, Any]:
    """End a run whose disk is full, read-only or gone; returns the results, written as far as it allows.

    The state is not saved, since it may stand in the middle of a decision: the run goes on from the newest checkpoint.
    """
    log, directory, saver = training.recorder.log, training.directory, training.saver
    log.bear_with_the_disk()
    training.failure = disk_failure(error, training.step)
    with contextlib.suppress(OSError):
        if wants_room(error):
            saver.prune()
    log.error(training.failure.message)
    newest = saver.newest()
    log.error(f"hint: {way_on(directory.path, newest and (newest.path.name, newest.step), error)}")
    with contextlib.suppress(OSError):
        training.recorder.events.write(training.step, "stop", reason=training.failure.message)
    digest = None
    with contextlib.suppress(OSError):  # a state knows how long its files are, and asks the disk
        digest = state_hash({**training.state_dict(), "replay": training.learner.replay.books()})
    results = _results(training, "halted", None, digest)
    results |= {"timing": training.watch.split(), "reason": training.failure.message}
    with contextlib.suppress(OSError):
        training.save_policy(directory.policy, training.step)
    with contextlib.suppress(OSError):
        write_results(directory.path, results)
    with contextlib.suppress(OSError):
        mark_ended(directory.manifest, "halted")
    with contextlib.suppress(OSError):
        training.validator.close()
        write_line(sys.stdout, summary(training, results, None))
    return results


def halt_between(directory: RunDirectory, log: RunLog, error: OSError) -> int:
    """End a run whose disk fails while a remedy is carried out, between two trainings; the exit code.

    What the remedy prescribes is written down, so the run goes on with it.
    """
    log.bear_with_the_disk()
    failure = disk_failure(error, None)
    log.error(failure.message)
    log.error(f"hint: {way_on(directory.path, ('what the remedy names', None), error)}")
    with contextlib.suppress(OSError):
        mark_ended(directory.manifest, "halted")
    return failure.exit_code


def finish(training: Training, ended: Ended) -> dict[str, Any]:
    """Save the final state and write everything that a reader of the run expects; returns the results.

    A run that is stopped while it drives for its verdict has ended as `interrupted`, whatever was said before.
    """
    state = training.state_dict()
    with training.watch.section("saving"):
        if training.begun:
            training.saver.save_named(state, "final.pt", training.step)
        training.save_policy(training.directory.policy, training.step)
    digest = state_hash({**state, "replay": training.learner.replay.books()})
    if ended != "interrupted":  # what has been noted since the last line belongs to one that is still to come
        training.recorder.interval(training.step, guided=training.learner.guided)
    verdict = None
    try:
        verdict = _judge(training, ended)
    except GivenUp:  # the drives of the verdict are owed: it goes on with them
        ended = "interrupted"
    if verdict is not None and ended != "interrupted":
        plain = verdict.to_dict()
        training.recorder.events.write(
            training.step, "verdict", **{k: v for k, v in plain.items() if k not in ("step", "kind")}
        )
    if ended != "interrupted":
        training.care.end(training.step, ended == "halted")
    results = _results(training, ended, verdict, digest)
    results["timing"] = training.watch.split()
    write_results(training.directory.path, results)
    if training.recorder.episodes or training.validator.history:
        draw_learning_curve(training.directory.path)
    filmed = training.config.evaluation.video and training.config.run.env is None
    if filmed and training.validator.history and ended != "interrupted":
        with contextlib.suppress(Stopped), training.signals.nothing_to_lose(), training.watch.section("video"):
            _film(training)
        results["timing"] = training.watch.split()
        write_results(training.directory.path, results)
    training.validator.close()
    if ended == "interrupted" and training.begun:
        hint = way_on(training.directory.path, ("final.pt", training.step))
        training.recorder.log.info(f"interrupted at step {training.step}: {hint}")
    write_line(sys.stdout, summary(training, results, verdict))
    return results


def _judge(training: Training, ended: Ended) -> Verdict | None:
    """The gate's verdict where a run of the town has a baseline of its own and a later validation.

    At 100K and later the policy is driven through more episodes first, with and without its camera.

    Raises:
        GivenUp: a signal came while it was driven.
    """
    gate, history = training.config.gate, training.validator.history
    if training.config.run.env is not None or not any(step > gate.baseline_step for step, _ in history):
        return None
    if ended in ("completed", "early_stopped") and training.step >= gate.rung_100k_step:
        training.recorder.log.info(
            f"driving {gate.rung_episodes} episodes for the verdict, with and without the camera"
        )
        with training.watch.section("evaluation"):
            training.validator.examine(
                training.step, training.learner.agent, lambda: training.signals.requested is not None
            )
    path, gamma = training.directory.path, training.config.agent.gamma
    inputs = read_gate_inputs(path, gate, gamma=gamma, halted=ended == "halted")
    return judge(inputs, gate) if inputs.baseline_episodes else None


def _results(training: Training, ended: Ended, verdict: Verdict | None, digest: str | None) -> dict[str, Any]:
    config, recorder, watch = training.config, training.recorder, training.watch
    history = training.validator.history
    last = history[-1] if history else None
    best = max(history, key=lambda entry: entry[1]["episode_reward"]) if history else None
    busy = watch.seconds("update") + watch.seconds("sampling")
    driving = sum(watch.seconds(s) for s in ("acting", "simulator", "replay", "sampling", "update", "logging"))
    latest = recorder.latest
    return {
        "algo": config.run.algo,
        "env": config.run.env,
        "scenario": config.run.scenario if config.run.env is None else None,
        "seed": config.run.seed,
        "backend": config.run.backend if config.run.env is None else "gymnasium",
        "env_steps": training.step,
        "episodes": recorder.episodes,
        "updates": recorder.updates,
        "wall_clock_s": round(watch.elapsed, 1),
        "env_steps_per_s": training.step / driving if driving else None,
        "updates_per_s": recorder.updates / busy if busy else None,
        "updates_per_step": config.agent.updates_per_step,
        "eval": {"last": _evaluation(last), "best": _evaluation(best)},
        "q_value_mean": _finite(latest.get(names.Q_VALUE)),
        "q_value_std": _finite(latest.get(names.Q_VALUE_STD)),
        "q_bias": last[1]["calibration"].get("q_bias") if last else None,
        "td_error": _finite(latest.get(names.TD_ERROR)),
        "critic_loss": _finite(latest.get(names.CRITIC_LOSS)),
        "gate": verdict.to_dict() if verdict else None,
        "alerts": [{**alert.to_dict(), "step": alert.step, "value": _finite(alert.value)} for alert in recorder.alerts],
        "remedies": [
            {k: v for k, v in entry.items() if k not in ("done", "told")} for entry in training.remedies.applied
        ],
        "ended": ended,
        "state_hash": digest,
    }


def _finite(value: float | None) -> float | None:
    """The value, or None where it is not finite: JSON has no NaN."""
    return value if value is not None and math.isfinite(value) else None


def _evaluation(entry: tuple[int, dict[str, Any]] | None) -> dict[str, Any] | None:
    if entry is None:
        return None
    step, values = entry
    return {"step": step, **{name: values[name] for name in KEPT}}


def _film(training: Training) -> None:
    """One held-out episode driven by the best policy, camera and map side by side."""
    config = training.config
    env = driving_worlds(config, 1, split="validation")
    policy = load_policy(training.directory.best_policy)
    record_drive(policy, env, config.evaluation.seed, training.directory.videos / "best.mp4", paint_map, VIDEO_SECONDS)


def summary(training: Training, results: dict[str, Any], verdict: Verdict | None) -> str:
    """The few lines that a run ends with on standard output."""
    directory = training.directory
    lines = [
        f"{results['algo']} {what_was_run(results)} seed {results['seed']}: {results['ended']} after "
        f"{results['env_steps']} timesteps, {results['episodes']} episodes, {results['updates']} updates, "
        f"{results['wall_clock_s']:.0f} s"
    ]
    for which in ("last", "best"):
        values = results["eval"][which]
        if values:
            lines.append(f"{which} evaluation (step {values['step']}): {in_words(values)}")
    split = {name: seconds for name, seconds in results["timing"].items() if name != "total"}
    lines.append("time: " + ", ".join(f"{name} {seconds:.0f} s" for name, seconds in split.items() if seconds >= 0.5))
    if verdict is not None:
        rung = rung_of(results["env_steps"], training.config.gate)
        lines.append(f"{rung.name.upper()} gate against the run's own {rung.baseline // 1000}K:")
        lines.append(render_verdict(verdict))
    for label, path in (
        ("results", directory.results_md),
        ("learning curve", directory.path / "learning_curve.png"),
        ("video", directory.videos / "best.mp4"),
        ("policy", directory.best_policy),
    ):
        if path.is_file():
            lines.append(f"{label}: {path}")
    return "\n".join(lines)
