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
    keep_steps: tuple[Count, ...] = ()  # timesteps whose checkpoints are kept for good: rungs and looks of the ladder


class GateConfig(Section):
    """The rungs 10K, 100K and 1M, each against the run's own evaluation at an earlier step."""

    improvement: Positive = 0.10  # proceed above (10K, 100K), halt below minus this
    reward_floor: Positive = 25.0  # smallest |baseline| that improvement is divided by
    confidence: Annotated[float, Field(gt=0.5, lt=1)] = 0.90  # of every one-sided bound and test
    td_error: Positive = 5.0
    route_completion: Share = 0.4
    trivial_margin: Share = 0.15  # over the best of parked, straight and random
    halt_reward: float = 50.0  # absolute; below: halt
    halt_q_value: Positive = 200.0
    halt_td_error: Positive = 20.0
    calibration_warning: Positive = 0.5  # |Q - return| / |Q| and |Q1 - Q2| / |Q|, reported at 10K
    q_return_gap: Positive = 0.15  # |Q - return| / |Q|, at most, from 100K on
    q1_q2_gap: Positive = 0.10  # |Q1 - Q2| / |Q|, likewise
    halt_persistence: Count = 3  # metric lines in a row beyond a halting bound
    baseline_step: Count = 5_000  # what 10K is compared with; 100K is with 10K, 1M with 100K
    rung_step: Count = 10_000  # judged there or later; before, a verdict is at best `extend`
    rung_100k_step: Count = 100_000
    rung_1m_step: Count = 1_000_000
    episodes: Count = 50  # validation episodes per checkpoint, at least
    rung_episodes: Count = 200  # that a run which ends at 100K or later drives for its verdict
    target_success: Share = 0.8  # at 1M
    target_reward: float = 500.0  # episode reward at 1M
    target_q_value: tuple[float, float] = (50.0, 100.0)  # Q(1-gamma)/0.01 at 1M
    target_critic_loss: Positive = 50.0  # at 1M
    camera_margin: Share = 0.3  # success that black and that shuffled images must cost at 1M: else it drives blind
    bootstrap_samples: Annotated[int, Field(ge=100)] = 10_000
    bootstrap_seed: Annotated[int, Field(ge=0)] = 0  # the same records give the same verdict
