"""`av-td3 ladder`: climbs 10K -> 100K -> 1M with a verdict at each rung, and goes on where it was interrupted."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from av_td3_system.checkpointing.preemption import Stopped, StopSignals, exit_code
from av_td3_system.config.errors import UserError
from av_td3_system.config.exit_codes import DONE, HALTED
from av_td3_system.evaluation.compare_command import drive_all
from av_td3_system.evaluation.grid import GridRequest
from av_td3_system.experiments.climb import estimate
from av_td3_system.experiments.climb.book import Book, Climber
from av_td3_system.experiments.climb.climb import Climb, Outcome
from av_td3_system.experiments.climb.documents import stage_in_words, standing, write_document, write_standing
from av_td3_system.experiments.climb.plan import LadderPlan, Stage, record_plan
from av_td3_system.experiments.climb.watching import Watch
from av_td3_system.experiments.training_runs import Interrupted, Wanted, make_runs, results_of
from av_td3_system.experiments.tuning_rounds import Stuck
from av_td3_system.monitoring.run_directory import RunDirectory
from av_td3_system.monitoring.terminal import write_line

COMPARISON = "comparison"
_ENDS: dict[Outcome, tuple[int, str]] = {
    "top": (DONE, "the top is reached"),
    "undecided": (DONE, "undecided: a criterion of the last rung does not hold in at least half of the seeds"),
    "halted": (HALTED, "halted: a rung failed, and no contingency is left"),
    "lost": (HALTED, "a run did not come to an end, see its log; the same command goes on"),
}


def run_ladder(
    out: Path,
    plan: LadderPlan,
    *,
    jobs: int | None = None,
    examination: int = 1,
    dry_run: bool = False,
    as_json: bool = False,
) -> int:
    """Climb, or say what would be climbed.

    Args:
        out: folder of the runs, decisions and documents.
        plan: what to climb.
        jobs: runs at a time, None for one a core.
        examination: traffic seeds on each test route that the policies of a climbed 100K or 1M rung drive in the end
            beside the scripted drivers; 0 for none.
        dry_run: print rungs, cost and time, and train nothing but a short run to measure the pace.
        as_json: print JSON.

    Returns:
        Exit code: 0 done, undecided too, 3 halted, 129, 130 or 143 stopped by a signal.

    Raises:
        UserError: settings that cannot be, or a folder of another ladder or in use.
    """
    if jobs is not None and jobs < 1:
        raise UserError(f"--jobs is {jobs}, but must be at least 1")
    if not 0 <= examination <= 1000:
        raise UserError(f"--examination is {examination}, but must be from 0 to 1000")
    at_once = jobs or os.cpu_count() or 1
    plan.refuse_what_cannot_be()  # now rather than at a rung
    if dry_run:
        return _dry_run(plan, at_once, as_json)
    try:
        with StopSignals() as signals, signals.nothing_to_lose():
            out.mkdir(parents=True, exist_ok=True)
            with RunDirectory(out).lock():
                record_plan(out, plan)
                outcome = _climb(out, plan, at_once, examination)
    except Interrupted as interrupted:
        print("interrupted; the same command goes on", file=sys.stderr)
        return interrupted.code
    except Stopped as stopped:
        print("interrupted; the same command goes on", file=sys.stderr)
        return exit_code(stopped.signum)
    except Stuck as stuck:
        print(f"error: {stuck}\nhint: the same command goes on", file=sys.stderr)
        return HALTED
    code, said = _ENDS[outcome]
    book = Book(out)
    if as_json:
        print(json.dumps({"outcome": outcome, "plan": asdict(plan), "book": book.lines}, indent=1))
    else:
        print(standing(plan, book))
        print(said)
    return code


def _climb(out: Path, plan: LadderPlan, jobs: int, examination: int) -> Outcome:
    book = Book(out)

    def tell(what: str) -> None:
        write_line(sys.stderr, what)

    def make(wanted: Sequence[Wanted], stage: Stage) -> Sequence[Path]:
        watch, runs = Watch(stage, tell), [one.directory for one in wanted]
        return make_runs(wanted, jobs, stage.name, lambda: watch.look(runs))

    def judged(stage: Stage, climbers: Sequence[Climber]) -> None:
        there = [one for algo in plan.algos for one in climb.climbers(algo) if results_of(one.directory(out))]
        tell(f"{stage.name}: {write_document(out, stage.rung, there)}")
        write_standing(out, plan, book)

    climb = Climb(out, plan, book, make, tell, judged, jobs)
    try:
        outcome = climb.go()
    finally:
        write_standing(out, plan, book)
    if outcome != "lost" and examination and (examined := _examined(climb)):
        stage, climbers = examined
        runs = [f"{one.algo.upper()}={one.directory(out)}" for one in climbers]
        try:
            drive_all(runs, out / COMPARISON, GridRequest("test", ("0", "1", "2"), (), (), None, examination))
        except UserError as error:  # the ladder is climbed whatever these settings mean for test routes
            tell(f"no drives on test routes: {error.message}\nhint: {error.hint}; --examination 0 leaves them out")
            return outcome
        tell(f"{stage.name}: {write_document(out, stage.rung, climbers, out / COMPARISON)}")
    return outcome


def _examined(climb: Climb) -> tuple[Stage, list[Climber]] | None:
    """The highest stage beyond 10K that somebody was judged at, and all who were; None without one."""
    for stage in reversed(climb.plan.stages()):
        there = [
            one
            for algo in climb.plan.algos
            for one in climb.climbers(algo)
            if climb.book.verdict(one, [stage.name]) is not None
        ]
        if there and stage.rung != "10k":
            return stage, there
    return None


def _dry_run(plan: LadderPlan, jobs: int, as_json: bool) -> int:
    print("measuring the pace by a short run (about half a minute)", file=sys.stderr)
    rates = estimate.measure(plan, jobs)
    found = estimate.costs(plan, jobs, rates)
    if as_json:
        plain = [asdict(cost) for cost in found]
        print(json.dumps({"plan": asdict(plan), "stages": plain, "disk": estimate.disk(plan)}, indent=1))
        return DONE
    print("\n".join(stage_in_words(cost.stage) for cost in found))
    print(estimate.in_words(found, rates))
    print("Beside these: the drives on test routes at the top, and where 10K fails the tuning of 115,000 timesteps.")
    print(f"Disk at the top: {estimate.disk(plan) / 1e9:.1f} GB.")
    return DONE
