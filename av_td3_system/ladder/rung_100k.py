"""The 100K rung: does it go on learning, by its camera, with a critic that settles and can be believed?

Against the run's own 10K. The plan asks for rewards that rise, TD errors and a variance of Q that fall, and no critical
alert. That rewards have risen is told by the gain since 10K; a fast learner stands still later, so of the second half
of the evaluations it is asked that they do not fall. TD errors fall clearly in every healthy run. The variance of Q
falls by 7 to 26 %, but in one healthy run of eleven it stayed (0.99 of before, p 0.5), so what fails there is a rise
that is shown, or a doubling.
"""

from __future__ import annotations

import numpy as np
from scipy import stats

from av_td3_system.config.schema import GateConfig
from av_td3_system.ladder.common import (
    alert_criterion,
    behaviour_criteria,
    calibration_criteria,
    decline_criteria,
    gain,
    half_ratio,
    improvement_criteria,
    rung_criteria,
    sight_criteria,
    stability_criteria,
)
from av_td3_system.ladder.criteria import Criterion, criterion
from av_td3_system.ladder.inputs import GateInputs

FEWEST_LOOKS = 5  # evaluations since the baseline, the plan's


def criteria_100k(inputs: GateInputs, config: GateConfig) -> tuple[Criterion, ...]:
    """All lines of the verdict."""
    pairs, improvement, bound = gain(inputs, config)
    return (
        *rung_criteria(inputs, config, pairs),
        *improvement_criteria(config, improvement, bound),
        _trend(inputs, config),
        *decline_criteria(inputs, config, improvement),
        *behaviour_criteria(inputs, config),
        *stability_criteria(inputs, config),
        *settling_criteria(inputs, config),
        *calibration_criteria(inputs, config),
        *sight_criteria(inputs, config, "proceed"),
        alert_criterion(inputs, "proceed"),
    )


def settling_criteria(inputs: GateInputs, config: GateConfig) -> list[Criterion]:
    """Variance of Q and TD error, the second half since the baseline over the first."""
    return [
        half_ratio("q_value_variance_ratio", inputs.q_value_std, config, "proceed", power=2, allowed="stay")
        or _unmeasured("q_value_variance_ratio"),
        half_ratio("td_error_ratio", inputs.td_error, config, "proceed") or _unmeasured("td_error_ratio"),
    ]


def _trend(inputs: GateInputs, config: GateConfig) -> Criterion:
    """The second half of the validation rewards is not shown to fall: Kendall's tau, one-sided."""
    name, late = "reward_trend", list(inputs.rewards)[len(inputs.rewards) // 2 :]
    if len(inputs.rewards) < FEWEST_LOOKS:
        return criterion(name, None, 0.0, False, "proceed", f"needs {FEWEST_LOOKS} evaluations since the baseline")
    steps, rewards = np.array(late, dtype=np.float64).T
    if not np.isfinite(rewards).all():
        return criterion(name, float("nan"), 0.0, False, "proceed", "")
    found = stats.kendalltau(steps, rewards, alternative="less")
    tau, p = float(found.statistic), float(found.pvalue)
    if not np.isfinite(tau):  # all the same
        tau, p = 0.0, 1.0
    told = f"Kendall's tau of the last {len(steps)} evaluations, p {p:.3f} of a fall"
    return criterion(name, tau, 0.0, p > 1 - config.confidence, "proceed", told)


def _unmeasured(name: str) -> Criterion:
    return criterion(name, None, 1.0, False, "proceed", "not measured")
