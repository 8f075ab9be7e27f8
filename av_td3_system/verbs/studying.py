"""Verbs that make many runs: ablations, the search for settings, the ladder."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer

from av_td3_system.flags import spreading
from av_td3_system.verbs.app import WRAP, app


@app.command(cls=spreading("--only", "--seeds", "--set"), context_settings=WRAP)
def ablate(
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Folder of the runs and tables [./ablations].")
    ] = None,
    only: Annotated[list[str] | None, typer.Option(metavar="NAME...", help="Not all of them; see --list.")] = None,
    seeds: Annotated[list[int] | None, typer.Option(metavar="N...", help="Of training [42 43 44].")] = None,
    max_timesteps: Annotated[int, typer.Option(metavar="N", help="Of each run.")] = 50_000,
    episodes: Annotated[int, typer.Option(metavar="N", help="Of each run's last validation.")] = 200,
    jobs: Annotated[int | None, typer.Option(metavar="N", help="Runs at a time [one a core].")] = None,
    settings: Annotated[
        list[str] | None, typer.Option("--set", metavar="a.b=c...", help="Single settings, of all runs.")
    ] = None,
    list_: Annotated[bool, typer.Option("--list", help="Name them, with what is expected, and train nothing.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="The figures as JSON.")] = False,
) -> int:
    """Train the preset, and the preset without each of its parts, and say what was confirmed.

    Goes on where it was interrupted. Without LayerNorm, with one critic, no delay, no smoothing, blank frames, and
    without each extra of the preset; on the same seeds and validation episodes.
    """
    from av_td3_system.experiments.ablate_command import list_ablations, run_ablations

    if list_:
        return list_ablations(settings or (), as_json)
    return run_ablations(
        out or Path("ablations"),
        only=only or (),
        seeds=seeds or (42, 43, 44),
        timesteps=max_timesteps,
        episodes=episodes,
        jobs=jobs,
        overrides=settings or (),
        as_json=as_json,
    )


@app.command(cls=spreading("--config", "--set", "--space", "--seeds", "--rungs"), context_settings=WRAP)
def tune(
    out: Annotated[Path | None, typer.Option(metavar="DIR", help="Folder of the runs and tables [./tuning].")] = None,
    algo: Annotated[str | None, typer.Option(metavar="td3|ddpg", help="Algorithm [td3].")] = None,
    scenario: Annotated[int | None, typer.Option(metavar="0|1|2", help="20, 50 or 100 other vehicles [0].")] = None,
    config: Annotated[list[str] | None, typer.Option(metavar="FILE...", help="YAML layers of the base.")] = None,
    settings: Annotated[
        list[str] | None, typer.Option("--set", metavar="a.b=c...", help="Single settings of the base.")
    ] = None,
    space: Annotated[
        list[str] | None,
        typer.Option(
            metavar="a.b=v,w...",
            help="Axes of the space; a.b+a.c=v,w ties settings "
            "[the plan's: learning rates, exploration noise, batch size].",
        ),
    ] = None,
    seeds: Annotated[list[int] | None, typer.Option(metavar="N...", help="Of training; the mean counts [42].")] = None,
    rungs: Annotated[
        list[int] | None, typer.Option(metavar="N...", help="Timesteps at which trials are judged [2500 5000 10000].")
    ] = None,
    reduction: Annotated[int, typer.Option(metavar="N", help="One in so many goes on to the next rung.")] = 3,
    trials: Annotated[int | None, typer.Option(metavar="N", help="Settings drawn from the space [all].")] = None,
    jobs: Annotated[int | None, typer.Option(metavar="N", help="Runs at a time [one a core].")] = None,
    episodes: Annotated[int, typer.Option(metavar="N", help="Of each validation.")] = 50,
    as_json: Annotated[bool, typer.Option("--json", help="All figures as JSON.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be trained, and train nothing.")] = False,
) -> int:
    """Search settings by successive halving, and say whether the best beats the base.

    All are trained to the first rung, the best third of them goes on to the next, and so on; the base goes to the end.
    Goes on where it was interrupted. The best setting is in DIR/best.yaml, for --config.
    """
    from av_td3_system.experiments import tune_command
    from av_td3_system.experiments.tuning_plan import TuningRequest

    asked = {"space": space, "seeds": seeds, "rungs": rungs}
    request = TuningRequest(
        algo,
        scenario,
        tuple(config or ()),
        tuple(settings or ()),
        reduction=reduction,
        trials=trials,
        episodes=episodes,
        **{name: tuple(values) for name, values in asked.items() if values},  # type: ignore[arg-type]
    )
    return tune_command.tune(
        out or Path("tuning"),
        request,
        jobs=jobs,
        dry_run=dry_run,
        machine_readable=as_json,
        command=shlex.join(["av-td3", *sys.argv[1:]]),
    )


@app.command(cls=spreading("--seeds", "--config", "--set"), context_settings=WRAP)
def ladder(
    out: Annotated[Path | None, typer.Option(metavar="DIR", help="Folder of the ladder [./ladder].")] = None,
    algo: Annotated[str, typer.Option(metavar="td3|ddpg", help="What climbs.")] = "td3",
    scenario: Annotated[int, typer.Option(metavar="0|1|2", help="20, 50 or 100 other vehicles.")] = 0,
    seeds: Annotated[list[int] | None, typer.Option(metavar="N...", help="Of training [42].")] = None,
    to: Annotated[str, typer.Option(metavar="10K|100K|1M", help="Highest rung.")] = "1M",
    compare: Annotated[
        str | None, typer.Option(metavar="ddpg|td3", help="Climbs beside it, whatever its verdicts.")
    ] = None,
    configs: Annotated[list[str] | None, typer.Option("--config", metavar="FILE...", help="YAML settings.")] = None,
    settings: Annotated[
        list[str] | None, typer.Option("--set", metavar="a.b=c...", help="Single settings, of all runs.")
    ] = None,
    jobs: Annotated[int | None, typer.Option(metavar="N", help="Runs at a time [one a core].")] = None,
    no_contingencies: Annotated[
        bool, typer.Option("--no-contingencies", help="Stop at a rung that fails, change nothing.")
    ] = False,
    enable_early_stopping: Annotated[
        bool, typer.Option("--enable-early-stopping", help="On the way to 1M, as the plan has it.")
    ] = False,
    examination: Annotated[
        int, typer.Option(metavar="N", help="Traffic seeds on each test route at the top; 0: no drives there.")
    ] = 1,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Rungs, cost and time; half a minute.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="All decisions as JSON.")] = False,
) -> int:
    """Climb 10K, 100K, 1M with a verdict at each rung.

    Each rung goes on from the one below, is judged by the gate, and writes the plan's document. What fails is followed
    by the plan's contingencies. Goes on where it was interrupted. Exit code 3 where it is halted.
    """
    from av_td3_system.experiments.climb.command import run_ladder
    from av_td3_system.experiments.climb.plan import LadderPlan

    plan = LadderPlan(
        algo=algo,
        compare=compare,
        scenario=scenario,
        seeds=tuple(seeds or (42,)),
        to=to,
        configs=tuple(configs or ()),
        overrides=tuple(settings or ()),
        early_stopping=enable_early_stopping,
        contingencies=not no_contingencies,
    )
    return run_ladder(out or Path("ladder"), plan, jobs=jobs, examination=examination, dry_run=dry_run, as_json=as_json)
