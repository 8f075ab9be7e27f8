"""A policy file drives as the agent did, or is refused."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from av_td3_system.agents.policy import LearnedPolicy, act_where_active, choose_device, load_policy, save_policy
from av_td3_system.checkpointing.checkpoint_file import write_checkpoint
from av_td3_system.checkpointing.store import CheckpointStore
from av_td3_system.config.errors import UserError
from av_td3_system.config.schema import Config
from tests.unit.agents.small import observation, random_batch, small_agent, small_network


@pytest.mark.parametrize("shared", [True, False])
def test_drives_as_the_agent_did(tmp_path: Path, shared: bool) -> None:
    agent = small_agent({"shared_encoder": shared}, policy_delay=1, policy_average=0.5)
    agent.update(random_batch())
    written = save_policy(tmp_path / "policy.safetensors", agent, algo="ddpg", extra={"step": 10})
    policy = load_policy(tmp_path / "policy.safetensors", device="cpu")
    np.testing.assert_array_equal(policy(observation(), None), agent.act_averaged(observation()))
    assert policy.metadata == written
    assert written.algo == "ddpg"
    assert written.extra == {"step": 10}
    assert written.action_low == (-1.0, -1.0)


def test_drives_the_same_while_training_multiplies_coarsely() -> None:
    """A saved policy once scored 0.46 where the run it came from had said 0.38."""
    agent = small_agent({"hidden": (256, 256), "features": 64}, policy_average=0.5)
    exact = agent.act(observation(64)), agent.act_averaged(observation(64))
    torch.set_float32_matmul_precision("medium")
    try:
        coarse = agent.act(observation(64)), agent.act_averaged(observation(64))
        assert torch.get_float32_matmul_precision() == "medium", "training goes on as it was"
    finally:
        torch.set_float32_matmul_precision("highest")
    np.testing.assert_array_equal(coarse, exact)


@pytest.mark.parametrize("shared", [True, False])
def test_drives_from_a_checkpoint(tmp_path: Path, shared: bool) -> None:
    agent = small_agent({"shared_encoder": shared}, policy_delay=1, policy_average=0.5)
    agent.update(random_batch())
    with write_checkpoint(tmp_path / "td3_1k.pt", {"agent": agent.state_dict()}):
        pass
    config = Config(network=small_network(shared_encoder=shared))
    policy = LearnedPolicy.from_checkpoint(tmp_path / "td3_1k.pt", config)
    np.testing.assert_array_equal(policy(observation()), agent.act_averaged(observation()))
    with pytest.raises(UserError, match="no policy that fits"):
        LearnedPolicy.from_checkpoint(tmp_path / "td3_1k.pt", Config())


def test_damage_anywhere_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "policy.safetensors"
    save_policy(path, small_agent())
    whole = path.read_bytes()
    rng = np.random.default_rng(0)
    for place in [0, 9, 200, len(whole) - 1, *rng.integers(0, len(whole), 40).tolist()]:
        broken = bytearray(whole)
        broken[place] ^= 1 << int(rng.integers(0, 8))
        path.write_bytes(bytes(broken))
        try:
            policy = load_policy(path)
        except UserError:
            continue
        # A flip inside the free text of the header may be harmless; the weights must be whole.
        path.write_bytes(whole)
        np.testing.assert_array_equal(policy(observation()), load_policy(path)(observation()))
        assert place < 3000
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(UserError, match="damaged"):
        load_policy(path)


def test_other_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "policy.safetensors"
    with pytest.raises(UserError, match="no policy"):
        load_policy(path)
    path.write_text("not a policy")
    with pytest.raises(UserError, match="no safetensors file"):
        load_policy(path)
    save_file({"weight": torch.ones(2)}, path)
    with pytest.raises(UserError, match="no policy of this system"):
        load_policy(path)


def test_weights_of_other_networks_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "policy.safetensors"
    save_policy(path, small_agent())
    weights = load_file(path)
    weights["encoder.projection.weight"][0, 0] += 1
    metadata = load_policy(path).metadata
    assert metadata is not None
    save_file(weights, path, {"policy": metadata.model_dump_json()})
    with pytest.raises(UserError, match="not those that were written"):
        load_policy(path)


def test_observations_of_other_dimensions_are_refused(tmp_path: Path) -> None:
    save_policy(tmp_path / "policy.safetensors", small_agent())
    policy = load_policy(tmp_path / "policy.safetensors")
    seen = observation()
    with pytest.raises(UserError, match="drives on images"):
        policy({**seen, "vector": seen["vector"][:, :2]})


def test_only_worlds_that_drive_are_computed() -> None:
    active = np.array([True, False, True, False, False])
    asked = []

    def act(seen: dict[str, np.ndarray]) -> np.ndarray:
        asked.append(len(seen["image"]))
        return small_agent().act(seen)

    actions = act_where_active(act, observation(), SimpleNamespace(active=active))
    np.testing.assert_allclose(actions[active], small_agent().act(observation())[active], atol=1e-6)
    assert (actions[~active] == 0).all()
    assert asked == [2]


def test_device_names() -> None:
    assert choose_device("cpu") == torch.device("cpu")
    if not torch.cuda.is_available():
        assert choose_device("auto").type == "cpu"
        with pytest.raises(UserError, match="no CUDA"):
            choose_device("cuda")


def test_a_checkpoint_in_which_bits_have_flipped_is_refused(tmp_path: Path) -> None:
    agent = small_agent()
    store = CheckpointStore(tmp_path, "td3")
    path = store.save({"agent": agent.state_dict()}, 1000)
    config = Config(network=small_network())
    LearnedPolicy.from_checkpoint(path, config)
    whole = path.read_bytes()
    needle = next(iter(agent.actor_state().values())).numpy().tobytes()[:64]
    place = whole.index(needle)
    path.write_bytes(whole[:place] + bytes([whole[place] ^ 0x80]) + whole[place + 1 :])
    with pytest.raises(UserError, match="damaged"):
        LearnedPolicy.from_checkpoint(path, config)
    (tmp_path / "checksums.json").unlink()
    with pytest.raises(UserError, match="damaged"):
        LearnedPolicy.from_checkpoint(path, config)


def test_a_policy_that_has_diverged_is_refused_when_it_drives(tmp_path: Path) -> None:
    agent = small_agent()
    weights = {name: torch.full_like(tensor, torch.nan) for name, tensor in agent.actor_state().items()}
    *shape, vector_dim, action_dim = agent.dimensions
    policy = LearnedPolicy(agent.network, (shape[0], shape[1], shape[2]), vector_dim, action_dim, weights, "cpu")
    with pytest.raises(UserError, match="not finite"):
        policy(observation())
