"""The agent of a run as a checkpoint holds it, for the benchmarks that look into one."""

from __future__ import annotations

from pathlib import Path

from av_td3_system.agents.td3 import TD3
from av_td3_system.checkpointing.store import load_checkpoint
from av_td3_system.config.load import load_resolved
from av_td3_system.config.schema import Config
from av_td3_system.training.learner import Learner


def stored_agent(run: Path, checkpoint: str) -> tuple[Config, TD3]:
    """A run's settings, and its agent of a checkpoint in its folder of checkpoints.

    Raises:
        UserError: the settings or the checkpoint are missing or cannot be read.
    """
    config = load_resolved(run / "config.yaml")
    agent = Learner(config).agent
    agent.load_state_dict(load_checkpoint(run / "checkpoints" / checkpoint)["agent"])
    return config, agent
