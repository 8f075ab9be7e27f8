"""Signs and lights are read with their place and meaning, and stand where the map says."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from av_td3_system.town.opendrive import read_opendrive
from av_td3_system.town.road_network import load_network
from av_td3_system.town.signal_places import place_signals

Write = Callable[..., Path]
Make = Callable[..., str]

LIGHT = (
    '<signal s="12" t="-5" id="a" name="Signal_3Light" dynamic="yes" orientation="-" type="1000001" subtype="-1" '
    'country="OpenDRIVE" value="-1"><validity fromLane="-2" toLane="-1"/></signal>'
)


@pytest.mark.parametrize(
    ("sign", "kind", "value"),
    [
        ('type="274" subtype="50" country="DE"', "speed limit", 50 / 3.6),
        ('type="274" subtype="-1" value="30" unit="mph"', "speed limit", 30 * 0.44704),
        ('type="R2-1" value="35" unit="mph"', "speed limit", 35 * 0.44704),
        ('type="274" subtype="-1"', "speed limit", None),
        ('type="206" subtype="-1" value="-1"', "other", -1.0),
        ('type="1000001" dynamic="yes"', "traffic light", None),
        ('type="205" value="high"', "other", None),
    ],
)
def test_a_sign_is_read_by_its_meaning(
    write_map: Write, make_road: Make, sign: str, kind: str, value: float | None
) -> None:
    road = make_road(extra=f'<signals><signal id="3" s="1" t="2" orientation="+" {sign}/></signals>')
    (signal,) = read_opendrive(write_map(road)).roads["1"].signals
    assert signal.kind == kind and signal.value == (None if value is None else pytest.approx(value))


def test_a_light_is_placed_beside_its_road_facing_its_traffic(write_map: Write, make_road: Make) -> None:
    turned = f'<geometry s="0" x="10" y="20" hdg="{np.pi / 2}" length="40"><line/></geometry>'
    (placed,) = place_signals(
        read_opendrive(write_map(make_road(geometry=turned, extra=f"<signals>{LIGHT}</signals>")))
    )
    assert (placed.x, placed.y) == pytest.approx((15, 32))
    assert np.cos(placed.heading - 1.5 * np.pi) == pytest.approx(1)  # against the reference line
    assert placed.signal.dynamic and placed.signal.lanes == ((-2, -1),)
    assert (placed.signal.code, placed.signal.name, placed.signal.country) == ("1000001", "Signal_3Light", "OpenDRIVE")


def test_a_reference_takes_the_meaning_of_the_signal_it_names(write_map: Write, make_road: Make) -> None:
    here = (
        '<signals><signalReference s="3" t="4" id="a" orientation="+"/><signalReference s="3" t="4" id="no"/></signals>'
    )
    town = read_opendrive(write_map(make_road("x", extra=f"<signals>{LIGHT}</signals>"), make_road("y", extra=here)))
    first, second = place_signals(town)
    assert (first.road, second.road) == ("x", "y")
    assert second.signal.reference and second.signal.kind == "traffic light" and not first.signal.reference
    assert (second.x, second.y, second.heading) == pytest.approx((3, 4, 0))


def test_the_lights_of_carlas_town_stand_beside_its_roads(carla_map: Callable[[str], Path]) -> None:
    network = load_network(carla_map("Town01"))
    west, south, east, north = network.bounds
    lights = [p for p in network.signals if p.signal.kind == "traffic light" and not p.signal.reference]
    assert len(lights) == 36
    assert all(west - 5 < p.x < east + 5 and south - 5 < p.y < north + 5 for p in lights)
