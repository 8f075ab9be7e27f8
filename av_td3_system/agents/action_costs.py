"""What an actor's own loss charges for its actions, beside what the critic makes of them."""

from __future__ import annotations

import torch
from torch import Tensor

from av_td3_system.config.layout import LAST_ACTION
from av_td3_system.config.schema import AgentConfig

SATURATION_FREE = 1.0  # |u| up to which an action tanh(u) costs nothing: three quarters of the pedal


def action_costs(agent: AgentConfig, raw: Tensor, vector: Tensor) -> Tensor | float:
    """Mean cost of actions tanh(raw), raw (B, A), on vectors (B, D) that hold the last action; 0 where none is asked.

    `saturation_cost`: beyond |u| = 1, where tanh soon passes no gradient that could bring an action back.
    `action_change_cost`: of a change since the last action (CAPS, Mysore et al. 2021).
    """
    cost: Tensor | float = 0.0
    if agent.saturation_cost > 0:
        excess = (raw.abs() - SATURATION_FREE).clamp_min(0)
        cost = cost + agent.saturation_cost * excess.square().sum(dim=1).mean()
    if agent.action_change_cost > 0:
        change = torch.tanh(raw) - vector[:, LAST_ACTION : LAST_ACTION + raw.shape[1]]
        cost = cost + agent.action_change_cost * change.square().sum(dim=1).mean()
    return cost
