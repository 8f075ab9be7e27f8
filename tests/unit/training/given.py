"""A run whose networks others begin with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from av_td3_system.training.run import train
from tests.unit.training.small import small
from tests.unit.training.test_resume import COMMAND, LONG

AVERAGED = "agent.policy_average=0.05"
OTHER = (*LONG, AVERAGED, "run.seed=7")  # what is drawn is not what the source began with


def make_source(path: Path) -> Path:
    """A run that has learned a little, so that learned, slow and averaged weights all differ; its directory."""
    assert train(small(*LONG, AVERAGED, "run.max_timesteps=60"), path / "run", COMMAND) in (0, 3)
    return path / "run"


def equal(one: Any, two: Any) -> bool:
    """Whether two states hold the same weights to the bit."""
    return bool(one.keys() == two.keys() and all(torch.equal(one[name], two[name]) for name in one))
