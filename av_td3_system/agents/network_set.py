"""The networks of an agent: those that learn, those that follow them, and the optimisers."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from av_td3_system.agents.gradient_step import GradientStep
from av_td3_system.config.errors import UserError
from av_td3_system.config.schema import AgentConfig
from av_td3_system.networks.actor_critic import ActorCritic, PolicyNetwork
from av_td3_system.networks.flat_parameters import FlatParameters


class NetworkSet:
    """Everything of an agent that a gradient moves, and what is an average of it.

    Attributes:
        learned: actor and critics.
        target: a slow copy of them, which targets are computed from.
        average: a slower copy of the policy, which is evaluated and saved; None where that is the learned one.
        steps: of `critic` and `actor`.

    Args:
        agent: the algorithm's settings.
        learned: with their first weights, where they shall live.
    """

    def __init__(self, agent: AgentConfig, learned: ActorCritic) -> None:
        self._agent, self.learned = agent, learned
        self.target = copy.deepcopy(learned).requires_grad_(False)
        self.average: PolicyNetwork | None = None
        if agent.policy_average < 1:
            self.average = copy.deepcopy(learned.policy()).requires_grad_(False)
        self._lay_out()

    def _lay_out(self) -> None:
        """Put each network's parameters in one piece and make the optimisers over them."""
        learned, agent = self.learned, self._agent
        flat, target = FlatParameters(learned.ordered_parameters()), FlatParameters(self.target.ordered_parameters())
        self._followed = [(target.values, flat.values, agent.tau)]  # who follows whom at what rate
        if self.average is not None:
            average = FlatParameters(self.average.parameters()).values
            self._followed.append((average, flat.of(learned.policy().parameters()), agent.policy_average))
        self.steps: dict[str, GradientStep] = {}
        for name, parameters, encoder, rate in (
            ("critic", list(learned.critic_parameters()), learned.critic_encoder, agent.critic_lr),
            ("actor", list(learned.actor_parameters()), learned.actor_encoder, agent.actor_lr),
        ):
            begin = flat.span(parameters).start
            weights = [] if encoder is None else list(encoder.parameters())
            watched = flat.span(weights) if weights else slice(begin, begin)
            watched = slice(watched.start - begin, watched.stop - begin)
            self.steps[name] = GradientStep(parameters, flat.of(parameters), rate, agent.gradient_clip, watched)

    def slow_down(self, updates: int) -> None:
        """Learning rates as they are after so many updates; the same between two moves of the targets."""
        if self._agent.lr_half_after is not None:
            whole = updates - updates % self._agent.policy_delay
            for step in self.steps.values():
                step.slow_down(1.0 / (1.0 + whole / self._agent.lr_half_after))

    @torch.no_grad()
    def follow(self, allowed: Tensor) -> None:
        """Polyak averaging: theta' <- tau theta + (1 - tau) theta', slower for the average; if `allowed` (bool, ())."""
        for follower, learned, rate in self._followed:
            follower.lerp_(learned, allowed.to(follower.dtype) * rate)

    def double(self) -> None:
        """Compute in float64 from now on, with optimisers that have taken no step yet."""
        self.learned.double()
        self.target.double()
        if self.average is not None:
            self.average.double()
        self._lay_out()

    def policy_state(self) -> dict[str, Tensor]:
        """The policy that is evaluated, as the state of a `PolicyNetwork` (copies, on the processor)."""
        return (self.average or self.learned.policy()).stored()

    def state_dict(self) -> dict[str, Any]:
        """All that must survive a restart."""
        return {
            "networks": self.learned.state_dict(),
            "target": self.target.state_dict(),
            "policy": self.policy_state(),
            "optimizers": {name: step.optimizer.state_dict() for name, step in self.steps.items()},
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take up a stored state; learning rates stay those of the settings.

        Raises:
            UserError: it is of other networks.
        """
        try:
            self.learned.load_state_dict(state["networks"])
            self.target.load_state_dict(state["target"])
            if self.average is not None:
                self.average.load_state_dict(state["policy"])
            for name, step in self.steps.items():
                step.load(state["optimizers"][name])
        except (RuntimeError, KeyError, ValueError) as error:
            raise UserError(
                f"the stored agent does not fit the settings: {str(error).splitlines()[0]}",
                "resume with the run's own config.yaml; network and agent.twin_critics cannot change",
            ) from error
