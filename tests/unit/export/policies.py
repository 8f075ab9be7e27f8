"""Policy files of small untrained networks, of every shape that there is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch

from av_td3_system.agents.policy import PolicyMetadata, load_policy, save_policy
from av_td3_system.agents.td3 import TD3
from av_td3_system.config.layout import NO_IMAGE
from av_td3_system.config.schema import AgentConfig, NetworkConfig

VECTOR, ACTIONS = 6, 2


def write_policy(
    path: Path, image: tuple[int, int, int] = (4, 84, 84), vector: int = VECTOR, actions: int = ACTIONS, **network: Any
) -> PolicyMetadata:
    """A policy whose features all matter; what it says of itself."""
    settings = NetworkConfig(**{"channels": (8, 8, 8), "features": 16, "hidden": (24, 24), **network})
    agent = TD3(AgentConfig(bfloat16=False), settings, image, vector, actions, torch.device("cpu"), seed=5)
    save_policy(path, agent, frame_interval=3, extra={"step": 1500})
    metadata = load_policy(path, "cpu").metadata
    assert metadata is not None
    return metadata


def observation(metadata: PolicyMetadata, count: int, seed: int = 0) -> dict[str, np.ndarray]:
    """Noise of `count` worlds."""
    rng = np.random.default_rng(seed)
    return {
        "image": rng.integers(0, 256, (count, *metadata.image_shape), np.uint8),
        "vector": rng.normal(size=(count, metadata.vector_dim)).astype(np.float32),
    }


SHAPES: dict[str, dict[str, Any]] = {
    "preset": {"crop_top": 32, "standardize": True},
    "plain": {"layer_norm": False},
    "head_norm": {"head_layer_norm": True},
    "rgb": {"image": (12, 53, 47)},  # neither side a multiple of the first convolution's stride
    "vector_alone": {"image": NO_IMAGE, "vector": 11, "actions": 3},
}
