"""TD3 (Fujimoto, van Hoof & Meger 2018) from camera frames or a state vector alone; DDPG is a setting of it.

DDPG (Lillicrap et al. 2016): `twin_critics: false, policy_noise: 0, policy_delay: 1`.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from av_td3_system.agents.diagnostics import encoder_health
from av_td3_system.agents.gradient_step import GradientStep
from av_td3_system.config.errors import UserError
from av_td3_system.config.schema import AgentConfig, NetworkConfig
from av_td3_system.networks.actor_critic import ActorCritic, PolicyNetwork
from av_td3_system.networks.augmentation import draw_exposure
from av_td3_system.networks.encoder import Encoder, NoEncoder
from av_td3_system.networks.heads import Actor
from av_td3_system.networks.layout import to_blocks
from av_td3_system.networks.precision import exact_products, supports_bfloat16
from av_td3_system.networks.surroundings import perceivable
from av_td3_system.replay.batch import Batch

SATURATION_FREE = 1.0  # |u| up to which an action tanh(u) costs nothing: three quarters of the pedal


class TD3:
    """Twin delayed deep deterministic policy gradient.

    Args:
        agent: the algorithm's settings.
        network: the networks' settings.
        image_shape: (C, H, W) of an observation; `config.layout.NO_IMAGE` where it is a vector alone.
        vector_dim: D.
        action_dim: A; every action lies in [-1, 1].
        device: where networks live and learn.
        seed: of initial weights, target noise and random shifts.
    """

    def __init__(
        self,
        agent: AgentConfig,
        network: NetworkConfig,
        image_shape: tuple[int, int, int],
        vector_dim: int,
        action_dim: int,
        device: torch.device,
        seed: int,
    ) -> None:
        self.agent, self.network, self.device = agent, network, device
        self.dimensions = (*image_shape, vector_dim, action_dim)
        critics = 2 if agent.twin_critics else 1
        self.networks = ActorCritic(network, image_shape, vector_dim, action_dim, critics, seed).to(device)
        self.target = copy.deepcopy(self.networks).requires_grad_(False)
        self.average = self._policy_network() if agent.policy_average < 1 else None
        self.generator = torch.Generator(device).manual_seed(seed)
        self.updates = 0
        self._optimizers = {
            "critic": GradientStep(list(self.networks.critic_parameters()), agent.critic_lr, agent.gradient_clip),
            "actor": GradientStep(list(self.networks.actor_parameters()), agent.actor_lr, agent.gradient_clip),
        }
        self._learning_dtype = torch.bfloat16 if agent.bfloat16 and supports_bfloat16(device) else None

    def _policy_network(self) -> PolicyNetwork:
        """A copy of the policy as it is now."""
        *image_shape, vector_dim, action_dim = self.dimensions
        with torch.random.fork_rng(devices=[]):  # initial weights are drawn, then replaced
            policy = PolicyNetwork(
                self.network, (image_shape[0], image_shape[1], image_shape[2]), vector_dim, action_dim
            )
        policy.load_state_dict(self.networks.policy_state())
        return policy.requires_grad_(False).to(self.device)

    def update(self, batch: Batch, diagnostics: bool = False) -> dict[str, float | bool]:
        """One gradient update of the critics and, every `policy_delay`-th time, of actor and targets.

        A step whose loss or gradient is not finite is not taken, and neither is anything after it.

        Args:
            batch: on any device.
            diagnostics: also measure the encoder's health (costs a forward pass).

        Returns:
            Short metric names and values; `actor_loss` and `actor_grad_norm` only when the actor was
            updated. Gradient norms are before clipping, `td_error` is the mean |target - Q1|,
            `q_value` and its standard deviation are of min(Q1, Q2) over the batch. `encoder_grad_norm` is of
            the image encoder that learns from the critic loss or, where none does, from the actor's.
            `perception_loss` only where the features are asked. `finite` is False where a step was refused.
        """
        self.updates += 1
        batch = batch.to(self.device)
        acts = self.updates % self.agent.policy_delay == 0
        blocks = self._blocks(batch.image) if acts or self.networks.sees else None

        target = self._target(batch, self._blocks(batch.next_image))
        features = self._critic_features(blocks, batch)
        q = self.networks.critic(features, batch.vector.to(target), batch.action.to(target))
        critic_loss = torch.stack([functional.mse_loss(one, target) for one in q]).sum()
        critic = self._optimizers["critic"].take(critic_loss)
        metrics = self._critic_metrics(q.detach(), target, critic_loss.detach(), critic)

        if metrics["finite"] and acts and blocks is not None:
            metrics |= self._update_actor(blocks, batch)
            if metrics["finite"]:
                self._move_targets()
        if diagnostics:
            looked_at = self._blocks(batch.image, augment=False)  # draws nothing: who watches changes nothing
            metrics |= encoder_health(self.networks.policy_encoder(), looked_at)
        return metrics

    def _update_actor(self, blocks: Tensor, batch: Batch) -> dict[str, float | bool]:
        """One step up Q1, and towards features that know what surrounds the car where they are asked."""
        networks = self.networks
        q, raw, mine = self._q1_of_policy(blocks, batch)
        loss = -q.mean()
        if self.agent.saturation_cost > 0:
            excess = (raw.abs() - SATURATION_FREE).clamp_min(0)
            loss = loss + self.agent.saturation_cost * excess.square().sum(dim=1).mean()
        metrics: dict[str, float | bool] = {}
        if networks.perception is not None:
            error = networks.perception(mine) - perceivable(batch.surroundings.to(mine))
            perception = error.square().sum(dim=1).mean()
            loss = loss + self.agent.perception_weight * perception
            metrics["perception_loss"] = float(perception.detach())
        step = self._optimizers["actor"].take(loss)
        if not networks.sees:
            metrics["encoder_grad_norm"] = step.norm_of(len(list(networks.policy_encoder().parameters())))
        return metrics | {
            "actor_loss": float(loss.detach()),
            "actor_grad_norm": step.norm,
            "finite": step.taken,
        }

    @torch.no_grad()
    def _target(self, batch: Batch, next_blocks: Tensor) -> Tensor:
        """Targets: r + gamma^k min_i Q'_i(s', clip(pi'(s') + clip(epsilon, -c, c), -1, 1)), shape (B,)."""
        target = self.target
        features = target.critic_features(next_blocks, *self._known(batch.next_vector, batch.next_surroundings))
        vector = batch.next_vector.to(features)
        action = target.actor(target.policy_features(next_blocks, features), vector)
        if self.agent.policy_noise > 0:
            noise = torch.randn(action.shape, generator=self.generator, device=self.device).to(action)
            noise = (noise * self.agent.policy_noise).clamp_(-self.agent.noise_clip, self.agent.noise_clip)
            action = (action + noise).clamp_(-1, 1)
        q = target.critic(features, vector, action).amin(dim=0)
        return batch.reward.to(q) + batch.discount.to(q) * q

    def _known(self, *numbers: Tensor) -> tuple[Tensor, ...]:
        """Vector and surroundings in the parameters' precision."""
        return tuple(one.to(self._parameter_dtype()) for one in numbers)

    def _critic_features(self, blocks: Tensor | None, batch: Batch) -> Tensor:
        return self.networks.critic_features(blocks, *self._known(batch.vector, batch.surroundings))

    def _q1_of_policy(self, blocks: Tensor, batch: Batch) -> tuple[Tensor, Tensor, Tensor]:
        """Q1(s, pi(s)) (B,), pi(s) before its tanh (B, A) and the features it was made from.

        With a gradient to the actor's parameters alone.

        Q comes from the critic's own encoder, on which it was trained. Giving it the actor's
        features instead made an earlier attempt's actor climb a Q that did not exist.
        """
        with torch.no_grad():
            features = self._critic_features(blocks, batch)
        vector = batch.vector.to(features)
        mine = self.networks.policy_features(blocks, features)
        raw = self.networks.actor.before_tanh(mine, vector)
        return self.networks.critic(features, vector, torch.tanh(raw))[0], raw, mine

    @torch.no_grad()
    def _move_targets(self) -> None:
        """Polyak averaging: theta' <- tau theta + (1 - tau) theta', slower for the policy that is evaluated."""
        torch._foreach_lerp_(list(self.target.parameters()), list(self.networks.parameters()), self.agent.tau)
        if self.average is not None:
            learned: list[Tensor] = list(self.networks.policy_parameters())
            torch._foreach_lerp_(list(self.average.parameters()), learned, self.agent.policy_average)

    def _blocks(self, image: Tensor, augment: bool = True) -> Tensor:
        shift = exposure = None
        reach, jitter = self.network.random_shift, self.network.exposure_jitter
        if augment and reach > 0:
            size = (len(image), 2)
            shift = torch.randint(-reach, reach + 1, size, generator=self.generator, device=self.device)
        if augment and jitter > 0:
            exposure = draw_exposure(len(image), jitter, self.generator)
        return to_blocks(image, self._learning_dtype or self._parameter_dtype(), shift, exposure)

    def _parameter_dtype(self) -> torch.dtype:
        return next(self.networks.parameters()).dtype

    def act(self, observation: Mapping[str, np.ndarray]) -> np.ndarray:
        """Actions float32 (N, A) of the policy that learns, for `image` uint8 (N, C, H, W) and `vector` (N, D).

        Deterministic; computed in the parameters' precision, as a `LearnedPolicy` does.
        """
        return self._drive(self.networks.policy_encoder(), self.networks.actor, observation)

    def act_averaged(self, observation: Mapping[str, np.ndarray]) -> np.ndarray:
        """Actions of the policy that is evaluated and saved: a moving average of the one that learns.

        From one thousand updates to the next the learned policy changes for better and worse; its
        average (Polyak & Juditsky 1992) drives more evenly.
        """
        if self.average is None:
            return self.act(observation)
        return self._drive(self.average.encoder, self.average.actor, observation)

    @torch.no_grad()
    def _drive(self, encoder: Encoder | NoEncoder, actor: Actor, observation: Mapping[str, np.ndarray]) -> np.ndarray:
        image, vector = self._tensors(observation["image"], observation["vector"])
        dtype = self._parameter_dtype()
        with exact_products():
            return actor(encoder(to_blocks(image, dtype)), vector.to(dtype)).float().cpu().numpy()

    @torch.no_grad()
    def q_values(
        self, observation: Mapping[str, np.ndarray | Tensor], action: np.ndarray | Tensor
    ) -> tuple[np.ndarray, np.ndarray]:
        """(Q1, Q2), each (N,), computed as in an update without augmentation; twice the same for one critic."""
        vector, action = self._tensors(observation["vector"], action)
        blocks, beside = None, vector[:, :0]
        if self.networks.sees:
            (image,) = self._tensors(observation["image"])
            blocks = self._blocks(image, augment=False)
        else:
            (beside,) = self._tensors(observation["surroundings"])
        features = self.networks.critic_features(blocks, *self._known(vector, beside))
        q = self.networks.critic(features, vector.to(features), action.to(features)).cpu().numpy()
        return q[0], q[-1]

    def _tensors(self, *arrays: np.ndarray | Tensor) -> tuple[Tensor, ...]:
        return tuple(torch.as_tensor(array, device=self.device) for array in arrays)

    def _critic_metrics(
        self, q: Tensor, target: Tensor, loss: Tensor, step: GradientStep.Outcome
    ) -> dict[str, float | bool]:
        td_error = (target - q[0]).abs().mean()
        least = q.amin(dim=0)
        values = torch.stack([loss, td_error, q[0].mean(), q[-1].mean(), least.mean(), least.std()]).tolist()
        names = ("critic_loss", "td_error", "q1_value", "q2_value", "q_value", "q_value_std")
        encoder = len(list(self.networks.critic_encoder.parameters()))
        return ({"encoder_grad_norm": step.norm_of(encoder)} if self.networks.sees and encoder else {}) | {
            **dict(zip(names, values, strict=True)),
            "critic_grad_norm": step.norm,
            "finite": step.taken,
        }

    def double(self) -> TD3:
        """Compute everything in float64 from now on (before the first update), for checks against a reference."""
        self.networks.double()
        self.target.double()
        if self.average is not None:
            self.average.double()
        self._learning_dtype = None
        return self

    def actor_state(self) -> dict[str, Tensor]:
        """The policy that is evaluated, as the state of a `PolicyNetwork` (copies, on the processor)."""
        if self.average is None:
            return self.networks.policy_state()
        return {name: tensor.cpu().clone() for name, tensor in self.average.state_dict().items()}

    def state_dict(self) -> dict[str, Any]:
        """All that must survive a restart."""
        return {
            "dimensions": self.dimensions,
            "updates": self.updates,
            "networks": self.networks.state_dict(),
            "target": self.target.state_dict(),
            "policy": self.actor_state(),
            "optimizers": {name: step.optimizer.state_dict() for name, step in self._optimizers.items()},
            "generator": self.generator.get_state(),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take up a stored state; learning rates stay those of the settings.

        Raises:
            UserError: it is of an agent with other networks.
        """
        try:
            self.networks.load_state_dict(state["networks"])
            self.target.load_state_dict(state["target"])
            if self.average is not None:
                self.average.load_state_dict(state["policy"])
            for name, step in self._optimizers.items():
                step.load(state["optimizers"][name])
        except (RuntimeError, KeyError, ValueError) as error:
            raise UserError(
                f"the stored agent does not fit the settings: {str(error).splitlines()[0]}",
                "resume with the run's own config.yaml; network and agent.twin_critics cannot change",
            ) from error
        self.generator.set_state(state["generator"].cpu())
        self.updates = int(state["updates"])
