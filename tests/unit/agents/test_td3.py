"""TD3 against a slow textbook reference, and the mistakes that sank an earlier attempt."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from av_td3_system.agents.policy import load_policy, save_policy
from av_td3_system.checkpointing.plain_state import state_hash, to_plain
from av_td3_system.config.errors import UserError
from av_td3_system.config.layout import NO_IMAGE
from av_td3_system.networks import layout
from av_td3_system.networks.precision import supports_bfloat16
from av_td3_system.replay.batch import Batch
from tests.unit.agents.slow_reference import SlowTD3
from tests.unit.agents.small import DDPG, IMAGE, KNOWING, observation, random_batch, seen, small_agent, without_image

CPU = torch.device("cpu")
ASKED = {"saturation_cost": 0.7, "perception_weight": 0.3, "actor_lr": 1e-2}
KINDS: list[dict[str, Any]] = [{"shared_encoder": True}, {"shared_encoder": False}, KNOWING]
SETTINGS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "shared": ({}, {"shared_encoder": True}),
    "separate": ({}, {"shared_encoder": False}),
    "clipped": ({"gradient_clip": 0.05, "policy_noise": 0.6, "noise_clip": 0.3}, {"shared_encoder": False}),
    "standardized": ({}, {"standardize": True, "shared_encoder": False}),
    "no LayerNorm": ({}, {"layer_norm": False}),
    "Huber": ({"critic_loss": "huber"}, {"shared_encoder": False}),
    "symlog": ({}, {"critic_values": "symlog"}),
    "symlog, Huber": ({"critic_loss": "huber"}, {"critic_values": "symlog"}),
    "histogram": ({}, {"critic_values": "histogram", "value_range": (-4.0, 4.0), "value_bins": 8}),
    "DDPG": (DDPG, {"shared_encoder": False}),
    "knowing critic": (ASKED, KNOWING),
    "knowing critic, recalled actions": ({**ASKED, "target_action": "recalled"}, KNOWING),
    "slower and slower": ({"lr_half_after": 3.0, "actor_lr": 1e-2, "critic_lr": 3e-3}, {}),
    "slow to change its mind": ({"action_change_cost": 0.4}, {"shared_encoder": False}),
    "knowing critic, wide and ahead of time": (ASKED, {**KNOWING, "perception_grid": "wide", "foresight": 0.8}),
    "vector alone": ({}, {}),
    "vector alone, separate, unclipped": ({"gradient_clip": None}, {"shared_encoder": False}),
    "vector alone, DDPG": (DDPG, {}),
    "tau, delay 3": ({"tau": 0.3, "policy_delay": 3, "actor_lr": 1e-2, "critic_lr": 3e-3}, {}),
}


@pytest.mark.parametrize("together", [False, True], ids=["one by one", "as many as may be"])
@pytest.mark.parametrize("name", SETTINGS)
def test_updates_equal_the_slow_reference(name: str, together: bool) -> None:
    settings, network = SETTINGS[name]
    blind, knowing = name.startswith("vector alone"), network.get("critic_input") == "surroundings"
    agent = small_agent(network, image=NO_IMAGE if blind else IMAGE, **settings).double()
    if knowing:
        with torch.no_grad():
            for networks in (agent.networks, agent.target):
                networks.actor.head.layers[-1].weight.mul_(30)
    generator = torch.Generator()
    generator.set_state(agent.generator.get_state())
    weights = {key: value.clone() for key, value in agent.networks.state_dict().items()}
    slow = SlowTD3(agent.agent, agent.network, weights, generator)
    while agent.updates < 6:
        before, updates = agent.updates, agent.updates_until_policy if together else 1
        batches = [random_batch(seed=before + update) for update in range(updates)]
        batches = [without_image(batch) for batch in batches] if blind else batches
        joined = Batch(*(torch.cat(parts) for parts in zip(*batches, strict=True)))
        if knowing:
            joined = joined._replace(image=batches[-1].image)
        if agent.agent.target_action == "recalled":
            joined = joined._replace(next_image=joined.next_image[:0])
        wanted = agent.act(seen(batches[-1]))
        learned = agent.learn(joined, updates)
        if "actor_loss" not in learned[-1]:
            assert agent.policy_action.shape == (0, wanted.shape[1])
        elif not agent.networks.shared:  # whose encoder the critic's step has moved meanwhile
            np.testing.assert_allclose(agent.policy_action.numpy(), wanted, atol=1e-6)
        errors = agent.td_error.chunk(updates)
        assert agent.updates == before + updates == before + len(learned)
        for update, (batch, metrics) in enumerate(zip(batches, learned, strict=True), start=before + 1):
            slow.update(batch)
            torch.testing.assert_close(errors[update - before - 1], slow.td_error, rtol=1e-7, atol=1e-9)
            assert metrics["finite"] is True
            assert metrics["critic_loss"] == pytest.approx(slow.losses["critic_loss"], rel=1e-9)
            assert ("actor_loss" in metrics) == (update % agent.agent.policy_delay == 0)
            if "actor_loss" in metrics:
                assert metrics["actor_loss"] == pytest.approx(slow.losses["actor_loss"], rel=1e-9, abs=1e-12)
        for key, value in agent.networks.state_dict().items():
            torch.testing.assert_close(value, slow.online[key].detach(), rtol=1e-7, atol=1e-10, msg=key)
        for key, value in agent.target.state_dict().items():
            torch.testing.assert_close(value, slow.target[key], rtol=1e-7, atol=1e-10, msg=key)
    assert slow.saturated > 0 or not knowing, "or nothing is known of the cost of saturation"


def test_updates_in_a_row_end_where_the_targets_move() -> None:
    agent = small_agent(policy_delay=3)
    agent.update(random_batch())
    with pytest.raises(ValueError, match="the targets move after 2"):
        agent.learn(random_batch(24), 3)
    with pytest.raises(ValueError, match="equal shares"):
        agent.learn(random_batch(9), 2)
    assert agent.updates == 1


def test_nothing_is_learned_after_a_refused_step() -> None:
    agent = small_agent()
    agent.learn(random_batch(16), 2)
    batch = random_batch(16)
    batch.reward[3] = float("nan")
    before = state_hash({key: agent.state_dict()[key] for key in ("networks", "target", "optimizers")})
    (metrics,) = agent.learn(batch, 2)
    assert metrics["finite"] is False and agent.updates == 3
    assert state_hash({key: agent.state_dict()[key] for key in ("networks", "target", "optimizers")}) == before


class NoWaiting(TorchDispatchMode):
    """Refuses what makes shapes of numbers: a CUDA graph could not hold it."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        assert func.overloadpacket.__name__ not in ("nonzero", "masked_select", "is_nonzero", "_local_scalar_dense")
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize(
    "network", [*KINDS, {"critic_values": "histogram"}], ids=["shared", "separate", "knowing", "histogram"]
)
def test_nothing_in_updates_in_a_row_waits_for_a_number(
    network: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    agent = small_agent({**network, "random_shift": 2, "exposure_jitter": 0.2}, policy_average=0.1)
    batch = random_batch(16)
    agent.learn(batch, 2)

    def refuse(*_: Any) -> None:
        raise AssertionError("waits for a number")

    monkeypatch.setattr("av_td3_system.agents.td3.to_blocks", layout._by_tensors)  # as on a GPU
    for name in ("item", "tolist", "numpy", "cpu", "__bool__", "__float__", "__int__", "__index__"):
        monkeypatch.setattr(torch.Tensor, name, refuse)
    with NoWaiting():
        learned = agent._learn(batch, 2, acts=True)
    with pytest.raises(AssertionError, match="waits"):
        learned.metrics()
    monkeypatch.undo()
    assert len(learned.critic) == 2 and learned.actor["finite"]


def test_clipping_was_active_in_the_reference_run() -> None:
    settings, network = SETTINGS["clipped"]
    assert small_agent(network, **settings).double().update(random_batch())["critic_grad_norm"] > 0.05


@pytest.mark.parametrize("network", KINDS)
@pytest.mark.parametrize("bfloat16", [True, False])
def test_q_inside_the_actor_loss_is_the_critic_to_the_last_bit(network: dict[str, Any], bfloat16: bool) -> None:
    agent = small_agent({**network, "channels": (32, 32, 32)}, bfloat16=bfloat16)
    for seed in range(4):  # so that actor and critic encoder have gone their own ways
        agent.update(random_batch(seed=seed))
    batch = random_batch(16, seed=9)
    blocks = agent._blocks(batch.image)
    inside, _, _ = agent._q1_of_policy(blocks, batch)
    with torch.no_grad():
        action = agent.networks.actor(agent.networks.policy_encoder()(blocks), batch.vector)
    q1, _ = agent.q_values(seen(batch), action)
    np.testing.assert_array_equal(inside.detach().numpy(), q1)


def test_actor_loss_reaches_the_actor_alone() -> None:
    for network in KINDS:
        agent = small_agent(network)
        batch = random_batch()
        q, _, _ = agent._q1_of_policy(agent._blocks(batch.image), batch)
        names, parameters = zip(*agent.networks.named_parameters(), strict=True)
        gradients = torch.autograd.grad(q.sum(), parameters, allow_unused=True)
        reached = {name for name, gradient in zip(names, gradients, strict=True) if gradient is not None}
        assert not any(name.startswith("critic_encoder") for name in reached)
        assert any(name.startswith("actor_encoder") for name in reached) is not network["shared_encoder"]
        before = {name: value.clone() for name, value in agent.networks.named_parameters()}
        agent._update_actor(agent._blocks(batch.image), batch, torch.tensor(True))
        changed = {name for name, value in agent.networks.named_parameters() if not torch.equal(value, before[name])}
        assert changed
        assert all(name.startswith(("actor", "perception")) for name in changed)


@pytest.mark.parametrize("network", KINDS)
def test_targets_move_by_polyak_averaging_only(network: dict[str, Any]) -> None:
    agent = small_agent(network, perception_weight=1.0, tau=0.25, policy_delay=2)
    start = {name: value.clone() for name, value in agent.target.state_dict().items()}
    assert set(start) == set(agent.networks.state_dict())  # everything has a target copy
    agent.update(random_batch(seed=0))
    assert all(torch.equal(value, start[name]) for name, value in agent.target.state_dict().items())
    agent.update(random_batch(seed=1))
    for name, value in agent.target.state_dict().items():
        torch.testing.assert_close(value, torch.lerp(start[name], agent.networks.state_dict()[name], 0.25))
        assert not torch.equal(value, start[name])


def test_target_is_read_from_target_networks_alone() -> None:
    agent = small_agent({"shared_encoder": False}, policy_noise=0.0)
    batch = random_batch()
    target = agent._target(batch)
    for parameter in agent.networks.parameters():
        parameter.data.zero_()
    assert torch.equal(agent._target(batch), target)
    ended = batch.discount == 0
    assert ended.any()
    assert torch.equal(target[ended], batch.reward[ended])


@pytest.mark.parametrize("poison", [float("nan"), float("inf")])
def test_a_step_that_is_not_finite_is_not_taken(poison: float) -> None:
    agent, healthy = small_agent(policy_delay=1), small_agent(policy_delay=1)
    for one in (agent, healthy):
        one.update(random_batch(seed=1))
    batch = random_batch(seed=2)
    batch.reward[3] = poison
    before = state_hash({key: agent.state_dict()[key] for key in ("networks", "target", "optimizers")})
    metrics = agent.update(batch)
    assert metrics["finite"] is False
    assert "actor_loss" not in metrics
    assert state_hash({key: agent.state_dict()[key] for key in ("networks", "target", "optimizers")}) == before
    assert agent.update(random_batch(seed=3))["finite"] is True


def test_a_gradient_that_is_not_finite_is_not_followed() -> None:
    agent = small_agent()
    batch = random_batch()._replace(reward=torch.full((8,), 1e30))  # its square overflows in float32
    assert agent.update(batch)["finite"] is False
    assert all(bool(parameter.isfinite().all()) for parameter in agent.networks.parameters())


def test_ddpg_has_one_critic() -> None:
    agent = small_agent(**DDPG)
    batch = random_batch()
    q1, q2 = agent.q_values(seen(batch), batch.action)
    np.testing.assert_array_equal(q1, q2)
    metrics = agent.update(batch)
    assert metrics["q1_value"] == metrics["q2_value"]
    twin = small_agent()
    q1, q2 = twin.q_values(seen(batch), batch.action)
    assert np.abs(q1 - q2).max() > 1e-4


def test_metrics_mean_what_they_say() -> None:
    agent = small_agent()
    batch = random_batch()
    q1, q2 = agent.q_values(seen(batch), batch.action)
    metrics = agent.update(batch, diagnostics=True)
    least = np.minimum(q1, q2)
    assert metrics["q_value"] == pytest.approx(least.mean(), abs=1e-5)
    assert metrics["q1_value"] == pytest.approx(q1.mean(), abs=1e-5)
    assert metrics["q2_value"] == pytest.approx(q2.mean(), abs=1e-5)
    assert metrics["q_value_std"] == pytest.approx(least.std(ddof=1), rel=1e-3)
    assert 0 < metrics["encoder_grad_norm"] < metrics["critic_grad_norm"]
    assert 0 < metrics["encoder_feature_norm"] <= np.sqrt(agent.network.features)
    for parameter in agent.networks.critic_encoder.convolutions[1].parameters():
        parameter.data.fill_(-1.0)
    assert agent.update(batch, diagnostics=True)["dead_units_conv2"] == 1.0


@pytest.mark.parametrize("augmentation", [{"random_shift": 4}, {"exposure_jitter": 0.4}])
def test_augmentation_changes_learning_but_not_acting(augmentation: dict[str, Any]) -> None:
    agent = small_agent(augmentation)
    batch = random_batch()
    assert not torch.equal(agent._blocks(batch.image), agent._blocks(batch.image))
    np.testing.assert_array_equal(agent.act(observation()), agent.act(observation()))
    np.testing.assert_array_equal(*[agent.q_values(seen(batch), batch.action)[0] for _ in range(2)])


def test_resuming_equals_going_on() -> None:
    agent = small_agent({"random_shift": 2, "exposure_jitter": 0.2}, seed=1, policy_average=0.1)
    for seed in range(3):
        agent.update(random_batch(seed=seed))
    twin = small_agent({"random_shift": 2, "exposure_jitter": 0.2}, seed=2, policy_average=0.1)
    twin.update(random_batch(seed=7))
    twin.load_state_dict(to_plain(agent.state_dict()))
    for seed in range(3, 6):
        assert agent.update(random_batch(seed=seed)) == twin.update(random_batch(seed=seed))
    assert state_hash(agent.state_dict()) == state_hash(twin.state_dict())


@pytest.mark.parametrize("shared", [True, False])
def test_the_evaluated_policy_is_the_average_of_those_that_learned(shared: bool) -> None:
    agent = small_agent({"shared_encoder": shared}, policy_average=0.25, policy_delay=1, actor_lr=1e-2)
    expected = agent.networks.policy().stored()
    np.testing.assert_array_equal(agent.act_averaged(observation()), agent.act(observation()))
    for seed in range(5):
        agent.update(random_batch(seed=seed))
        learned = agent.networks.policy().stored()
        expected = {name: 0.25 * learned[name] + 0.75 * value for name, value in expected.items()}
    torch.testing.assert_close(agent.actor_state(), expected)
    assert np.abs(agent.act_averaged(observation()) - agent.act(observation())).max() > 1e-3


def test_averaging_leaves_learning_as_it_is() -> None:
    plain, averaged = small_agent(), small_agent(policy_average=0.01)
    for seed in range(4):
        assert plain.update(random_batch(seed=seed)) == averaged.update(random_batch(seed=seed))
    np.testing.assert_array_equal(plain.act(observation()), averaged.act(observation()))
    np.testing.assert_array_equal(plain.act_averaged(observation()), plain.act(observation()))


def test_a_policy_looks_below_the_top_alone_in_training_in_acting_and_from_its_file(tmp_path: Path) -> None:
    tall = random_batch()
    pad = torch.randint(0, 256, (8, 4, 8, 36), dtype=torch.uint8)
    batch = tall._replace(image=torch.cat([pad, tall.image], 2), next_image=torch.cat([pad, tall.next_image], 2))
    other = batch._replace(image=torch.cat([255 - pad, tall.image], 2))
    agent = small_agent({"crop_top": 8}, image=(4, 44, 36), policy_delay=1)
    twin = small_agent({"crop_top": 8}, image=(4, 44, 36), policy_delay=1)
    assert agent.update(batch) == twin.update(other)
    save_policy(tmp_path / "p.safetensors", agent)
    driver = load_policy(tmp_path / "p.safetensors", "cpu")
    for image in (batch.image, other.image):
        seen_now = {"image": image.numpy(), "vector": batch.vector.numpy()}
        np.testing.assert_array_equal(driver(seen_now), agent.act(seen_now))
        np.testing.assert_array_equal(agent.act(seen_now), twin.act({**seen_now, "image": batch.image.numpy()}))


def test_learning_rate_is_the_settings_after_a_restart() -> None:
    twin = small_agent(critic_lr=1e-5)
    twin.load_state_dict(small_agent(critic_lr=1e-3).state_dict())
    assert twin._set.steps["critic"].optimizer.param_groups[0]["lr"] == 1e-5


@pytest.mark.parametrize("delay", [1, 2])
def test_learning_rates_fall_with_the_updates_made_and_go_on_after_a_restart(delay: int) -> None:
    agent = small_agent(critic_lr=1e-3, actor_lr=2e-3, lr_half_after=2.0, policy_delay=delay)
    for update in range(5):
        agent.update(random_batch(seed=update))
    twin = small_agent(critic_lr=1e-3, actor_lr=2e-3, lr_half_after=2.0, policy_delay=delay)
    twin.load_state_dict(agent.state_dict())
    for one in (agent, twin):
        one.update(random_batch(seed=9))
        for name, first in (("critic", 1e-3), ("actor", 2e-3)):
            whole = 5 if delay == 1 else 4
            assert one._set.steps[name].optimizer.param_groups[0]["lr"] == pytest.approx(first / (1 + whole / 2))
    for own, other in zip(agent.networks.parameters(), twin.networks.parameters(), strict=True):
        assert torch.equal(own, other)


def test_a_state_of_other_networks_is_refused() -> None:
    with pytest.raises(UserError, match="does not fit"):
        small_agent({"shared_encoder": False}).load_state_dict(small_agent().state_dict())


def test_actions_do_not_depend_on_the_company() -> None:
    agent = small_agent()
    seen = observation(6)
    together = agent.act(seen)
    assert together.dtype == np.float32
    alone = agent.act({name: array[2:3] for name, array in seen.items()})
    np.testing.assert_allclose(alone[0], together[2], atol=1e-6)


@pytest.mark.skipif(not supports_bfloat16(CPU), reason="this processor does not multiply bfloat16")
@pytest.mark.parametrize("shared", [True, False])
def test_bfloat16_moves_the_weights_as_float32_does(shared: bool) -> None:
    """Also fails when a gradient lies in memory otherwise than its weight, which fused Adam would not notice."""
    network = {"channels": (32, 32, 32), "shared_encoder": shared}
    coarse, precise = small_agent(network, bfloat16=True), small_agent(network)
    start = [parameter.clone() for parameter in precise.networks.parameters()]
    for seed in range(2):
        for agent in (coarse, precise):
            agent.update(random_batch(64, seed=seed))
    pairs = zip(coarse.networks.named_parameters(), precise.networks.parameters(), start, strict=True)
    for (name, one), other, before in pairs:
        a, b = (one - before).flatten(), (other - before).flatten()
        assert torch.nn.functional.cosine_similarity(a, b, dim=0) > 0.8, name


@pytest.mark.parametrize("network", KINDS, ids=lambda kind: "-".join(map(str, kind.values())))
def test_who_watches_changes_nothing(network: dict[str, Any]) -> None:
    alone, watched = (small_agent({**network, "exposure_jitter": 0.4}) for _ in range(2))
    for update in range(3):
        alone.update(random_batch(seed=update))
        assert "encoder_feature_norm" in watched.update(random_batch(seed=update), diagnostics=True)
    assert torch.equal(alone.generator.get_state(), watched.generator.get_state())
    for key, value in alone.networks.state_dict().items():
        assert torch.equal(value, watched.networks.state_dict()[key]), key


def test_both_images_of_a_transition_are_seen_under_random_exposures(monkeypatch: pytest.MonkeyPatch) -> None:
    agent = small_agent({"exposure_jitter": 0.4}, policy_delay=1)
    asked: list[bool] = []
    blocks = agent._blocks

    def noted(image: torch.Tensor, augment: bool = True) -> torch.Tensor:
        asked.append(augment)
        return blocks(image, augment)

    monkeypatch.setattr(agent, "_blocks", noted)
    agent.update(random_batch())
    assert asked == [True, True]


@pytest.mark.parametrize("network", [{"shared_encoder": True}, {"shared_encoder": False}])
@pytest.mark.parametrize("bfloat16", [False, True])
def test_without_an_image_all_weights_are_of_the_heads(network: dict[str, Any], bfloat16: bool) -> None:
    agent = small_agent(network, image=NO_IMAGE, bfloat16=bfloat16)
    assert all(".head." in name for name, _ in agent.networks.named_parameters())
    first = agent.networks.critic.head.layers[0].weight
    assert first.shape[1] == len(random_batch().vector[0]) + len(random_batch().action[0])
    for update in range(2):
        metrics = agent.update(without_image(random_batch(seed=update)), diagnostics=True)
    assert metrics["finite"] is True and "actor_loss" in metrics
    assert not {"encoder_grad_norm", "encoder_feature_norm"} & metrics.keys()
    batch = without_image(random_batch())
    seen_now = {"image": batch.image.numpy(), "vector": batch.vector.numpy()}
    assert agent.act(seen_now).shape == batch.action.shape
    assert agent.q_values(seen(batch), batch.action)[0].shape == batch.reward.shape
