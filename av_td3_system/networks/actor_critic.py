"""The networks of an agent, joined: who reads whose features."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from av_td3_system.config.layout import SURROUNDINGS
from av_td3_system.config.schema import NetworkConfig
from av_td3_system.networks.encoder import Encoder, NoEncoder
from av_td3_system.networks.heads import Actor, Critic
from av_td3_system.networks.initialization import initialize_orthogonal
from av_td3_system.networks.perception import Perception
from av_td3_system.networks.surroundings import SurroundingsEncoder


def make_encoder(config: NetworkConfig, image_shape: tuple[int, int, int]) -> Encoder | NoEncoder:
    """The image's encoder; where the image has no planes (`config.layout.NO_IMAGE`), one without features."""
    return Encoder(config, image_shape) if image_shape[0] else NoEncoder()


def for_heads(config: NetworkConfig, image_shape: tuple[int, int, int]) -> NetworkConfig:
    """The settings that the heads are made with: without an image they read the vector alone."""
    return config if image_shape[0] else config.model_copy(update={"features": 0})


class PolicyNetwork(nn.Module):
    """Encoder and actor alone: what drives.

    Args:
        encoder: of the image; the module itself, not a copy.
        actor: likewise.
    """

    def __init__(self, encoder: Encoder | NoEncoder, actor: Actor) -> None:
        super().__init__()
        self.encoder = encoder
        self.actor = actor

    @classmethod
    def make(
        cls, config: NetworkConfig, image_shape: tuple[int, int, int], vector_dim: int, action_dim: int
    ) -> PolicyNetwork:
        """One with weights drawn from torch's global generator."""
        return cls(make_encoder(config, image_shape), Actor(for_heads(config, image_shape), vector_dim, action_dim))

    def forward(self, blocks: Tensor, vector: Tensor) -> Tensor:
        """Actions (B, A) from blocks (`layout.to_blocks`) and vector (B, D)."""
        return self.actor(self.encoder(blocks), vector)

    def stored(self) -> dict[str, Tensor]:
        """The state as it is saved: copies, on the processor, contiguous."""
        return {
            name: tensor.detach().cpu().clone(memory_format=torch.contiguous_format)
            for name, tensor in self.state_dict().items()
        }


class ActorCritic(nn.Module):
    """Policy and critics, with one shared encoder or one each.

    A shared encoder belongs to the critic: its loss alone trains it, and the actor reads its
    features as given. With separate encoders the actor trains its own. In both cases a Q value is
    computed from the features of the encoder that the critic is trained with.

    A critic may also read the surroundings instead of the image; the image then has one encoder, the actor's, and
    `perception`, what its features are asked about them.

    Args:
        config: sizes and whether the encoder is shared.
        image_shape: (C, H, W); C = 0 where there is no image, and the heads then read the vector alone.
        vector_dim: D.
        action_dim: A.
        critics: 1 or 2.
        seed: of the initial weights; torch's global generator is left as it was.
        surroundings: S, where the critic reads them.
    """

    def __init__(
        self,
        config: NetworkConfig,
        image_shape: tuple[int, int, int],
        vector_dim: int,
        action_dim: int,
        critics: int,
        seed: int,
        surroundings: int = SURROUNDINGS,
    ) -> None:
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.shared = config.shared_encoder
            self.sees = config.critic_input == "image"
            further = 0 if self.sees else surroundings - SURROUNDINGS
            self.critic_encoder: Encoder | NoEncoder | SurroundingsEncoder = (
                make_encoder(config, image_shape) if self.sees else SurroundingsEncoder(config, vector_dim, further)
            )
            heads = for_heads(config, image_shape)
            self.critic = Critic(heads, vector_dim + further, action_dim, critics)
            self.actor_encoder = None if self.shared else make_encoder(config, image_shape)
            self.actor = Actor(heads, vector_dim, action_dim)
            self.perception = None if self.sees else Perception(config)
            if config.initialization == "orthogonal":
                initialize_orthogonal(self)

    def policy_encoder(self) -> Encoder | NoEncoder:
        """The encoder whose features the actor reads."""
        encoder = self.critic_encoder if self.actor_encoder is None else self.actor_encoder
        assert not isinstance(encoder, SurroundingsEncoder)
        return encoder

    def critic_features(self, blocks: Tensor | None, vector: Tensor, surroundings: Tensor) -> Tensor:
        """The critic's view of an observation, (B, features), with what goes further in the surroundings.

        It needs `blocks` only where it sees.
        """
        if isinstance(self.critic_encoder, SurroundingsEncoder):
            return self.critic_encoder(vector, surroundings)
        assert blocks is not None
        return self.critic_encoder(blocks)

    def policy_features(self, blocks: Tensor, critic_features: Tensor) -> Tensor:
        """The actor's view of an observation whose critic features are known; detached where shared."""
        return critic_features.detach() if self.actor_encoder is None else self.actor_encoder(blocks)

    def ordered_parameters(self) -> Iterator[nn.Parameter]:
        """All parameters, so that those of the critic, of the actor and of the policy are neighbours each."""
        yield from self.critic_parameters()
        yield from self.actor_parameters()

    def critic_parameters(self) -> Iterator[nn.Parameter]:
        """What the critic loss trains: the heads first, then the encoder, which may be the policy's too."""
        yield from self.critic.parameters()
        yield from self.critic_encoder.parameters()

    def actor_parameters(self) -> Iterator[nn.Parameter]:
        """What the actor loss trains: its encoder first, if it has one."""
        if self.actor_encoder is not None:
            yield from self.actor_encoder.parameters()
        yield from self.actor.parameters()
        if self.perception is not None:
            yield from self.perception.parameters()

    def policy(self) -> PolicyNetwork:
        """What drives, made of the networks that learn: it changes with them."""
        return PolicyNetwork(self.policy_encoder(), self.actor)
