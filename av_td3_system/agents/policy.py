"""A trained policy as one file: actor and encoder alone, with all that is needed to drive."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict, ValidationError
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from av_td3_system.agents.decision import decide
from av_td3_system.agents.td3 import TD3
from av_td3_system.checkpointing.atomic import atomic_write_bytes
from av_td3_system.checkpointing.store import load_checkpoint
from av_td3_system.config.errors import UserError
from av_td3_system.config.schema import Config, NetworkConfig
from av_td3_system.networks.actor_critic import PolicyNetwork

if TYPE_CHECKING:
    from av_td3_system.environments.worlds import Worlds


class PolicyMetadata(BaseModel):
    """What a policy file says of itself, JSON under the key `policy` of the safetensors header.

    Attributes:
        format: name and version of this layout.
        algo: what trained it.
        network: settings of encoder and actor.
        image_shape: (C, H, W), frames oldest first; C = 0 where the policy sees none.
        frame_interval: decisions from one of these frames to the next.
        vector_dim: D.
        action_low: least action in each dimension.
        action_high: greatest action in each dimension.
        sha256: over names and bytes of the weights; safetensors does not notice a flipped bit.
        extra: whatever the run wants to say of it (step, seed, town ...).
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: Literal["av-td3-policy-1"] = "av-td3-policy-1"
    algo: Literal["td3", "ddpg"]
    network: NetworkConfig
    image_shape: tuple[int, int, int]
    frame_interval: int
    vector_dim: int
    action_low: tuple[float, ...]
    action_high: tuple[float, ...]
    sha256: str
    extra: dict[str, Any] = {}


def save_policy(
    path: Path | str,
    agent: TD3,
    algo: Literal["td3", "ddpg"] = "td3",
    frame_interval: int = 1,
    extra: Mapping[str, Any] | None = None,
    weights: Mapping[str, Tensor] | None = None,
) -> PolicyMetadata:
    """Write the agent's actor and encoder to a safetensors file, whole or not at all.

    Args:
        path: of the file.
        agent: whose actor.
        algo: what trained it.
        frame_interval: `camera.frame_interval` of the settings it was trained in.
        extra: plain values to keep in the metadata.
        weights: of an earlier `TD3.actor_state`, None for the agent's present one.

    Raises:
        OSError: the file cannot be written.
    """
    weights = dict(agent.actor_state() if weights is None else weights)
    *image_shape, vector_dim, action_dim = agent.dimensions
    metadata = PolicyMetadata(
        algo=algo,
        network=agent.network,
        image_shape=(image_shape[0], image_shape[1], image_shape[2]),
        frame_interval=frame_interval,
        vector_dim=vector_dim,
        action_low=(-1.0,) * action_dim,
        action_high=(1.0,) * action_dim,
        sha256=_weights_sha256(weights),
        extra=dict(extra or {}),
    )
    atomic_write_bytes(Path(path), save(weights, {"policy": metadata.model_dump_json()}))
    return metadata


def load_policy(path: Path | str, device: str = "auto") -> LearnedPolicy:
    """The policy in a file of `save_policy`.

    Args:
        path: of the file.
        device: auto (a GPU where there is one), cpu or cuda.

    Raises:
        UserError: missing, damaged, or no policy.
    """
    metadata, weights = read_policy(Path(path))
    dimensions = (metadata.image_shape, metadata.vector_dim, len(metadata.action_low))
    try:
        return LearnedPolicy(metadata.network, *dimensions, weights, device, metadata)
    except RuntimeError as error:
        raise UserError(f"{path}: the weights do not fit the networks it names", _HINT) from error


class LearnedPolicy:
    """Drives with a trained actor; deterministic, in float32, without looking at the worlds.

    Args:
        network: settings of encoder and actor.
        image_shape: (C, H, W).
        vector_dim: D.
        action_dim: A.
        weights: state of a `PolicyNetwork`.
        device: auto, cpu or cuda.
        metadata: of the file it comes from, if it does.

    Raises:
        RuntimeError: the weights do not fit.
    """

    def __init__(
        self,
        network: NetworkConfig,
        image_shape: tuple[int, int, int],
        vector_dim: int,
        action_dim: int,
        weights: Mapping[str, Tensor],
        device: str = "auto",
        metadata: PolicyMetadata | None = None,
    ) -> None:
        self.image_shape, self.vector_dim, self.metadata = tuple(image_shape), vector_dim, metadata
        self.device = choose_device(device)
        with torch.random.fork_rng(devices=[]):  # initial weights are drawn, then replaced
            self._network = PolicyNetwork.make(network, image_shape, vector_dim, action_dim)
        self._network.load_state_dict(dict(weights))
        self._network.float().eval().to(self.device)

    @classmethod
    def load(cls, path: Path | str, device: str = "auto") -> LearnedPolicy:
        """As `load_policy`."""
        return load_policy(path, device)

    @classmethod
    def from_checkpoint(cls, path: Path | str, config: Config, device: str = "auto") -> LearnedPolicy:
        """The policy inside a training checkpoint, whose `agent` is a `TD3.state_dict()`.

        Raises:
            UserError: damaged, unreadable, or of networks other than the settings'.
        """
        state = load_checkpoint(Path(path))
        try:
            agent = state["agent"]
            *image_shape, vector_dim, action_dim = (int(size) for size in agent["dimensions"])
            shape = (image_shape[0], image_shape[1], image_shape[2])
            return cls(config.network, shape, vector_dim, action_dim, agent["policy"], device)
        except (KeyError, IndexError, TypeError, ValueError, RuntimeError, AttributeError) as error:
            raise UserError(f"{path} holds no policy that fits its run's settings", _HINT) from error

    def __call__(self, observation: Mapping[str, np.ndarray], env: Worlds | None = None) -> np.ndarray:
        """Actions float32 (N, A) for `image` uint8 (N, C, H, W) and `vector` float32 (N, D).

        Raises:
            UserError: the observation has other dimensions than the policy was trained on, or an action is
                not finite (a policy saved after training had diverged).
        """
        image, vector = observation["image"], observation["vector"]
        if tuple(image.shape[1:]) != self.image_shape or vector.shape[1:] != (self.vector_dim,):
            raise UserError(
                f"the policy drives on images {self.image_shape} and {self.vector_dim} numbers, "
                f"not on images {tuple(image.shape[1:])} and {vector.shape[1]}",
                "evaluate it with the config.yaml of its run",
            )
        return self._act(observation) if env is None else act_where_active(self._act, observation, env)

    def _act(self, observation: Mapping[str, np.ndarray]) -> np.ndarray:
        actions = decide(self._network, observation)
        if not np.isfinite(actions).all():
            raise UserError("the policy's actions are not finite: its training had diverged", "take an earlier one")
        return actions

    def reset(self, mask: np.ndarray) -> None:
        """Nothing: a decision depends on the observation alone."""


def act_where_active(
    act: Callable[[dict[str, np.ndarray]], np.ndarray], observation: Mapping[str, np.ndarray], env: Worlds
) -> np.ndarray:
    """Actions (N, A) of the worlds that drive, zeros for those that idle (towards the end of an evaluation, most)."""
    active = env.active
    if active.all():
        return act(dict(observation))
    acting = act({name: array[active] for name, array in observation.items()})
    actions = np.zeros((len(active), *acting.shape[1:]), np.float32)
    actions[active] = acting
    return actions


def choose_device(name: str) -> torch.device:
    """The device of a setting: auto is a GPU where there is one.

    Raises:
        UserError: cuda is asked for and there is none.
    """
    if name == "cuda" and not torch.cuda.is_available():
        raise UserError("there is no CUDA device, or this PyTorch cannot use it", "--device cpu")
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    return torch.device(name)


_HINT = "policies are written by training as policy.safetensors and best_policy.safetensors in the run directory"


def read_policy(path: Path) -> tuple[PolicyMetadata, dict[str, Tensor]]:
    """What a file of `save_policy` says of itself, and the state of its `PolicyNetwork`.

    Raises:
        UserError: missing, damaged, or no policy.
    """
    if not path.is_file():
        raise UserError(f"there is no policy {path}", _HINT)
    try:
        with safe_open(path, framework="pt") as file:
            header = file.metadata() or {}
            weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (no mapping)
        metadata = PolicyMetadata.model_validate_json(header["policy"])
    except (SafetensorError, OSError) as error:
        raise UserError(f"{path} is damaged or no safetensors file: {error}", _HINT) from error
    except (KeyError, ValidationError, json.JSONDecodeError) as error:
        raise UserError(f"{path} is no policy of this system", _HINT) from error
    if _weights_sha256(weights) != metadata.sha256:
        raise UserError(f"{path} is damaged: its weights are not those that were written", "take another policy file")
    return metadata, weights


def _weights_sha256(weights: Mapping[str, Tensor]) -> str:
    digest = hashlib.sha256()
    for name in sorted(weights):
        weight = weights[name].contiguous()
        digest.update(f"{name} {weight.dtype} {tuple(weight.shape)}\n".encode())
        digest.update(weight.numpy().tobytes())
    return digest.hexdigest()
