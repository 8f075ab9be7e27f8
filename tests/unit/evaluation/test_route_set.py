"""The committed routes: distinct, held out, and still what their seeds mean."""

from __future__ import annotations

import pytest

from av_td3_system.config.errors import UserError
from av_td3_system.config.schema import Config
from av_td3_system.evaluation.route_set import (
    FOLDER,
    ROUTES,
    as_text,
    find_routes,
    fingerprint_of,
    lanes_driven,
    load_route_set,
    refuse_other_routes,
)
from av_td3_system.town.routes import SPLITS, split_of
from av_td3_system.town.town import built_in_towns, load_town
from av_td3_system.town.world import TownWorlds


def worlds(town: str, split: str, **environment: object) -> TownWorlds:
    config = Config.model_validate({"environment": {"town": town, **environment}})
    return TownWorlds(load_town(town), config, 1, split)


@pytest.mark.parametrize("split", ["validation", "test"])
@pytest.mark.parametrize("town", sorted(built_in_towns()))
def test_a_committed_set_is_of_distinct_held_out_routes_and_means_what_it_meant(town: str, split: str) -> None:
    routes = load_route_set(town, split)
    assert (FOLDER / f"{town}-{split}.json").is_file() and routes.version >= 1
    assert len(routes.routes) == ROUTES == len({route.lanes for route in routes.routes})
    among_traffic = worlds(town, split)
    refuse_other_routes(routes, among_traffic)
    for route in routes.routes:
        among_traffic.begin(0, 5, route.seed)
        lanes, metres = lanes_driven(among_traffic.state[0])
        assert metres.sum() == pytest.approx(route.length, abs=1e-3)
        assert split_of(lanes.astype(among_traffic.state["route_lane"].dtype), len(lanes)) == SPLITS[split] != 0


def test_a_set_is_found_again() -> None:
    found = find_routes("TownA", "test", version=load_route_set("TownA", "test").version)
    assert found == load_route_set("TownA", "test")
    assert type(found).model_validate_json(as_text(found)) == found


def test_settings_that_draw_other_routes_are_refused() -> None:
    with pytest.raises(UserError, match="are others than the set says"):
        refuse_other_routes(load_route_set("TownA", "test"), worlds("TownA", "test", route_length=(100.0, 120.0)))


def test_lanes_in_another_order_are_another_route() -> None:
    one = worlds("TownA", "test")
    one.begin(0, 0, load_route_set("TownA", "test").routes[0].seed)
    lanes, _ = lanes_driven(one.state[0])
    assert len(lanes) > 2 and fingerprint_of(lanes) != fingerprint_of(lanes[::-1])
