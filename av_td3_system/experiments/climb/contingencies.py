"""What follows a rung that fails, in the plan's order.

At 10K: look at the reward; tune learning rates, noise and batch (Optuna, successive halving, on a seed of its own);
explore for longer. Each is a new attempt of all seeds from the beginning, with the settings that it changes. Later:
back to the last good checkpoint with lower learning rates, then a larger batch, then slower targets, as the remedies
within a run do it; at most three times.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from av_td3_system.checkpointing.store import CheckpointStore
from av_td3_system.config.errors import UserError
from av_td3_system.config.load import load_resolved
from av_td3_system.experiments.climb.book import Book, Climber
from av_td3_system.experiments.climb.plan import LadderPlan, Stage
from av_td3_system.experiments.tune_command import run_tuning
from av_td3_system.experiments.tuning_plan import TuningRequest
from av_td3_system.ladder.read_run import VALIDATION, read_evaluations
from av_td3_system.reporting.rewards import read_rewards, render

ROLLBACKS = 3
WARM_UP = "exploration.learning_starts"
LONGER = (2_500, 5_000)  # timesteps of warm-up, the plan's
_LOWER = (
    {"agent.actor_lr": 0.5, "agent.critic_lr": 0.5},
    {"agent.actor_lr": 0.5, "agent.critic_lr": 0.5, "agent.batch_size": 2},
    {"agent.actor_lr": 0.5, "agent.critic_lr": 0.5, "agent.batch_size": 2, "agent.tau": 0.2},
)


def next_attempt(
    folder: Path, plan: LadderPlan, book: Book, failed: Stage, jobs: int, tell: Callable[[str], None]
) -> bool:
    """Try the next contingency until one gives other settings to begin anew with; False where none is left.

    Raises:
        Interrupted: a signal came while tuning.
    """
    attempt = int(book.attempts[-1]["attempt"])
    climbers = [Climber(attempt, plan.algo, seed) for seed in plan.seeds]
    tried = [*book.of("tried"), *book.attempts]  # what led to a new attempt is told by that attempt's line
    if not any(line["contingency"] == "rewards" and line["attempt"] == attempt for line in tried):
        readings = []
        for climber in climbers:
            try:
                readings.append(read_rewards(climber.directory(folder)))
                tell(render(readings[-1]))
            except UserError as error:  # none of its episodes has ended
                tell(f"rewards of {climber.algo} seed {climber.seed}: {error.message}")
        book.write("tried", attempt=attempt, contingency="rewards", found=[one.to_dict() for one in readings])
    known = list(book.attempts[-1]["settings"])
    if not any(line["contingency"] == "tune" for line in tried):
        tell("contingency: tuning learning rates, exploration noise and batch size")
        result = run_tuning(folder / "tuning", _tuning(plan, known), jobs=jobs, command="av-td3 ladder")
        if result.better:
            settings = [*known, *result.overrides]
            return _begin(book, settings, f"tuned after {failed.name} failed", "tune", list(result.overrides), tell)
        book.write("tried", attempt=attempt, contingency="tune", found=[])
        tell("tuning found nothing better than the settings as given")
    explored = sum(line["contingency"] == "explore" for line in tried)
    for timesteps in LONGER[explored:]:
        longer = f"{WARM_UP}={_scaled(plan, timesteps)}"
        others = [one for one in known if not one.startswith(f"{WARM_UP}=")]
        why = f"longer exploration after {failed.name} failed"
        return _begin(book, [*others, longer], why, "explore", [longer], tell)
    return False


def rollback_of(folder: Path, plan: LadderPlan, book: Book, climber: Climber) -> tuple[str, Sequence[str]] | None:
    """Which checkpoint a run goes back to and with which settings; None where there is none, or it did so thrice.

    The checkpoint is the newest one that is not later than the run's best validation, nor its last.
    """
    times = len(book.rollbacks(climber))
    run = climber.directory(folder)
    if times >= ROLLBACKS:
        return None
    config = load_resolved(run / "config.yaml")
    validations = [one for one in read_evaluations(run) if one.kind == VALIDATION and one.episodes]
    if not validations:
        return None
    best = max(validations, key=lambda one: sum(record.episode_reward for record in one.episodes) / len(one.episodes))
    store = CheckpointStore(run / "checkpoints", config.run.algo, config.checkpoint.keep_last)
    found = [record for record in store.resumable() if record.step is not None and record.name.startswith(plan.algo)]
    last = max((record.step or 0 for record in found), default=0)
    good = [record for record in found if (record.step or 0) <= best.step and (record.step or 0) < last]
    if not good:
        return None
    chosen = max(good, key=lambda record: record.step or 0)
    settings = []
    for name, factor in _LOWER[times].items():
        section, _, key = name.partition(".")
        value = getattr(getattr(config, section), key)
        settings.append(f"{name}={round(value * factor) if isinstance(value, int) else value * factor:g}")
    return chosen.name, settings


def _tuning(plan: LadderPlan, known: Sequence[str]) -> TuningRequest:
    """The plan's grid on the ladder's first rungs, with a seed that does not climb."""
    first = plan.stages()[0].timesteps
    return TuningRequest(
        algo=plan.algo,
        scenario=plan.scenario,
        files=plan.configs,
        overrides=(*plan.overrides, *known),
        seeds=(max(plan.seeds) + 1,),
        rungs=(max(1, first // 4), max(2, first // 2), first),
    )


def _begin(
    book: Book, settings: Sequence[str], why: str, contingency: str, found: Sequence[str], tell: Callable[[str], None]
) -> bool:
    number = int(book.attempts[-1]["attempt"]) + 1
    line = {"attempt": number, "settings": list(settings), "why": why}
    book.write("attempt", **line, contingency=contingency, found=list(found))
    tell(f"attempt {number}, {why}: {' '.join(settings)}")
    return True


def _scaled(plan: LadderPlan, timesteps: int) -> int:
    """The plan's timesteps of warm-up are of a rung of 10,000."""
    return max(1, timesteps * plan.stages()[0].timesteps // 10_000)
