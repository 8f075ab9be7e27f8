"""Critic calibration on episodes short enough to compute by head."""

from __future__ import annotations

import numpy as np
import pytest

from av_td3_system.evaluation.calibration import CalibrationMeter

GAMMA = 0.5


def _meter(q1: float, q2: float, every: int = 1, num_envs: int = 1) -> CalibrationMeter:
    def values(observation: dict[str, np.ndarray], actions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return np.full(len(actions), q1), np.full(len(actions), q2)

    return CalibrationMeter(values, lambda observation: np.zeros((num_envs, 2)), GAMMA, num_envs, every)


def _step(meter: CalibrationMeter, reward: float, over: bool = False, return_ends: bool = False) -> None:
    observation = {"vector": np.zeros((1, 1))}
    infos = {"return_ends": np.array([return_ends]), "final_obs": observation}
    meter(observation, np.zeros((1, 2)), np.array([reward]), np.array([True]), np.array([over]), infos)


def test_a_crash_is_followed_by_nothing() -> None:
    meter = _meter(3.0, 2.0)
    _step(meter, 1.0)
    _step(meter, -4.0, over=True, return_ends=True)
    # Returns: 1 - 4/2 = -1 and -4, mean -2.5; Q is min(3, 2) = 2.
    result = meter.result()
    assert result["q_value"] == 2.0
    assert result["return"] == -2.5
    assert result["q_bias"] == 4.5
    assert result["q_return_gap"] == 2.25
    assert result["q1_q2_gap"] == 0.5


def test_an_arrival_goes_on_with_the_critics_value() -> None:
    meter = _meter(4.0, 4.0)
    _step(meter, 2.0)
    _step(meter, 2.0, over=True)
    # 2 + 4/2 = 4 at each decision: a critic that is exactly right.
    assert meter.result()["q_return_gap"] == pytest.approx(0.0)


def test_unfinished_episodes_say_nothing() -> None:
    meter = _meter(1.0, 1.0)
    _step(meter, 1.0)
    assert meter.result() == {}


def test_skipped_decisions_still_count_in_the_return() -> None:
    meter = _meter(1.0, 1.0, every=2)
    _step(meter, 1.0)
    _step(meter, 1.0, over=True, return_ends=True)
    assert meter.result()["return"] == 1.5


def test_idle_worlds_are_left_out() -> None:
    meter = _meter(1.0, 1.0, num_envs=2)
    observation = {"vector": np.zeros((2, 1))}
    infos = {"return_ends": np.array([True, False]), "final_obs": observation}
    active, over = np.array([True, False]), np.array([True, False])
    meter(observation, np.zeros((2, 2)), np.array([3.0, 100.0]), active, over, infos)
    assert meter.result()["return"] == 3.0


def test_an_arrival_goes_on_with_the_lesser_of_two_critics() -> None:
    meter = _meter(6.0, 2.0)
    _step(meter, 1.0, over=True)
    assert meter.result()["return"] == 1.0 + GAMMA * 2.0
