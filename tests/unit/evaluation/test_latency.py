"""Latency: which decisions are timed, what the percentiles are of, what is kept to decide on."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from av_td3_system.evaluation.latency import (
    ObservationSample,
    latency_in_words,
    latency_of,
    policy_latency,
    time_decisions,
)


class Clock:
    """Goes on by itself for nobody: a decision moves it."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_each_decision_after_the_warm_up_is_timed_alone() -> None:
    clock, costs = Clock(), itertools.count(1)
    asked = []

    def decide(observation: dict[str, np.ndarray]) -> np.ndarray:
        asked.append(int(observation["vector"][0, 0]))
        clock.now += next(costs)
        return np.zeros((1, 2), np.float32)

    observations = [{"vector": np.full((1, 1), k, np.float32)} for k in range(3)]
    assert time_decisions(decide, observations, count=4, warm_up=2, clock=clock) == [3.0, 4.0, 5.0, 6.0]
    assert asked == [0, 1, 2, 0, 1, 2]


def test_percentiles_are_of_milliseconds() -> None:
    latency = latency_of([k / 1000 for k in range(1, 102)], 7, "cpu", 1)
    assert (latency.p50, latency.p99) == (pytest.approx(51.0), pytest.approx(100.0))
    assert (latency.n, latency.warm_up) == (101, 7)
    assert latency_in_words(latency.to_dict()) == [
        "inference latency  p50 51.00 ms, p99 100.00 ms  (batch 1, n 101, cpu, 1 thread)"
    ]
    assert latency_in_words(None) == []


def test_observations_of_driving_worlds_are_kept_in_turn() -> None:
    sample, active = ObservationSample(3), np.array([True, False, True])
    image, vector = np.zeros((3, 1, 2, 2), np.uint8), np.arange(3, dtype=np.float32)[:, None]
    nothing = np.zeros(3)
    for _ in range(5):
        sample({"image": image, "vector": vector}, nothing, nothing, active, ~active, {})
    vector[:] = -1  # worlds write over what they showed
    assert [float(kept["vector"][0, 0]) for kept in sample.kept] == [0.0, 2.0, 0.0]
    assert sample.kept[0]["image"].shape == (1, 1, 2, 2)


def test_a_driver_that_reads_no_observation_has_none() -> None:
    assert policy_latency(lambda observation, env: None, [{"vector": np.zeros((1, 1))}]) is None
