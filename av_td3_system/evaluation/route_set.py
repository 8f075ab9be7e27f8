"""The committed routes of the protocol: which ones, and proof that a seed still means the route that it meant.

`route_sets/TOWN-SPLIT.json` holds the seeds of 25 routes with different lanes, the length and a fingerprint of the
lanes of each, and how much of their way leads over lanes that training routes lead over too: a route is held out as a
sequence of lanes (`town.routes`), its single lanes are not. `scripts/make_route_sets.py` writes them.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
from pydantic import BaseModel, ConfigDict

from av_td3_system.config.errors import UserError
from av_td3_system.config.schema import Config
from av_td3_system.town.routes import SPLITS
from av_td3_system.town.town import load_town
from av_td3_system.town.world import TownWorlds

FOLDER = Path(__file__).with_name("route_sets")
ROUTES = 25
FIRST = 20_000  # seed from which routes of a set are sought; other evaluations begin at 10,000
TRAINING_DRAWN = 400  # training routes that are drawn to see which lanes they lead over


class Route(BaseModel):
    """One route of a set.

    Attributes:
        seed: of `environments.seeding.spelled_out`.
        length: m.
        lanes: fingerprint of the sequence of lanes up to the goal.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    seed: int
    length: float
    lanes: str


class RouteSet(BaseModel):
    """The routes of a town's split.

    Attributes:
        version: raised whenever another route takes a place; figures of two versions are not compared.
        town: its name.
        split: validation or test.
        on_training_lanes: share of the routes' metres on lanes that training routes lead over, in [0, 1].
        routes: in the order in which fewer than all are taken.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    version: int
    town: str
    split: str
    on_training_lanes: float
    routes: tuple[Route, ...]


def load_route_set(town: str, split: str) -> RouteSet:
    """The committed set of a built-in town; for a map of the user's own, its first routes that differ.

    Raises:
        UserError: the town cannot be loaded, or has too few routes.
    """
    path = FOLDER / f"{town}-{split}.json"
    if Path(town).name == town and path.is_file():
        return RouteSet.model_validate_json(path.read_text(encoding="utf-8"))
    return find_routes(town, split)


def find_routes(town: str, split: str, version: int = 0) -> RouteSet:
    """A set made anew: the first seeds whose routes have different lanes.

    Raises:
        UserError: the town cannot be loaded, or has too few routes.
    """
    worlds = _worlds(town, split)
    routes: dict[str, Route] = {}
    seed, metres, shared = FIRST, 0.0, 0.0
    trained = training_lanes(town)
    while len(routes) < ROUTES:
        if seed >= FIRST + 40 * ROUTES:
            raise UserError(
                f"{town} has only {len(routes)} {split} routes that differ, the protocol drives {ROUTES}",
                "evaluate without --grid, or in a larger town",
            )
        worlds.begin(0, 0, seed)
        lanes, lengths = lanes_driven(worlds.state[0])
        fingerprint = fingerprint_of(lanes)
        if fingerprint not in routes:
            length = float(worlds.state["route_length"][0])
            routes[fingerprint] = Route(seed=seed, length=round(length, 3), lanes=fingerprint)
            metres += float(lengths.sum())
            shared += float(lengths[np.isin(lanes, list(trained))].sum())
        seed += 1
    return RouteSet(
        version=version,
        town=town,
        split=split,
        on_training_lanes=round(shared / metres, 4),
        routes=tuple(routes.values()),
    )


def training_lanes(town: str) -> set[int]:
    """Lanes that training routes of the town lead over, of many drawn."""
    worlds = _worlds(town, "train")
    found: set[int] = set()
    for seed in range(TRAINING_DRAWN):
        worlds.begin(0, 0, seed)
        found.update(int(lane) for lane in lanes_driven(worlds.state[0])[0])
    return found


def refuse_other_routes(routes: RouteSet, worlds: TownWorlds) -> None:
    """Draw the set's routes in these worlds and compare.

    Raises:
        UserError: a seed means another route there.
    """
    for route in routes.routes:
        worlds.begin(0, 0, route.seed)
        length = float(worlds.state["route_length"][0])
        if fingerprint_of(lanes_driven(worlds.state[0])[0]) != route.lanes or abs(length - route.length) > 1e-3:
            raise UserError(
                f"in these settings the routes of {routes.town}'s {routes.split} set are others than the set says",
                "environment.route_length, waypoints and navigation decide which routes are drawn: leave them as they "
                "were in training, or evaluate without --grid",
            )


def lanes_driven(world: np.void) -> tuple[np.ndarray, np.ndarray]:
    """Indices of the lanes of a world's route up to its goal, and how many metres of it each takes."""
    edges = np.minimum(np.asarray(world["route_lane_start"])[: int(world["route_lanes"]) + 1], world["route_length"])
    metres = np.diff(np.maximum(edges, 0.0))
    count = int((metres > 0).sum())
    return np.asarray(world["route_lane"])[:count].copy(), metres[:count]


def fingerprint_of(lanes: np.ndarray) -> str:
    """The first 16 hex digits of SHA-256 over the lanes' indices."""
    return hashlib.sha256(np.asarray(lanes, "<i8").tobytes()).hexdigest()[:16]


def as_text(routes: RouteSet) -> str:
    """The set as it stands in its file, a line a route."""
    head = {name: value for name, value in routes.model_dump().items() if name != "routes"}
    lines = ",\n  ".join(json.dumps(route.model_dump()) for route in routes.routes)
    return json.dumps(head)[:-1] + ',\n "routes": [\n  ' + lines + "\n ]}\n"


def _worlds(town: str, split: str) -> TownWorlds:
    config = Config.model_validate({"traffic": {"vehicles": [0, 0, 0]}, "environment": {"town": town}})
    if split not in SPLITS:
        raise UserError(f"the split is {split!r}, but must be one of {', '.join(SPLITS)}")
    return TownWorlds(load_town(town), config, 1, split)
