"""The whole of it learns: what the image shows, and what only the next state pays."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from av_td3_system.config.layout import SURROUNDINGS
from av_td3_system.replay.batch import Batch
from tests.unit.agents.small import DDPG, IMAGE, KNOWING, VECTOR, seen, small_agent

ASKED = {"saturation_cost": 0.1, "perception_weight": 0.1}


def scene(place: np.ndarray, noise: np.ndarray) -> np.ndarray:
    """Noise with a bright bar whose column, from left to right, is `place` in [-1, 1]."""
    image = noise.copy()
    column = np.round((place + 1) / 2 * (IMAGE[2] - 6)).astype(int)
    for i, left in enumerate(column):
        image[i, :, :, left : left + 6] = 255
    return image


def two_step_task(count: int, seed: int) -> Batch:
    """Transitions of a task of two decisions.

    First the image shows where the bar is and an action is chosen, for nothing. Then the image is
    dark, the vector says how far the first action was from the bar, and the episode ends with
    1 - (the distance)^2 - (the second steering angle)^2.
    """
    rng = np.random.default_rng(seed)
    place = rng.uniform(-1, 1, count)
    noise = rng.integers(0, 60, (count, *IMAGE), dtype=np.uint8)
    action = rng.uniform(-1, 1, (count, 2))
    distance = action[:, 0] - place
    second = rng.random(count) < 0.5
    bar, dark = scene(place, noise), noise // 4
    vector = np.zeros((count, VECTOR))
    vector[second, 0] = 1
    vector[second, 1] = rng.uniform(-1.5, 1.5, int(second.sum()))
    reward = np.where(second, 1 - vector[:, 1] ** 2 - action[:, 0] ** 2, 0.0)
    next_vector = np.zeros((count, VECTOR))
    next_vector[:, 0] = 1
    next_vector[:, 1] = distance
    image = np.where(second[:, None, None, None], dark, bar)
    numbers = (vector, action, reward, np.where(second, 0.0, 0.9))
    vectors, actions, rewards, discounts = (torch.from_numpy(array.astype(np.float32)) for array in numbers)
    surroundings, next_surroundings = np.zeros((2, count, SURROUNDINGS), np.float32)
    surroundings[~second, 0] = place[~second]  # what the image shows, in a number
    return Batch(
        torch.from_numpy(image),
        vectors,
        actions,
        rewards,
        discounts,
        torch.from_numpy(dark),
        torch.from_numpy(next_vector.astype(np.float32)),
        torch.from_numpy(surroundings),
        torch.from_numpy(next_surroundings),
        torch.empty((count, 0)),
    )


@pytest.mark.parametrize(
    ("settings", "network"),
    [
        ({}, {"shared_encoder": True}),
        ({}, {"shared_encoder": False}),
        (DDPG, {"shared_encoder": True}),
        (ASKED, KNOWING),
    ],
    ids=["td3 shared", "td3 separate", "ddpg", "td3 whose critic knows"],
)
def test_two_step_task_is_learned(settings: dict[str, Any], network: dict[str, Any]) -> None:
    wide = {"features": 32, "hidden": (32, 32), **network}
    agent = small_agent(wide, actor_lr=1e-3, critic_lr=1e-3, tau=0.05, **settings)
    data = two_step_task(4096, seed=0)
    rng = np.random.default_rng(0)
    for _ in range(600):
        rows = torch.from_numpy(rng.integers(0, len(data.reward), 64))
        assert agent.update(Batch(*(tensor.index_select(0, rows) for tensor in data)))["finite"]
    test = two_step_task(256, seed=1)
    first = (test.vector[:, 0] == 0).numpy()
    actions = agent.act({"image": test.image.numpy(), "vector": test.vector.numpy()})
    place = (test.action[:, 0] - test.next_vector[:, 1]).numpy()
    error = np.abs(actions[first, 0] - place[first]).mean()
    assert error < 0.2, "the first action is not at the bar"  # not looking costs 0.5
    assert np.abs(actions[~first, 0]).mean() < 0.2
    q1, _ = agent.q_values(seen(test), actions)
    assert abs(q1[first].mean() - 0.9) < 0.2
