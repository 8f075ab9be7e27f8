"""Climbs the ladder: trains to each rung, has it judged, and decides who goes on.

Nothing is decided twice: each decision is a line of the book, written when it has been made, and what was trained lies
in the run directories. So a ladder that was interrupted anywhere does what is left.

* A seed goes on where its verdict is `proceed`; one that is undecided at 10K trains to 20K and is judged again.
* The ladder goes on where at least half of its seeds do. The others stop, and count as what they are: failures.
* Where fewer do, the contingencies follow, for all seeds alike, so that seeds stay comparable: at 10K other settings,
  from the beginning; later, for a run that diverged, its last good checkpoint with other settings.
* The algorithm that is compared climbs as far, whatever its verdicts: a failure is what a comparison wants to know.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from av_td3_system.config.errors import UserError
from av_td3_system.experiments.climb.book import Book, Climber, Line
from av_td3_system.experiments.climb.contingencies import next_attempt, rollback_of
from av_td3_system.experiments.climb.plan import LadderPlan, Stage
from av_td3_system.experiments.training_runs import GoBack, Wanted, results_of
from av_td3_system.ladder.command import read_verdict

Outcome = Literal["top", "undecided", "halted", "lost"]
MakeRuns = Callable[[Sequence[Wanted], Stage], Sequence[Path]]
WhenJudged = Callable[[Stage, Sequence[Climber]], None]


@dataclass
class Climb:
    """A ladder and what does its work.

    Attributes:
        folder: of the ladder.
        plan: what is climbed.
        book: what was decided.
        make: brings runs to their ends; returns those that could not be brought there.
        tell: says something to whoever watches.
        judged: called when all runs of a stage are judged, before anything of it is decided.
        jobs: runs at a time.
    """

    folder: Path
    plan: LadderPlan
    book: Book
    make: MakeRuns
    tell: Callable[[str], None]
    judged: WhenJudged
    jobs: int

    def go(self) -> Outcome:
        """Climb as far as verdicts and contingencies let; whoever was not brought to an end is `lost`.

        Raises:
            Interrupted: a signal came; all runs have saved.
        """
        if not self.book.attempts:
            self.book.write("attempt", attempt=0, settings=[], why="as given", contingency=None, found=None)
        while True:
            outcome, failed = self._attempt()
            if failed is None or failed.rung != "10k" or not self.plan.contingencies:
                return outcome
            if not next_attempt(self.folder, self.plan, self.book, failed, self.jobs, self.tell):
                return outcome

    def climbers(self, algo: str) -> list[Climber]:
        """All seeds of an algorithm in the present attempt."""
        return [Climber(int(self.book.attempts[-1]["attempt"]), algo, seed) for seed in self.plan.seeds]

    def _attempt(self) -> tuple[Outcome, Stage | None]:
        """Climb with the settings of the present attempt; how it ended, and at which stage it failed, if at one."""
        going, stages = self.climbers(self.plan.algo), self.plan.stages()
        for stage in stages:
            entering = going
            if stage.undecided:
                entering = [climber for climber in going if self._decision(climber, ("10k",)) == "extend"]
                if not entering:
                    continue
            if lost := self._climb_to(stage, entering):
                self.tell(f"not brought to an end: {', '.join(str(path) for path in lost)}")
                return "lost", None
            rung = [one.name for one in stages if one.rung == stage.rung and one.timesteps <= stage.timesteps]
            decisions = {climber: self._decision(climber, rung) for climber in going}
            if self._may_be_decided_at_the_next(stage, stages, list(decisions.values())):
                continue
            passed = [climber for climber, decision in decisions.items() if decision == "proceed"]
            if 2 * len(passed) < len(self.plan.seeds):
                halted = any(decision == "halt" for decision in decisions.values())
                return "halted" if halted or stage.rung == "10k" else "undecided", stage
            going = passed
        return "top", None

    def _may_be_decided_at_the_next(self, stage: Stage, stages: Sequence[Stage], decisions: Sequence[str]) -> bool:
        """Whether the next stage is for those that this one leaves undecided, and there are such."""
        after = stages[stages.index(stage) + 1 :]
        return bool(after) and after[0].undecided and "extend" in decisions

    def _climb_to(self, stage: Stage, entering: Sequence[Climber]) -> list[Path]:
        """Train to a stage, judge, and go back and train again where that may help; those that were lost."""
        beside = [] if self.plan.compare is None or stage.undecided else self.climbers(self.plan.compare)
        climbers = [*entering, *beside]
        while True:
            unjudged = [one for one in climbers if self.book.verdict(one, [stage.name]) is None]
            if not unjudged:
                back = [one for one in entering if self._go_back(one, stage)]
                if not back:
                    return []
                continue
            names = ", ".join(f"{one.algo} seed {one.seed}" for one in unjudged)
            self.tell(f"{stage.name}: {names} to {stage.timesteps:,} timesteps")
            lost = list(self.make([self._wanted(one, stage) for one in unjudged], stage))
            if lost:
                return lost
            lines = [self._judge(one, stage) for one in unjudged]
            self.judged(stage, climbers)
            for line in lines:
                self.book.write("verdict", **line)
                self.tell(f"{stage.name}: {line['algo']} seed {line['seed']} {line['verdict'].upper()}{_why(line)}")

    def _wanted(self, climber: Climber, stage: Stage) -> Wanted:
        directory, attempt = climber.directory(self.folder), self.book.attempts[climber.attempt]
        schedule = [
            *("--max-timesteps", str(stage.timesteps), "--eval-freq", str(stage.eval_freq)),
            *("--save-freq", str(stage.save_freq)),
        ]
        if stage.guarded:
            schedule.append("--enable-monitoring")
        if stage.guarded and stage.rung == "1m" and self.plan.early_stopping:
            schedule.append("--enable-early-stopping")
        rollback = next(iter(self.book.rollbacks(climber)[-1:]), None)
        back = None
        if rollback is not None and rollback["stage"] == stage.name:
            times = len(self.book.rollbacks(climber))
            back = GoBack(directory / "checkpoints" / rollback["checkpoint"], tuple(rollback["settings"]), times)
        arguments = self.plan.arguments(climber.algo, climber.seed, attempt["settings"])
        return Wanted(directory, arguments, stage.timesteps, tuple(schedule), back)

    def _judge(self, climber: Climber, stage: Stage) -> Line:
        """The verdict on a run as it stands, with where and why."""
        run = climber.directory(self.folder)
        results = results_of(run)
        verdict, why, gate = "halt", "", None
        try:
            gate = read_verdict(run)["gate"]
        except UserError as error:  # halted before its first validation
            why = error.message
        if gate is not None:
            verdict = gate["verdict"]
            why = ", ".join(
                line["name"] for line in gate["criteria"] if not line["passed"] and line["role"] == _DECIDES[verdict]
            )
            if results.get("ended") != "halted" and gate["name"] != stage.rung:
                verdict, why = "extend", f"ended at step {results.get('env_steps')}, before the rung"
        if results.get("ended") == "halted":
            alerts = [a["name"] for a in results.get("alerts", []) if a.get("severity") == "halt"]
            verdict, why = "halt", f"halted by {', '.join(alerts[-3:]) or results.get('reason', 'a guard')}"
        return {
            "attempt": climber.attempt,
            "stage": stage.name,
            "algo": climber.algo,
            "seed": climber.seed,
            "run": str(run.relative_to(self.folder)),
            "step": results.get("env_steps"),
            "verdict": verdict,
            "why": why,
            "gate": gate,
        }

    def _go_back(self, climber: Climber, stage: Stage) -> bool:
        """Write down what a run that was halted goes back to, if anything; it is done when it trains again."""
        if not self.plan.contingencies or stage.rung == "10k" or self._decision(climber, [stage.name]) != "halt":
            return False
        found = rollback_of(self.folder, self.plan, self.book, climber)
        if found is None:
            return False
        checkpoint, settings = found
        run = str(climber.directory(self.folder).relative_to(self.folder))
        self.book.write(
            "rollback",
            attempt=climber.attempt,
            stage=stage.name,
            algo=climber.algo,
            seed=climber.seed,
            run=run,
            checkpoint=checkpoint,
            settings=list(settings),
        )
        self.tell(f"{stage.name}: {climber.algo} seed {climber.seed} goes back to {checkpoint}: {' '.join(settings)}")
        return True

    def _decision(self, climber: Climber, stages: Sequence[str]) -> str:
        line = self.book.verdict(climber, stages)
        return "none" if line is None else str(line["verdict"])


_DECIDES = {"halt": "halt", "extend": "proceed", "proceed": ""}


def _why(line: Line) -> str:
    return f" ({line['why']})" if line["why"] else ""
