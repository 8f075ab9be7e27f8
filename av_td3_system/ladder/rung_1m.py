"""The 1M rung: does it drive as the plan wants it to, and by its camera?

The plan's success metrics as criteria; the two of them that stand for a gamma of 0.99 are read as there. Whoever
succeeds as often with a black image or another car's does not drive by its camera and is halted.
"""

from __future__ import annotations

from av_td3_system.config.schema import GateConfig
from av_td3_system.evaluation.statistics import wilson_interval
from av_td3_system.ladder.common import (
    alert_criterion,
    behaviour_criteria,
    calibration_criteria,
    decline_criteria,
    gain,
    rung_criteria,
    sight_criteria,
    stability_criteria,
)
from av_td3_system.ladder.criteria import Criterion, above, at_least, below, criterion, mean
from av_td3_system.ladder.inputs import Q_GAMMA, GateInputs
from av_td3_system.monitoring.names import CRITIC_LOSS, Q_VALUE, TD_ERROR


def criteria_1m(inputs: GateInputs, config: GateConfig) -> tuple[Criterion, ...]:
    """All lines of the verdict."""
    pairs, improvement, _ = gain(inputs, config)
    return (
        *rung_criteria(inputs, config, pairs),
        *_targets(inputs, config),
        *decline_criteria(inputs, config, improvement),
        *behaviour_criteria(inputs, config),
        *stability_criteria(inputs, config),
        *calibration_criteria(inputs, config),
        *sight_criteria(inputs, config, "halt"),
        alert_criterion(inputs, "report"),
    )


def _targets(inputs: GateInputs, config: GateConfig) -> list[Criterion]:
    n = len(inputs.episodes)
    successes = sum(record.success for record in inputs.episodes)
    low = wilson_interval(successes, n, 2 * config.confidence - 1).low if n else None
    rate = f"{successes}/{n}, one-sided {config.confidence:.0%}" if n else ""
    reward = mean([record.episode_reward for record in inputs.episodes])
    late, words = inputs.late, "last tenth of the timesteps"
    q = late.get(Q_VALUE)
    scaled = None if q is None else q * (1 - inputs.gamma) / (1 - Q_GAMMA)
    least, most = config.target_q_value
    in_range = scaled is not None and least <= scaled <= most
    return [
        at_least("validation_episodes", float(n), config.rung_episodes, "proceed", "of the judged policy"),
        above("success_rate_lower_bound", low, config.target_success, "proceed", rate),
        above("target_episode_reward", reward, config.target_reward, "proceed"),
        criterion("q_value", scaled, least, in_range, "proceed", f"Q(1-gamma)/0.01, {words}, at most {most:g}"),
        below("td_error_late", late.get(TD_ERROR), config.td_error, "proceed", words),
        below("critic_loss_late", late.get(CRITIC_LOSS), config.target_critic_loss, "proceed", words),
    ]
