"""Who owns which encoder, and how weights begin."""

from __future__ import annotations

import pytest
import torch

from av_td3_system.config.layout import LEADER_NUMBERS, SURROUNDINGS
from av_td3_system.config.schema import NetworkConfig
from av_td3_system.networks.actor_critic import ActorCritic, PolicyNetwork
from av_td3_system.networks.layout import to_blocks

SMALL = {"channels": (4, 5, 6), "features": 16, "hidden": (12,)}


def build(seed: int = 0, **settings: object) -> ActorCritic:
    return ActorCritic(NetworkConfig(**{**SMALL, **settings}), (4, 36, 36), 3, 2, 2, seed)


@pytest.mark.parametrize("shared", [True, False])
def test_every_parameter_is_trained_by_exactly_one_loss(shared: bool) -> None:
    networks = build(shared_encoder=shared)
    critic = {id(parameter) for parameter in networks.critic_parameters()}
    actor = {id(parameter) for parameter in networks.actor_parameters()}
    assert not critic & actor
    assert critic | actor == {id(parameter) for parameter in networks.parameters()}
    assert {id(parameter) for parameter in networks.critic_encoder.parameters()} <= critic
    assert (networks.policy_encoder() is networks.critic_encoder) == shared


@pytest.mark.parametrize("shared", [True, False])
def test_policy_state_acts_as_the_actor(shared: bool) -> None:
    networks = build(shared_encoder=shared)
    policy = PolicyNetwork.make(NetworkConfig(**SMALL), (4, 36, 36), 3, 2)
    policy.load_state_dict(networks.policy().stored())
    blocks = to_blocks(torch.randint(0, 256, (5, 4, 36, 36), dtype=torch.uint8), torch.float32)
    vector = torch.randn(5, 3)
    assert torch.equal(policy(blocks, vector), networks.actor(networks.policy_encoder()(blocks), vector))


def test_seed_decides_the_weights_and_global_randomness_is_untouched() -> None:
    before = torch.get_rng_state()
    one, same, other = build(1), build(1), build(2)
    assert torch.equal(torch.get_rng_state(), before)
    first = [next(networks.parameters()) for networks in (one, same, other)]
    assert torch.equal(first[0], first[1])
    assert not torch.equal(first[0], first[2])


def test_orthogonal_initialisation() -> None:
    networks = build(initialization="orthogonal")
    projection = networks.critic_encoder.projection
    rows = projection.weight @ projection.weight.T
    columns = projection.weight.T @ projection.weight
    smaller = rows if len(rows) <= len(columns) else columns
    torch.testing.assert_close(smaller, torch.eye(len(smaller)), atol=1e-5, rtol=0)
    assert all(not layer.bias.any() for layer in networks.critic_encoder.convolutions)
    actions = networks.actor(torch.randn(32, 16), torch.randn(32, 3))
    assert actions.abs().max() < 0.1


def test_a_critic_of_surroundings_with_a_route_learns_from_it_and_the_policy_holds_nothing_of_it() -> None:
    config = NetworkConfig(**{**SMALL, "critic_input": "surroundings", "shared_encoder": False})
    networks = ActorCritic(config, (4, 36, 36), 3, 2, 2, 0, SURROUNDINGS + 5)
    vector, rows = torch.randn(6, 3), torch.randn(6, SURROUNDINGS + 5, requires_grad=True)
    rows.data[:, LEADER_NUMBERS:SURROUNDINGS] = 0.0  # an empty town: the route counts all the same
    networks.critic(networks.critic_features(None, vector, rows), vector, torch.zeros(6, 2)).sum().backward()
    assert rows.grad is not None and rows.grad[:, SURROUNDINGS:].abs().min() > 0
    policy = PolicyNetwork.make(NetworkConfig(**SMALL), (4, 36, 36), 3, 2)
    policy.load_state_dict(networks.policy().stored())
