"""All that a run consists of survives a restart: one restored from its state is the same, object by object."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from av_td3_system.checkpointing.pieces import PieceStore
from av_td3_system.checkpointing.plain_state import state_hash
from av_td3_system.checkpointing.preemption import StopSignals
from av_td3_system.checkpointing.store import CheckpointStore
from av_td3_system.monitoring.run_log import RunLog
from av_td3_system.training.learner import Learner
from av_td3_system.training.loop import Training
from av_td3_system.training.recorder import Recorder
from av_td3_system.training.remedies import Remedies
from av_td3_system.training.saving import Saver
from av_td3_system.training.validation import Validator
from av_td3_system.training.worlds import training_worlds
from tests.unit.training.object_graph import different, leaves
from tests.unit.training.small import run, small, training

SETTINGS = (
    "run.max_timesteps=90",
    "run.eval_freq=30",
    "run.save_freq=1000",
    "run.enable_monitoring=true",
    "guards.rules.td_error_high={threshold: -1, persistence: 1}",  # some trouble to remember
    "evaluation.episodes=2",
    "environment.blank_image=false",
    "environment.slowest_speed=1000",
    "environment.time_allowance=0.5",
    "traffic.vehicles=[12,12,12]",
    "curriculum.stages=[{from: 0, vehicles: [12]}, {from: 20, vehicles: [4, 12], weathers: [WetNoon]}, {from: 95}]",
    "network.critic_input=surroundings",
    "agent.target_action=recalled",
    "agent.policy_average=0.1",
)

NEED_NOT = {
    r"^watch\._begun": "seconds count on from here",
    r"^watch\._before": "the same",
    r"^recorder\._(system|recent|lines|metrics)\b": "shown to people: rates, the last episodes",
    r"^recorder\._machine\b": "how fast this machine is, measured anew",
    r"^_progress\b": "what is shown of how far it is, made anew by whoever runs it",
    r"^recorder\.(metrics|episode_log|events)\b": "open files",
    r"^recorder\.guards\._non_finite\.keys": "entries that say nothing was found",
    r"^validator\._(env|lines)\b": "worlds that begin anew with each evaluation; an open file",
    r"^saver\.(store|_files)\._swept": "whether left-overs were looked for",
    r"^signals\b": "of the process",
    r"^directory\b|^saver\.store\.|^saver\._files\.|_path$|\.path$": "names of files",
    r"^learner\.explorer\._wanted": "made anew before it is used",
    r"^learner\.replay\.drawn": "the last batch, which has been learned from",
    r"^learner\.agent\.(td_error|policy_action)": "the same",
    r"^learner\.replay\._slots\.frame": "compared where it has been written",
    r"^env\.worlds\._scratch|^env\.view\._(scratches|drawn|pose|vehicles|models)": "working memory of kernels",
    r"^env\.view\._(frames|newest|ticks)": "rings that begin in another place; what is in them is compared below",
    r"^recorder\.log\b": "of the process",
    r"^driving\b": "what is held while it runs; worlds and learner are compared by themselves",
}


def restored(original: Training, path: Path) -> Training:
    """Another run, brought to where the first was saved."""
    config = original.config
    original.saver.save_named(original.state_dict(), "checkpoint_1.pt", original.step)
    directory = original.directory
    learner, env = Learner(config), training_worlds(config)
    saver = Saver(CheckpointStore(directory.checkpoints, config.run.algo), PieceStore(directory.replay), learner.replay)
    loaded = saver.load()
    made = Training(
        config=config,
        directory=directory,
        env=env,
        learner=learner,
        validator=Validator(directory, config),
        recorder=Recorder(directory, config, RunLog(None), resumed=loaded.state),
        saver=saver,
        signals=StopSignals(),
        remedies=Remedies(directory.remedies, config),
    )
    assert saver.restore(loaded) == 0
    made.load_state_dict(loaded.state)
    return made


def unexplained(original: Training, other: Training) -> list[str]:
    found = different(leaves(original), leaves(other))
    return [path for path in found if not any(re.search(known, path) for known in NEED_NOT)]


def test_nothing_is_missing_from_the_one_list(tmp_path: Path) -> None:
    with training(tmp_path, small(*SETTINGS)) as original:
        assert run(original) == "completed" and original.recorder.updates > 0
        other = restored(original, tmp_path)
        assert unexplained(original, other) == []
        assert state_hash(other.state_dict()) == state_hash(original.state_dict())
        assert state_hash(other.learner.replay.state_dict()) == state_hash(original.learner.replay.state_dict())


@pytest.mark.parametrize("part", ["learner", "agent", "environment", "schedule", "budget", "health"])
def test_it_would_be_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, part: str) -> None:
    with training(tmp_path, small(*SETTINGS, "agent.updates_per_step=0.7", "run.max_timesteps=33")) as original:
        run(original)
        parts = Training.parts

        def without(self: Training) -> dict[str, Any]:
            return {name: one for name, one in parts.fget(self).items() if name != part}  # type: ignore[attr-defined]

        monkeypatch.setattr(Training, "parts", property(without))
        assert unexplained(original, restored(original, tmp_path))
