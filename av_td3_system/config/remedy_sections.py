"""Settings of what a run does by itself when a guard finds it in trouble (with --enable-monitoring)."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from av_td3_system.config.section import Count, Positive, Section, Share


class Remedy(Section):
    """What is changed when an alert of these names is raised."""

    alerts: tuple[str, ...]  # beginnings of names
    back: bool = True  # to the last checkpoint judged good; false: on from where it stands
    factors: tuple[dict[str, Positive], ...] = ()  # settings, times a factor: the first time, the second ... the last
    explore: Annotated[int, Field(ge=0)] = 0  # timesteps of warm-up driving without learning from there on


def default_remedies() -> dict[str, Remedy | None]:
    """The action plan's, in its order: learning rates, batch, target networks; exploration for a parked car."""
    halves = {"agent.actor_lr": 0.5, "agent.critic_lr": 0.5}
    larger = {**halves, "agent.batch_size": 2.0}
    return {
        "divergence": Remedy(
            alerts=(
                "td_error_explosion",
                "q_value_divergence",
                "reward_collapse",
                "reward_degrading",
                "too_many_critical_alerts",
                "non_finite_loss",
                "non_finite_train",
                "non_finite_diagnostics",
            ),
            factors=(halves, larger, {**larger, "agent.tau": 0.2}),
        ),
        "parked": Remedy(alerts=("parked",), back=False, explore=2_500),
    }


class RemedyConfig(Section):
    """Remedies, and which checkpoints are good enough to go back to."""

    limit: Annotated[int, Field(ge=0)] = 3  # in a run; what calls for one more halts it
    settle: Count = 5_000  # timesteps without a critical alert after which a checkpoint counts as good, and a remedy's
    # effect is written down
    reward_share: Share = 0.8  # of the best evaluation until then that the one at a good checkpoint has at least
    rules: dict[str, Remedy | None] = Field(default_factory=default_remedies)  # by name; null takes one away
