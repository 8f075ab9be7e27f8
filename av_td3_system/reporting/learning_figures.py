"""How a run learned, in the figures that algorithms are compared by; from its files alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from av_td3_system.monitoring import names
from av_td3_system.reporting.run_files import RunFiles, mean_of, number

LATE = 0.2  # share of a run, its end, over which learning figures are means
OF_THE_ALGORITHM = ("run.algo", "agent.twin_critics", "agent.policy_noise", "agent.policy_delay")
"""What makes DDPG of TD3; all else must be equal where the two are compared."""


@dataclass(frozen=True)
class Learned:
    """Figures of one run.

    Attributes:
        seed: of it.
        steps: timesteps.
        q_variance: mean of the squared spread of Q over the batch, over the last fifth, reward^2.
        q_bias: Q less the discounted return that followed, at the last evaluation; None without one.
        td_error: mean over the last fifth.
        critic_loss: likewise.
        spikes: gradient norms above ten times their running median, of any network, in 10,000 timesteps of learning.
    """

    seed: int
    steps: int
    q_variance: float | None
    q_bias: float | None
    td_error: float | None
    critic_loss: float | None
    spikes: float | None


def learned(run: RunFiles) -> Learned:
    """Figures of a run that has ended or goes on."""
    late = int(run.step * (1 - LATE))
    spread = [value**2 for _, value in run.series(names.Q_VALUE_STD, after=late)]
    calibration: Mapping[str, Any] = run.validations[-1].get("calibration") or {} if run.validations else {}
    raised = [event for event in run.events if str(event.get("name", "")).startswith("gradient_spike")]
    learning = run.step - run.config.learning_starts
    return Learned(
        seed=run.config.run.seed,
        steps=run.step,
        q_variance=mean_of(spread),
        q_bias=number(calibration, "q_bias"),
        td_error=mean_of([value for _, value in run.series(names.TD_ERROR, after=late)]),
        critic_loss=mean_of([value for _, value in run.series(names.CRITIC_LOSS, after=late)]),
        spikes=1e4 * len(raised) / learning if learning > 0 else None,
    )


def other_differences(one: RunFiles, two: RunFiles) -> list[str]:
    """Settings beside the algorithm's own, its seed and how it is watched that two runs do not share.

    Also `--init-from`, where one began with given networks and the other did not.
    """
    apart = []
    first, second = one.config.model_dump(mode="json"), two.config.model_dump(mode="json")
    for section in ("agent", "network", "exploration", "replay", "reward", "environment", "camera", "traffic"):
        for name, value in first[section].items():
            if f"{section}.{name}" not in OF_THE_ALGORITHM and second[section][name] != value:
                apart.append(f"{section}.{name}")
    if one.config.run.num_envs != two.config.run.num_envs:
        apart.append("run.num_envs")
    if bool(one.init_from) != bool(two.init_from):
        apart.append("--init-from")
    return apart
