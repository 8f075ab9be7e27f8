"""What a run goes back to, and with which settings."""

from __future__ import annotations

import json
from pathlib import Path

from av_td3_system.checkpointing.store import CheckpointStore
from av_td3_system.config.load import load_resolved
from av_td3_system.experiments.climb.book import Book, Climber
from av_td3_system.experiments.climb.contingencies import ROLLBACKS, rollback_of
from tests.unit.experiments.climb.written_runs import climb, plan

ONE = Climber(0, "td3", 1)


def _saved(run: Path, *steps: int) -> None:
    store = CheckpointStore(run / "checkpoints", "td3", 9)
    for step in steps:
        store.save({"step": step}, step)


def test_a_run_that_fell_goes_back_to_before_its_best_and_the_plan_s_changes_follow_each_other(tmp_path: Path) -> None:
    def fate(run: str, stage: str, times: int) -> str:
        _saved(tmp_path / run, 50_000, 75_000, 100_000)
        return "proceed" if stage == "10k" or times == 2 else "halt"

    made, writer, said = climb(tmp_path, plan(seeds=(1,), to="100K"), fate)
    assert made.go() == "top"
    assert writer.made == [("td3_seed_1", "10k"), *[("td3_seed_1", "100k")] * 3]
    back = [one.back for one in writer.asked]
    assert back[:2] == [None, None]
    assert [one.checkpoint.name for one in back[2:] if one] == ["td3_75k.pt", "td3_75k.pt"], "rewards rose until 75K"
    first, second = (one.settings for one in back[2:] if one)
    assert first == ("agent.actor_lr=0.0005", "agent.critic_lr=0.0005")
    assert second == ("agent.actor_lr=0.00025", "agent.critic_lr=0.00025", "agent.batch_size=128")
    assert load_resolved(tmp_path / "td3_seed_1" / "config.yaml").agent.batch_size == 128
    assert any("goes back to td3_75k.pt" in what for what in said)


def test_three_times_and_no_more(tmp_path: Path) -> None:
    def fate(run: str, stage: str, times: int) -> str:
        _saved(tmp_path / run, 50_000, 100_000)
        return "proceed" if stage == "10k" else "halt"

    made, writer, _ = climb(tmp_path, plan(seeds=(1,), to="100K"), fate)
    assert made.go() == "halted"
    assert writer.made.count(("td3_seed_1", "100k")) == 1 + ROLLBACKS
    assert len(made.book.rollbacks(ONE)) == ROLLBACKS
    assert made.book.attempts == made.book.attempts[:1], "beyond 10K nothing begins anew"


def test_without_an_earlier_checkpoint_there_is_nothing_to_go_back_to(tmp_path: Path) -> None:
    made, *_ = climb(tmp_path, plan(seeds=(1,), to="100K"), lambda run, stage, times: "proceed")
    made.go()
    assert rollback_of(tmp_path, made.plan, Book(tmp_path), ONE) is None
    _saved(tmp_path / "td3_seed_1", 100_000)
    assert rollback_of(tmp_path, made.plan, Book(tmp_path), ONE) is None, "that is where it stands"
    _saved(tmp_path / "td3_seed_1", 125_000)
    assert rollback_of(tmp_path, made.plan, Book(tmp_path), ONE) is not None


def test_what_came_after_the_best_evaluation_is_not_gone_back_to(tmp_path: Path) -> None:
    made, *_ = climb(tmp_path, plan(seeds=(1,), to="100K"), lambda run, stage, times: "proceed")
    made.go()
    _saved(tmp_path / "td3_seed_1", 25_000, 50_000, 75_000, 100_000)
    path = tmp_path / "td3_seed_1" / "evaluations.jsonl"
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    for line in lines:
        for episode in line["episodes"]:
            if line["kind"] == "validation":
                episode["episode_reward"] = 100.0 if line["step"] == 50_000 else 10.0
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    found = rollback_of(tmp_path, made.plan, Book(tmp_path), ONE)
    assert found is not None and found[0] == "td3_50k.pt"


def test_a_run_without_a_finished_episode_is_no_end_of_the_ladder(tmp_path: Path) -> None:
    def fate(run: str, stage: str, times: int) -> str:
        return "halt" if run.startswith("td3") else "proceed"

    made, _, said = climb(tmp_path, plan(seeds=(1,), to="10K"), fate)
    made.book.write("tried", attempt=0, contingency="tune", found=[])
    made.judged = lambda stage, climbers: [
        (one.directory(tmp_path) / "episodes.jsonl").write_text("") for one in climbers
    ]
    assert made.go() == "top"
    assert any("no finished episode" in what for what in said)
