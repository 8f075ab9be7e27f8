"""One way to decide, whoever holds the network."""

from __future__ import annotations

import numpy as np
import torch

from av_td3_system.agents.decision import decide
from av_td3_system.config.schema import NetworkConfig
from av_td3_system.networks.actor_critic import PolicyNetwork

CONFIG = NetworkConfig(channels=(4, 8, 8), features=16, hidden=(16,))


def test_cropped_rows_change_nothing_and_the_others_do() -> None:
    config = CONFIG.model_copy(update={"crop_top": 4})
    policy, rng = PolicyNetwork.make(config, (4, 40, 36), 3, 2), np.random.default_rng(0)
    image = rng.integers(0, 256, (5, 4, 40, 36), dtype=np.uint8)
    observation = {"image": image, "vector": rng.normal(size=(5, 3)).astype(np.float32)}
    actions = decide(policy, observation)
    assert actions.shape == (5, 2) and actions.dtype == np.float32 and np.abs(actions).max() <= 1
    above, below = image.copy(), image.copy()
    above[:, :, :4] = 255 - above[:, :, :4]
    below[:, :, 4:8] = 255 - below[:, :, 4:8]
    np.testing.assert_array_equal(actions, decide(policy, observation | {"image": above}))
    assert not np.array_equal(actions, decide(policy, observation | {"image": below}))


def test_no_gradient_is_kept_and_double_precision_agrees() -> None:
    policy = PolicyNetwork.make(CONFIG, (4, 36, 36), 3, 2)
    observation = {"image": np.full((2, 4, 36, 36), 90, np.uint8), "vector": np.ones((2, 3), np.float32)}
    single = decide(policy, observation)
    np.testing.assert_allclose(decide(policy.double(), observation), single, atol=1e-5)
    assert all(parameter.grad is None for parameter in policy.parameters())
    assert torch.is_grad_enabled()
