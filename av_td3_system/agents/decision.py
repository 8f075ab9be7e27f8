"""What a policy network does with an observation: the same for the one that learns and the one that was stored."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch

from av_td3_system.networks.actor_critic import PolicyNetwork
from av_td3_system.networks.layout import to_blocks
from av_td3_system.networks.precision import exact_products


@torch.no_grad()
def decide(policy: PolicyNetwork, observation: Mapping[str, np.ndarray]) -> np.ndarray:
    """Actions float32 (N, A) for `image` uint8 (N, C, H, W) and `vector` float32 (N, D).

    Computed in the precision of the parameters, whatever learning uses.

    Args:
        policy: the network, on any device.
        observation: of N worlds.
    """
    parameter = next(policy.parameters())
    image = torch.as_tensor(observation["image"], device=parameter.device)
    blocks = to_blocks(image, parameter.dtype, policy.encoder.view)
    vector = torch.as_tensor(observation["vector"], dtype=parameter.dtype, device=parameter.device)
    with exact_products():
        actions: np.ndarray = policy(blocks, vector).float().cpu().numpy()
    return actions
