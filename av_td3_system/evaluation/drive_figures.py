"""What one drive was like: closeness to others, comfort, precision; from its trajectory alone.

Distributions are kept as counts, so that the lines of single episodes can be pooled into any table.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

NUPLAN_BOUND = 0.95  # s; nuPlan's metric calls a time to collision below it dangerous (Caesar et al. 2021)
CLOSE = 2.0  # s
SETTLING = 1.0  # s after the start that comfort is not judged in: the car is put down at a standstill
TTC_EDGES = np.arange(0.0, 10.25, 0.25)  # s; what is at or beyond the last counts in the last bin
SPEED_EDGES = np.arange(0.0, 16.0, 0.5)  # m/s


def time_to_collision(
    gap: NDArray[np.float64], speed: NDArray[np.float64], lead_speed: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Seconds until the ego touches the vehicle ahead if both keep their speed; infinite while it does not close in.

    Args:
        gap: m between the two along the path, infinite where there is none ahead.
        speed: of the ego, m/s.
        lead_speed: of the vehicle ahead along the path, m/s.
    """
    closing = speed - lead_speed
    ttc = np.full(gap.shape, np.inf)
    approached = np.isfinite(gap) & (closing > 0.0)
    ttc[approached] = np.maximum(gap[approached], 0.0) / closing[approached]
    return ttc


def jerk(acceleration: NDArray[np.float64], decision: float) -> NDArray[np.float64]:
    """Longitudinal jerk, m/s^3, between neighbouring decisions; one shorter than `acceleration`.

    Args:
        acceleration: mean over each decision, m/s^2.
        decision: s.
    """
    return np.diff(acceleration) / decision


def drive_figures(motion: NDArray[Any], decision: float) -> dict[str, Any]:
    """The measures of one drive.

    Args:
        motion: (T,) of `environments.motion.MOTION`, one for each decision, at least one.
        decision: simulated seconds of one.

    Returns:
        `ttc_min` and `ttc_p05` s (None where the ego never closed in on anybody), `ttc_below_0.95` and `ttc_below_2`
        shares of decisions; `jerk_rms`, `jerk_max` m/s^3 and `lateral_acceleration_rms`, `_max` m/s^2 after the first
        second (None where it did not last so long); `heading_error` mean absolute, degrees; `ttc_counts` and
        `speed_counts`, decisions in the bins of `TTC_EDGES` and `SPEED_EDGES`, finite ones alone.
    """
    ttc = time_to_collision(motion["lead_gap"], motion["ego_speed"], motion["lead_speed"])
    finite = ttc[np.isfinite(ttc)]
    settled = motion["time"] >= SETTLING - 1e-9
    sideways = motion["ego_speed"][settled] * motion["ego_yaw_rate"][settled]
    pushes = jerk(motion["ego_acceleration"][settled], decision)
    return {
        "ttc_min": _or_none(finite.min(initial=np.inf)),
        "ttc_p05": float(np.quantile(ttc, 0.05, method="inverted_cdf")) if _below(ttc, np.inf) >= 0.05 else None,
        "ttc_below_0.95": _below(ttc, NUPLAN_BOUND),
        "ttc_below_2": _below(ttc, CLOSE),
        **_spread("jerk", pushes),
        **_spread("lateral_acceleration", sideways),
        "heading_error": float(np.degrees(np.abs(motion["heading_error"])).mean()),
        "ttc_counts": _counts(finite, TTC_EDGES),
        "speed_counts": _counts(motion["ego_speed"], SPEED_EDGES),
    }


def _below(values: NDArray[np.float64], bound: float) -> float:
    return float((values < bound).mean())


def _spread(name: str, values: NDArray[np.float64]) -> dict[str, float | None]:
    if not values.size:
        return {f"{name}_rms": None, f"{name}_max": None}
    return {f"{name}_rms": float(np.sqrt((values**2).mean())), f"{name}_max": float(np.abs(values).max())}


def _counts(values: NDArray[np.float64], edges: NDArray[np.float64]) -> list[int]:
    inside = np.clip(values, edges[0], np.nextafter(edges[-1], 0.0))
    return [int(count) for count in np.histogram(inside, edges)[0]]


def _or_none(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
