"""What a client makes of what its sensors say, and when."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from av_td3_system.environments.carla.client import CarlaClient, _same_map


@pytest.mark.parametrize(
    ("hits", "collided"),
    [
        ([], [False, False, False]),
        ([101], [True, False, False]),
        ([103, 103], [False, False, True]),
        ([102, 101], [True, True, False]),
        ([95], [True, False, False]),  # of the decision before, told too late for it
        ([90, 89], [False, False, False]),  # of the spawning, before the episode began
        ([105], [False, False, True]),
    ],
)
def test_a_collision_is_of_the_tick_that_it_happened_in(hits: list[int], collided: list[bool]) -> None:
    """The sensor's thread may tell it later, and two ticks at once."""
    client = CarlaClient.__new__(CarlaClient)
    client._begun_at = 90
    client._stage = SimpleNamespace(take_hits=lambda: [(frame, "vehicle") for frame in hits])  # type: ignore[assignment]
    assert client._collided([101, 102, 103]).tolist() == collided


def test_the_same_map_is_known_however_it_is_written() -> None:
    ours = '<?xml version="1.0" encoding="iso-8859-1"?>\r\n<OpenDRIVE><header date="2025"/></OpenDRIVE>\n'
    theirs = "<?xml version='1.0' encoding='UTF-8'?>\n<OpenDRIVE><header date=\"2026\"/></OpenDRIVE>"
    assert _same_map(ours, theirs.replace("'", '"'))
    assert _same_map(ours, theirs)
    assert not _same_map(ours, theirs.replace("header", "road"))
