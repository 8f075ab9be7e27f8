"""Runs are grouped by what they learned with."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from av_td3_system.config.errors import UserError
from av_td3_system.reporting.report.runs import read_groups
from tests.unit.reporting.report.made import begin_from, make_run
from tests.unit.reporting.written_run import write_run


def _run(path: Path, seed: int, *overrides: str) -> str:
    return str(make_run(path, seed, *overrides, steps=500).path)


def test_seeds_make_a_group_and_settings_make_groups(tmp_path: Path) -> None:
    runs = [
        _run(tmp_path / "b", 2, "run.threads=1", "run.save_freq=7"),  # neither changes what is learned
        _run(tmp_path / "a", 1),
        _run(tmp_path / "c", 1, "agent.gamma=0.95"),
    ]
    told = []
    for order in itertools.permutations(runs):
        groups = read_groups(order)
        told.append([(group.label, group.seeds, [run.path.name for run in group.runs]) for group in groups])
    assert told[0] == [("TD3 (gamma 0.95)", [1], ["c"]), ("TD3 (gamma 0.97)", [1, 2], ["a", "b"])]
    assert all(one == told[0] for one in told)


def test_runs_with_given_networks_are_no_seeds_of_those_that_draw_theirs(tmp_path: Path) -> None:
    given = [str(begin_from(make_run(tmp_path / str(s), s, steps=500), f"/runs/{s}/final.pt")) for s in (1, 2)]
    drawn = _run(tmp_path / "c", 3)
    groups = read_groups([given[0], drawn, given[1]])
    told = {group.label: group.seeds for group in groups}
    assert told == {"TD3 (--init-from yes)": [1, 2], "TD3 (--init-from no)": [3]}
    with pytest.raises(UserError, match="differ in --init-from"):
        read_groups([f"x={given[0]}", f"x={drawn}"])


def test_one_group_has_the_name_of_its_algorithm_or_the_one_given(tmp_path: Path) -> None:
    run = _run(tmp_path / "a=b", 1)
    assert [group.label for group in read_groups([run])] == ["TD3"]
    assert [group.label for group in read_groups([f"ours={run}"])] == ["ours"]


def test_what_cannot_be_grouped_is_refused(tmp_path: Path) -> None:
    one, again = _run(tmp_path / "a", 1), _run(tmp_path / "b", 1)
    other = _run(tmp_path / "c", 2, "agent.tau=0.02")
    elsewhere = str(write_run(tmp_path / "d", "run.env=Pendulum-v1", steps=500).path)
    for targets, message in (
        ([], "at least one run"),
        ([one, one + "/../a"], "given twice"),
        ([one, again], "both of seed 1"),
        ([f"x={one}", f"x={other}"], "differ in agent.tau"),
        ([one, elsewhere], "Pendulum-v1"),
        ([f"TD3={one}", other], "called TD3"),
        ([str(tmp_path)], "not a run directory"),
    ):
        with pytest.raises(UserError, match=message):
            read_groups(targets)
