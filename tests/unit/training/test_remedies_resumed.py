"""Runs that are killed, stopped or out of disk while they help themselves end as they would have."""

from __future__ import annotations

import errno
import json
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from av_td3_system.training import run as run_module
from av_td3_system.training.remedies import Remedies
from av_td3_system.training.resume import resume
from av_td3_system.training.run import train
from tests.unit.training.small import lines_of, small
from tests.unit.training.test_remedies import COMMAND, DIVERGING, PARKED
from tests.unit.training.test_resume import Killed, die, killed_at


def hang_up() -> None:
    os.kill(os.getpid(), signal.SIGTERM)


def told(path: Path) -> Any:
    """How a run ended, and what was done on the way."""
    result = json.loads((path / "results.json").read_text())
    events = [event for event in lines_of(path / "events.jsonl") if event["kind"] == "remedy"]
    seen = [(event["step"], event["message"]) for event in events]
    return result["ended"], result["state_hash"], result["remedies"], seen


@pytest.mark.parametrize("how", [die, hang_up])
@pytest.mark.parametrize("decision", [23, 26])
def test_stopped_around_the_effect_of_a_remedy_it_ends_as_it_would_have(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, decision: int, how: Callable[[], None]
) -> None:
    """The effect is known between two checkpoints, and the book lies outside of them."""
    settings = ("remedies.settle=12", "remedies.limit=2", "run.max_timesteps=150")
    config = small(*PARKED, "remedies.rules.parked.explore=1", *settings)
    train(config, tmp_path / "whole", COMMAND)
    with monkeypatch.context() as patched:
        killed_at(decision, patched, how)
        try:
            assert train(config, tmp_path / "broken", COMMAND) == 143
        except Killed:
            assert how is die
    resume(tmp_path / "broken", [], {}, COMMAND)
    assert told(tmp_path / "broken") == told(tmp_path / "whole")


def test_killed_before_the_second_of_its_kind_is_in_the_book_it_is_still_called_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both are called for at the same timestep, since the run goes back in between."""
    config = small(*DIVERGING, "remedies.limit=2")
    train(config, tmp_path / "whole", COMMAND)
    prescribe = Remedies.prescribe

    def once(self: Remedies, *rest: Any) -> Any:
        return prescribe(self, *rest) if not self.applied else die()

    with monkeypatch.context() as patched:
        patched.setattr(Remedies, "prescribe", once)
        with pytest.raises(Killed):
            train(config, tmp_path / "broken", COMMAND)
    resume(tmp_path / "broken", [], {}, COMMAND)
    assert told(tmp_path / "broken") == told(tmp_path / "whole")
    assert [entry["step"] for entry in told(tmp_path / "whole")[2]] == [90, 90]


@pytest.mark.parametrize("settings", [PARKED, DIVERGING])
def test_killed_between_what_was_saved_for_a_remedy_and_the_book_it_is_still_called_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: tuple[str, ...]
) -> None:
    config = small(*settings, "remedies.settle=15", "remedies.limit=1", "guards.critical_count=99")
    train(config, tmp_path / "whole", COMMAND)
    with monkeypatch.context() as patched:
        patched.setattr(Remedies, "prescribe", lambda *_, **__: die())
        with pytest.raises(Killed):
            train(config, tmp_path / "broken", COMMAND)
    assert not (tmp_path / "broken" / "remedies.json").exists()
    resume(tmp_path / "broken", [], {}, COMMAND)
    assert told(tmp_path / "broken") == told(tmp_path / "whole")


def test_what_was_called_for_is_left_where_the_run_goes_on_without_remedies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(Remedies, "prescribe", lambda *_, **__: die())
        with pytest.raises(Killed):
            train(small(*PARKED), tmp_path / "run", COMMAND)
    assert resume(tmp_path / "run", ["run.enable_monitoring=false"], {}, COMMAND) == 0
    assert not (tmp_path / "run" / "remedies.json").exists()


def test_a_disk_that_fills_in_the_middle_of_a_remedy_halts_the_run_and_costs_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    config = small(*PARKED, "remedies.settle=1000")
    train(config, tmp_path / "whole", COMMAND)
    with monkeypatch.context() as patched:
        patched.setattr(run_module, "apply_prescribed", full)
        assert train(config, tmp_path / "broken", COMMAND) == 3
    assert "the disk took no more in the middle of a remedy" in capsys.readouterr().err
    assert json.loads((tmp_path / "broken" / "manifest.json").read_text())["how"] == "halted"
    resume(tmp_path / "broken", [], {}, COMMAND)
    assert told(tmp_path / "broken") == told(tmp_path / "whole")
