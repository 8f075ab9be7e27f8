"""TD3 (Fujimoto, van Hoof & Meger 2018) from camera frames or a state vector alone; DDPG is a setting of it.

DDPG (Lillicrap et al. 2016): `twin_critics: false, policy_noise: 0, policy_delay: 1`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from av_td3_system.agents.action_costs import action_costs
from av_td3_system.agents.cuda_graph import CapturedLearning
from av_td3_system.agents.decision import decide
from av_td3_system.agents.diagnostics import encoder_health
from av_td3_system.agents.learned import Learned, Told
from av_td3_system.agents.network_set import NetworkSet
from av_td3_system.config.layout import SURROUNDINGS
from av_td3_system.config.schema import AgentConfig, NetworkConfig
from av_td3_system.networks.actor_critic import ActorCritic
from av_td3_system.networks.augmentation import draw_exposure
from av_td3_system.networks.layout import to_blocks
from av_td3_system.networks.precision import supports_bfloat16
from av_td3_system.replay.batch import Batch

CLEARED_EVERY = 100  # updates after which traces of idle weights are cleared


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
        learned = ActorCritic(network, image_shape, vector_dim, action_dim, critics, seed, surroundings)
        self._set = NetworkSet(agent, learned.to(device))
        self.networks, self.target, self.average = self._set.learned, self._set.target, self._set.average
        self.generator = torch.Generator(device).manual_seed(seed)
        self.updates = 0
        self.td_error = torch.zeros(0, device=device)  # of the samples last learned from, see `Learned`
        self.policy_action = torch.zeros((0, action_dim), device=device)  # likewise
        self._learning_dtype = torch.bfloat16 if agent.bfloat16 and supports_bfloat16(device) else None
        self._captured = self._capture()

    def _capture(self) -> CapturedLearning[Learned] | None:
        """What keeps the updates between two moves of the targets as one graph, on a GPU where it is asked for."""
        wanted = self.agent.cuda_graph and self.device.type == "cuda"
        return CapturedLearning(self._learn, self.generator) if wanted else None

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
            For each update, up to the first that was refused, short metric names and values; `actor_loss` and
            `actor_grad_norm` only where the actor was updated, `perception_loss` only where the features are asked.
            Gradient norms are before clipping, `td_error` is the mean |target - Q1|, `critic_loss` the sum of both
            critics' mean squared errors whatever they minimise, `q_value` and its standard deviation are of min(Q1, Q2)
            over the batch. `encoder_grad_norm` is of the image encoder that learns from the critic loss or, where none
            does, from the actor's. `finite` is False where a step was refused.

        Raises:
            ValueError: targets would have to move on the way.
        """
        if not 1 <= updates <= self.updates_until_policy:
            raise ValueError(f"{updates} updates in a row: the targets move after {self.updates_until_policy}")
        acts = updates == self.updates_until_policy
        self._set.slow_down(self.updates)
        learn = self._captured if self._captured is not None and updates == self.agent.policy_delay else self._learn
        learned = learn(batch.to(self.device, self._parameter_dtype()), updates, acts)
        self.td_error, self.policy_action = learned.td_error, learned.policy
        metrics = learned.metrics()
        before, self.updates = self.updates, self.updates + len(metrics)
        if self.updates // CLEARED_EVERY > before // CLEARED_EVERY:
            for step in self._set.steps.values():
                step.clear_traces()
        if diagnostics:
            share = batch.split(updates)[-1].to(self.device, self._parameter_dtype())
            plain = self._blocks(share.image, augment=False)  # draws nothing: who watches changes nothing
            metrics[-1] |= encoder_health(self.networks.policy(), plain, share.vector)
        return metrics

    def _learn(self, batch: Batch, updates: int, acts: bool) -> Learned:
        """The computation of `learn`, which waits for no number: a CUDA graph can hold it."""
        shares = batch.split(updates)
        targets = self._target(batch).chunk(updates)
        blocks: Sequence[Tensor | None] = [None] * updates
        if self.networks.sees:
            blocks = self._blocks(batch.image).chunk(updates)
        elif acts:
            blocks = [*blocks[1:], self._blocks(shares[-1].image)]
        allowed = torch.ones((), dtype=torch.bool, device=self.device)
        critic, errors, policy = [], [], batch.action[:0]
        actor: Told = {}
        for share, seen, target in zip(shares, blocks, targets, strict=True):
            told, error = self._update_critic(seen, share, target, allowed)
            allowed = told["finite"]
            critic.append(told)
            errors.append(error)
        if acts and blocks[-1] is not None:
            actor, policy = self._update_actor(blocks[-1], shares[-1], allowed)
            self._set.follow(actor["finite"])
        return Learned(critic, actor, torch.cat(errors), policy)

    def _update_critic(
        self, blocks: Tensor | None, batch: Batch, target: Tensor, allowed: Tensor
    ) -> tuple[Told, Tensor]:
        """One step towards the targets (B,), if `allowed`; also the greatest error of each sample (B,)."""
        networks, values = self.networks, self.networks.critic.values
        features = networks.critic_features(blocks, batch.vector, batch.surroundings)
        outputs = networks.critic.outputs(features, batch.vector, batch.action)
        losses = values.losses(outputs, target, self.agent.critic_loss == "huber")
        step = self._set.steps["critic"].take(losses.mean(dim=1).sum(), allowed)
        with torch.no_grad():
            q = values(outputs.detach())
            error, least = (q - target).abs(), q.amin(dim=0)
            told = {
                "critic_loss": error.square().mean(dim=1).sum(),
                "td_error": error[0].mean(),
                "q1_value": q[0].mean(),
                "q2_value": q[-1].mean(),
                "q_value": least.mean(),
                "q_value_std": least.std(),
                "critic_grad_norm": step.norm,
                "finite": step.taken,
            }
            if blocks is not None and blocks.numel():
                told["encoder_grad_norm"] = step.watched
        return told, error.amax(dim=0)

    def _update_actor(self, blocks: Tensor, batch: Batch, allowed: Tensor) -> tuple[Told, Tensor]:
        """One step up Q1 and towards features that answer what they are asked, if `allowed`; what pi(s) was, (B, A)."""
        networks, agent = self.networks, self.agent
        q, raw, mine = self._q1_of_policy(blocks, batch)
        loss = action_costs(agent, raw, batch.vector) - q.mean()
        told: Told = {}
        if networks.perception is not None:
            error = networks.perception(mine) - networks.perception.asked(batch.surroundings)
            perception = error.square().sum(dim=1).mean()
            loss = loss + agent.perception_weight * perception
            told["perception_loss"] = perception.detach()
        step = self._set.steps["actor"].take(loss, allowed)
        if not networks.sees:
            told["encoder_grad_norm"] = step.watched
        told |= {"actor_loss": step.loss, "actor_grad_norm": step.norm, "finite": step.taken}
        return told, torch.tanh(raw.detach())

    @torch.no_grad()
    def _target(self, batch: Batch) -> Tensor:
        """Targets: r + gamma^k min_i Q'_i(s', clip(pi'(s') + clip(epsilon, -c, c), -1, 1)), shape (B,).

        Instead of pi'(s') what the policy wanted there when last asked, where the replay recalls it.
        """
        target, recalled = self.target, self.agent.target_action == "recalled"
        next_blocks = None if recalled else self._blocks(batch.next_image)
        features = target.critic_features(next_blocks, batch.next_vector, batch.next_surroundings)
        action = batch.next_policy
        if next_blocks is not None:
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

    def _blocks(self, image: Tensor, augment: bool = True) -> Tensor:
        shift = exposure = None
        reach, jitter = self.network.random_shift, self.network.exposure_jitter
        if augment and reach > 0:
            size = (len(image), 2)
            shift = torch.randint(-reach, reach + 1, size, generator=self.generator, device=self.device)
        if augment and jitter > 0:
            exposure = draw_exposure(len(image), jitter, self.generator)
        view = self.networks.policy_encoder().view
        return to_blocks(image, self._learning_dtype or self._parameter_dtype(), view, shift, exposure)

    def _parameter_dtype(self) -> torch.dtype:
        return next(self.networks.parameters()).dtype

    def act(self, observation: Mapping[str, np.ndarray]) -> np.ndarray:
        """Actions float32 (N, A) of the policy that learns, for `image` uint8 (N, C, H, W) and `vector` (N, D).

        Deterministic, as a `LearnedPolicy` decides.
        """
        return decide(self.networks.policy(), observation)

    def act_averaged(self, observation: Mapping[str, np.ndarray]) -> np.ndarray:
        """Actions of the policy that is evaluated and saved: a moving average of the one that learns.

        From one thousand updates to the next the learned policy changes for better and worse; its
        average (Polyak & Juditsky 1992) drives more evenly.
        """
        return decide(self.average or self.networks.policy(), observation)

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
        self._set.double()
        self._learning_dtype = None
        return self

    def actor_state(self) -> dict[str, Tensor]:
        """The policy that is evaluated, as the state of a `PolicyNetwork` (copies, on the processor)."""
        return self._set.policy_state()

    def state_dict(self) -> dict[str, Any]:
        """All that must survive a restart."""
        return {
            "dimensions": self.dimensions,
            "updates": self.updates,
            **self._set.state_dict(),
            "generator": self.generator.get_state(),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take up a stored state; learning rates stay those of the settings.

        Raises:
            UserError: it is of an agent with other networks.
        """
        self._set.load_state_dict(state)
        self._captured = self._capture()  # a graph would go on with the moments that were there before
        self.generator.set_state(state["generator"].cpu())
        self.updates = int(state["updates"])
