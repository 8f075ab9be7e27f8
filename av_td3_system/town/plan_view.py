"""Reference lines of roads: the plan view of OpenDRIVE 1.4-1.8 (ASAM, section "Geometries").

A plan view is a chain of primitives, each with its own start pose and length. All are evaluated
for whole arrays of arc lengths at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]


class Primitive(Protocol):
    """A curve in its own frame: starts at the origin along +x."""

    def local(self, ds: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Positions u, v (m) and heading (rad), each (n,), at arc lengths `ds` (n,) in m."""
        ...


@dataclass(frozen=True)
class Line:
    """A straight line."""

    def local(self, ds: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        """See `Primitive.local`."""
        return ds, np.zeros_like(ds), np.zeros_like(ds)


@dataclass(frozen=True)
class Arc:
    """A circular arc of constant `curvature` (1/m, left positive)."""

    curvature: float

    def local(self, ds: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        """See `Primitive.local`."""
        angle = self.curvature * ds
        # sinc keeps full precision down to zero curvature.
        chord = ds * np.sinc(angle / (2 * np.pi))
        return chord * np.cos(angle / 2), chord * np.sin(angle / 2), angle


@dataclass(frozen=True)
class Spiral:
    """An Euler spiral: curvature (1/m) linear from `start` to `end` over `length` m."""

    start: float
    end: float
    length: float

    def local(self, ds: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        """See `Primitive.local`; positions by 24-point Gauss-Legendre quadrature of the heading."""
        nodes, weights = np.polynomial.legendre.leggauss(24)
        slope = (self.end - self.start) / self.length
        t = ds[:, None] * (nodes + 1) / 2
        angle = self.start * t + slope * t * t / 2
        half = ds / 2
        u = half * (np.cos(angle) @ weights)
        v = half * (np.sin(angle) @ weights)
        return u, v, self.start * ds + slope * ds * ds / 2


@dataclass(frozen=True)
class ParamPoly3:
    """Two cubics u(p), v(p); `scale` turns arc length into p (1/length if normalised, else 1)."""

    u: tuple[float, float, float, float]
    v: tuple[float, float, float, float]
    scale: float

    def local(self, ds: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        """See `Primitive.local`."""
        p = ds * self.scale
        (a, b, c, d), (e, f, g, h) = self.u, self.v
        du, dv = b + p * (2 * c + 3 * d * p), f + p * (2 * g + 3 * h * p)
        return a + p * (b + p * (c + p * d)), e + p * (f + p * (g + p * h)), np.arctan2(dv, du)


@dataclass(frozen=True)
class Poly3:
    """A cubic v(u) over the local u axis, `length` m along the curve (deprecated since 1.5, still exported)."""

    v: tuple[float, float, float, float]
    length: float

    def local(self, ds: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        """See `Primitive.local`; u at an arc length by trapezoids of 5 cm, which never needs u > length."""
        a, b, c, d = self.v
        u = np.linspace(0.0, self.length, max(64, int(self.length / 0.05)) + 1)
        speed = np.hypot(1.0, b + u * (2 * c + 3 * d * u))
        travelled = np.concatenate(([0.0], np.cumsum((speed[1:] + speed[:-1]) / 2 * np.diff(u))))
        u = np.interp(ds, travelled, u)
        return u, a + u * (b + u * (c + u * d)), np.arctan(b + u * (2 * c + 3 * d * u))


@dataclass(frozen=True)
class Geometry:
    """One primitive placed in the world: from `s` m along the road, at pose (x, y, heading)."""

    s: float
    x: float
    y: float
    heading: float
    length: float
    primitive: Primitive

    def evaluate(self, s: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        """World x, y (m) and heading (rad), each (n,), at road arc lengths `s` (n,)."""
        u, v, turned = self.primitive.local(s - self.s)
        cos, sin = np.cos(self.heading), np.sin(self.heading)
        return self.x + cos * u - sin * v, self.y + sin * u + cos * v, self.heading + turned


@dataclass(frozen=True)
class PlanView:
    """The whole reference line of a road."""

    geometries: tuple[Geometry, ...]

    def evaluate(self, s: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        """World x, y (m) and heading (rad), each (n,), at arc lengths `s` (n,) in [0, road length]."""
        s = np.asarray(s, dtype=np.float64)
        starts = np.array([g.s for g in self.geometries])
        which = np.clip(np.searchsorted(starts, s, side="right") - 1, 0, len(starts) - 1)
        x, y, heading = np.empty_like(s), np.empty_like(s), np.empty_like(s)
        for k in np.unique(which):
            mine = which == k
            x[mine], y[mine], heading[mine] = self.geometries[k].evaluate(s[mine])
        return x, y, heading

    def largest_jump(self) -> tuple[float, float]:
        """(distance in m, arc length in m) of the widest gap between neighbouring primitives."""
        worst = (0.0, 0.0)
        for before, after in zip(self.geometries, self.geometries[1:], strict=False):
            x, y, _ = before.evaluate(np.array([after.s]))
            worst = max(worst, (float(np.hypot(x[0] - after.x, y[0] - after.y)), after.s))
        return worst
