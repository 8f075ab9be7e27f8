"""Signs and traffic lights of an OpenDRIVE road."""

from __future__ import annotations

import math

from av_td3_system.town.map_elements import Signal
from av_td3_system.town.opendrive_lanes import SPEED_UNITS
from av_td3_system.town.xml_source import Element, integer, is_true, number

LIGHT, SPEED_LIMIT, OTHER = "traffic light", "speed limit", "other"
# The standard's own catalogue, country "OpenDRIVE" (1.4, annex; kept since).
LIGHTS = frozenset({"1000001", "1000002", *(f"10000{n:02d}" for n in range(7, 15)), "1000020"})
# Germany's 274 is used by exporters of all countries; the others are the United States' and the Vienna convention's.
SPEED_SIGNS = frozenset({"274", "274.1", "R2-1", "R2", "C14", "maxspeed"})


def _kind(code: str, dynamic: bool) -> str:
    if code in LIGHTS or (dynamic and code.startswith("10000")):
        return LIGHT
    return SPEED_LIMIT if code in SPEED_SIGNS else OTHER


def _value(element: Element, kind: str, subtype: str) -> float | None:
    """The signal's value; of a speed limit in m/s, from the subtype where there is no value."""
    try:
        value = float(element.get("value") or (subtype if kind == SPEED_LIMIT else ""))
    except ValueError:
        return None
    if not math.isfinite(value) or (kind == SPEED_LIMIT and value <= 0):
        return None
    return value * SPEED_UNITS.get(element.get("unit") or "km/h", 1 / 3.6) if kind == SPEED_LIMIT else value


def _signal(element: Element, road: str) -> Signal:
    reference = element.tag == "signalReference"
    kind, subtype, dynamic = element.get("type", ""), element.get("subtype", ""), is_true(element, "dynamic")
    kind = "" if kind in ("-1", "none") else kind
    subtype = "" if subtype in ("-1", "none") else subtype
    meaning = _kind(kind, dynamic)
    return Signal(
        identifier=element.get("id", ""),
        s=number(element, "s", road),
        t=number(element, "t", road),
        orientation=element.get("orientation", "none"),
        kind=meaning,
        code="-".join(part for part in (kind, subtype) if part),
        country=element.get("country", ""),
        name=element.get("name", ""),
        dynamic=dynamic,
        value=_value(element, meaning, subtype),
        lanes=tuple((integer(v, "fromLane", road), integer(v, "toLane", road)) for v in element.findall("validity")),
        reference=reference,
    )


def read_signals(element: Element, road: str) -> tuple[Signal, ...]:
    """Signals of a `<road>` and its references to signals of other roads, in the order of the file.

    Raises:
        UserError: a signal without a place.
    """
    return tuple(
        _signal(item, road) for item in element.findall("signals/*") if item.tag in ("signal", "signalReference")
    )
