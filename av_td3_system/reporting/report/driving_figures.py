"""Figures of how well was driven on held-out routes: where, how close to others, how fast, and without what."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from av_td3_system.evaluation.drive_figures import CLOSE, NUPLAN_BOUND, SPEED_EDGES, TTC_EDGES
from av_td3_system.evaluation.metrics import KMH
from av_td3_system.evaluation.statistics import Interval
from av_td3_system.reporting.figure_file import new_figure
from av_td3_system.reporting.report.ablation import Variant
from av_td3_system.reporting.report.driving import Driver, success
from av_td3_system.reporting.report.driving_tables import at, places
from av_td3_system.reporting.report.style import COLUMN, PAGE, area, legend_below, line

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def success_by_place(driver: Driver) -> Figure:
    """Success rate of a driver by scenario (rows) and weather (columns), a panel a town; figures written in."""
    cells = places(driver)
    towns, scenarios, weathers = (list(dict.fromkeys(place[k] for place in cells)) for k in (1, 0, 2))
    trained = driver.asked["trained_in"]
    width = min(PAGE, max(COLUMN, 0.9 + 0.85 * len(weathers)))
    figure = new_figure(width, len(towns) * (0.9 + 0.5 * len(scenarios)) + 0.3)
    for town, axes in zip(towns, figure.subplots(len(towns), 1, squeeze=False)[:, 0], strict=True):
        rates = np.full((len(scenarios), len(weathers)), np.nan)
        for row, scenario in enumerate(scenarios):
            for column, weather in enumerate(weathers):
                part = driver.only(at(scenario, town, weather))
                if part is not None:
                    rate = success(part)
                    rates[row, column] = rate.value
                    _write_in(axes, column, row, rate, len(part.lines))
        axes.imshow(rates, cmap="Greys_r", vmin=-1.0, vmax=1.0, aspect="auto")  # light throughout: text stays black
        axes.set_xticks(range(len(weathers)), [_broken(name, name in trained["weathers"]) for name in weathers])
        axes.set_yticks(range(len(scenarios)), [f"scenario {name}" for name in scenarios])
        axes.set_title(f"{town} ({'training' if town in trained['towns'] else 'new'} town)")
        axes.grid(visible=False)
        axes.tick_params(length=0)
    figure.suptitle(f"{driver.label}: success rate, 95 % interval, n. *: new weather")
    return figure


def times_to_collision(drivers: Sequence[Driver]) -> Figure | None:
    """Share of the driving time in which the time to collision was below so many seconds."""
    if not drivers:
        return None
    figure = new_figure(COLUMN, 2.9 + 0.17 * len(drivers))
    axes = figure.subplots()
    for index, driver in enumerate(drivers):
        shares = ttc_shares(driver)
        axes.plot(TTC_EDGES[: len(shares)], shares, label=driver.label, markevery=6 + index % 3, **line(index))
    for bound in (NUPLAN_BOUND, CLOSE):
        axes.axvline(bound, color="0.4", linewidth=0.6, linestyle=(0, (2, 2)))
        place = (bound, 0.98)
        axes.annotate(f"{bound:g} s", place, xycoords=("data", "axes fraction"), ha="right", va="top", rotation=90)
    axes.set_xlim(0, TTC_EDGES[-2])
    axes.set_ylim(bottom=0)
    axes.set_xlabel("time to collision, s")
    axes.set_ylabel("share of time below")
    legend_below(figure, axes, columns=1)
    return figure


def speeds(drivers: Sequence[Driver]) -> Figure | None:
    """Share of the driving time at each speed."""
    if not drivers:
        return None
    figure = new_figure(COLUMN, 2.9 + 0.17 * len(drivers))
    axes = figure.subplots()
    middles = KMH * (SPEED_EDGES[:-1] + SPEED_EDGES[1:]) / 2
    highest = 1
    for index, driver in enumerate(drivers):
        shares = speed_shares(driver)
        highest = max(highest, *np.flatnonzero(shares), 0)
        axes.plot(middles, shares, label=driver.label, markevery=(index % 3, 3), **line(index))
    axes.set_xlim(0, KMH * SPEED_EDGES[min(highest + 2, len(SPEED_EDGES) - 1)])
    axes.set_ylim(bottom=0)
    axes.set_xlabel("speed, km/h")
    axes.set_ylabel(f"share of time, by {KMH * (SPEED_EDGES[1] - SPEED_EDGES[0]):.1f} km/h")
    legend_below(figure, axes, columns=1)
    return figure


def ablation_bars(variants: Sequence[Variant]) -> Figure | None:
    """Success of every variant with its interval; None where none was measured."""
    known = [(one, one.success_rate) for one in variants if one.success_rate is not None]
    if not known:
        return None
    figure = new_figure(COLUMN, 0.8 + 0.32 * len(known))
    axes = figure.subplots()
    for row, (_, rate) in enumerate(known):
        axes.barh(row, rate.value, height=0.65, **area(row))
        reach = [[max(rate.value - rate.low, 0.0)], [max(rate.high - rate.value, 0.0)]]
        axes.errorbar(rate.value, row, xerr=reach, color="black", capsize=2.5, linewidth=1.0)
    axes.set_yticks(range(len(known)), [_wrapped(one.name) for one, _ in known])
    axes.invert_yaxis()
    axes.set_xlim(0, 1)
    axes.set_xlabel("success rate, 95 % interval")
    axes.grid(visible=False, axis="y")
    return figure


def ttc_shares(driver: Driver) -> np.ndarray:
    """Share of decisions with a time to collision below each of `TTC_EDGES` but the last.

    The last bin holds all beyond its beginning, so nothing can be said of its end.
    """
    counts = np.sum([line["ttc_counts"] for line in driver.lines], axis=0)
    decisions = max(sum(int(line["length"]) for line in driver.lines), 1)
    return np.concatenate([[0.0], np.cumsum(counts)[:-1]]) / decisions


def speed_shares(driver: Driver) -> np.ndarray:
    """Share of decisions in each bin of `SPEED_EDGES`; the last holds all beyond."""
    counts = np.sum([line["speed_counts"] for line in driver.lines], axis=0)
    return counts / max(float(counts.sum()), 1.0)


def _write_in(axes: Axes, column: int, row: int, rate: Interval, n: int) -> None:
    axes.text(column, row, f"{rate.value:.2f}\n{rate.low:.2f}-{rate.high:.2f}\nn {n}", ha="center", va="center")


def _broken(name: str, known: bool) -> str:
    """A weather's name over two lines, marked where the run had never seen it."""
    middle = next((k for k in range(len(name) - 1, 0, -1) if name[k].isupper()), len(name))
    return f"{name[:middle]}\n{name[middle:]}" + ("" if known else " *")


def _wrapped(name: str) -> str:
    import textwrap

    return "\n".join(textwrap.wrap(name, 18))
