"""Settings of what judges a run: evaluation, checkpoints, gate."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from av_td3_system.config.section import Count, Positive, Section, Share


class EvaluationConfig(Section):
    """Held-out evaluation: fixed episode seeds of the validation split, deterministic policy."""

    episodes: Count = 50
    num_envs: Annotated[int, Field(ge=1, le=512)] = 50
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 10_000  # first of the fixed episode seeds
    early_stopping_patience: Count = 10  # evaluations without a better reward
    video: bool = True


class CheckpointConfig(Section):
    """Rotation of checkpoints."""

    keep_last: Count = 5


class GateConfig(Section):
    """The 10K rung against the run's own 5K (later rungs are added by the ladder)."""

    improvement: Positive = 0.10  # proceed above, halt below minus this
    reward_floor: Positive = 25.0  # smallest |baseline| that improvement is divided by
    confidence: Annotated[float, Field(gt=0.5, lt=1)] = 0.90  # one-sided bound of the paired gain
    td_error: Positive = 5.0
    route_completion: Share = 0.4
    trivial_margin: Share = 0.15  # over the best of parked, straight and random
    halt_reward: float = 50.0  # absolute; below: halt
    halt_q_value: Positive = 200.0
    halt_td_error: Positive = 20.0
    calibration_warning: Positive = 0.5  # |Q - return| / |Q| and |Q1 - Q2| / |Q|
    halt_persistence: Count = 3  # metric lines in a row beyond a halting bound
    baseline_step: Count = 5_000
    rung_step: Count = 10_000  # judged there or later; before, a verdict is at best `extend`
    episodes: Count = 50  # validation episodes per checkpoint, at least
    bootstrap_samples: Annotated[int, Field(ge=100)] = 10_000
    bootstrap_seed: Annotated[int, Field(ge=0)] = 0  # the same records give the same verdict
