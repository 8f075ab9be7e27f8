"""The 10K rung, and its extension to 20K: has it begun to learn to drive?

Against the run's own 5K. The critic's calibration and the fall of Q's spread are reported beside and decide nothing:
the latter passes parked cars and fails healthy runs.
"""

from __future__ import annotations

from av_td3_system.config.schema import GateConfig
from av_td3_system.ladder.common import (
    behaviour_criteria,
    decline_criteria,
    gain,
    half_ratio,
    improvement_criteria,
    rung_criteria,
    stability_criteria,
)
from av_td3_system.ladder.criteria import Criterion, at_most
from av_td3_system.ladder.inputs import GateInputs


def criteria_10k(inputs: GateInputs, config: GateConfig) -> tuple[Criterion, ...]:
    """All lines of the verdict."""
    pairs, improvement, bound = gain(inputs, config)
    return (
        *rung_criteria(inputs, config, pairs),
        *improvement_criteria(config, improvement, bound),
        *decline_criteria(inputs, config, improvement),
        *behaviour_criteria(inputs, config),
        *stability_criteria(inputs, config),
        *_reported(inputs, config),
    )


def _reported(inputs: GateInputs, config: GateConfig) -> list[Criterion]:
    lines = [
        at_most(name, inputs.calibration.get(name), config.calibration_warning, "report", note)
        for name, note in (("q_return_gap", "|Q - return| / |Q|"), ("q1_q2_gap", "|Q1 - Q2| / |Q|"))
    ]
    ratio = half_ratio("q_value_std_ratio", inputs.q_value_std, config, "report", allowed="less")
    return lines if ratio is None else [*lines, ratio]
