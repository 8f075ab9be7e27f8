"""Tables of how well was driven on held-out routes; `n` and 95 % intervals in each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from av_td3_system.evaluation.grid_table import HEADLINE, cell_of
from av_td3_system.evaluation.metrics import KMH
from av_td3_system.evaluation.statistics import Interval, rate_per_km
from av_td3_system.reporting.expectations import Expectation
from av_td3_system.reporting.report.ablation import Variant
from av_td3_system.reporting.report.driving import Driver, Of, measured, success
from av_td3_system.reporting.report.table import Cell, Estimate, Table

INTERVALS = (
    "95 % intervals: bootstrap over training seeds and routes; success: the wider of it and Wilson's; collisions: "
    "exact Poisson"
)
MEASURES = (
    "success",
    "completion",
    "reward",
    "collisions/km",
    "off-road/km",
    "km/h",
    "TTC < 0.95 s",
    "TTC < 2 s",
    "jerk RMS, m/s^3",
)


def drivers_table(drivers: Sequence[Driver]) -> Table | None:
    """One row a driver, over everything that it drove; None without any."""
    if not drivers:
        return None
    rows: list[list[Cell]] = [[one.label, len(one.parts), len(one.lines), *figures_of(one)] for one in drivers]
    caption = f"Driving on held-out routes, all cells together; TTC: share of time below. {INTERVALS}."
    return Table("drivers", caption, ("driver", "runs", "n", *MEASURES), rows)


def cells_table(drivers: Sequence[Driver]) -> Table | None:
    """NoCrash's cells: scenario x training or new town x training or new weathers."""
    rows: list[list[Cell]] = []
    for driver in drivers:
        asked = driver.asked
        for cell in sorted({cell_of(line, asked) for line in driver.lines}, key=_nocrash):
            part = driver.only(lambda line, cell=cell, asked=asked: cell_of(line, asked) == cell)  # type: ignore[misc]
            assert part is not None
            mark = "" if len(part.lines) >= HEADLINE else " *"
            rows.append(
                [driver.label, f"scenario {cell[0]}", cell[1], cell[2] + mark, len(part.lines), *figures_of(part)]
            )
    if not rows:
        return None
    caption = f"Driving by cell, after NoCrash. {INTERVALS}. *: fewer than {HEADLINE} episodes, no headline."
    return Table("cells", caption, ("driver", "traffic", "town", "weather", "n", *MEASURES), rows)


def weathers_table(drivers: Sequence[Driver]) -> Table | None:
    """Scenario x town x weather by name: what the figures of success draw."""
    rows: list[list[Cell]] = []
    for driver in drivers:
        for scenario, town, weather in places(driver):
            part = driver.only(at(scenario, town, weather))
            assert part is not None
            rate = success(part)
            cell = Estimate(rate.value, rate.low, rate.high)
            rows.append([driver.label, f"scenario {scenario}", town, weather, len(part.parts), len(part.lines), cell])
    if not rows:
        return None
    columns = ("driver", "traffic", "town", "weather", "runs", "n", "success")
    return Table("success_by_place", f"Success by scenario, town and weather. {INTERVALS}.", columns, rows)


def expectations_table(expected: Sequence[Expectation]) -> Table | None:
    """What the plan expects of TD3 beside DDPG, and whether it is so."""
    if not expected:
        return None
    rows: list[list[Cell]] = [
        [
            one.what,
            one.measure,
            None if one.value is None else Estimate(one.value, one.low, one.high, 2),
            f"{one.bound:g}",
            one.answer,
        ]
        for one in expected
    ]
    caption = "The plan's expectations of TD3 beside DDPG; an answer is given where the whole 95 % interval says it."
    return Table("expectations", caption, ("expected", "measured", "value", "bound", "answer"), rows)


def ablation_table(variants: Sequence[Variant]) -> Table | None:
    """What leaving something out cost."""
    if not variants:
        return None
    rows: list[list[Cell]] = [
        [one.name, one.expected, _estimate(one.success_rate), _estimate(one.difference), one.verdict or None]
        for one in variants
    ]
    caption = "Ablations: success on held-out routes with 95 % intervals, and the difference to the whole system."
    return Table("ablation", caption, ("left out", "expected", "success", "difference", "verdict"), rows)


def figures_of(driver: Driver) -> list[Cell]:
    """A driver's cells under `MEASURES`."""
    rate = success(driver)
    collisions, off_road = (_per_km(driver, name) for name in ("collisions", "off_road"))
    return [
        Estimate(rate.value, rate.low, rate.high),
        _estimate(measured(driver, _plain("route_completion"), _one)),
        _estimate(measured(driver, _plain("episode_reward"), _one), 1),
        collisions,
        off_road,
        _estimate(measured(driver, lambda line: KMH * float(line["distance"]), _plain("time")), 1),
        *(_estimate(measured(driver, _timed(name), _where(name))) for name in ("ttc_below_0.95", "ttc_below_2")),
        _estimate(_root(measured(driver, _timed("jerk_rms", 2), _where("jerk_rms"))), 2),
    ]


def places(driver: Driver) -> list[tuple[str, str, str]]:
    """Scenario, town and weather of everything that it drove; the training town and weathers first."""
    seen, asked = (
        {(one["cell_scenario"], one["town"], one["weather"]) for one in driver.lines},
        driver.asked["trained_in"],
    )
    known, weathers = list(asked.get("towns", [])), list(asked.get("weathers", []))
    return sorted(seen, key=lambda p: (p[1] not in known, p[1], *_scenario(p[0]), p[2] not in weathers, p[2]))


def at(scenario: str, town: str, weather: str) -> Any:
    """Whether a line is of this place."""
    return lambda line: (line["cell_scenario"], line["town"], line["weather"]) == (scenario, town, weather)


def _nocrash(cell: tuple[str, str, str]) -> tuple[Any, ...]:
    return (*_scenario(cell[0]), cell[1].startswith("new"), cell[2].startswith("new"))


def _scenario(name: str) -> tuple[bool, str]:
    return name != "empty", name


def _one(_: Any) -> float:
    return 1.0


def _plain(name: str) -> Of:
    return lambda line: float(line[name])


def _timed(name: str, power: int = 1) -> Of:
    """A mean over an episode's decisions, by how many there were."""
    return lambda line: None if line[name] is None else float(line[name]) ** power * float(line["length"])


def _where(name: str) -> Of:
    return lambda line: None if line[name] is None else float(line["length"])


def _root(found: Interval | None) -> Interval | None:
    return None if found is None else Interval(*(value**0.5 for value in found))


def _per_km(driver: Driver, name: str) -> Estimate | None:
    metres = sum(float(line["distance"]) for line in driver.lines)
    if metres <= 0:
        return None
    found = rate_per_km(sum(int(line[name]) for line in driver.lines), metres)
    return Estimate(found.value, found.low, found.high, 2)


def _estimate(found: Interval | None, digits: int = 3) -> Estimate | None:
    return None if found is None else Estimate(found.value, found.low, found.high, digits)
