"""The traffic's manners and its mix of vehicles as plain numbers for compiled code."""

from __future__ import annotations

from typing import Any, NamedTuple, TypeAlias

from av_td3_system.config.schema import TrafficConfig

Triple: TypeAlias = tuple[float, float, float]

IDM, KRAUSS = 0.0, 1.0
MODELS = {"idm": IDM, "krauss": KRAUSS}
RANGES = ("pause_duration", "speed_factor")
SIZES = (
    ("length", "width", "height"),
    ("van_length", "van_width", "van_height"),
    ("truck_length", "truck_width", "truck_height"),
)


class TrafficParameters(NamedTuple):
    """What moves the traffic: `TrafficConfig` with each range as two numbers, words by `MODELS` (units there)."""

    car_following: float  # IDM or KRAUSS
    dawdling: float
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
    crossing_share: float
    on_route: float
    on_route_reach: float
    pause_duration_low: float
    pause_duration_high: float
    speed_factor_low: float
    speed_factor_high: float


class VehicleMix(NamedTuple):
    """What an episode's vehicles and drivers are drawn from; triples as in `TrafficConfig`."""

    smallest: tuple[Triple, Triple, Triple]  # length, width, height of cars, vans and trucks, m
    largest: tuple[Triple, Triple, Triple]
    kind_shares: Triple
    kind_acceleration: Triple
    kind_deceleration: Triple
    kind_speed: Triple
    driver_shares: Triple
    driver_headway: Triple
    driver_acceleration: Triple
    driver_speed: Triple
    driver_politeness: Triple
    non_yielding: float
    parked: tuple[float, float]


def traffic_parameters(config: TrafficConfig) -> TrafficParameters:
    """The compiled kernels' view of the settings."""
    numbers = {f"{name}_{end}": getattr(config, name)[i] for name in RANGES for i, end in enumerate(("low", "high"))}
    numbers["car_following"] = MODELS[config.car_following]
    for name in TrafficParameters._fields:
        if name not in numbers:
            numbers[name] = getattr(config, name)
    return TrafficParameters(**{name: float(value) for name, value in numbers.items()})


def vehicle_mix(config: TrafficConfig) -> VehicleMix:
    """What `spawning` draws vehicles from."""
    numbers: dict[str, Any] = {
        end: tuple(tuple(float(getattr(config, name)[i]) for name in kind) for kind in SIZES)
        for i, end in enumerate(("smallest", "largest"))
    }
    for name in VehicleMix._fields:
        if name not in numbers:
            value = getattr(config, name)
            numbers[name] = tuple(map(float, value)) if isinstance(value, tuple) else float(value)
    return VehicleMix(**numbers)
