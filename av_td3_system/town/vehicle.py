"""The ego vehicle's data sheet as plain numbers for compiled code.

The defaults of `VehicleConfig` are a Volkswagen Golf VII 1.0 TSI (85 kW), the compact car after which its class is
called: 4.255 m long, 1.799 m wide, wheelbase 2.637 m (Volkswagen's press release of 2012), 0-100 km/h in 9.7 s,
204 km/h, c_w 0.28 (first drives of 2015), turning circle 10.9 m. 78 kW at the wheels, 92 % of the engine's, is what
204 km/h take against c_w A = 0.28 * 2.19 m^2 and the rolling resistance.

Two of them are held at what drivers of a town use rather than at what the car can do: 3 m/s^2 of drive, and 8 m/s^2 at
full brake (a firm stop on dry asphalt; the ADAC measured 33.6 m from 100 km/h, 11.5 m/s^2, in an emergency).
"""

from __future__ import annotations

from typing import NamedTuple

from av_td3_system.config.schema import VehicleConfig

GRAVITY = 9.81  # m/s^2
AIR_DENSITY = 1.2  # kg/m^3, at 20 degrees Celsius and sea level


class VehicleParameters(NamedTuple):
    """`VehicleConfig` as plain numbers (units there), and how far the steering is off its data sheet."""

    length: float
    width: float
    wheelbase: float
    max_steer: float
    max_steer_rate: float
    mass: float
    max_acceleration: float
    engine_power: float
    part_throttle_speed: float
    kick_down: float
    max_deceleration: float
    throttle_lag: float
    brake_lag: float
    rolling_resistance: float
    drag_area: float
    friction: float
    steering_gain: float  # wheel angle / commanded angle
    steering_offset: float  # rad, of the wheels with the steering wheel centred, positive to the left


def vehicle_parameters(config: VehicleConfig) -> VehicleParameters:
    """The compiled kernels' view of the settings: the car as its data sheet has it."""
    numbers = {name: getattr(config, name) for name in VehicleParameters._fields if hasattr(config, name)}
    return VehicleParameters(**{k: float(v) for k, v in numbers.items()}, steering_gain=1.0, steering_offset=0.0)
