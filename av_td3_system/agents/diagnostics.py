"""Is the encoder alive: feature norm, and channels that never answer."""

from __future__ import annotations

import torch
from torch import Tensor

from av_td3_system.networks.encoder import Encoder, NoEncoder


@torch.no_grad()
def encoder_health(encoder: Encoder | NoEncoder, blocks: Tensor) -> dict[str, float]:
    """Measures over one batch.

    Returns:
        `encoder_feature_norm`, mean L2 norm of a sample's features (at most sqrt(features) with
        LayerNorm and tanh), and `dead_units_conv1` to `dead_units_conv3`, the share of channels
        that are zero at every position of every sample. Nothing where there is no image.
    """
    if isinstance(encoder, NoEncoder):
        return {}
    health = {"encoder_feature_norm": float(encoder(blocks).norm(dim=1).mean())}
    for index, activation in enumerate(encoder.activations(blocks), start=1):
        alive = (activation > 0).flatten(2).any(dim=2).any(dim=0)
        health[f"dead_units_conv{index}"] = float((~alive).float().mean())
    return health
