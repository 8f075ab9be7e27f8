"""Small agents, batches and observations for the tests of this room."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from av_td3_system.agents.td3 import TD3
from av_td3_system.config.layout import NO_IMAGE, SURROUNDINGS
from av_td3_system.config.schema import AgentConfig, NetworkConfig
from av_td3_system.replay.batch import Batch

IMAGE, VECTOR, ACTIONS = (4, 36, 36), 6, 2
KNOWING: dict[str, Any] = {"critic_input": "surroundings", "shared_encoder": False}
DDPG: dict[str, Any] = {"twin_critics": False, "policy_noise": 0.0, "policy_delay": 1}


def small_network(**settings: Any) -> NetworkConfig:
    return NetworkConfig(**{"channels": (8, 8, 8), "features": 16, "hidden": (24, 24), **settings})


def small_agent(
    network: dict[str, Any] | None = None, seed: int = 0, image: tuple[int, int, int] = IMAGE, **settings: Any
) -> TD3:
    config = AgentConfig(**{"bfloat16": False, **settings})
    return TD3(config, small_network(**(network or {})), image, VECTOR, ACTIONS, torch.device("cpu"), seed)


def without_image(batch: Batch) -> Batch:
    """The same transitions as an agent of vectors gets them."""
    nothing = torch.empty((len(batch.reward), *NO_IMAGE), dtype=torch.uint8)
    return batch._replace(image=nothing, next_image=nothing)


def random_batch(size: int = 8, seed: int = 0) -> Batch:
    rng = np.random.default_rng(seed)

    def image() -> torch.Tensor:
        return torch.from_numpy(rng.integers(0, 256, (size, *IMAGE), dtype=np.uint8))

    def vector() -> torch.Tensor:
        return torch.from_numpy(rng.standard_normal((size, VECTOR), np.float32))

    action = torch.from_numpy(rng.uniform(-1, 1, (size, ACTIONS)).astype(np.float32))
    reward = torch.from_numpy(3 * rng.standard_normal(size, np.float32))
    discount = torch.from_numpy(rng.choice(np.array([0.0, 0.99, 0.99**3], np.float32), size))
    observed = (image(), vector(), action, reward, discount, image(), vector())
    known = (torch.from_numpy(rng.uniform(0, 1, (size, SURROUNDINGS)).astype(np.float32)) for _ in range(2))
    return Batch(*observed, *known, torch.from_numpy(rng.uniform(-1, 1, (size, ACTIONS)).astype(np.float32)))


def observation(size: int = 5, seed: int = 1) -> dict[str, np.ndarray]:
    batch = random_batch(size, seed)
    numbers = {"vector": batch.vector.numpy(), "surroundings": batch.surroundings.numpy()}
    return {"image": batch.image.numpy(), **numbers}


def seen(batch: Batch) -> dict[str, torch.Tensor]:
    """The observation acted on."""
    return {"image": batch.image, "vector": batch.vector, "surroundings": batch.surroundings}
