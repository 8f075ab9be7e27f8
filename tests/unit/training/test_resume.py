"""A run that was stopped or killed goes on as if it had not been."""

from __future__ import annotations

import json
import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from av_td3_system.agents.policy import load_policy
from av_td3_system.checkpointing import checkpoint_file
from av_td3_system.checkpointing.pieces import PieceStore
from av_td3_system.checkpointing.pruning import prune
from av_td3_system.checkpointing.store import CheckpointStore
from av_td3_system.config.errors import UserError
from av_td3_system.config.load import load_resolved
from av_td3_system.config.schema import Config
from av_td3_system.monitoring.run_directory import RunDirectory
from av_td3_system.training import finish as finish_module
from av_td3_system.training import run as run_module
from av_td3_system.training.learner import Learner
from av_td3_system.training.resume import resume
from av_td3_system.training.run import train
from av_td3_system.training.validation import Validator
from tests.unit.training.small import lines_of, small

LONG = (
    "run.max_timesteps=90",
    "run.eval_freq=30",
    "run.save_freq=20",
    "evaluation.episodes=2",
    "environment.blank_image=false",
    "network.crop_top=0",
    "environment.slowest_speed=1000",  # episodes end every 13 decisions or so
    "environment.time_allowance=0.5",
)
PRESET = ("network.critic_input=surroundings", "agent.target_action=recalled", "agent.perception_weight=1")
COMMAND = "av-td3 train"


class Killed(BaseException):
    """Stands for a kill: nothing is caught, nothing is saved after it."""


def killed_at(decision: int, monkeypatch: pytest.MonkeyPatch, how: Callable[[], None]) -> None:
    """At that decision of the process, counted from now on, `how` happens."""
    act, count = Learner.act, [0]

    def counted(self: Learner, observation: Any, exploring: bool) -> np.ndarray:
        count[0] += 1
        if count[0] == decision:
            how()
        return act(self, observation, exploring)

    monkeypatch.setattr(Learner, "act", counted)


def die() -> None:
    raise Killed


def stop() -> None:
    os.kill(os.getpid(), signal.SIGTERM)


def results(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((path / "results.json").read_text())
    return found


def record(path: Path) -> dict[str, Any]:
    """What a run has written of itself, without what clocks and machines say, and without its beginnings."""
    directory = RunDirectory(path)
    metrics = [{k: v for k, v in line.items() if not k.startswith("system/")} for line in lines_of(directory.metrics)]
    events = [{k: v for k, v in line.items() if k != "time"} for line in lines_of(directory.events)]
    return {
        "metrics": metrics,
        "episodes": lines_of(directory.episodes),
        "evaluations": lines_of(directory.evaluations),
        "events": [event for event in events if event["kind"] != "resume"],
        "state": results(path)["state_hash"],
        "updates": results(path)["updates"],
    }


@pytest.mark.parametrize(
    "settings", [(), PRESET, ("replay.capacity=100", "run.max_timesteps=180"), ("replay.on_device=true",)], ids=str
)
@pytest.mark.parametrize(("decision", "how"), [(12, die), (21, die), (19, stop), (30, stop)])
def test_it_ends_to_the_bit_where_it_would_have(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: tuple[str, ...], decision: int, how: Callable[[], None]
) -> None:
    config = small(*LONG, *settings)
    assert train(config, tmp_path / "whole", COMMAND) in (0, 3)
    with monkeypatch.context() as patched:
        killed_at(decision, patched, how)
        if how is die:
            with pytest.raises(Killed):
                train(config, tmp_path / "broken", COMMAND)
        else:
            assert train(config, tmp_path / "broken", COMMAND) == 143
            assert results(tmp_path / "broken")["ended"] == "interrupted"
    assert resume(tmp_path / "broken", [], {}, f"{COMMAND} --resume") in (0, 3)
    assert record(tmp_path / "broken") == record(tmp_path / "whole")
    manifest = json.loads((tmp_path / "broken" / "manifest.json").read_text())
    assert (manifest["resume"], manifest["how"], len(manifest["resumes"])) == ("exact", "completed", 1)


def test_twice_killed_and_stopped_in_an_evaluation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = small(*LONG, *PRESET)
    train(config, tmp_path / "whole", COMMAND)
    with monkeypatch.context() as patched:
        killed_at(9, patched, die)
        with pytest.raises(Killed):
            train(config, tmp_path / "broken", COMMAND)
    validate = Validator.validate
    with monkeypatch.context() as patched:

        def stopping(self: Validator, *given: Any, **named: Any) -> dict[str, Any]:
            stop()
            return validate(self, *given, **named)

        patched.setattr(Validator, "validate", stopping)
        assert resume(tmp_path / "broken", [], {}, COMMAND) == 143
    assert [line["step"] for line in lines_of(RunDirectory(tmp_path / "broken").evaluations)] == [0, 0, 0]
    resume(tmp_path / "broken", [], {}, COMMAND)
    assert record(tmp_path / "broken") == record(tmp_path / "whole")


def test_a_run_may_go_on_beyond_its_end(tmp_path: Path) -> None:
    seldom = (*LONG, "run.log_interval=20")  # a run that ends at 30 has a line there that a longer one has not
    train(small(*seldom), tmp_path / "whole", COMMAND)
    train(small(*seldom, "run.max_timesteps=30"), tmp_path / "rungs", COMMAND)
    before = results(tmp_path / "rungs")
    assert resume(tmp_path / "rungs", [], {}, COMMAND) == 0
    assert results(tmp_path / "rungs") == before, "it is complete and left alone"
    resume(tmp_path / "rungs", [], {"run.max_timesteps": 60}, COMMAND)
    resume(tmp_path / "rungs", ["run.max_timesteps=90"], {}, COMMAND)
    whole, rungs = record(tmp_path / "whole"), record(tmp_path / "rungs")
    assert {**rungs, "events": []} == {**whole, "events": []}, "verdicts of the rungs below stay"
    assert load_resolved(tmp_path / "rungs" / "config.yaml").run.max_timesteps == 90


def test_killed_before_its_first_checkpoint_it_begins_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    train(small(*LONG), tmp_path / "whole", COMMAND)
    with monkeypatch.context() as patched:
        killed_at(5, patched, die)
        with pytest.raises(Killed):
            train(small(*LONG), tmp_path / "broken", COMMAND)
    resume(tmp_path / "broken", [], {}, "av-td3 train --resume broken")
    assert record(tmp_path / "broken") == record(tmp_path / "whole")
    assert json.loads((tmp_path / "broken" / "manifest.json").read_text())["command"] == ["av-td3", "train"]


@pytest.mark.parametrize("manifest", [{"how": "completed"}, {"how": None, "resume": "without_replay"}])
def test_results_that_nothing_goes_on_from_are_never_thrown_away(tmp_path: Path, manifest: dict[str, Any]) -> None:
    """As an older version left them: `final.pt` and `best.pt`, neither with a step to go on from."""
    train(small(*LONG, "run.max_timesteps=30", "run.save_freq=1000"), tmp_path / "run", COMMAND)
    folder = tmp_path / "run" / "checkpoints"
    (folder / "checksums.json").unlink()
    path = tmp_path / "run" / "manifest.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **manifest}))
    before = sorted(folder.iterdir()), record(tmp_path / "run")
    with pytest.raises(UserError, match="no checkpoint that a run can go on from"):
        resume(tmp_path / "run", [], {"run.max_timesteps": 60}, COMMAND)
    assert (sorted(folder.iterdir()), record(tmp_path / "run")) == before


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


@pytest.mark.parametrize("harm", [flip, cut, Path.unlink])
@pytest.mark.parametrize("newest", ["checkpoints/td3_0.06k.pt", "replay/000003*.pt"])
def test_damage_to_the_newest_is_named_and_the_one_before_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, harm: Callable[[Path], None], newest: str
) -> None:
    config = small(*LONG)
    train(config, tmp_path / "whole", COMMAND)
    with monkeypatch.context() as patched:
        killed_at(22, patched, die)
        with pytest.raises(Killed):
            train(config, tmp_path / "broken", COMMAND)
    (damaged,) = (tmp_path / "broken").glob(newest)
    harm(damaged)
    resume(tmp_path / "broken", [], {}, COMMAND)
    if harm is not Path.unlink or "replay" in newest:
        errors = [line for line in (tmp_path / "broken" / "train.log").read_text().splitlines() if "[ERROR]" in line]
        assert len(errors) == 1 and damaged.name in errors[0]
    assert record(tmp_path / "broken") == record(tmp_path / "whole")


def test_where_checksums_are_lost_no_piece_is_cleared_that_an_older_checkpoint_needs(tmp_path: Path) -> None:
    train(small(*LONG, "run.max_timesteps=60"), tmp_path / "run", COMMAND)
    folder = tmp_path / "run" / "checkpoints"
    (folder / "checksums.json").unlink()
    files = PieceStore(tmp_path / "run" / "replay")
    pieces = set(files.directory.iterdir())
    prune(CheckpointStore(folder, "td3"), files, ())
    assert set(files.directory.iterdir()) == pieces
    resume(tmp_path / "run", [], {"run.max_timesteps": 90}, COMMAND)
    assert pieces < set(files.directory.iterdir())
    assert results(tmp_path / "run")["env_steps"] == 90


def test_where_all_need_what_is_damaged_the_rest_is_learned_from(tmp_path: Path, capfd: Any) -> None:
    config = small(*LONG, "run.max_timesteps=60")
    train(config, tmp_path / "run", COMMAND)
    (first,) = (tmp_path / "run" / "replay").glob("000001*.pt")
    flip(first)
    resume(tmp_path / "run", [], {"run.max_timesteps": 90}, COMMAND)
    assert "21 transitions are lost" in capfd.readouterr().err
    (event,) = [line for line in lines_of(RunDirectory(tmp_path / "run").events) if line["kind"] == "resume"]
    assert event["lost_transitions"] == 21 and event["step"] == 60
    assert results(tmp_path / "run")["env_steps"] == 90


def test_a_run_goes_back_to_a_checkpoint_that_is_named(tmp_path: Path) -> None:
    config = small(*LONG)
    train(config, tmp_path / "run", COMMAND)
    before = record(tmp_path / "run")
    folder = tmp_path / "run" / "checkpoints"
    with pytest.raises(UserError, match=r"a run cannot go on from .*best\.pt"):
        resume(folder / "best.pt", [], {}, COMMAND)
    assert record(tmp_path / "run") == before
    assert resume(folder / "td3_0.04k.pt", [], {}, COMMAND) == 0
    assert record(tmp_path / "run") == before, "nothing was changed, so it comes to the same end"
    (event,) = [line for line in lines_of(RunDirectory(tmp_path / "run").events) if line["kind"] == "resume"]
    assert (event["checkpoint"], event["step"]) == ("td3_0.04k.pt", 42)
    assert "no longer gone on from: " in (tmp_path / "run" / "train.log").read_text()


def test_the_best_policy_is_that_of_the_course_that_is_gone_on_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every evaluation is better than the one before, and those after the checkpoint are undone."""
    validate = Validator.validate

    def rising(self: Validator, step: int, *rest: Any, **more: Any) -> dict[str, Any]:
        summary = validate(self, step, *rest, **more)
        summary["episode_reward"] = 1000.0 * step
        return summary

    monkeypatch.setattr(Validator, "validate", rising)
    train(small(*LONG), tmp_path / "run", COMMAND)
    best = tmp_path / "run" / "best_policy.safetensors"

    def step() -> int:
        metadata = load_policy(best).metadata
        assert metadata is not None
        return int(metadata.extra["step"])

    assert step() == 90
    checkpoint = tmp_path / "run" / "checkpoints" / "td3_0.04k.pt"
    resume(checkpoint, ["run.eval_freq=1000"], {"run.max_timesteps": 50}, COMMAND)
    assert step() == 30
    best.unlink()
    resume(tmp_path / "run", [], {"run.max_timesteps": 60}, COMMAND)
    assert step() == 30


def test_killed_after_it_had_stopped_early_a_run_does_not_train_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    early = ("run.enable_early_stopping=true", "evaluation.early_stopping_patience=1", "run.max_timesteps=200")
    validate = Validator.validate

    def falling(self: Validator, step: int, *rest: Any, **more: Any) -> dict[str, Any]:
        summary = validate(self, step, *rest, **more)
        summary["episode_reward"] = -1.0 * step
        return summary

    monkeypatch.setattr(Validator, "validate", falling)
    train(small(*LONG, *early), tmp_path / "whole", COMMAND)
    assert results(tmp_path / "whole")["ended"] == "early_stopped"
    with monkeypatch.context() as patched:
        patched.setattr(finish_module, "draw_learning_curve", lambda *_: die())
        with pytest.raises(Killed):
            train(small(*LONG, *early), tmp_path / "broken", COMMAND)
    resume(tmp_path / "broken", [], {}, COMMAND)
    assert record(tmp_path / "broken") == record(tmp_path / "whole")
    resume(tmp_path / "broken", [], {}, COMMAND)
    assert results(tmp_path / "broken")["env_steps"] > results(tmp_path / "whole")["env_steps"], "asked to, it goes on"


def test_a_checkpoint_that_cannot_be_read_is_passed_over_like_a_damaged_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    train(small(*LONG, "run.max_timesteps=60"), tmp_path / "run", COMMAND)
    real = checkpoint_file.file_sha256

    def unreadable(path: Path) -> str:
        if path.name == "final.pt":
            raise OSError(5, "Input/output error")
        return real(path)

    with monkeypatch.context() as patched:
        patched.setattr(checkpoint_file, "file_sha256", unreadable)
        assert resume(tmp_path / "run", [], {"run.max_timesteps": 90}, COMMAND) == 0
    log = (tmp_path / "run" / "train.log").read_text()
    assert "final.pt cannot be read: Input/output error; falling back" in log


def test_an_end_that_lies_behind_is_refused(tmp_path: Path) -> None:
    train(small(*LONG), tmp_path / "run", COMMAND)
    before = record(tmp_path / "run")
    manifest = tmp_path / "run" / "manifest.json"
    manifest.write_text(manifest.read_text().replace('"completed"', '"interrupted"'))
    with pytest.raises(UserError, match=r"stands at step 90, behind run\.max_timesteps=15"):
        resume(tmp_path / "run", [], {"run.max_timesteps": 15}, COMMAND)
    assert record(tmp_path / "run") == before


def test_a_run_whose_checkpoints_are_gone_is_not_begun_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched:
        killed_at(22, patched, die)
        with pytest.raises(Killed):
            train(small(*LONG), tmp_path / "run", COMMAND)
    (tmp_path / "run" / "checkpoints").rename(tmp_path / "elsewhere")
    metrics = (tmp_path / "run" / "metrics.jsonl").read_bytes()
    with pytest.raises(UserError, match="has saved before"):
        resume(tmp_path / "run", [], {}, COMMAND)
    assert (tmp_path / "run" / "metrics.jsonl").read_bytes() == metrics
    assert list((tmp_path / "run" / "replay").iterdir())


def test_settings_that_were_changed_by_hand_are_said_to_be(tmp_path: Path) -> None:
    train(small(*LONG, "run.max_timesteps=30"), tmp_path / "run", COMMAND)
    config = tmp_path / "run" / "config.yaml"
    config.write_text(config.read_text().replace("log_interval:", "log_interval: 7 #"))
    resume(tmp_path / "run", [], {"run.max_timesteps": 40}, COMMAND)
    assert "is not what manifest.json tells of" in (tmp_path / "run" / "train.log").read_text()


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("evaluations.jsonl", '{"step": 1}\n'),
        ("evaluations.jsonl", '{"step": 1, "kind": "validation"}\n'),
        ("episodes.jsonl", '{"step": 1, "episode_reward": "much"}\n'),
        ("manifest.json", '{"resumes": null}'),
        ("manifest.json", "{}"),
    ],
)
def test_an_odd_line_does_not_keep_a_run_from_going_on(tmp_path: Path, name: str, content: str) -> None:
    train(small(*LONG, "run.max_timesteps=30"), tmp_path / "run", COMMAND)
    path = tmp_path / "run" / name
    path.write_text(content + (path.read_text() if name.endswith("l") else ""))
    assert resume(tmp_path / "run", [], {"run.max_timesteps": 60}, COMMAND) == 0
    assert results(tmp_path / "run")["env_steps"] == 60


def test_a_resume_that_comes_to_nothing_leaves_no_word_of_changes(tmp_path: Path) -> None:
    train(small(*LONG, "run.max_timesteps=30"), tmp_path / "run", COMMAND)
    log = (tmp_path / "run" / "train.log").read_text()
    assert resume(tmp_path / "run", ["replay.capacity=1000"], {}, COMMAND) == 0, "it has reached its timesteps"
    assert (tmp_path / "run" / "train.log").read_text() == log


def test_what_may_change_changes_and_what_may_not_is_refused_by_name(tmp_path: Path) -> None:
    train(small(*LONG, "run.max_timesteps=30"), tmp_path / "run", COMMAND)
    shutil.copytree(tmp_path / "run", tmp_path / "copy")
    with pytest.raises(UserError, match=r"network\.features \(16 -> 32\)") as refused:
        resume(tmp_path / "run", ["network.features=32", "agent.gamma=0.9"], {"run.max_timesteps": 60}, COMMAND)
    assert "max_timesteps" in refused.value.hint and "agent." in refused.value.hint
    with pytest.raises(UserError, match=r"run\.seed"):
        resume(tmp_path / "run", [], {"run.seed": 1}, COMMAND)
    assert record(tmp_path / "run") == record(tmp_path / "copy"), "a refusal changes nothing"
    resume(tmp_path / "run", ["agent.actor_lr=0.0005", "run.eval_freq=7"], {"run.max_timesteps": 60}, COMMAND)
    manifest = json.loads((tmp_path / "run" / "manifest.json").read_text())
    assert manifest["resumes"][0]["changed"]["agent.actor_lr"] == [0.001, 0.0005]
    steps = [
        line["step"] for line in lines_of(RunDirectory(tmp_path / "run").evaluations) if line["kind"] == "validation"
    ]
    assert steps == [30, 35, 42, 49, 56]


def test_a_save_writes_what_is_new_and_every_checkpoint_names_what_it_needs(tmp_path: Path) -> None:
    train(small(*LONG, "checkpoint.keep_last=2"), tmp_path / "run", COMMAND)
    store = CheckpointStore(tmp_path / "run" / "checkpoints", "td3")
    pieces = store.load(store.directory / "final.pt")["replay"]["pieces"]
    assert [one["last"] for one in pieces[:-1]] == [one["first"] for one in pieces[1:]]
    assert pieces[0]["first"] == [0, 0, 0] and min(pieces[-1]["last"]) >= 30
    files = {path.name for path in (tmp_path / "run" / "replay").iterdir()}
    assert files == {one["name"] for one in pieces} == store.pieces()
    early = store.load(store.directory / "td3_0.06k.pt")["replay"]["pieces"]
    assert early == pieces[: len(early)] and len(early) < len(pieces)


def test_what_is_no_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="not a run directory"):
        resume(tmp_path, [], {}, COMMAND)


def test_a_checkpoint_of_before_is_refused_with_the_reason_and_nothing_is_changed(tmp_path: Path) -> None:
    train(small(*LONG, "run.max_timesteps=30"), tmp_path / "run", COMMAND)
    before = record(tmp_path / "run")
    CheckpointStore(tmp_path / "run" / "checkpoints", "td3").save({"step": 30, "agent": {}}, 30)
    with pytest.raises(UserError, match=r"its format is from before there was one, this version's is 2"):
        resume(tmp_path / "run", [], {"run.max_timesteps": 60}, COMMAND)
    assert record(tmp_path / "run") == before


def test_a_signal_during_set_up_leaves_at_once_and_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def slow(config: Config) -> Any:
        stop()
        raise AssertionError("it went on")

    monkeypatch.setattr(run_module, "training_worlds", slow)
    assert train(small(*LONG), tmp_path / "run", COMMAND) == 143
    assert not (tmp_path / "run").exists()
