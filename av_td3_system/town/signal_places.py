"""Where the signs and traffic lights of a map stand."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from av_td3_system.town.map_elements import OpenDriveMap, Signal


@dataclass(frozen=True)
class PlacedSignal:
    """A signal of a road in the world: `x`, `y` in m, `heading` in rad of the traffic that it is meant for.

    A reference lies where the signal takes effect on another road and carries the signal's own meaning.
    """

    signal: Signal
    road: str
    x: float
    y: float
    heading: float


def place_signals(town: OpenDriveMap) -> tuple[PlacedSignal, ...]:
    """All signals of a map and the references to them, in the order of its roads; references to none are left out."""
    own = {signal.identifier: signal for road in town.roads.values() for signal in road.signals if not signal.reference}
    placed = []
    for road in town.roads.values():
        for signal in road.signals:
            origin = own.get(signal.identifier)
            if origin is None:
                continue
            there = replace(
                origin, s=signal.s, t=signal.t, orientation=signal.orientation, lanes=signal.lanes or origin.lanes
            )
            x, y, heading = road.plan_view.evaluate(np.clip([signal.s], 0.0, road.length))
            placed.append(
                PlacedSignal(
                    replace(there, reference=signal.reference),
                    road.identifier,
                    float(x[0] - np.sin(heading[0]) * signal.t),
                    float(y[0] + np.cos(heading[0]) * signal.t),
                    float(heading[0] + (np.pi if signal.orientation == "-" else 0.0)),
                )
            )
    return tuple(placed)
