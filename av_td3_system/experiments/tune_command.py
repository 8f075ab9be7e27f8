"""`av-td3 tune`: hyperparameters by successive halving, and what is worth adopting of them.

From Python, as the ladder does when a rung fails:

    result = run_tuning(Path("tuning"), TuningRequest(algo="td3", seeds=(42, 43, 44)))
    if result.confirmed:                  # better than the base, on seeds enough to say so of others
        overrides = result.overrides      # ("agent.actor_lr=0.0003", ...), for `--set` or `load_config`
"""

from __future__ import annotations

import json
import os
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from av_td3_system.checkpointing.preemption import Stopped, StopSignals, exit_code
from av_td3_system.config.errors import UserError
from av_td3_system.experiments.training_runs import Interrupted, Wanted, make_runs
from av_td3_system.experiments.tuning_plan import TuningPlan, TuningRequest, in_words, make_plan, record_plan
from av_td3_system.experiments.tuning_result import TuningResult, as_json, read_result
from av_td3_system.experiments.tuning_rounds import MakeRuns, Stuck, climb
from av_td3_system.experiments.tuning_study import TuningStudy
from av_td3_system.experiments.tuning_table import preset_path, preset_text, render
from av_td3_system.monitoring.run_directory import RunDirectory
from av_td3_system.reporting.results import write_whole

FAILED = 3


def tune(
    out: Path,
    request: TuningRequest,
    *,
    jobs: int | None = None,
    dry_run: bool = False,
    machine_readable: bool = False,
    command: str = "",
) -> int:
    """The verb: tune and print.

    Args:
        out: folder of the runs, the study and the tables.
        request: what to tune.
        jobs: runs at a time, None for one a core.
        dry_run: say what would be trained, and train nothing.
        machine_readable: print JSON.
        command: as it was typed, for the preset.

    Returns:
        Exit code: 0 done, 3 if no setting came to the last rung or nothing can be trained here now, 129, 130 or 143
        stopped by a signal.

    Raises:
        UserError: what was asked for cannot be tuned, or the folder holds another tuning.
    """
    if jobs is not None and jobs < 1:
        raise UserError(f"--jobs is {jobs}, but must be at least 1", "av-td3 tune --help")
    if dry_run:
        plan = make_plan(request)
        print(json.dumps(_plain(plan), indent=2) if machine_readable else in_words(plan))
        return 0
    try:
        result = run_tuning(out, request, jobs=jobs, command=command)
    except Interrupted as interrupted:
        print("interrupted; the same command goes on", file=sys.stderr)
        return interrupted.code
    except Stuck as stuck:
        print(f"error: {stuck}\nhint: the same command goes on", file=sys.stderr)
        return FAILED
    print(as_json(result).rstrip() if machine_readable else render(result))
    return FAILED if result.best is None else 0


def run_tuning(
    out: Path,
    request: TuningRequest,
    *,
    jobs: int | None = None,
    command: str = "",
    make: MakeRuns | None = None,
) -> TuningResult:
    """Tune, or go on with a tuning, to its end; what a rung comes to is told on standard error.

    Writes `tuning.json` (whose folder it is), `study.jsonl` (Optuna), a directory and a log a run, and at the end
    `results.json`, `TUNING.md` and `best.yaml`.

    Args:
        out: folder; of the same tuning or new.
        request: what to tune.
        jobs: runs at a time on this machine, None for one a core.
        command: that the preset names as its origin.
        make: brings runs to their ends in another way than by processes on this machine.

    Raises:
        UserError: what was asked for cannot be tuned, or the folder holds another tuning, or is in use.
        Interrupted: a signal came; all runs have saved.
        Stuck: nothing can be trained here now; the same call goes on.
    """

    def on_this_machine(wanted: Sequence[Wanted], note: str) -> object:
        return make_runs(wanted, jobs or os.cpu_count() or 1, note)

    plan = make_plan(request)
    out.mkdir(parents=True, exist_ok=True)
    try:
        # Whatever is done here between two rounds of training is done again after a stop.
        with StopSignals() as signals, signals.nothing_to_lose(), RunDirectory(out).lock():
            record_plan(out, plan)
            study = TuningStudy(out, plan)
            climb(out, plan, study, make or on_this_machine)
            result = read_result(out, plan, study, preset_path(out))
            _write(out, result, command or shlex.join(["run_tuning", str(out)]))
    except Stopped as stopped:
        raise Interrupted(exit_code(stopped.signum)) from None
    return result


def _write(out: Path, result: TuningResult, command: str) -> None:
    write_whole(out / "results.json", as_json(result))
    write_whole(out / "TUNING.md", render(result) + "\n")
    write_whole(result.preset, preset_text(result, command))


def _plain(plan: TuningPlan) -> dict[str, object]:
    """What `--dry-run --json` prints."""
    return {
        **plan.identity(),
        "entering": plan.entering(),
        "timesteps": plan.timesteps(),
        "validations": plan.validations(),
        "settings": [list(trial.settings) for trial in plan.trials],
    }
