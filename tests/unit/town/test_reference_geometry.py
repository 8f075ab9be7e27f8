"""Reference lines and lane borders against slow, plain computations that share no code with them."""

from __future__ import annotations

import warnings
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad, solve_ivp

from av_td3_system.town.opendrive import read_opendrive
from av_td3_system.town.outline import lane_borders
from av_td3_system.town.plan_view import ParamPoly3, Poly3, Spiral
from av_td3_system.town.road_network import MAPS

curvatures = st.floats(-0.2, 0.2)
lengths = st.floats(0.5, 90.0)


@given(start=curvatures, end=curvatures, length=lengths, share=st.floats(0.0, 1.0))
@settings(max_examples=60, deadline=None)
def test_a_spiral_is_the_integral_of_its_curvature(start: float, end: float, length: float, share: float) -> None:
    def course(s: float, state: np.ndarray) -> list[float]:
        return [np.cos(state[2]), np.sin(state[2]), start + (end - start) * s / length]

    s = share * length
    expected = solve_ivp(course, (0.0, max(s, 1e-9)), [0.0, 0.0, 0.0], rtol=1e-10, atol=1e-10).y[:, -1]
    found = np.array(Spiral(start, end, length).local(np.array([s])))[:, 0]
    np.testing.assert_allclose(found, expected, atol=1e-6)


@given(b=st.floats(-1, 1), c=st.floats(-0.02, 0.02), d=st.floats(-2e-4, 2e-4), length=lengths)
@settings(max_examples=60, deadline=None)
def test_a_poly3_is_met_at_its_arc_length(b: float, c: float, d: float, length: float) -> None:
    u, v, heading = (float(value[0]) for value in Poly3((0.5, b, c, d), length).local(np.array([length])))

    def slope(at: float) -> float:
        return b + 2 * c * at + 3 * d * at * at

    walked, _ = quad(lambda at: np.hypot(1.0, slope(at)), 0.0, u, limit=200)
    assert walked == pytest.approx(length, abs=2e-3)
    assert v == pytest.approx(0.5 + b * u + c * u**2 + d * u**3)
    assert heading == pytest.approx(np.arctan(slope(u)))


coefficients = st.floats(-5, 5)


@given(
    u=st.tuples(st.just(0.0), st.floats(1, 40), coefficients, coefficients),
    v=st.tuples(st.just(0.0), coefficients, coefficients, coefficients),
    normalised=st.booleans(),
    p=st.floats(0.01, 0.99),
)
@settings(max_examples=60, deadline=None)
def test_a_param_poly3_heads_where_it_goes(
    u: tuple[float, ...], v: tuple[float, ...], normalised: bool, p: float
) -> None:
    length = 20.0
    scale = 1 / length if normalised else 1.0
    at = p * (length if normalised else 1.0)
    curve = ParamPoly3((u[0], u[1], u[2], u[3]), (v[0], v[1], v[2], v[3]), scale)
    x, y, heading = (float(value[0]) for value in curve.local(np.array([at])))
    assert (x, y) == pytest.approx(tuple(sum(k * p**i for i, k in enumerate(row)) for row in (u, v)))
    h = 1e-5
    ahead, behind = (curve.local(np.array([at + sign * h / scale])) for sign in (1, -1))
    dx, dy = float(ahead[0][0] - behind[0][0]), float(ahead[1][0] - behind[1][0])
    if np.hypot(dx, dy) > 1e-6:
        assert np.cos(heading - np.arctan2(dy, dx)) == pytest.approx(1.0, abs=1e-6)


def plain_cubic(records: list[ElementTree.Element], start: str, s: float) -> float:
    """The value of OpenDRIVE's cubic records at `s`: the last that begins before counts."""
    current = [r for r in records if float(r.get(start, 0)) < s]
    if not current:
        return 0.0
    ds = s - float(current[-1].get(start, 0))
    return sum(float(current[-1].get(k, 0)) * ds**i for i, k in enumerate("abcd"))


@pytest.mark.parametrize("name", ["TownA", "TownD", "Town01", "Town04"])
def test_lanes_are_as_wide_and_lie_where_the_file_says(name: str, carla_map: Callable[[str], Path]) -> None:
    path = MAPS / f"{name}.xodr" if name[4:].isalpha() else carla_map(name)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        town = read_opendrive(path)
    rng, compared = np.random.default_rng(0), 0
    for element in ElementTree.parse(path).getroot().iter("road"):
        road = town.roads[element.get("id", "")]
        items = element.findall("lanes/laneSection")
        k = int(rng.integers(len(items)))
        start, end = road.sections[k].start, road.sections[k].end
        if end - start < 1e-3:
            continue
        s = float(rng.uniform(start, end))
        borders = lane_borders(road, road.sections[k], np.array([s]))
        for side, sign in (("left", 1), ("right", -1)):
            edge = plain_cubic(element.findall("lanes/laneOffset"), "s", s)
            for lane in sorted(items[k].findall(f"{side}/lane"), key=lambda e: abs(int(e.get("id", 0)))):
                outer = edge + sign * max(plain_cubic(lane.findall("width"), "sOffset", s - start), 0.0)
                low, high = borders[int(lane.get("id", 0))]
                assert (low[0], high[0]) == pytest.approx((min(edge, outer), max(edge, outer)), abs=1e-7)
                edge, compared = outer, compared + 1
    assert compared > 50
