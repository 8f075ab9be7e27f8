"""TD3 (Fujimoto, van Hoof & Meger 2018) from camera frames or a state vector alone; DDPG is a setting of it.

DDPG (Lillicrap et al. 2016): `twin_critics: false, policy_noise: 0, policy_delay: 1`.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from av_td3_system.agents.diagnostics import encoder_health
from av_td3_system.agents.gradient_step import GradientStep
from av_td3_system.config.errors import UserError
from av_td3_system.config.layout import SURROUNDINGS
from av_td3_system.config.schema import AgentConfig, NetworkConfig
from av_td3_system.networks.actor_critic import ActorCritic, PolicyNetwork
from av_td3_system.networks.augmentation import draw_exposure
from av_td3_system.networks.encoder import Encoder, NoEncoder
from av_td3_system.networks.flat_parameters import FlatParameters
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
        surroundings: S, where the critic reads them.
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
        surroundings: int = SURROUNDINGS,
    ) -> None:
        self.agent, self.network, self.device = agent, network, device
        self.dimensions = (*image_shape, vector_dim, action_dim)
        critics = 2 if agent.twin_critics else 1
        self.networks = ActorCritic(network, image_shape, vector_dim, action_dim, critics, seed, surroundings).to(
            device
        )
        self.target = copy.deepcopy(self.networks).requires_grad_(False)
        self.average = self._policy_network() if agent.policy_average < 1 else None
        self.generator = torch.Generator(device).manual_seed(seed)
        self.updates = 0
        self.td_error = torch.zeros(0, device=device)  # greatest |target - Q_i| of each sample last learned from, (B,)
        self._learning_dtype = torch.bfloat16 if agent.bfloat16 and supports_bfloat16(device) else None
        self._lay_out()

    def _lay_out(self) -> None:
        """Put each network's parameters in one piece and make the optimisers over them."""
        networks, agent = self.networks, self.agent
        flat, target = FlatParameters(networks.ordered_parameters()), FlatParameters(self.target.ordered_parameters())
        self._followed = [(target.values, flat.values, agent.tau)]  # who follows whom at what rate
        if self.average is not None:
            average = FlatParameters(self.average.parameters()).values
            self._followed.append((average, flat.of(networks.policy_parameters()), agent.policy_average))
        self._optimizers: dict[str, GradientStep] = {}
        encoders = {"critic": networks.critic_encoder, "actor": networks.actor_encoder}
        for name, parameters in (
            ("critic", list(networks.critic_parameters())),
            ("actor", list(networks.actor_parameters())),
        ):
            begin, encoder = flat.span(parameters).start, encoders[name]
            weights = [] if encoder is None else list(encoder.parameters())
            watched = flat.span(weights) if weights else slice(begin, begin)
            self._optimizers[name] = GradientStep(
                parameters,
                flat.of(parameters),
                agent.critic_lr if name == "critic" else agent.actor_lr,
                agent.gradient_clip,
                slice(watched.start - begin, watched.stop - begin),
            )

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
        """One gradient update: `learn` of a single share."""
        return self.learn(batch, 1, diagnostics)[0]

    @property
    def updates_until_policy(self) -> int:
        """How many updates there are up to and with the next one that moves the policy and the targets."""
        return self.agent.policy_delay - self.updates % self.agent.policy_delay

    def learn(self, batch: Batch, updates: int, diagnostics: bool = False) -> list[dict[str, float | bool]]:
        """Gradient updates of the critics in a row, each from its own share of the batch, in order.

        Every `policy_delay`-th moves actor and targets too. Between two of those the target networks stand still,
        so the targets of all shares are computed together: the same numbers, in fewer and larger products.
        A step whose loss or gradient is not finite is not taken, and neither is anything after it.

        Args:
            batch: on any device; the images of the last share, of all where the critic sees.
            updates: at most `updates_until_policy`.
            diagnostics: also measure the encoder's health (costs a forward pass).

        Returns:
            For each update that was begun short metric names and values; `actor_loss` and `actor_grad_norm` only
            where the actor was updated. Gradient norms are before clipping, `td_error` is the mean |target - Q1|,
            `q_value` and its standard deviation are of min(Q1, Q2) over the batch. `encoder_grad_norm` is of
            the image encoder that learns from the critic loss or, where none does, from the actor's.
            `perception_loss` only where the features are asked. `finite` is False where a step was refused.

        Raises:
            ValueError: targets would have to move on the way.
        """
        if not 1 <= updates <= self.updates_until_policy:
            raise ValueError(f"{updates} updates in a row: the targets move after {self.updates_until_policy}")
        acts = updates == self.updates_until_policy
        batch = batch.to(self.device, self._parameter_dtype())
        shares = batch.split(updates)
        targets = self._target(batch, self._blocks(batch.next_image)).chunk(updates)
        blocks: Sequence[Tensor | None] = [None] * updates
        if self.networks.sees:
            blocks = self._blocks(batch.image).chunk(updates)
        elif acts:
            blocks = [*blocks[1:], self._blocks(shares[-1].image)]
        self.td_error = targets[0][:0]
        metrics: list[dict[str, float | bool]] = []
        for share, seen, target in zip(shares, blocks, targets, strict=True):
            self.updates += 1
            metrics.append(self._update_critic(seen, share, target))
            if not metrics[-1]["finite"]:
                break
        if acts and metrics[-1]["finite"] and blocks[-1] is not None:
            metrics[-1] |= self._update_actor(blocks[-1], shares[-1])
            if metrics[-1]["finite"]:
                self._move_targets()
        if diagnostics:
            plain = self._blocks(shares[-1].image, augment=False)  # draws nothing: who watches changes nothing
            metrics[-1] |= encoder_health(self.networks.policy_encoder(), plain)
        return metrics

    def _update_critic(self, blocks: Tensor | None, batch: Batch, target: Tensor) -> dict[str, float | bool]:
        """One step towards the targets (B,)."""
        features = self.networks.critic_features(blocks, batch.vector, batch.surroundings)
        q = self.networks.critic(features, batch.vector, batch.action)
        robust = self.agent.critic_loss == "huber"
        losses = functional.huber_loss(q, target.expand_as(q), reduction="none") if robust else (q - target).square()
        step = self._optimizers["critic"].take(losses.mean(dim=1).sum())
        with torch.no_grad():
            error, least = (q - target).abs(), q.amin(dim=0)
            self.td_error = torch.cat([self.td_error, error.amax(dim=0)])
            squared = error.square().mean(dim=1).sum()
            told = [squared, error[0].mean(), q[0].mean(), q[-1].mean(), least.mean(), least.std()]
            names = ("critic_loss", "td_error", "q1_value", "q2_value", "q_value", "q_value_std")
            values = dict(zip(names, torch.stack(told).tolist(), strict=True))
        encoder = {"encoder_grad_norm": step.watched} if blocks is not None and blocks.numel() else {}
        return values | encoder | {"critic_grad_norm": step.norm, "finite": step.taken}

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
            error = networks.perception(mine) - perceivable(batch.surroundings)
            perception = error.square().sum(dim=1).mean()
            loss = loss + self.agent.perception_weight * perception
            metrics["perception_loss"] = float(perception.detach())
        step = self._optimizers["actor"].take(loss)
        if not networks.sees:
            metrics["encoder_grad_norm"] = step.watched
        return metrics | {"actor_loss": step.loss, "actor_grad_norm": step.norm, "finite": step.taken}

    @torch.no_grad()
    def _target(self, batch: Batch, next_blocks: Tensor) -> Tensor:
        """Targets: r + gamma^k min_i Q'_i(s', clip(pi'(s') + clip(epsilon, -c, c), -1, 1)), shape (B,)."""
        target = self.target
        features = target.critic_features(next_blocks, batch.next_vector, batch.next_surroundings)
        action = target.actor(target.policy_features(next_blocks, features), batch.next_vector)
        if self.agent.policy_noise > 0:
            noise = torch.randn(action.shape, generator=self.generator, device=self.device).to(action)
            noise = (noise * self.agent.policy_noise).clamp_(-self.agent.noise_clip, self.agent.noise_clip)
            action = (action + noise).clamp_(-1, 1)
        q = target.critic(features, batch.next_vector, action).amin(dim=0)
        return batch.reward + batch.discount * q

    def _q1_of_policy(self, blocks: Tensor, batch: Batch) -> tuple[Tensor, Tensor, Tensor]:
        """Q1(s, pi(s)) (B,), pi(s) before its tanh (B, A) and the features it was made from.

        With a gradient to the actor's parameters alone.

        Q comes from the critic's own encoder, on which it was trained. Giving it the actor's
        features instead made an earlier attempt's actor climb a Q that did not exist.
        """
        with torch.no_grad():
            features = self.networks.critic_features(blocks, batch.vector, batch.surroundings)
        mine = self.networks.policy_features(blocks, features)
        raw = self.networks.actor.before_tanh(mine, batch.vector)
        return self.networks.critic(features, batch.vector, torch.tanh(raw))[0], raw, mine

    @torch.no_grad()
    def _move_targets(self) -> None:
        """Polyak averaging: theta' <- tau theta + (1 - tau) theta', slower for the policy that is evaluated."""
        for follower, learned, rate in self._followed:
            follower.lerp_(learned, rate)

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
        dtype, blocks = self._parameter_dtype(), None
        vector, action = (one.to(dtype) for one in self._tensors(observation["vector"], action))
        beside = vector[:, :0]
        if self.networks.sees:
            (image,) = self._tensors(observation["image"])
            blocks = self._blocks(image, augment=False)
        else:
            beside = self._tensors(observation["surroundings"])[0].to(dtype)
        q = self.networks.critic(self.networks.critic_features(blocks, vector, beside), vector, action).cpu().numpy()
        return q[0], q[-1]

    def _tensors(self, *arrays: np.ndarray | Tensor) -> tuple[Tensor, ...]:
        return tuple(torch.as_tensor(array, device=self.device) for array in arrays)

    def double(self) -> TD3:
        """Compute everything in float64 from now on (before the first update), for checks against a reference."""
        self.networks.double()
        self.target.double()
        if self.average is not None:
            self.average.double()
        self._learning_dtype = None
        self._lay_out()
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
