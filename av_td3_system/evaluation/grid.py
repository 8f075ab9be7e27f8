"""What the protocol drives: scenarios x towns x weathers x routes x traffic seeds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

from av_td3_system.config.errors import UserError
from av_td3_system.config.load import with_overrides
from av_td3_system.config.schema import Config
from av_td3_system.environments.seeding import spelled_out
from av_td3_system.evaluation.route_set import ROUTES, RouteSet
from av_td3_system.town.weather import WEATHERS, weather_named

SCENARIOS = ("empty", "0", "1", "2")
NEW_TOWN = "TownB"
NEW_WEATHERS = ("WetSunset", "SoftRainSunset")  # the new ones of NoCrash


@dataclass(frozen=True)
class Grid:
    """The cells of an evaluation.

    Attributes:
        split: validation or test.
        scenarios: of `SCENARIOS`; `empty` is a town without other vehicles.
        towns: names or maps.
        weathers: names.
        routes: how many of each town's set, from its beginning.
        traffic: how many traffic seeds on each route; they are 0, 1, ...
    """

    split: str
    scenarios: tuple[str, ...]
    towns: tuple[str, ...]
    weathers: tuple[str, ...]
    routes: int = ROUTES
    traffic: int = 1

    def __post_init__(self) -> None:
        for flag, values in (("scenarios", self.scenarios), ("towns", self.towns), ("weathers", self.weathers)):
            if not values or len(set(values)) != len(values):
                raise UserError(f"--{flag} {' '.join(values)}: each once, and at least one")
        unknown = [name for name in self.scenarios if name not in SCENARIOS]
        if unknown:
            raise UserError(f"--scenarios {unknown[0]}: must be of {', '.join(SCENARIOS)}")
        if not 1 <= self.routes <= ROUTES:
            raise UserError(f"--routes is {self.routes}, but a set has from 1 to {ROUTES}")
        if not 1 <= self.traffic <= 1000:
            raise UserError(f"--traffic-seeds is {self.traffic}, but must be from 1 to 1000")
        if self.split not in ("validation", "test"):
            raise UserError(f"--split is {self.split!r}, but must be one of validation, test")

    @property
    def episodes(self) -> int:
        """How many in all."""
        return len(self.scenarios) * len(self.towns) * len(self.weathers) * self.routes * self.traffic

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()}


@dataclass(frozen=True)
class GridRequest:
    """What a caller says of a grid; nothing stands for the protocol's.

    Attributes:
        split: validation or test.
        scenarios: see `Grid`.
        towns: see `Grid`.
        weathers: see `Grid`; `all` is every one that there is.
        routes: see `Grid`.
        traffic: see `Grid`.
    """

    split: str = "test"
    scenarios: Sequence[str] = ()
    towns: Sequence[str] = ()
    weathers: Sequence[str] = ()
    routes: int | None = None
    traffic: int | None = None


def grid_for(config: Config, asked: GridRequest) -> Grid:
    """The grid that is asked for; what is not said is the protocol's, after NoCrash (Codevilla et al. 2019).

    Scenarios 0 to 2, the run's town and one that it never saw, its weathers and two that it never saw, 25 routes.

    Args:
        config: of the run whose policy drives.
        asked: what of it is said.

    Raises:
        UserError: something that there is not.
    """
    own = config.environment
    seen = own.weathers
    named = tuple(WEATHERS) if list(asked.weathers) == ["all"] else tuple(asked.weathers)
    for name in named:
        weather_named(name)
    other = NEW_TOWN if own.town != NEW_TOWN else "TownA"
    return Grid(
        split=asked.split,
        scenarios=tuple(asked.scenarios) or SCENARIOS[1:],
        towns=tuple(asked.towns) or (own.town, other),
        weathers=named or (*seen, *(name for name in NEW_WEATHERS if name not in seen)),
        routes=ROUTES if asked.routes is None else asked.routes,
        traffic=1 if asked.traffic is None else asked.traffic,
    )


class Cell(NamedTuple):
    """A part of a grid that is driven in one environment."""

    town: str
    scenario: str


def cells(grid: Grid) -> list[Cell]:
    """The environments of a grid, in the order in which they are driven."""
    return [Cell(town, scenario) for town in grid.towns for scenario in grid.scenarios]


def settings_of(cell: Cell, grid: Grid, config: Config) -> Config:
    """The settings that a cell is driven in: those of the run but for town, traffic and weathers.

    Raises:
        UserError: a value that cannot be.
    """
    flags: dict[str, Any] = {"environment.town": cell.town, "environment.weathers": list(grid.weathers)}
    if cell.scenario == "empty":
        flags |= {"traffic.vehicles": [0, 0, 0], "traffic.on_route": 0}
    else:
        flags["run.scenario"] = int(cell.scenario)
    return with_overrides(config, [], flags)


def episode_seeds(grid: Grid, routes: RouteSet) -> dict[int, dict[str, Any]]:
    """Every episode of a cell: its seed, and what the line of it says of the cell beside the record.

    Neighbours in the order differ in their weather first, so that an evaluation that is cut short has something of all.
    """
    return {
        spelled_out(route.seed, traffic, weather): {"route": route.seed, "traffic": traffic}
        for traffic in range(grid.traffic)
        for route in routes.routes[: grid.routes]
        for weather in range(len(grid.weathers))
    }
