"""Is the encoder alive, and does the policy look: feature norm, silent channels, what an image changes."""

from __future__ import annotations

import torch
from torch import Tensor

from av_td3_system.networks.actor_critic import PolicyNetwork
from av_td3_system.networks.encoder import NoEncoder


@torch.no_grad()
def encoder_health(policy: PolicyNetwork, blocks: Tensor, vector: Tensor) -> dict[str, float]:
    """Measures over one batch.

    Args:
        policy: encoder and actor.
        blocks: of the images (B, ...), see `networks.layout.to_blocks`.
        vector: what stands beside them, (B, D).

    Returns:
        `encoder_feature_norm`, mean L2 norm of a sample's features (at most sqrt(features) with
        LayerNorm and tanh); `image_use`, the mean |change| of an action component when each sample is given the image
        of the one before it, at most 2; and `dead_units_conv1` to `dead_units_conv3`, the share of channels
        that are zero at every position of every sample. Nothing where there is no image.
    """
    encoder = policy.encoder
    if isinstance(encoder, NoEncoder):
        return {}
    features = encoder(blocks)
    change = policy.actor(features, vector) - policy.actor(features.roll(1, dims=0), vector)
    health = {"encoder_feature_norm": float(features.norm(dim=1).mean()), "image_use": float(change.abs().mean())}
    for index, activation in enumerate(encoder.activations(blocks), start=1):
        alive = (activation > 0).flatten(2).any(dim=2).any(dim=0)
        health[f"dead_units_conv{index}"] = float((~alive).float().mean())
    return health
