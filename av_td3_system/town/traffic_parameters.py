"""The traffic's manners as plain numbers for compiled code."""

from __future__ import annotations

from typing import NamedTuple

from av_td3_system.config.schema import TrafficConfig

RANGES = ("pause_duration", "speed_factor", "length", "width", "height")


class TrafficParameters(NamedTuple):
    """`TrafficConfig` with each range as two numbers (units there)."""

    time_headway: float
    minimum_gap: float
    max_acceleration: float
    comfortable_deceleration: float
    emergency_deceleration: float
    politeness: float
    change_threshold: float
    safe_deceleration: float
    claim_margin: float
    patience: float
    pause_rate: float
    hazard_rate: float
    hazard_range: float
    hazard_interval: float
    on_route: float
    on_route_reach: float
    pause_duration_low: float
    pause_duration_high: float
    speed_factor_low: float
    speed_factor_high: float
    length_low: float
    length_high: float
    width_low: float
    width_high: float
    height_low: float
    height_high: float


def traffic_parameters(config: TrafficConfig) -> TrafficParameters:
    """The compiled kernels' view of the settings."""
    numbers = {f"{name}_{end}": getattr(config, name)[i] for name in RANGES for i, end in enumerate(("low", "high"))}
    for name in TrafficParameters._fields:
        if name not in numbers:
            numbers[name] = getattr(config, name)
    return TrafficParameters(**{name: float(value) for name, value in numbers.items()})
