"""The verb: what it reads of a run, prints and refuses."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from av_td3_system.config.errors import UserError
from av_td3_system.reporting.rewards import read_rewards, render, run_rewards
from tests.records import make_episode


def _write(run: Path, *terms: dict[str, float], **changes: float) -> None:
    lines = [
        {"step": 100 * (k + 1), **make_episode(reward_terms=values, **changes).to_dict()}
        for k, values in enumerate(terms)
    ]
    (run / "episodes.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))


def test_only_the_last_episodes_are_read(tmp_path: Path) -> None:
    _write(tmp_path, {"safety": -100.0}, {"progress": 10.0}, {"progress": 30.0})
    rewards = read_rewards(tmp_path, last=2)
    assert rewards.newest.terms == {"progress": 20.0}
    assert rewards.newest.first_step == 200
    assert sum(window.reading.episodes for window in rewards.windows if window.reading) == 3, "windows are of all"


def test_a_line_being_written_is_passed_over(tmp_path: Path) -> None:
    _write(tmp_path, {"progress": 10.0})
    with (tmp_path / "episodes.jsonl").open("a") as file:
        file.write('{"step": 300, "episode_rew')
    assert read_rewards(tmp_path).newest.episodes == 1


def test_the_verb_prints_tables_or_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _write(tmp_path, {"progress": 90.0, "safety": -10.0})
    assert run_rewards([tmp_path]) == 0
    table = capsys.readouterr().out
    assert "progress             90.00   90.0%" in table
    assert table.strip() == render(read_rewards(tmp_path))
    assert table.splitlines()[-1] == "- balanced: progress pays, no penalty dominates"
    run_rewards([tmp_path], as_json=True)
    told = json.loads(capsys.readouterr().out)
    assert told["shares"]["progress"] == 0.9 == told["outcomes"]["collision"]["shares"]["progress"]
    assert [window["until"] for window in told["windows"]] == [20, 40, 60, 80, 100]
    assert [window["reading"] is None for window in told["windows"]] == [True, True, True, True, False]
    assert told["windows"][-1]["reading"]["signs"] == ["balanced"]
    assert told["thresholds"]["safety_dominates_above"] == 0.5


def test_several_runs_stand_one_below_the_other(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    runs = [tmp_path / name for name in ("first", "second")]
    for run, progress in zip(runs, (10.0, 20.0), strict=True):
        run.mkdir()
        _write(run, {"progress": progress})
    run_rewards(runs, figure=tmp_path / "shares.svg")
    told = capsys.readouterr().out
    assert told == "\n\n".join(f"{run}\n{render(read_rewards(run))}" for run in runs) + "\n"
    assert (tmp_path / "shares.svg").read_text().count("second") >= 1
    run_rewards(runs, as_json=True)
    assert [one["terms"]["progress"] for one in json.loads(capsys.readouterr().out)] == [10.0, 20.0]


def test_what_is_no_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="not a run directory"):
        read_rewards(tmp_path / "nowhere")
    with pytest.raises(UserError, match="no finished episode"):
        read_rewards(tmp_path)
    _write(tmp_path, {"progress": 1.0})
    with pytest.raises(UserError, match="--last"):
        read_rewards(tmp_path, last=0)
    with pytest.raises(UserError, match="--windows"):
        read_rewards(tmp_path, windows=0)


@pytest.mark.parametrize("line", ['{"step": 1, "reward_terms": {"safety": "x"}}', '{"step": 1, "reward_terms": {}}'])
def test_a_line_that_no_run_writes_is_named(tmp_path: Path, line: str) -> None:
    (tmp_path / "episodes.jsonl").write_text(line + "\n")
    with pytest.raises(UserError, match=r"episodes\.jsonl"):
        read_rewards(tmp_path)
