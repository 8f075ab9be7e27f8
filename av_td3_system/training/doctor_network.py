"""Is LayerNorm in the forward pass, and are the features that it gives in bounds: asked of a stored policy."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from av_td3_system.agents.decision import decide
from av_td3_system.agents.policy import load_policy
from av_td3_system.config.errors import UserError
from av_td3_system.config.schema import Config, NetworkConfig
from av_td3_system.networks.actor_critic import PolicyNetwork
from av_td3_system.training.doctor_checks import Check

NAME = "LayerNorm"


class Stored(NamedTuple):
    """A policy's weights and what they fit.

    Attributes:
        source: name of the file.
        layer_norm: whether the file says that its network has one; None where it does not say.
        image_shape: (C, H, W).
        vector_dim: D.
        action_dim: A.
        weights: state of a `PolicyNetwork`.
    """

    source: str
    layer_norm: bool | None
    image_shape: tuple[int, int, int]
    vector_dim: int
    action_dim: int
    weights: Mapping[str, Tensor]


class Forward(NamedTuple):
    """What a forward pass showed.

    Attributes:
        norms: `nn.LayerNorm` modules of the network.
        called: how many of them were called.
        feature_norm: mean L2 norm of a sample's features.
        finite: whether features and actions were.
    """

    norms: int
    called: int
    feature_norm: float
    finite: bool


def stored_policy(path: Path) -> Stored:
    """The policy in a file of `save_policy`.

    Raises:
        UserError: missing, damaged, or no policy.
    """
    policy = load_policy(path, "cpu")
    assert policy.metadata is not None
    known = policy.metadata
    return Stored(
        path.name, known.network.layer_norm, known.image_shape, known.vector_dim, len(known.action_low), load_file(path)
    )


def policy_in(state: Mapping[str, Any], source: str) -> Stored:
    """The policy inside the state of a checkpoint.

    Raises:
        UserError: there is none.
    """
    try:
        *image, vector, action = (int(size) for size in state["agent"]["dimensions"])
        return Stored(source, None, (image[0], image[1], image[2]), vector, action, state["agent"]["policy"])
    except (KeyError, IndexError, TypeError, ValueError) as error:
        raise UserError(f"{source} holds no policy ({error})") from error


def look_forward(network: NetworkConfig, stored: Stored) -> Forward:
    """Build the policy's network from settings, load the stored weights, and watch one forward pass over noise.

    Raises:
        UserError: the weights do not fit the settings.
    """
    with torch.random.fork_rng(devices=[]):
        policy = PolicyNetwork.make(network, stored.image_shape, stored.vector_dim, stored.action_dim)
    try:
        policy.load_state_dict(dict(stored.weights))
    except RuntimeError as error:
        raise UserError(f"the weights of {stored.source} do not fit the networks of config.yaml") from error
    policy.float().eval()
    norms = [module for module in policy.modules() if isinstance(module, nn.LayerNorm)]
    called: set[int] = set()
    features: list[Tensor] = []
    hooks = [norm.register_forward_hook(lambda module, *_: called.add(id(module))) for norm in norms]
    hooks.append(policy.encoder.register_forward_hook(lambda _module, _inputs, output: features.append(output)))
    rng = np.random.default_rng(0)
    observation = {
        "image": rng.integers(0, 256, (8, *stored.image_shape), np.uint8),
        "vector": rng.standard_normal((8, stored.vector_dim), np.float32),
    }
    try:
        actions = decide(policy, observation)
    finally:
        for hook in hooks:
            hook.remove()
    sizes = torch.cat(features).norm(dim=1)
    finite = bool(torch.isfinite(sizes).all()) and bool(np.isfinite(actions).all())
    return Forward(len(norms), len(called), float(sizes.mean()), finite)


def check_layer_norm(config: Config, stored: Stored, run: Path) -> Check:
    """Judge a forward pass of a run's policy.

    Args:
        config: of the run.
        stored: one of its policies.
        run: directory, for the command to type next.
    """
    place = shlex.quote(str(run))
    if stored.image_shape[0] == 0:
        return Check(NAME, "not applicable", "this policy sees no image and has no encoder")
    wanted = config.network.layer_norm
    if stored.layer_norm is not None and stored.layer_norm != wanted:
        return Check(
            NAME,
            "failed",
            f"network.layer_norm is {wanted} in config.yaml, but {stored.layer_norm} in {stored.source}",
            f"grep -n layer_norm {place}/config.yaml",
        )
    try:
        seen = look_forward(config.network, stored)
    except UserError as error:
        return Check(NAME, "failed", error.message, f"av-td3 evaluate {place}")
    bound = config.network.features**0.5
    what = f"{seen.called} of {seen.norms} called in a forward pass of {stored.source}"
    size = f"feature norm {seen.feature_norm:.2f}"
    if not seen.finite:
        return Check(NAME, "failed", f"{what}; features or actions are not finite", f"av-td3 train --resume {place}")
    if not wanted:
        return Check(
            NAME,
            "warning",
            f"network.layer_norm is false, so features have no bound: {size}",
            "av-td3 train --set network.layer_norm=true",
        )
    if seen.called == 0 or seen.called < seen.norms:
        return Check(NAME, "failed", f"{what}, {size}", "make test")
    return Check(NAME, "ok", f"{what}, {size} (at most {bound:.0f})")
