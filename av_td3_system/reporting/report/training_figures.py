"""Figures of how the runs learned."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from av_td3_system.monitoring import names
from av_td3_system.reporting.figure_file import new_figure
from av_td3_system.reporting.report.curves import Curve, evaluation_curve, training_curve
from av_td3_system.reporting.report.material import Material
from av_td3_system.reporting.report.runs import RunGroup
from av_td3_system.reporting.report.style import COLUMN, PAGE, area, legend_below, line, steps_axis
from av_td3_system.reporting.run_files import RunFiles, number

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TRIVIAL = ("parked", "straight", "random")
BAND = "Line and band: mean over the runs with 95 % interval over seeds; thin: each run."


def learning_curves(material: Material) -> Figure | None:
    """Training reward, and held-out reward, success and completion; None where nothing was recorded."""
    groups = material.groups
    panels: list[tuple[str, list[Curve], str]] = [
        ("reward of training episodes", training_curve(groups, lambda run: run.rewards()), ""),
        ("held-out reward", evaluation_curve(groups, "episode_reward"), "episode_reward"),
    ]
    if material.of_the_town:
        panels += [
            ("held-out success rate", evaluation_curve(groups, "success_rate"), "success_rate"),
            ("held-out route completion", evaluation_curve(groups, "route_completion"), "route_completion"),
        ]
    if not any(curves for _, curves, _ in panels):
        return None
    figure = new_figure(PAGE, 2.3 * (len(panels) // 2) + 0.4)
    for (label, curves, measure), axes in zip(panels, figure.subplots(len(panels) // 2, 2).flat, strict=True):
        _draw(axes, curves, groups)
        if measure in ("success_rate", "route_completion"):
            axes.set_ylim(-0.03, 1.03)
            _draw_trivial(axes, material.runs, measure)
        steps_axis(axes, label)
        axes.set_xlim(0, 1.03 * max(group.step for group in groups))
        _say_if_empty(axes, curves)
    _legend(figure, groups)
    return figure


def q_values(material: Material) -> Figure | None:
    """Q and its spread over the batch."""
    return _of_tags(material.groups, ((names.Q_VALUE, "Q value"), (names.Q_VALUE_STD, "standard deviation of Q")))


def td_error(material: Material) -> Figure | None:
    """TD error and the critic's loss."""
    return _of_tags(material.groups, ((names.TD_ERROR, "TD error"), (names.CRITIC_LOSS, "critic loss")))


def reward_shares(material: Material) -> Figure | None:
    """Share of each reward term over time, stacked; a panel a group."""
    shares: dict[str, list[Curve]] = {}
    for term in names.REWARD_COMPONENTS:
        for curve in training_curve(material.groups, _series(names.REWARD_SHARES[term])):
            shares.setdefault(curve.label, []).append(curve)
    whole = {label: curves for label, curves in shares.items() if len(curves) == len(names.REWARD_COMPONENTS)}
    if not whole:
        return None
    columns = min(2, len(whole))
    rows = -(-len(whole) // columns)
    figure = new_figure(COLUMN if columns == 1 else PAGE, 2.2 * rows + 0.7)
    panels = list(figure.subplots(rows, columns, squeeze=False).flat)
    for (label, curves), axes in zip(whole.items(), panels, strict=False):
        means = [_mean_of_known(curve.each) for curve in curves]
        _stack(axes, curves[0].steps, means)
        axes.set_title(label)
        steps_axis(axes, "share of the reward's terms")
        axes.set_ylim(0, 1)
    for axes in panels[len(whole) :]:
        axes.set_axis_off()
    legend_below(figure, panels[0], columns=3 if columns > 1 else 2)
    return figure


def _mean_of_known(each: np.ndarray) -> np.ndarray:
    """Mean over the runs that have a value, NaN where none has."""
    counts = np.isfinite(each).sum(axis=0)
    return np.where(counts > 0, np.nansum(each, axis=0) / np.maximum(counts, 1), np.nan)


def _stack(axes: Axes, steps: np.ndarray, means: Sequence[np.ndarray]) -> None:
    known = np.isfinite(np.sum(means, axis=0))
    total = np.sum(means, axis=0)[known]
    floor = np.zeros(int(known.sum()))
    for index, (term, mean) in enumerate(zip(names.REWARD_COMPONENTS, means, strict=True)):
        top = floor + mean[known] / np.maximum(total, 1e-12)
        axes.fill_between(steps[known], floor, top, label=term.replace("_", " "), **area(index))
        floor = top
    if known.any():
        axes.set_xlim(steps[known][0], steps[known][-1])


def _of_tags(groups: Sequence[RunGroup], tags: Sequence[tuple[str, str]]) -> Figure | None:
    panels = [(training_curve(groups, _series(tag)), label) for tag, label in tags]
    if not any(curves for curves, _ in panels):
        return None
    figure = new_figure(PAGE, 2.7)
    for (curves, label), axes in zip(panels, figure.subplots(1, len(panels)), strict=True):
        _draw(axes, curves, groups)
        steps_axis(axes, label)
        axes.set_xlim(0, 1.03 * max(group.step for group in groups))
        _say_if_empty(axes, curves)
    _legend(figure, groups)
    return figure


def _draw(axes: Axes, curves: Sequence[Curve], groups: Sequence[RunGroup]) -> None:
    order = [group.label for group in groups]
    for curve in curves:
        style = line(order.index(curve.label))
        if len(curve.each) > 1:
            for values in curve.each:
                axes.plot(curve.steps, values, color=style["color"], linewidth=0.4, alpha=0.6)
        known = np.isfinite(curve.mean)
        often = max(1, int(known.sum()) // 8)
        axes.plot(curve.steps[known], curve.mean[known], markevery=often, **style)
        sure = np.isfinite(curve.low) & np.isfinite(curve.high)
        axes.fill_between(
            curve.steps[sure], curve.low[sure], curve.high[sure], color=style["color"], alpha=0.15, linewidth=0
        )


def _draw_trivial(axes: Axes, runs: Sequence[RunFiles], measure: str) -> None:
    """The best that a trivial policy reached on the same episodes."""
    best = best_trivial(runs, measure)
    if best is not None:
        axes.axhline(best[1], color="0.35", linewidth=0.7, linestyle=(0, (2, 2)))
        axes.annotate(f"{best[0]}", (0.99, best[1]), xycoords=("axes fraction", "data"), ha="right", va="bottom")


def best_trivial(runs: Sequence[RunFiles], measure: str) -> tuple[str, float] | None:
    """Name and mean over the runs of the best of `TRIVIAL` on the validation episodes; None where none was driven."""
    found: dict[str, list[float]] = {}
    for run in runs:
        newest: dict[str, Mapping[str, Any]] = {str(one.get("kind")): one["summary"] for one in run.trivial}
        for kind in TRIVIAL:
            value = number(newest.get(kind, {}), measure)
            if value is not None:
                found.setdefault(kind, []).append(value)
    means = [(sum(values) / len(values), kind) for kind, values in sorted(found.items())]
    return (max(means)[1], max(means)[0]) if means else None


def _series(tag: str) -> Callable[[RunFiles], Sequence[tuple[int, float]]]:
    return lambda run: run.series(tag)


def _legend(figure: Figure, groups: Sequence[RunGroup]) -> None:
    from matplotlib.lines import Line2D

    handles = [
        Line2D([], [], label=f"{group.label} (seeds {len(group.runs)})", **line(index))
        for index, group in enumerate(groups)
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=min(3, len(handles)))


def _say_if_empty(axes: Axes, curves: Sequence[Curve]) -> None:
    if not curves:
        axes.text(0.5, 0.5, "not measured", transform=axes.transAxes, ha="center", va="center")
