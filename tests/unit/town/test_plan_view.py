"""Reference lines against closed forms."""

from __future__ import annotations

import numpy as np
import pytest

from av_td3_system.town.plan_view import Arc, Geometry, Line, ParamPoly3, PlanView, Poly3, Primitive, Spiral


def at(primitive: Primitive, s: float) -> tuple[float, float, float]:
    x, y, heading = primitive.local(np.array([s]))
    return float(x[0]), float(y[0]), float(heading[0])


def test_a_quarter_arc_ends_beside_its_centre() -> None:
    radius = 20.0
    assert at(Arc(1 / radius), radius * np.pi / 2) == pytest.approx((radius, radius, np.pi / 2))
    assert at(Arc(-1 / radius), radius * np.pi / 2) == pytest.approx((radius, -radius, -np.pi / 2))


def test_an_arc_without_curvature_is_a_line() -> None:
    assert at(Arc(0.0), 7.0) == pytest.approx(at(Line(), 7.0))


def test_a_spiral_of_constant_curvature_is_an_arc() -> None:
    assert at(Spiral(0.05, 0.05, 30.0), 30.0) == pytest.approx(at(Arc(0.05), 30.0), abs=1e-9)


def test_a_spiral_matches_the_fresnel_integral() -> None:
    from scipy.special import fresnel

    # Curvature s / A^2 with A^2 = L / k: x = A sqrt(pi) C(s / (A sqrt(pi))).
    length, end = 40.0, 0.08
    scale = np.sqrt(np.pi * length / end)
    sine, cosine = fresnel(length / scale)
    x, y, heading = at(Spiral(0.0, end, length), length)
    assert (x, y) == pytest.approx((scale * cosine, scale * sine), abs=1e-9)
    assert heading == pytest.approx(end * length / 2)


@pytest.mark.parametrize("scale", [1.0, 1 / 10.0])
def test_a_cubic_has_the_slope_of_its_polynomials(scale: float) -> None:
    # v = u^2 / 100 over 10 m, in metres or in shares of the length.
    k = 1 / scale
    primitive = ParamPoly3((0.0, k, 0.0, 0.0), (0.0, 0.0, k * k / 100, 0.0), scale)
    assert at(primitive, 10.0) == pytest.approx((10.0, 1.0, np.arctan(0.2)))


def test_a_poly3_is_walked_by_arc_length() -> None:
    # v = u^2 / 20 is a parabola: its length to u is u/2 sqrt(1 + u^2/100) + 5 asinh(u/10).
    u = 8.0
    length = u / 2 * np.sqrt(1 + u * u / 100) + 5 * np.arcsinh(u / 10)
    assert at(Poly3((0.0, 0.0, 1 / 20, 0.0), length), length) == pytest.approx((u, 3.2, np.arctan(0.8)), abs=1e-4)
    s = np.linspace(0, length, 400)
    x, y, _ = Poly3((0.0, 0.0, 1 / 20, 0.0), length).local(s)
    np.testing.assert_allclose(np.hypot(np.diff(x), np.diff(y)), length / 399, rtol=1e-3)


def test_a_plan_view_takes_each_point_from_its_own_geometry() -> None:
    plan = PlanView((Geometry(0, 5, 5, np.pi / 2, 10, Line()), Geometry(10, 5, 15, np.pi / 2, 31.4, Arc(-0.05))))
    x, y, heading = plan.evaluate(np.array([0.0, 10.0, 10.0 + 10 * np.pi]))
    np.testing.assert_allclose(x, [5, 5, 25], atol=1e-9)
    np.testing.assert_allclose(y, [5, 15, 35], atol=1e-9)
    np.testing.assert_allclose(heading, [np.pi / 2, np.pi / 2, 0], atol=1e-9)


def test_the_largest_jump_is_found_with_its_place() -> None:
    plan = PlanView((Geometry(0, 0, 0, 0, 10, Line()), Geometry(10, 10, 3, 0, 5, Line())))
    assert plan.largest_jump() == pytest.approx((3.0, 10.0))
