"""A run may begin with the networks of another: these and nothing else, and only where they fit."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from av_td3_system.agents.policy import load_policy
from av_td3_system.agents.td3 import TD3
from av_td3_system.checkpointing.checkpoint_file import file_sha256
from av_td3_system.checkpointing.store import load_checkpoint
from av_td3_system.config.errors import UserError
from av_td3_system.config.load import load_resolved
from av_td3_system.config.schema import Config, NetworkConfig
from av_td3_system.evaluation.drivers import SHIPPED, open_driver
from av_td3_system.monitoring.run_directory import RunDirectory
from av_td3_system.training import initial as module
from av_td3_system.training.initial import Initial, begin_with, read_initial, refuse_misfit
from av_td3_system.training.learner import Learner
from av_td3_system.training.run import World, prepare, train
from av_td3_system.training.worlds import shapes_of
from tests.unit.training.given import OTHER, equal, make_source
from tests.unit.training.small import lines_of, seen, small
from tests.unit.training.test_elsewhere import elsewhere
from tests.unit.training.test_learner import ALL, remember
from tests.unit.training.test_resume import COMMAND, PRESET, flip, record

SEEING = (
    "network.critic_input=image",
    "network.critic_way=false",
    "agent.perception_weight=0",
    "agent.target_action=computed",
)


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_source(tmp_path_factory.mktemp("source"))


def world_of(config: Config, target: Path) -> World:
    world, initial = prepare(config), read_initial(target)
    refuse_misfit(initial, config, world.learner.agent)
    world.begin_with(initial)
    return world


def differing(one: dict[str, Tensor], two: dict[str, Tensor]) -> set[str]:
    """Networks, by the first part of their weights' names, that are not the same to the bit."""
    return {name.split(".")[0] for name in one if not torch.equal(one[name], two[name])}


@pytest.mark.parametrize("which", ["", "checkpoints/final.pt"])
@pytest.mark.parametrize("settings", [(), ("run.num_envs=2", "agent.critic_lr=0.01", "network.random_shift=2")])
def test_of_a_checkpoint_all_networks_are_taken_over_and_nothing_else(
    source: Path, which: str, settings: tuple[str, ...]
) -> None:
    world = world_of(small(*OTHER, *settings), source / which)
    stored, agent = load_checkpoint(source / "checkpoints" / "final.pt")["agent"], world.learner.agent
    state = agent.state_dict()
    for name in ("networks", "target", "policy"):
        assert equal(state[name], stored[name]), name
    assert differing(stored["networks"], stored["target"]) and stored["updates"] > 0, "so that these are apart at all"
    assert all(step.optimizer.state_dict()["state"] == {} for step in agent._set.steps.values())
    assert (agent.updates, len(world.learner.replay)) == (0, 0)
    assert torch.equal(agent.generator.get_state(), Learner(small(*OTHER)).agent.generator.get_state())


@pytest.mark.parametrize(
    "settings", [PRESET, (*SEEING, "network.shared_encoder=true"), (*SEEING, "network.shared_encoder=false")]
)
def test_of_a_policy_the_policy_alone_is_taken_over(source: Path, settings: tuple[str, ...]) -> None:
    config = small(*OTHER, *settings)
    world, drawn = world_of(config, source / "policy.safetensors"), Learner(config)
    agent, policy = world.learner.agent, load_policy(source / "policy.safetensors", "cpu")
    for network in (agent.networks.policy(), agent.target.policy(), agent.average):
        assert network is not None and equal(network.stored(), policy._network.stored())
    own = {"actor", "critic_encoder" if config.network.shared_encoder else "actor_encoder"}
    for mine, first in ((agent.networks, drawn.agent.networks), (agent.target, drawn.agent.target)):
        assert differing(mine.state_dict(), first.state_dict()) == own, "critics begin as they are drawn"


def test_what_begins_so_learns_from_the_first_update_on(source: Path) -> None:
    """The weights lie where the optimisers look for them, and the followers follow."""
    config = small(*OTHER)
    learner = world_of(config, source).learner
    before = {name: {k: v.clone() for k, v in weights.items()} for name, weights in networks(learner.agent).items()}
    for value in range(1, 8):
        learner.act(seen(value), exploring=True)
        remember(learner, value)
    updates = learner.agent.updates_until_policy
    learner.agent.learn(learner.sample(updates), updates)
    for name, weights in networks(learner.agent).items():
        assert differing(before[name], weights), name


def networks(agent: TD3) -> dict[str, dict[str, Tensor]]:
    state: dict[str, dict[str, Tensor]] = agent.state_dict()
    return {name: state[name] for name in ("networks", "target", "policy")}


@pytest.mark.parametrize("which", ["", "policy.safetensors"])
def test_its_first_evaluation_is_that_of_the_policy_it_began_with(tmp_path: Path, source: Path, which: str) -> None:
    train(small(*OTHER, "run.eval_freq=9", "run.max_timesteps=9"), tmp_path / "run", COMMAND, source / which)
    first, last = (
        [line for line in lines_of(RunDirectory(path).evaluations) if line["kind"] == "validation"]
        for path in (tmp_path / "run", source)
    )
    assert (first[0]["step"], last[-1]["step"]) == (9, 60)
    assert first[0]["episodes"] == last[-1]["episodes"]
    manifest = json.loads((tmp_path / "run" / "manifest.json").read_text())
    file = source / (which or "checkpoints/final.pt")
    holds = "policy" if which else "networks"
    assert manifest["init_from"] == {"file": str(file), "sha256": file_sha256(file), "step": 60, "holds": holds}
    assert f"begins with the {holds} of {file}" in (tmp_path / "run" / "train.log").read_text()
    assert open_driver(str(tmp_path / "run" / "initial.pt"), None, 0).name.endswith("initial.pt"), "it can be driven"


def test_a_run_that_draws_its_weights_says_so(source: Path) -> None:
    assert json.loads((source / "manifest.json").read_text())["init_from"] is None
    assert not (source / "initial.pt").exists()


def test_its_policy_drives_from_the_first_decision_on(
    tmp_path: Path, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    act, apart = Learner.act, []

    def told(self: Learner, observation: Any, exploring: bool) -> np.ndarray:
        wanted = self.agent.act(observation)
        actions = act(self, observation, exploring)
        apart.append((exploring, bool(np.array_equal(actions, wanted)), self.agent.updates))
        return actions

    monkeypatch.setattr(Learner, "act", told)
    settings = ("agent.exploration_noise=0", "exploration.motion_share=1", "run.max_timesteps=30")
    train(small(*OTHER, *settings), tmp_path / "run", COMMAND, source)
    assert [exploring for exploring, _, _ in apart] == [True] * 4 + [False] * 6
    assert all(same for _, same, _ in apart)
    assert [updates for exploring, _, updates in apart if exploring] == [0] * 4, "nothing is learned until then"
    noise = [line["train/exploration_noise"] for line in lines_of(tmp_path / "run" / "metrics.jsonl") if noisy(line)]
    assert set(noise) == {0.0}


def noisy(line: dict[str, Any]) -> bool:
    return "train/exploration_noise" in line


def test_its_warm_up_has_the_noise_that_is_set(source: Path) -> None:
    config = small(*OTHER, "agent.exploration_noise=0.2")
    learner, twin = world_of(config, source).learner, Learner(config)
    for _ in range(3):
        expected = twin.explorer.noise.perturb(learner.agent.act(seen(50)))
        assert np.array_equal(learner.act(seen(50), exploring=True), expected)


def test_the_warm_up_of_a_remedy_is_random_again(source: Path) -> None:
    """What the policy knew at first has not helped it: it is parked."""
    learner = world_of(small(*OTHER, "exploration.motion_share=1", "agent.exploration_noise=0"), source).learner
    learner.agent.updates = 1
    policy = learner.agent.act(seen(50))
    assert np.array_equal(learner.act(seen(50), exploring=False), policy)
    assert not np.isclose(learner.act(seen(50), exploring=True), policy).any()
    remember(learner, 1, over=ALL)
    assert not np.isclose(learner.act(seen(50), exploring=False)[:, 1], policy[:, 1]).any(), "nor is the pedal its own"
    assert "guided" not in learner.state_dict()


@pytest.mark.parametrize(
    ("which", "settings", "messages", "hint"),
    [
        ("", ("network.features=24",), ["network.features: 16 there, 24 here"], "settings of that one"),
        ("policy.safetensors", ("network.hidden=[8,8]",), ["network.hidden: (16,) there, (8, 8) here"], "settings"),
        ("", ("camera.height=48",), ["image: (4, 36, 36) there, (4, 48, 36) here"], "settings"),
        ("policy.safetensors", ("camera.frame_interval=1",), ["camera.frame_interval: 3 there, 1 here"], "settings"),
        ("policy.safetensors", ("network.standardize=false",), ["network.standardize: True there"], "settings"),
        (
            "policy.safetensors",
            ("environment.waypoints=4", "network.layer_norm=false"),
            ["numbers beside the image: 27 there, 15 here", "; network.layer_norm: True there, False here"],
            "settings",
        ),
        ("", ("agent.twin_critics=false",), ["agent.twin_critics: True there, False here"], "best_policy.safetensors"),
        ("", ("network.critic_layer_norm=true",), ["network.critic_layer_norm: "], "best_policy.safetensors"),
    ],
)
def test_what_does_not_fit_is_refused_by_name_before_there_is_a_directory(
    tmp_path: Path, source: Path, which: str, settings: tuple[str, ...], messages: list[str], hint: str
) -> None:
    with pytest.raises(UserError, match="does not fit this run") as refused:
        train(small(*OTHER, *settings), tmp_path / "run", COMMAND, source / which)
    assert all(message in refused.value.message for message in messages), refused.value.message
    assert hint in refused.value.hint
    assert not (tmp_path / "run").exists()


def test_a_critic_that_reads_something_else_leaves_the_policy_alone_to_begin_with(tmp_path: Path, source: Path) -> None:
    told = small(*OTHER, *SEEING, "run.max_timesteps=15")
    with pytest.raises(UserError, match=r"network\.critic_input: surroundings there, image here"):
        train(told, tmp_path / "run", COMMAND, source)
    train(told, tmp_path / "run", COMMAND, source / "policy.safetensors")
    assert record(tmp_path / "run")["updates"] > 0


def test_weights_of_other_shapes_are_refused_whatever_is_said_of_them(source: Path) -> None:
    config = small(*OTHER, "network.features=24")
    known = read_initial(source)
    with pytest.raises(UserError, match=r"does not fit this run: .*size mismatch"):
        begin_with(prepare(config).learner.agent, Initial(known.source, known.stored, {}))


def test_every_setting_of_the_networks_is_either_compared_or_of_learning() -> None:
    groups = (module.OF_ENCODER, module.OF_HEADS, module.OF_CRITIC, module.OF_LEARNING)
    assert sorted(name for group in groups for name in group) == sorted(NetworkConfig.model_fields)


def test_of_a_run_it_is_the_newest_undamaged_checkpoint(tmp_path: Path, source: Path) -> None:
    shutil.copytree(source, tmp_path / "run")
    newest = read_initial(tmp_path / "run").source
    flip(tmp_path / "run" / "checkpoints" / "final.pt")
    before = read_initial(tmp_path / "run").source
    assert (Path(newest["file"]).name, newest["step"]) == ("final.pt", 60)
    assert (Path(before["file"]).name, before["step"]) == ("td3_0.06k.pt", 60)
    with pytest.raises(UserError, match="damaged"):
        read_initial(tmp_path / "run" / "checkpoints" / "final.pt")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("nowhere", "--init-from: .*nowhere does not exist"),
        ("config.yaml", "is no policy or checkpoint"),
        ("replay", "--init-from: no checkpoint in .*replay"),
        ("alone.pt", "no config.yaml belongs to"),
        ("run/code.pt", "holds more than plain values"),
        ("run/empty.pt", "--init-from: .*empty.pt holds no networks"),
        ("run/policy.safetensors", "damaged"),
    ],
)
def test_what_cannot_be_begun_with_is_refused(tmp_path: Path, source: Path, name: str, message: str) -> None:
    place = tmp_path / name
    place.parent.mkdir(exist_ok=True)
    shutil.copy(source / "config.yaml", tmp_path / "config.yaml")
    if name.startswith("run/"):
        shutil.move(tmp_path / "config.yaml", place.parent)
        torch.save({"agent": Path} if "code" in name else {}, place)
    elif name == "alone.pt":
        shutil.copy(source / "checkpoints" / "final.pt", place)
        (tmp_path / "config.yaml").unlink()
    elif name == "replay":
        place.mkdir()
    with pytest.raises(UserError, match=message):
        train(small(*OTHER), tmp_path / "new", COMMAND, place)
    assert not (tmp_path / "new").exists()


def test_the_packaged_policy_fits_the_settings_beside_it() -> None:
    config = load_resolved(SHIPPED / "config.yaml")
    shapes = shapes_of(config)
    size = shapes.image, shapes.vector, shapes.action
    agent = TD3(config.agent, config.network, *size, torch.device("cpu"), 1, shapes.surroundings)
    initial = read_initial(Path("pretrained"))
    refuse_misfit(initial, config, agent)
    begin_with(agent, initial)
    assert equal(agent.actor_state(), initial.stored["policy"])


def test_outside_the_town_it_works_likewise(tmp_path: Path) -> None:
    length = ("run.max_timesteps=60", "run.eval_freq=60", "exploration.learning_starts=20", "agent.batch_size=8")
    config = elsewhere("Tiny/Reach-v0", *length)
    train(config, tmp_path / "source", COMMAND)
    again = elsewhere("Tiny/Reach-v0", *length, "run.eval_freq=10", "run.seed=7", "run.max_timesteps=10")
    train(again, tmp_path / "run", COMMAND, tmp_path / "source")
    first, last = (
        lines_of(tmp_path / "run" / "evaluations.jsonl")[0],
        lines_of(tmp_path / "source" / "evaluations.jsonl")[-1],
    )
    assert (first["step"], first["episodes"]) == (10, last["episodes"])
    other = elsewhere("Tiny/Reach-v0", *length, "network.hidden=[16]")
    with pytest.raises(UserError, match=r"network\.hidden: \(32, 32\) there, \(16,\) here"):
        train(other, tmp_path / "other", COMMAND, tmp_path / "source")
