"""Reward shares of written episodes and what they are read as."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from av_td3_system.config.errors import UserError
from av_td3_system.reporting.rewards import findings, read_rewards, render, run_rewards
from tests.records import make_episode


def _write(run: Path, *terms: dict[str, float], **changes: float) -> None:
    lines = [
        {"step": 100 * (k + 1), **make_episode(reward_terms=values, **changes).to_dict()}
        for k, values in enumerate(terms)
    ]
    (run / "episodes.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))


def test_shares_are_absolute_sums_over_all(tmp_path: Path) -> None:
    _write(tmp_path, {"progress": 60.0, "safety": -20.0}, {"progress": 20.0, "safety": 0.0}, distance=100.0, time=25.0)
    reading = read_rewards(tmp_path)
    assert reading.terms == {"safety": -10.0, "progress": 40.0}
    assert reading.shares == {"safety": 0.2, "progress": 0.8}
    assert (reading.episodes, reading.first_step, reading.last_step) == (2, 100, 200)
    assert reading.mean_speed == 4.0


def test_only_the_last_episodes_are_read(tmp_path: Path) -> None:
    _write(tmp_path, {"safety": -100.0}, {"progress": 10.0}, {"progress": 30.0})
    reading = read_rewards(tmp_path, last=2)
    assert reading.terms == {"progress": 20.0}
    assert reading.first_step == 200


def test_a_line_being_written_is_passed_over(tmp_path: Path) -> None:
    _write(tmp_path, {"progress": 10.0})
    with (tmp_path / "episodes.jsonl").open("a") as file:
        file.write('{"step": 300, "episode_rew')
    assert read_rewards(tmp_path).episodes == 1


@pytest.mark.parametrize(
    ("terms", "speed", "said"),
    [
        ({"safety": -60.0, "progress": 40.0}, 5.0, "safety penalties dominate"),
        ({"progress": 10.0, "efficiency": 5.0, "safety": -45.0, "lane_keeping": -40.0}, 5.0, "too weak"),
        ({"progress": -40.0, "efficiency": -10.0, "safety": -5.0}, 5.0, "too weak"),
        ({"progress": 70.0, "comfort": -30.0}, 5.0, "comfort penalties are too high"),
        ({"progress": 90.0, "efficiency": -10.0}, 0.2, "hardly moves"),
        ({"progress": 90.0, "safety": -5.0, "comfort": -5.0}, 5.0, "balanced"),
    ],
)
def test_the_plans_reading(terms: dict[str, float], speed: float, said: str) -> None:
    total = sum(abs(value) for value in terms.values())
    sentences = findings(terms, {name: abs(value) / total for name, value in terms.items()}, speed)
    assert len(sentences) == 1
    assert said in sentences[0]


def test_a_parked_car_is_called_so(tmp_path: Path) -> None:
    _write(tmp_path, {"efficiency": -90.0, "progress": 0.0}, distance=0.0, time=90.0)
    sentences = " ".join(read_rewards(tmp_path).findings)
    assert "too weak" in sentences
    assert "hardly moves" in sentences


def test_the_verb_prints_a_table_or_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _write(tmp_path, {"progress": 90.0, "safety": -10.0})
    assert run_rewards(tmp_path) == 0
    table = capsys.readouterr().out
    assert "progress             90.00   90.0%" in table
    assert table.strip() == render(read_rewards(tmp_path))
    run_rewards(tmp_path, as_json=True)
    assert json.loads(capsys.readouterr().out)["shares"]["progress"] == 0.9


def test_what_is_no_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="not a run directory"):
        read_rewards(tmp_path / "nowhere")
    with pytest.raises(UserError, match="no finished episode"):
        read_rewards(tmp_path)
    _write(tmp_path, {"progress": 1.0})
    with pytest.raises(UserError, match="--last"):
        read_rewards(tmp_path, last=0)


@pytest.mark.parametrize("line", ['{"step": 1, "reward_terms": {"safety": "x"}}', '{"step": 1, "reward_terms": {}}'])
def test_a_line_that_no_run_writes_is_named(tmp_path: Path, line: str) -> None:
    (tmp_path / "episodes.jsonl").write_text(line + "\n")
    with pytest.raises(UserError, match=r"episodes\.jsonl"):
        read_rewards(tmp_path)
