"""Places on the globe, beside the client library's own."""

from __future__ import annotations

import pytest

from av_td3_system.carla_server.geodesy import place_on_earth


def test_the_origin_is_the_origin() -> None:
    assert place_on_earth((42.0, 2.0), 0.0, 0.0, 3.0) == pytest.approx((42.0, 2.0, 3.0))


@pytest.mark.parametrize("place", [(100.0, 50.0, 3.0), (0.0, 1000.0, 0.0), (3000.0, -4000.0, 0.0)])
def test_it_says_what_the_clients_map_says(place: tuple[float, float, float]) -> None:
    carla = pytest.importorskip("carla", reason="the client library carla==0.9.16 is not installed")
    from importlib import resources

    xodr = (resources.files("av_td3_system.town") / "maps" / "TownA.xodr").read_text()
    theirs = carla.Map("TownA", xodr).transform_to_geolocation(carla.Location(*place))
    ours = place_on_earth((42.0, 2.0), *place)
    assert ours == pytest.approx((theirs.latitude, theirs.longitude, theirs.altitude), abs=1e-12)
