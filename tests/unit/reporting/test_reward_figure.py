"""The picture of the shares: readable text, equal files for equal runs, refused endings."""

from __future__ import annotations

from pathlib import Path

import pytest

from av_td3_system.config.errors import UserError
from av_td3_system.reporting.reward_course import by_outcome, over_time
from av_td3_system.reporting.reward_figure import draw_rewards
from tests.records import make_episode, success


def test_runs_are_drawn_with_all_windows_and_outcomes(tmp_path: Path) -> None:
    lines = [{"step": 500, **make_episode().to_dict()}, {"step": 1000, **success().to_dict()}]
    run = (over_time(lines, 4), by_outcome(lines))
    for name in ("first.svg", "second.svg"):
        draw_rewards({"one": run, "two": run}, tmp_path / name)
    drawn = (tmp_path / "first.svg").read_text()
    for text in ("goal_reached", "collision", "1,000", "progress", "n 1", "n 0"):
        assert f"<!-- {text} -->" in drawn
    assert drawn == (tmp_path / "second.svg").read_text()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["first.svg", "second.svg"]


def test_a_file_that_is_no_picture_is_refused(tmp_path: Path) -> None:
    lines = [{"step": 500, **make_episode().to_dict()}]
    with pytest.raises(UserError, match=r"\.svg"):
        draw_rewards({"one": (over_time(lines), by_outcome(lines))}, tmp_path / "shares.txt")
