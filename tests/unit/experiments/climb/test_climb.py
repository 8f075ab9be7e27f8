"""Who climbs, who stops, and what follows a rung that fails; over runs with chosen verdicts."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from av_td3_system.checkpointing.store import CheckpointStore
from av_td3_system.config.errors import UserError
from av_td3_system.experiments.climb import contingencies
from av_td3_system.experiments.climb.book import BOOK, Book, Climber
from av_td3_system.experiments.climb.climb import Climb
from av_td3_system.experiments.tuning_plan import TuningRequest
from tests.unit.experiments.climb.written_runs import GATE, climb, plan

STAGES = ["10k", "100k", "1m"]


def always(verdict: str):  # type: ignore[no-untyped-def]
    return lambda run, stage, times: verdict


def test_a_ladder_that_proceeds_reaches_the_top_each_run_going_on(tmp_path: Path) -> None:
    made, writer, _ = climb(tmp_path, plan(), always("proceed"))
    assert made.go() == "top"
    assert writer.made == [(f"td3_seed_{seed}", stage) for stage in STAGES for seed in (1, 2, 3)]
    schedules = {one.timesteps: one.schedule for one in writer.asked}
    assert schedules[10_000] == ("--max-timesteps", "10000", "--eval-freq", "2500", "--save-freq", "2500")
    assert schedules[100_000][:6] == ("--max-timesteps", "100000", "--eval-freq", "5000", "--save-freq", "25000")
    assert "--enable-monitoring" in schedules[1_000_000] and "--enable-early-stopping" not in schedules[1_000_000]
    assert all(one.back is None for one in writer.asked)


def test_what_was_decided_is_not_decided_again(tmp_path: Path) -> None:
    climb(tmp_path, plan(to="100K"), always("proceed"))[0].go()
    before = Book(tmp_path).lines
    made, writer, _ = climb(tmp_path, plan(to="100K"), always("halt"))
    assert made.go() == "top" and writer.made == [] and Book(tmp_path).lines == before
    made, writer, _ = climb(tmp_path, plan(), always("proceed"))
    assert made.go() == "top"
    assert writer.made == [(f"td3_seed_{seed}", "1m") for seed in (1, 2, 3)], "a higher top goes on from there"


def test_the_undecided_train_to_20k_and_are_judged_again(tmp_path: Path) -> None:
    def fate(run: str, stage: str, times: int) -> str:
        return "extend" if run == "td3_seed_2" and stage == "10k" else "proceed"

    made, writer, _ = climb(tmp_path, plan(to="100K"), fate)
    assert made.go() == "top"
    assert writer.made[3:] == [("td3_seed_2", "20k"), *((f"td3_seed_{seed}", "100k") for seed in (1, 2, 3))]


@pytest.mark.parametrize(("failing", "outcome"), [((2,), "top"), ((2, 3), "halted")])
def test_half_of_the_seeds_carry_the_ladder_and_those_that_failed_stop(
    tmp_path: Path, failing: tuple[int, ...], outcome: str
) -> None:
    def fate(run: str, stage: str, times: int) -> str:
        return "halt" if any(run == f"td3_seed_{seed}" for seed in failing) else "proceed"

    made, writer, _ = climb(tmp_path, plan(to="100K", contingencies=False), fate)
    assert made.go() == outcome
    climbed = [(run, stage) for run, stage in writer.made if stage == "100k"]
    assert climbed == ([("td3_seed_1", "100k"), ("td3_seed_3", "100k")] if outcome == "top" else [])


def test_undecided_at_20k_or_at_100k_is_no_pass(tmp_path: Path) -> None:
    made, writer, _ = climb(tmp_path / "low", plan(contingencies=False, seeds=(1,)), always("extend"))
    assert made.go() == "halted"
    assert writer.made == [("td3_seed_1", "10k"), ("td3_seed_1", "20k")]
    made, writer, _ = climb(
        tmp_path / "high", plan(seeds=(1,)), lambda run, stage, times: "proceed" if stage == "10k" else "extend"
    )
    assert made.go() == "undecided", "exit code 0: more is to be looked at, nothing is broken"
    assert writer.made[-1] == ("td3_seed_1", "100k") and len(writer.made) == 2


def test_what_is_compared_climbs_whatever_its_verdicts(tmp_path: Path) -> None:
    def fate(run: str, stage: str, times: int) -> str:
        return "halt" if run.startswith("ddpg") else "proceed"

    made, writer, _ = climb(tmp_path, plan(seeds=(1,), compare="ddpg"), fate)
    assert made.go() == "top"
    assert writer.made == [(f"{algo}_seed_1", stage) for stage in STAGES for algo in ("td3", "ddpg")]


def test_a_run_that_is_lost_ends_the_ladder_and_nothing_is_decided(tmp_path: Path) -> None:
    made, writer, said = climb(tmp_path, plan(), always("proceed"))
    writer.lost = "td3_seed_2"
    assert made.go() == "lost" and Book(tmp_path).of("verdict") == []
    assert "not brought to an end" in said[-1] and "td3_seed_2" in said[-1]


def test_a_run_that_a_guard_halted_is_halted_whatever_its_gate_says(tmp_path: Path) -> None:
    made, *_ = climb(tmp_path, plan(seeds=(1,), contingencies=False), always("halt:guard"))
    assert made.go() == "halted"
    (line,) = Book(tmp_path).of("verdict")
    assert line["why"] == "halted by q_value_divergence"


def test_longer_exploration_follows_when_tuning_finds_nothing(tmp_path: Path) -> None:
    """Tuning is done already here, without a find; the plan's 2500 and 5000 remain, each from the beginning."""

    def fate(run: str, stage: str, times: int) -> str:
        return "proceed" if run.startswith("attempt_2") else "halt"

    made, writer, said = climb(tmp_path, plan(seeds=(1, 2), to="10K"), fate)
    made.book.write("tried", attempt=0, contingency="tune", found=[])
    assert made.go() == "top"
    attempts = made.book.attempts
    assert [attempt["settings"] for attempt in attempts] == [
        [],
        ["exploration.learning_starts=2500"],
        ["exploration.learning_starts=5000"],
    ]
    assert [run for run, _ in writer.made] == [
        *("td3_seed_1", "td3_seed_2"),
        *("attempt_1/td3_seed_1", "attempt_1/td3_seed_2"),
        *("attempt_2/td3_seed_1", "attempt_2/td3_seed_2"),
    ]
    assert "exploration.learning_starts=5000" in writer.asked[-1].arguments
    assert any("safety" in what for what in said), "what the reward is made of is looked at first"
    shares = [line["found"] for line in made.book.of("tried") if line["contingency"] == "rewards"]
    assert len(shares) == 2 and all("signs" in reading for reading in shares[0])


def test_when_all_contingencies_fail_the_ladder_is_halted_for_good(tmp_path: Path) -> None:
    made, *_ = climb(tmp_path, plan(seeds=(1,)), always("halt"))
    made.book.write("tried", attempt=0, contingency="tune", found=[])
    assert made.go() == "halted" and len(made.book.attempts) == 3
    again, writer, _ = climb(tmp_path, plan(seeds=(1,)), always("proceed"))
    assert again.go() == "halted" and writer.made == []


def test_a_run_that_stopped_early_is_not_passed_by_the_gate_of_a_lower_rung(tmp_path: Path) -> None:
    made, *_ = climb(tmp_path, plan(seeds=(1,)), lambda run, stage, times: f"proceed{':early' * (stage == '1m')}")
    assert made.go() == "undecided"
    line = made.book.of("verdict")[-1]
    assert (line["stage"], line["verdict"], line["why"]) == ("1m", "extend", "ended at step 400000, before the rung")


@pytest.mark.parametrize("better", [True, False])
def test_what_tuning_found_is_taken_where_it_is_better(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, better: bool
) -> None:
    asked: list[TuningRequest] = []

    def tuned(out: Path, request: TuningRequest, **_: object) -> SimpleNamespace:
        asked.append(request)
        return SimpleNamespace(better=better, overrides=("agent.batch_size=128",))

    monkeypatch.setattr(contingencies, "run_tuning", tuned)
    made, *_ = climb(
        tmp_path, plan(seeds=(1, 2), to="10K"), lambda run, stage, times: "halt" if run.startswith("td3") else "proceed"
    )
    assert made.go() == "top"
    assert [one.seeds for one in asked] == [(3,)], "once, on a seed that does not climb"
    assert asked[0].rungs == (2_500, 5_000, 10_000) and asked[0].overrides == GATE
    expected = "agent.batch_size=128" if better else "exploration.learning_starts=2500"
    assert made.book.attempts[-1]["settings"] == [expected]


class Killed(BaseException):
    pass


@pytest.mark.parametrize("lines", range(1, 12))
def test_killed_behind_any_line_of_its_book_it_decides_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lines: int
) -> None:
    def fate(run: str, stage: str, times: int) -> str:
        if stage == "10k":
            return "proceed" if run.startswith("attempt_2") else "halt"
        return "halt" if times == 0 else "proceed"

    def begin(folder: Path) -> Climb:
        def saving(run: str, stage: str, times: int) -> str:
            store = CheckpointStore(folder / run / "checkpoints", "td3", 9)
            for step in (50_000, 75_000, 100_000):
                store.save({"step": step}, step)
            return fate(run, stage, times)

        return climb(folder, plan(seeds=(1,), to="100K"), saving)[0]

    monkeypatch.setattr(contingencies, "run_tuning", lambda *_, **__: SimpleNamespace(better=False, overrides=()))
    whole = begin(tmp_path / "whole")
    assert whole.go() == "top" and len(whole.book.lines) == 12
    write, written = Book.write, []

    def until_killed(self: Book, kind: str, **values: object) -> None:
        write(self, kind, **values)
        written.append(kind)
        if len(written) == lines:
            raise Killed

    monkeypatch.setattr(Book, "write", until_killed)
    broken = begin(tmp_path / "broken")
    with pytest.raises(Killed):
        broken.go()
    again = begin(tmp_path / "broken")
    again.make.made += broken.make.made  # type: ignore[attr-defined]
    assert again.go() == "top"
    told = [{key: value for key, value in line.items() if key != "found"} for line in again.book.lines]
    assert told == [{key: value for key, value in line.items() if key != "found"} for line in whole.book.lines]


def test_a_verdict_is_of_a_run_and_a_stage(tmp_path: Path) -> None:
    book = Book(tmp_path)
    one, other = Climber(0, "td3", 1), Climber(0, "td3", 2)
    book.write("verdict", attempt=0, stage="100k", algo="td3", seed=1, verdict="halt")
    assert book.verdict(other, ["100k"]) is None and book.verdict(one, ["10k"]) is None
    book.write("rollback", attempt=0, stage="100k", algo="td3", seed=1, checkpoint="td3_50k.pt", settings=[])
    assert book.verdict(one, ["100k"]) is None, "it is to be judged again"
    book.write("verdict", attempt=0, stage="100k", algo="td3", seed=1, verdict="proceed")
    found = Book(tmp_path).verdict(one, ["10k", "100k"])
    assert found is not None and found["verdict"] == "proceed"


def test_a_book_that_lacks_an_attempt_is_refused(tmp_path: Path) -> None:
    Book(tmp_path).write("attempt", attempt=0, settings=[], why="", contingency=None, found=None)
    text = (tmp_path / BOOK).read_text()
    (tmp_path / BOOK).write_text("garbled\n" + text.replace('"attempt": 0', '"attempt": 1'))
    with pytest.raises(UserError, match="lacks the line of an attempt"):
        Book(tmp_path)
