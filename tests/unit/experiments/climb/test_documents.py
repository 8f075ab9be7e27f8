"""The plan's documents and the standing, from the files of a ladder."""

from __future__ import annotations

from pathlib import Path

from av_td3_system.experiments.climb.documents import standing
from av_td3_system.experiments.climb.watching import Watch, sparkline
from tests.unit.experiments.climb.written_runs import climb, plan


def test_the_standing_names_every_verdict_change_and_return(tmp_path: Path) -> None:
    def fate(run: str, stage: str, times: int) -> str:
        return "halt" if run.startswith("td3") else "proceed"

    made, *_ = climb(tmp_path, plan(seeds=(1, 2), to="10K"), fate)
    made.book.write("tried", attempt=0, contingency="tune", found=[])
    assert made.go() == "top"
    text = standing(made.plan, made.book)
    assert "| td3 seed 1 | **halt**, completion 0.10, reward 20 (no_decline, episode_reward) | - |" in text
    assert "## Attempt 1: longer exploration after 10k failed" in text
    assert "| td3 seed 2 | **proceed**, completion 0.95, reward 560 | - |" in text
    assert "- tuning: nothing better" in text and "`exploration.learning_starts=2500`" in text
    assert "- reward shares: " in text


def test_each_new_evaluation_is_told_once_with_the_criteria(tmp_path: Path) -> None:
    said: list[str] = []
    ladder = plan(seeds=(1,), to="10K", contingencies=False)
    high, run = ladder.stages()[1], tmp_path / "td3_seed_1"
    made, *_ = climb(tmp_path, ladder, lambda *told: "extend")
    watch = Watch(high, said.append)
    watch.look([run])
    assert said == [], "there is nothing yet"
    made.go()
    watch.look([run])
    watch.look([run])
    (line,) = said
    assert "20,000 of 20,000" in line and "not yet: route_completion" in line


def test_bars_reach_from_the_least_to_the_greatest() -> None:
    assert sparkline([0.0, 1.0, 2.0]) == "▁▅█"
    assert sparkline([float("nan")]) == "" and sparkline([1.0, float("nan"), 2.0]) == "▁█"
    assert sparkline([3.0]) == "▁" and len(sparkline(list(map(float, range(50))))) == 20
