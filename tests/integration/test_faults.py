"""Faults in whole runs: some of those that `make faults` sets in a table, quick enough for every day."""

from __future__ import annotations

from pathlib import Path

import pytest

from av_td3_system.training.resume import resume
from av_td3_system.training.run import train
from av_td3_system.training.saving import Saver
from benchmarks.fault_cases import CASES, Case
from benchmarks.fault_driver import FAULTS
from benchmarks.fault_traces import leftovers, newest, results_of
from benchmarks.faults import Skipped, disk_for, observe
from tests.unit.training.small import small

COMMAND = "av-td3 train"
SHORT = ("run.max_timesteps=48", "run.save_freq=12", "checkpoint.keep_last=2", "evaluation.episodes=1")


def case(name: str) -> Case:
    (found,) = [one for one in CASES if one.name == name]
    return found


def test_every_case_has_a_name_of_its_own_and_a_fault_that_there_is() -> None:
    assert len({one.name for one in CASES}) == len(CASES)
    assert {one.fault.partition("=")[0] for one in CASES} <= FAULTS.keys()
    assert {one.exit_code for one in CASES} == {0, 2, 3, 4, 143}


@pytest.mark.parametrize("name", ["simulator hangs, two signals", "full disk after the first save, 0.2 MB left"])
def test_it_ends_as_documented(tmp_path: Path, name: str) -> None:
    try:
        with disk_for(case(name), tmp_path / "place") as mend:
            row, why = observe(case(name), tmp_path / "place" / "run")
            mend()
    except Skipped as reason:
        pytest.skip(str(reason))
    assert not why, row


def test_a_row_that_is_not_as_documented_is_told(tmp_path: Path) -> None:
    """The same fault, expected to end otherwise."""
    wrong = Case("wrong", "none", 3, says=("never said",), settings=("--set", "camera.width=20"))
    with disk_for(wrong, tmp_path / "place"):
        _, why = observe(wrong, tmp_path / "place" / "run")
    assert "exit code 2, not 3" in why and "did not say 'never said'" in why


def test_killed_at_any_moment_of_a_save_it_goes_on_to_the_bit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert train(small(*SHORT), tmp_path / "whole", COMMAND) in (0, 3)
    with monkeypatch.context() as patched:
        patched.setattr(Saver, "save", Saver.save)  # put back after the next line
        FAULTS["killed-everywhere"]("4")
        train(small(*SHORT), tmp_path / "run", COMMAND)
    told = {path.with_suffix(""): path.read_text() for path in sorted(tmp_path.glob("killed_*.killed"))}
    assert {words.split()[1] for words in told.values()} == {"open", "fsync", "replace", "unlink"}
    assert len(told) > 30, "before and after each call"
    for copy, moment in list(told.items())[:: len(told) // 8]:
        assert newest(copy) is not None
        resume(copy, [], {}, COMMAND)
        assert results_of(copy)["state_hash"] == results_of(tmp_path / "whole")["state_hash"], moment
        assert leftovers(copy) == [], moment
