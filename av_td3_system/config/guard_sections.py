"""Settings of what guards a run: rules, each a threshold on a metric, and what looks at a course of values."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from av_td3_system.config.section import Count, NonNegative, Positive, Section, Share


class GuardRule(Section):
    """One threshold on one metric of `monitoring.names`.

    Raised when the mean of `metric` over the window is beyond the threshold for `persistence` new values in a row.
    """

    metric: str
    threshold: float
    unit: str  # of the threshold, for people
    kind: Literal["above", "below", "times_above", "times_below"] = "above"  # times: of the median of earlier values
    severity: Literal["halt", "critical", "warning"]
    window: Count = 1
    window_unit: Literal["values", "timesteps"] = "values"
    persistence: Count = 1
    history: Annotated[int, Field(ge=5)] = 100  # values of the median; judged once a fifth of them is there
    after: Annotated[int, Field(ge=0)] = 0  # timesteps that must be over
    monitoring: bool = False  # only with --enable-monitoring
    saves: bool = False  # also saves checkpoint_{step}.pt


def _collapse() -> dict[str, GuardRule | None]:
    """The learner has failed, or is about to."""
    reward, norm = "reward units", "L2 norm of a sample's features; sqrt(features) at most after LayerNorm"
    td_error, q_value, features = "train/td_error", "train/q_value", "diagnostics/encoder_feature_norm"
    return {
        "td_error_explosion": GuardRule(metric=td_error, threshold=50, unit=reward, severity="halt", persistence=5),
        "q_value_divergence": GuardRule(metric=q_value, threshold=1000, unit=reward, severity="halt", persistence=5),
        "reward_collapse": GuardRule(
            metric="train/episode_reward", threshold=-500, unit=reward, kind="below", severity="halt", window=20
        ),
        "q_value_high": GuardRule(metric=q_value, threshold=200, unit=reward, severity="critical", persistence=10),
        "td_error_high": GuardRule(metric=td_error, threshold=20, unit=reward, severity="critical", persistence=10),
        "feature_explosion": GuardRule(metric=features, threshold=1000, unit=norm, severity="critical", persistence=5),
        "encoder_dead": GuardRule(
            metric=features, threshold=1e-3, unit=norm, kind="below", severity="critical", persistence=5
        ),
    }


def _gradients() -> dict[str, GuardRule | None]:
    rules: dict[str, GuardRule | None] = {}
    for network in ("actor", "critic", "encoder"):
        metric = f"diagnostics/{network}_grad_norm"
        rules[f"gradient_explosion_{network}"] = GuardRule(
            metric=metric, threshold=1000, unit="L2 norm before clipping", severity="critical", persistence=5
        )
        rules[f"gradient_spike_{network}"] = GuardRule(
            metric=metric, threshold=10, unit="times its median", kind="times_above", severity="warning"
        )
    return rules


def _behaviour() -> dict[str, GuardRule | None]:
    """What the car does and what moves it, over 5,000 timesteps each."""

    def watch(metric: str, threshold: float, unit: str, **more: Any) -> GuardRule:
        return GuardRule(
            **{"severity": "critical", "window": 5_000, "window_unit": "timesteps", "monitoring": True, **more},
            metric=metric,
            threshold=threshold,
            unit=unit,
        )

    share = "share of all terms' absolute sum"
    return {
        "parked": watch("behaviour/speed", 0.3, "m/s", kind="below"),
        "spinning": watch("behaviour/yaw_rate", 0.5, "rad/s, absolute"),
        "saturated_action": watch("diagnostics/action_saturation", 0.95, "share of action components beyond 0.99"),
        "blind_encoder": watch(
            "diagnostics/image_use",
            0.02,
            "mean change of an action by another image, of a range of 2",
            kind="below",
            after=20_000,
        ),
        **{
            # Progress is what a route is paid for: it dominates by design.
            f"dominating_term_{term}": watch(f"rewards/{term}_share", 0.5, share, severity="warning")
            for term in ("efficiency", "lane_keeping", "comfort", "safety")
        },
        "replay_starvation": watch(
            "behaviour/updates_missed", 0.1, "share of due updates without a batch", severity="warning", window=1_000
        ),
    }


def _machine() -> dict[str, GuardRule | None]:
    def watch(metric: str, threshold: float, unit: str, **more: Any) -> GuardRule:
        return GuardRule(**{"severity": "warning", **more}, metric=metric, threshold=threshold, unit=unit)

    disk, gpu = "system/disk_free_gb", "system/gpu_utilization"
    long: dict[str, Any] = {"window": 5_000, "window_unit": "timesteps", "monitoring": True}
    return {
        "disk_full": watch(disk, 1.0, "GiB free", kind="below", severity="halt"),
        "disk_low": watch(disk, 4.0, "GiB free", kind="below"),
        "memory_low": watch("system/ram_available_gb", 1.0, "GiB available", kind="below", persistence=2, saves=True),
        "gpu_memory_low": watch("system/gpu_memory_free_gb", 0.5, "GiB free", kind="below", persistence=2),
        "gpu_hot": watch("system/gpu_temperature", 87.0, "degrees Celsius", window=3),
        "gpu_idle": watch(gpu, 70.0, "percent", kind="below", **long),
        "gpu_busy": watch(gpu, 90.0, "percent", **long),
        "slow_simulator": watch(
            "system/simulator_ms", 4.0, "times its median", kind="times_above", window=3, persistence=2, monitoring=True
        ),
    }


def default_rules() -> dict[str, GuardRule | None]:
    """All rules by name; the numbers of halting and critical ones are the action plan's."""
    return {**_collapse(), **_gradients(), **_behaviour(), **_machine()}


class GuardConfig(Section):
    """Guards, checked every `interval` timesteps."""

    interval: Count = 100  # timesteps
    rules: dict[str, GuardRule | None] = Field(default_factory=default_rules)  # by name; null takes one away
    critical_count: Count = 3  # critical alerts ...
    critical_window: Count = 50_000  # ... within so many timesteps halt the run
    trend_window: Count = 100_000  # timesteps of degrading reward that halt; of no improvement that warn
    trend_margin: NonNegative = 10.0  # reward
    trend_episodes: Count = 100  # last training episodes whose mean is compared with the best so far
    trend_tau: Annotated[float, Field(gt=0, le=1)] = 0.85  # Kendall's tau of ten block means against time, falling ...
    trend_drop: Share = 0.10  # ... and last block below the first by this share (and the margin): degrading
    q_bias_growth: Positive = 10.0  # reward; |Q bias| growing over 3 evaluations by more: warning
    disk_rate_window: Count = 5_000  # timesteps after which the disk is projected to the run's end

    def threshold(self, name: str, otherwise: float) -> float:
        """Of the rule of this name; `otherwise` where there is none."""
        rule = self.rules.get(name)
        return otherwise if rule is None else rule.threshold
