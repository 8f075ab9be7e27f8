"""A stored policy as one graph of ordinary layers, from what the environment gives to actions.

Training rearranges the image into blocks of pixels and has kernels of its own for it (`networks.layout`), because
processors multiply these faster. A graph for use elsewhere holds none of that: the weights are those of a plain
NatureCNN, so it is one.
"""

from __future__ import annotations

import copy
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional

from av_td3_system.agents.policy import PolicyMetadata
from av_td3_system.networks.actor_critic import PolicyNetwork
from av_td3_system.networks.encoder import MIDDLE, SPREAD, WHITE, Encoder

IMAGE, VECTOR, ACTION = "image", "vector", "action"  # names of what goes in and comes out


class ImageGraph(nn.Module):
    """Actions float32 (N, A) from `image` uint8 (N, C, H, W) and `vector` float32 (N, D).

    Crop and scale of the grey levels are inside: level v of a row that is looked at counts (v - middle) / spread, the
    division being part of the first convolution's weights.

    Args:
        policy: an encoder of images and its actor, which need no gradient; the convolutions are copied.
        spread: what grey levels are divided by.
    """

    def __init__(self, policy: PolicyNetwork, spread: float) -> None:
        super().__init__()
        encoder = policy.encoder
        assert isinstance(encoder, Encoder)
        self.top, self.middle = encoder.view
        self.convolutions = copy.deepcopy(encoder.convolutions)
        first = self.convolutions[0]
        assert isinstance(first, nn.Conv2d)
        first.weight.div_(spread)
        self.projection, self.norm, self.actor = encoder.projection, encoder.norm, policy.actor

    def forward(self, image: Tensor, vector: Tensor) -> Tensor:
        """Actions (N, A) in [-1, 1]."""
        seen = image[:, :, self.top :].float() - self.middle
        for convolution in self.convolutions:
            seen = functional.relu(convolution(seen))
        linear = self.projection(seen.permute(0, 2, 3, 1).flatten(1))
        features = functional.relu(linear) if self.norm is None else torch.tanh(self.norm(linear))
        actions: Tensor = self.actor(features, vector)
        return actions


class VectorGraph(nn.Module):
    """Actions float32 (N, A) from `vector` float32 (N, D), of a policy that sees no image.

    Args:
        policy: its actor is shared.
    """

    def __init__(self, policy: PolicyNetwork) -> None:
        super().__init__()
        self.actor = policy.actor

    def forward(self, vector: Tensor) -> Tensor:
        """Actions (N, A) in [-1, 1]."""
        actions: Tensor = self.actor(vector[:, :0], vector)  # no features
        return actions


def open_graph(path: Path, metadata: PolicyMetadata) -> ImageGraph | VectorGraph:
    """The graph of a policy file, in float32 on the processor.

    Args:
        path: of a file that `agents.policy.load_policy` has found whole.
        metadata: of it.
    """
    with torch.random.fork_rng(devices=[]):  # initial weights are drawn, then replaced
        policy = PolicyNetwork.make(
            metadata.network, metadata.image_shape, metadata.vector_dim, len(metadata.action_low)
        )
    policy.load_state_dict(load_file(path))
    policy.float().requires_grad_(False)
    grey_levels = normalisation_of(metadata)
    graph = VectorGraph(policy) if grey_levels is None else ImageGraph(policy, grey_levels["divided_by"])
    return graph.eval()


def example_of(metadata: PolicyMetadata) -> dict[str, Tensor]:
    """Zeros of the graph's inputs by name, in order. Two rows: tracing takes a size of 1 for one that never changes."""
    inputs = {VECTOR: torch.zeros((2, metadata.vector_dim))}
    if metadata.image_shape[0]:
        inputs = {IMAGE: torch.zeros((2, *metadata.image_shape), dtype=torch.uint8), **inputs}
    return inputs


def normalisation_of(metadata: PolicyMetadata) -> dict[str, float] | None:
    """What the graph does with grey levels, so that nobody does it again; None without an image."""
    if not metadata.image_shape[0]:
        return None
    standardised = metadata.network.standardize
    return {
        "rows_left_out_at_the_top": metadata.network.crop_top,
        "subtracted": MIDDLE if standardised else 0,
        "divided_by": SPREAD if standardised else WHITE,
    }
