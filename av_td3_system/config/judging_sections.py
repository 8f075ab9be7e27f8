"""Settings of what judges and guards a run: evaluation, checkpoints, guards, gate."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from av_td3_system.config.section import Count, NonNegative, Positive, Section, Share


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


class GuardRule(Section):
    """One threshold on one metric.

    Raised when `metric` compares true for `persistence` checks in a row; the value compared is
    the mean of the last `window` values seen. `kind` is a floor or a ceiling.
    """

    name: str
    metric: str
    threshold: float
    kind: Literal["above", "below"] = "above"
    severity: Literal["halt", "critical", "warning"]
    window: Count = 1
    persistence: Count = 1


def _default_rules() -> tuple[GuardRule, ...]:
    return (
        GuardRule(name="td_error_explosion", metric="train/td_error", threshold=50, severity="halt", persistence=5),
        GuardRule(name="q_value_divergence", metric="train/q_value", threshold=1000, severity="halt", persistence=5),
        GuardRule(
            name="reward_collapse",
            metric="train/episode_reward",
            threshold=-500,
            kind="below",
            severity="halt",
            window=20,
        ),
        GuardRule(name="q_value_high", metric="train/q_value", threshold=200, severity="critical", persistence=10),
        GuardRule(name="td_error_high", metric="train/td_error", threshold=20, severity="critical", persistence=10),
        GuardRule(
            name="feature_explosion",
            metric="diagnostics/encoder_feature_norm",
            threshold=1000,  # L2 norm per sample; about sqrt(features) after LayerNorm
            severity="critical",
            persistence=5,
        ),
        GuardRule(
            name="encoder_dead",
            metric="diagnostics/encoder_feature_norm",
            threshold=1e-3,
            kind="below",
            severity="critical",
            persistence=5,
        ),
    )


class GuardConfig(Section):
    """Guards, checked every `interval` timesteps (numbers from the action plan)."""

    interval: Count = 100  # timesteps
    rules: tuple[GuardRule, ...] = Field(default_factory=_default_rules)
    gradient_spike: Positive = 10.0  # times the running median of the norm
    gradient_history: Annotated[int, Field(ge=5)] = 100  # norms of the running median; judged once a fifth is there
    gradient_explosion: Positive = 1000.0  # norm before clipping, persisting
    gradient_persistence: Count = 5  # checks in a row
    critical_count: Count = 3  # critical alerts ...
    critical_window: Count = 50_000  # ... within so many timesteps halt the run
    trend_window: Count = 100_000  # timesteps of degrading reward that halt; of no improvement that warn
    trend_margin: NonNegative = 10.0  # reward
    trend_episodes: Count = 100  # last training episodes whose mean is compared with the best so far
    trend_tau: Annotated[float, Field(gt=0, le=1)] = 0.75  # Kendall's tau of ten block means against time, falling ...
    trend_drop: Share = 0.10  # ... and last block below the first by this share (and the margin): degrading
    disk_free_gb: NonNegative = 1.0  # below: halt
    saturation: Share = 0.95  # share of actions beyond 0.99, mean over the window: critical
    parked_speed: NonNegative = 0.3  # m/s, mean over the window: critical
    spinning_yaw_rate: Positive = 0.5  # rad/s, mean absolute over the window: critical
    dominating_share: Share = 0.5  # of a reward term other than progress, mean over the window: warning
    q_bias_growth: Positive = 10.0  # reward; |Q bias| growing over 3 evaluations by more: warning
    gpu_utilization: tuple[NonNegative, NonNegative] = (70.0, 90.0)  # percent, mean over the window; outside: warning
    behaviour_window: Count = 5_000  # timesteps


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
