"""Shares of the reward terms and what they are read as."""

from __future__ import annotations

import pytest

from av_td3_system.reporting.reward_reading import findings, read_terms
from tests.records import make_episode


def test_shares_are_absolute_sums_over_all() -> None:
    paid = ({"progress": 60.0, "safety": -20.0}, {"progress": 20.0, "safety": 0.0})
    lines = [
        {"step": 100 * (k + 1), **make_episode(reward_terms=terms, distance=100.0, time=25.0).to_dict()}
        for k, terms in enumerate(paid)
    ]
    reading = read_terms(lines)
    assert reading.terms == {"safety": -10.0, "progress": 40.0}
    assert reading.shares == {"safety": 0.2, "progress": 0.8}
    assert (reading.episodes, reading.first_step, reading.last_step) == (2, 100, 200)
    assert reading.mean_speed == 4.0


@pytest.mark.parametrize(
    ("terms", "speed", "said"),
    [
        ({"safety": -60.0, "progress": 40.0}, 5.0, "safety penalties dominate"),
        ({"progress": 10.0, "efficiency": 5.0, "safety": -45.0, "lane_keeping": -40.0}, 5.0, "too weak"),
        ({"progress": -40.0, "efficiency": -10.0, "safety": -5.0}, 5.0, "too weak"),
        ({"progress": 70.0, "comfort": -30.0}, 5.0, "comfort penalties are too high"),
        ({"progress": 90.0, "efficiency": -10.0}, 0.2, "hardly moves"),
        ({"progress": 90.0, "safety": -5.0, "comfort": -5.0}, 5.0, "balanced"),
    ],
)
def test_the_plans_reading(terms: dict[str, float], speed: float, said: str) -> None:
    total = sum(abs(value) for value in terms.values())
    sentences = findings(terms, {name: abs(value) / total for name, value in terms.items()}, speed)
    assert len(sentences) == 1
    assert said in sentences[0]


def test_a_parked_car_is_called_so() -> None:
    parked = make_episode(reward_terms={"efficiency": -90.0, "progress": 0.0}, distance=0.0, time=90.0)
    reading = read_terms([{"step": 900, **parked.to_dict()}])
    assert reading.signs == ["pull too weak", "hardly moves"]
    assert len(reading.findings) == 2
