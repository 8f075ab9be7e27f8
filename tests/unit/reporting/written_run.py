"""Run directories of the real writers, without a run: as many timesteps as a test wants, in no time."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from av_td3_system.checkpointing.manifest import mark_ended, new_manifest, write_manifest
from av_td3_system.config.load import load_config, resolved_yaml
from av_td3_system.evaluation.metrics import summarise
from av_td3_system.monitoring import names
from av_td3_system.monitoring.alerts import make_alert
from av_td3_system.monitoring.json_lines import JsonLinesFile
from av_td3_system.monitoring.run_directory import RunDirectory
from av_td3_system.monitoring.sinks import EpisodeLog, EventLog, JsonLinesSink
from tests.records import evaluation_set, make_episode

RATE = 100.0  # timesteps a second
INTERVAL = 500  # timesteps between lines of means
EPISODE = 250  # timesteps from one end of an episode to the next
Reward = Callable[[int], float]


def rising(step: int) -> float:
    return step / 100.0


def falling(step: int) -> float:
    return 600.0 - step / 100.0


def write_run(
    path: Path,
    *overrides: str,
    steps: int = 20_000,
    reward: Reward = rising,
    evaluations: Sequence[float] = (),
    metrics: dict[str, float] | None = None,
    how: str | None = "completed",
    silent: float = 1.0,
    flags: dict[str, Any] | None = None,
) -> RunDirectory:
    """A run of `steps` timesteps, at `RATE`, whose newest line is `silent` seconds old.

    Args:
        path: of the directory to make.
        overrides: settings; `run.max_timesteps` is `steps` unless given.
        steps: that were made.
        reward: of the training episode that ends at a step.
        evaluations: rewards of held-out evaluations, one each `run.eval_freq`.
        metrics: more tags of every line of means.
        how: the run ended, None if it has not.
        silent: seconds.
        flags: settings as flags.
    """
    settings = [f"run.max_timesteps={steps}", "run.eval_freq=5000", f"run.log_interval={INTERVAL}", *overrides]
    config = load_config(overrides=settings, flags=flags)
    run = RunDirectory.create(path, algo=config.run.algo, scenario=config.run.scenario, seed=config.run.seed)
    text = resolved_yaml(config)
    run.config.write_text(text)
    manifest = new_manifest(command=["av-td3"], config_text=text, seed=config.run.seed, exactness="exact")
    began = time.time() - silent - steps / RATE - 60
    manifest["started"] = datetime.fromtimestamp(began, timezone.utc).isoformat(timespec="seconds")
    write_manifest(run.manifest, manifest)
    (run.path / ".lock").touch()
    lines, episodes, events = JsonLinesSink(run.metrics), EpisodeLog(run.episodes), EventLog(run.events)
    events.write(0, "phase", phase="EXPLORATION")
    for step in range(INTERVAL, steps + 1, INTERVAL):
        for end in range(step - INTERVAL + EPISODE, step + 1, EPISODE):
            episodes.write(end, end // EPISODE, make_episode(episode_reward=reward(end)).to_dict())
            lines.write(end, {names.EPISODE_REWARD: reward(end), names.EPISODE_LENGTH: 500.0})
        means = {names.Q_VALUE: step / 1000.0, names.TD_ERROR: 1.0, names.CRITIC_LOSS: 2.0, names.Q_VALUE_STD: 5.0}
        system = {names.STEPS_PER_SECOND: RATE, names.RAM_GB: 1.5, names.DISK_FREE_GB: 50.0}
        lines.write(step, {**means, **system, **(metrics or {})})
    for index, value in enumerate(evaluations, start=1):
        write_evaluation(run, index * config.run.eval_freq, value)
    for sink in (lines, episodes, events):
        sink.close()
    if how is not None:
        mark_ended(run.manifest, how)
    age(run, silent)
    return run


def write_evaluation(run: RunDirectory, step: int, reward: float, kind: str = "validation") -> None:
    file = JsonLinesFile(run.evaluations)
    records = evaluation_set(reward, 0.5, n=4)
    plain = [record.to_dict() for record in records]
    file.append({"step": step, "kind": kind, "summary": summarise(records), "calibration": {}, "episodes": plain})
    file.close()


def write_alert(run: RunDirectory, name: str, severity: Any, step: int) -> None:
    log = EventLog(run.events)
    alert = make_alert(name, severity, step, 60.0, 50.0)
    log.write(step, "alert", **alert.to_dict())
    log.close()


def age(run: RunDirectory, seconds: float) -> None:
    """Make the newest line so old."""
    if run.metrics.exists():
        os.utime(run.metrics, (time.time() - seconds,) * 2)


def tear(path: Path) -> None:
    """What a kill leaves of a line."""
    with path.open("ab") as file:
        file.write(b'{"step": 99999999, "train/q_va')


def change_manifest(run: RunDirectory, **fields: Any) -> None:
    manifest = json.loads(run.manifest.read_text())
    write_manifest(run.manifest, {**manifest, **fields})


@contextmanager
def driven(run: RunDirectory) -> Iterator[None]:
    """A process (this one) holds the lock."""
    with run.lock():
        yield
