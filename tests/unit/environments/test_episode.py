"""The episode record survives JSON and refuses impossible values."""

from __future__ import annotations

import json

import pytest

from av_td3_system.environments.episode import EpisodeRecord
from tests.records import make_episode


def test_round_trip_through_json_keeps_every_field() -> None:
    record = make_episode(episode_seed=7, outcome="goal_reached", route_completion=1.0)
    assert EpisodeRecord.from_dict(json.loads(json.dumps(record.to_dict()))) == record


def test_a_log_line_with_its_step_reads_back() -> None:
    record = make_episode()
    assert EpisodeRecord.from_dict({**record.to_dict(), "step": 1234}) == record


def test_a_record_of_before_vehicles_were_noted_is_read() -> None:
    record = make_episode(vehicles=50)
    values = record.to_dict()
    del values["vehicles"]
    assert EpisodeRecord.from_dict(values) == make_episode() != record


def test_a_missing_field_is_named() -> None:
    values = make_episode().to_dict()
    del values["distance"]
    with pytest.raises(ValueError, match="distance"):
        EpisodeRecord.from_dict(values)


@pytest.mark.parametrize(
    "changes",
    [
        {"outcome": "vanished"},
        {"outcome": "collision", "success": True},
        {"route_completion": 1.01},
        {"route_completion": float("nan")},
    ],
)
def test_impossible_records_are_refused(changes: dict[str, object]) -> None:
    with pytest.raises(ValueError):
        EpisodeRecord.from_dict({**make_episode().to_dict(), **changes})
