"""Numbers that are none, a simulator that raises, a full disk: what was saved is whole, and the run goes on."""

from __future__ import annotations

import json
import math
import resource
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from av_td3_system.agents.gradient_step import GradientStep
from av_td3_system.checkpointing.pieces import PieceStore
from av_td3_system.checkpointing.store import CheckpointStore
from av_td3_system.config.errors import UserError
from av_td3_system.environments.vector_env import TownVectorEnv
from av_td3_system.monitoring.append import append_whole
from av_td3_system.monitoring.event_file import EventFile
from av_td3_system.monitoring.json_lines import JsonLinesFile
from av_td3_system.monitoring.run_directory import RunDirectory
from av_td3_system.training import run as run_module
from av_td3_system.training.learner import Learner
from av_td3_system.training.resume import resume
from av_td3_system.training.run import train
from av_td3_system.training.saving import Saver
from av_td3_system.training.validation import Validator
from tests.unit.training.small import lines_of, small

SHORT = (
    "run.max_timesteps=60",
    "run.eval_freq=30",
    "run.save_freq=12",
    "evaluation.episodes=2",
    "environment.blank_image=false",
    "environment.slowest_speed=1000",
    "environment.time_allowance=0.5",
)
PRESET = ("network.critic_input=surroundings", "agent.target_action=recalled", "agent.perception_weight=1")
COMMAND = "av-td3 train"


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Results of the run that nothing happens to."""
    path = tmp_path_factory.mktemp("whole") / "run"
    assert train(small(*SHORT), path, COMMAND) in (0, 3)
    return results(path)


def results(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((path / "results.json").read_text())
    return found


def how(path: Path) -> str:
    return str(json.loads((path / "manifest.json").read_text())["how"])


def leftovers(path: Path) -> list[str]:
    """Files that an unfinished write has left, and pieces of the replay that no checkpoint needs."""
    torn = [file.name for file in path.rglob("*") if ".writing-" in file.name or ".partial" in file.name]
    ledger = path / "checkpoints" / "checksums.json"
    records = json.loads(ledger.read_text()).values() if ledger.is_file() else ()
    needed = {name for record in records for name in record["pieces"]}
    return torn + [file.name for file in path.glob("replay/*.pt") if file.name not in needed]


def at_decision(number: int, monkeypatch: pytest.MonkeyPatch, happens: Callable[[Any], Any]) -> None:
    """What a training world's step gives is changed by `happens` at that decision, counted from now on."""
    step, count = TownVectorEnv.step, [0]

    def patched(self: TownVectorEnv, actions: np.ndarray) -> Any:
        told = step(self, actions)
        if self.num_envs == 3:  # validation has two worlds
            count[0] += 1
            if count[0] == number:
                return happens(told)
        return told

    monkeypatch.setattr(TownVectorEnv, "step", patched)


def no_number(where: str, value: float) -> Callable[[Any], Any]:
    def change(told: Any) -> Any:
        observation, rewards, terminated, truncated, infos = told
        if where == "reward":
            rewards = rewards.copy()
            rewards[1] = value
        elif where == "reward_terms":
            infos["reward_terms"][2, 1] = value
        elif where == "final_obs":
            assert infos["_final_obs"].any(), "choose a decision that ends an episode"
            infos["final_obs"]["vector"][infos["_final_obs"], 0] = value
        else:
            observation[where][1, 0] = value
        return observation, rewards, terminated, truncated, infos

    return change


def broken(told: Any) -> Any:
    raise ValueError("wheels came off")


@pytest.mark.parametrize(
    ("where", "value", "subject"),
    [
        ("vector", math.nan, "observation"),
        ("vector", math.inf, "observation"),
        ("final_obs", math.nan, "observation"),
        ("reward", math.nan, "reward"),
        ("reward", -math.inf, "reward"),
        ("reward_terms", math.nan, "reward"),
    ],
)
def test_what_is_not_finite_halts_before_it_is_remembered_and_the_run_goes_on_to_the_bit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, whole: dict[str, Any], where: str, value: float, subject: str
) -> None:
    decision = 16 if where == "final_obs" else 13  # the 16th ends episodes
    step = 3 * (decision - 1)
    with monkeypatch.context() as patched:
        at_decision(decision, patched, no_number(where, value))
        assert train(small(*SHORT), tmp_path / "run", COMMAND) == 3
    path = tmp_path / "run"
    assert (results(path)["ended"], how(path), results(path)["env_steps"]) == ("halted", "halted", step)
    assert [alert["name"] for alert in results(path)["alerts"]] == [f"non_finite_{subject}"]
    assert (path / "checkpoints" / f"emergency_halt_{step}.pt").is_file()
    assert resume(path, [], {}, COMMAND) in (0, 3)
    assert results(path)["state_hash"] == whole["state_hash"], "the state before is what was saved"


def test_surroundings_and_actions_are_looked_at_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched:
        at_decision(8, patched, no_number("surroundings", math.nan))
        assert train(small(*SHORT, *PRESET), tmp_path / "seen", COMMAND) == 3
    assert results(tmp_path / "seen")["alerts"][0]["name"] == "non_finite_observation"
    act = Learner.act

    def blank(self: Learner, observation: Any, exploring: bool) -> np.ndarray:
        return act(self, observation, exploring) * (1.0 if exploring else math.nan)

    monkeypatch.setattr(Learner, "act", blank)
    assert train(small(*SHORT), tmp_path / "acted", COMMAND) == 3
    assert results(tmp_path / "acted")["alerts"][0]["name"] == "non_finite_action"


@pytest.mark.parametrize("when", [13, 1])
def test_a_simulator_that_raises_ends_the_run_at_the_state_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, whole: dict[str, Any], capfd: Any, when: int
) -> None:
    path = tmp_path / "run"
    with monkeypatch.context() as patched:
        at_decision(when, patched, broken)
        assert train(small(*SHORT), path, COMMAND) == 4
    told = capfd.readouterr().err
    assert "The simulator failed at step" in told and "ValueError: wheels came off (test_failure.py" in told
    assert f"--resume {path}" in told and "Traceback" not in told
    assert (results(path)["ended"], how(path)) == ("halted", "halted")
    (event,) = [line for line in lines_of(path / "events.jsonl") if line["kind"] == "alert"]
    assert "in broken" in "".join(event["traceback"]), "for who wrote the simulator"
    resume(path, [], {}, COMMAND)
    assert results(path)["state_hash"] == whole["state_hash"]


@pytest.mark.parametrize("when", ["trivial", "reset"])
def test_a_simulator_that_raises_before_the_first_decision(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: Any, when: str
) -> None:
    def lost(*_: Any, **__: Any) -> Any:
        raise ValueError("wheels came off")

    path = tmp_path / "run"
    with monkeypatch.context() as patched:
        if when == "trivial":
            patched.setattr(Validator, "judge_trivial", lost)
        else:
            patched.setattr(Validator, "judge_trivial", lambda *_: None)
            patched.setattr(TownVectorEnv, "reset", lost)
        assert train(small(*SHORT), path, COMMAND) == 4
    told = capfd.readouterr().err
    assert "The simulator failed at step 0: ValueError: wheels came off" in told and "Traceback" not in told
    assert "begin anew with another --log-dir" in told
    with pytest.raises(UserError, match="no checkpoint that a run can go on from"):
        resume(path, [], {}, COMMAND)


def test_a_manifest_without_room_halts_a_run_that_was_through(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, whole: dict[str, Any]
) -> None:
    mark = run_module.mark_ended

    def cramped(*given: Any) -> None:
        with largest_file(10):
            mark(*given)

    with monkeypatch.context() as patched:
        patched.setattr(run_module, "mark_ended", cramped)
        assert train(small(*SHORT), tmp_path / "run", COMMAND) == 3
    assert results(tmp_path / "run")["ended"] == how(tmp_path / "run") == "halted"
    goes_on(tmp_path / "run", whole)


def test_an_evaluation_that_raises_is_still_due(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, whole: dict[str, Any]
) -> None:
    def lost(self: Validator, *given: Any, **named: Any) -> Any:
        raise ConnectionResetError("the server hung up")

    with monkeypatch.context() as patched:
        patched.setattr(Validator, "validate", lost)
        assert train(small(*SHORT), tmp_path / "run", COMMAND) == 4
    assert results(tmp_path / "run")["env_steps"] == 30
    resume(tmp_path / "run", [], {}, COMMAND)
    assert results(tmp_path / "run")["state_hash"] == whole["state_hash"]
    assert [line["step"] for line in lines_of(tmp_path / "run" / "evaluations.jsonl") if line["step"]] == [30, 60]


def test_an_evaluation_without_a_number_is_no_best_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    validate = Validator.validate

    def none(self: Validator, *given: Any, **named: Any) -> Any:
        return {**validate(self, *given, **named), "episode_reward": math.nan}

    monkeypatch.setattr(Validator, "validate", none)
    assert train(small(*SHORT), tmp_path / "run", COMMAND) == 3
    assert not (tmp_path / "run" / "best_policy.safetensors").exists()


def test_a_gradient_that_is_not_finite_never_reaches_the_networks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    take, count = GradientStep.take, [0]

    def spoilt(self: GradientStep, loss: Any, allowed: Any) -> Any:
        count[0] += 1
        return take(self, loss * math.nan if count[0] == 5 else loss, allowed)

    with monkeypatch.context() as patched:
        patched.setattr(GradientStep, "take", spoilt)
        assert train(small(*SHORT), tmp_path / "run", COMMAND) == 3
    assert any("non_finite" in alert["name"] for alert in results(tmp_path / "run")["alerts"])
    (saved,) = (tmp_path / "run" / "checkpoints").glob("emergency_halt_*.pt")
    assert torch.load(saved, weights_only=True)["agent"]["updates"] > 0
    assert resume(tmp_path / "run", [], {}, COMMAND) in (0, 3)
    assert results(tmp_path / "run")["ended"] == "completed"


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    """No file may grow beyond so many bytes: what a quota or a full disk does, by the system itself (EFBIG)."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def goes_on(path: Path, whole: dict[str, Any]) -> None:
    assert leftovers(path) == []
    assert resume(path, [], {}, COMMAND) in (0, 3)
    assert results(path)["state_hash"] == whole["state_hash"]
    assert leftovers(path) == []


@pytest.mark.parametrize("target", [PieceStore, Saver], ids=["a piece of the replay", "a checkpoint"])
def test_a_save_without_room_halts_and_what_was_saved_before_is_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, whole: dict[str, Any], capfd: Any, target: type
) -> None:
    path, save, count = tmp_path / "run", Saver.save, [0]
    write = PieceStore.write

    def cramped_save(self: Saver, *given: Any) -> Path:
        count[0] += 1
        with largest_file(20_000 if target is Saver and count[0] >= 3 else resource.RLIM_INFINITY):
            return save(self, *given)

    def cramped_piece(self: PieceStore, *given: Any) -> Any:
        with largest_file(5_000 if target is PieceStore and count[0] >= 3 else resource.RLIM_INFINITY):
            return write(self, *given)

    with monkeypatch.context() as patched:
        patched.setattr(Saver, "save", cramped_save)
        patched.setattr(PieceStore, "write", cramped_piece)
        assert train(small(*SHORT), path, COMMAND) == 3
    told = capfd.readouterr().err
    assert "the disk took no more at step 36, so the run is halted (file too large)" in told
    assert f"free some space, then av-td3 train --resume {path} goes on from td3_0.024k.pt (step 24)" in told
    assert "Traceback" not in told
    assert (results(path)["ended"], how(path)) == ("halted", "halted")
    goes_on(path, whole)


@pytest.mark.parametrize("target", [PieceStore, CheckpointStore], ids=["a piece of the replay", "a checkpoint"])
def test_a_save_that_has_room_after_pruning_goes_through(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, whole: dict[str, Any], capfd: Any, target: type
) -> None:
    prune, save, full = Saver.prune, Saver.save, [False]
    name = "write" if target is PieceStore else "save"
    write = getattr(target, name)

    def frees(self: Saver) -> Any:
        full[0] = False
        return prune(self)

    def cramped(self: Any, *given: Any, **named: Any) -> Any:
        with largest_file(5_000 if full[0] else resource.RLIM_INFINITY):
            return write(self, *given, **named)

    def filling(self: Saver, state: Any, milestone: int) -> Path:
        full[0] = milestone == 48
        return save(self, state, milestone)

    path = tmp_path / "run"
    with monkeypatch.context() as patched:
        patched.setattr(Saver, "prune", frees)
        patched.setattr(target, name, cramped)
        patched.setattr(Saver, "save", filling)
        assert train(small(*SHORT), path, COMMAND) in (0, 3)
    assert "no room to save: removed" in capfd.readouterr().err
    assert results(path)["state_hash"] == whole["state_hash"]
    left = {file.name for file in (path / "checkpoints").glob("td3*.pt")}
    assert left == {"td3_0.024k.pt", "td3_0.036k.pt", "td3_0.048k.pt", "td3_0.06k.pt"}
    store, pieces = CheckpointStore(path / "checkpoints", "td3"), PieceStore(path / "replay")
    for file in left:
        assert pieces.damaged(store.load(store.directory / file)["replay"]["pieces"]) == [], file


@pytest.mark.parametrize("target", ["metrics", "episodes", "events", "tensorboard", "log"])
def test_a_line_that_cannot_be_written_halts_and_the_run_goes_on_to_the_bit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, whole: dict[str, Any], target: str
) -> None:
    """The line is torn by the system in its middle, as on a full disk."""
    path = tmp_path / "run"
    directory = RunDirectory(path)
    files = {
        "metrics": lambda: directory.metrics,
        "episodes": lambda: directory.episodes,
        "events": lambda: directory.events,
        "tensorboard": lambda: directory.event_files[0],
        "log": lambda: directory.log,
    }
    whole_append = append_whole

    def cramped(file: Any, data: bytes) -> None:
        is_target = Path(str(file.name)) == files[target]() if path.joinpath("metrics.jsonl").exists() else False
        due = len(list(path.glob("checkpoints/td3*.pt"))) >= 2 or (target == "events" and b"LEARNING" in data)
        size = file.seek(0, 2) + len(data) // 2 if is_target and due else resource.RLIM_INFINITY
        with largest_file(size):
            whole_append(file, data)

    with monkeypatch.context() as patched:
        for module in (JsonLinesFile, EventFile):
            patched.setattr(f"{module.__module__}.append_whole", cramped)
        patched.setattr("av_td3_system.monitoring.run_log.append_whole", cramped)
        assert train(small(*SHORT), path, COMMAND) == 3
    assert (results(path)["ended"], how(path)) == ("halted", "halted")
    assert "the run is halted" in results(path)["reason"]
    goes_on(path, whole)


def test_a_disk_that_can_no_longer_be_written_halts_without_a_word_of_space(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, whole: dict[str, Any], capfd: Any
) -> None:
    def refused(self: PieceStore, *given: Any) -> Any:
        raise OSError(30, "Read-only file system", str(self.directory))

    with monkeypatch.context() as patched:
        save = Saver.save

        def late(self: Saver, state: Any, milestone: int) -> Path:
            if milestone == 36:
                patched.setattr(PieceStore, "write", refused)
            return save(self, state, milestone)

        patched.setattr(Saver, "save", late)
        assert train(small(*SHORT), tmp_path / "run", COMMAND) == 3
    told = capfd.readouterr().err
    assert "read-only file system" in told and "mend the disk or its permissions, then av-td3 train --resume" in told
    goes_on(tmp_path / "run", whole)
