"""Verbs that read runs: verdict, metrics, rewards, state, checks, reports."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from av_td3_system.flags import spreading
from av_td3_system.verbs.app import WRAP, app


@app.command(context_settings=WRAP)
def gate(
    runs: Annotated[list[Path], typer.Argument(metavar="RUN...", help="Run directories.")],
    baseline: Annotated[
        Path | None, typer.Option(metavar="RUN", help="Compare with this run instead of with the own 5K.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The readings as JSON.")] = False,
) -> int:
    """Judge runs against their own 5K or a baseline.

    Prints mean, std, min and max of the episode rewards, the improvement, each criterion and the
    verdict: proceed, extend or halt (exit code 3).
    """
    from av_td3_system.ladder.command import run_gate

    return run_gate(runs, baseline, as_json)


@app.command(cls=spreading("--log-dir", "--metrics"), context_settings=WRAP)
def track(
    log_dir: Annotated[list[str], typer.Option(metavar="PATH_OR_GLOB...", help="Run directories or patterns.")],
    metrics: Annotated[
        list[str] | None, typer.Option(metavar="NAME...", help="[episode_reward q_value td_error critic_loss]")
    ] = None,
    window: Annotated[int, typer.Option(metavar="N", help="Timesteps that a mean is taken over.")] = 1000,
    update_freq: Annotated[float, typer.Option(metavar="SECONDS", help="Between two tables.")] = 300.0,
    once: Annotated[bool, typer.Option("--once", help="Print one table and end.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line and run.")] = False,
) -> int:
    """Follow the metrics of running or finished runs."""
    from av_td3_system.monitoring import tracker

    names = metrics or tracker.DEFAULT_METRICS
    tracker.track(log_dir, names, window=window, update_freq=update_freq, once=once, as_json=as_json)
    return 0


@app.command(context_settings=WRAP)
def rewards(
    runs: Annotated[list[Path], typer.Argument(metavar="RUN...", help="Run directories.")],
    last: Annotated[int, typer.Option(metavar="N", help="Episodes to read in sentences, newest first.")] = 50,
    windows: Annotated[int, typer.Option(metavar="N", help="Equal windows of the run's timesteps.")] = 5,
    figure: Annotated[
        Path | None, typer.Option(metavar="FILE.svg|png|pdf", help="Also draw the shares, a row a run.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The reading as JSON, of several runs a list.")] = False,
) -> int:
    """Show each reward term's share over time and by outcome, and what it means.

    The plan's reading: safety dominating, efficiency too weak, comfort too high. Shares are of all absolute sums.
    """
    from av_td3_system.reporting.rewards import run_rewards

    return run_rewards(runs, last, windows, figure, as_json)


@app.command(context_settings=WRAP)
def status(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Run directory, of a running or finished run.")],
    compare: Annotated[
        Path | None, typer.Option(metavar="RUN", help="Beside this run at the same timestep, such as DDPG's.")
    ] = None,
    last: Annotated[
        int | None, typer.Option(metavar="N", help="Timesteps to look back over [100000, or the whole run].")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The state as JSON.")] = False,
) -> int:
    """Show where a run stands and what is wrong with it.

    The plan's daily checklist: alerts, trend of the reward, evaluations, disk, GPU. Exit code 3 if anything is wrong.
    """
    from av_td3_system.reporting.status import run_status

    return run_status(run, compare, last, as_json)


@app.command(context_settings=WRAP)
def doctor(
    run: Annotated[Path | None, typer.Argument(metavar="[RUN]", help="Also check this run directory.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The checks as JSON.")] = False,
) -> int:
    """Check the machine, and a run, where something looks wrong.

    The plan's contact points: versions, disk, GPU, CARLA; LayerNorm in the forward pass, clipping, seed, TensorBoard,
    checkpoints, replay. Each with the next command to type. Exit code 3 if a check failed.
    """
    from av_td3_system.training.doctor import run_doctor

    return run_doctor(run, as_json)


@app.command(cls=spreading("--evaluation"), context_settings=WRAP)
def report(
    runs: Annotated[
        list[str], typer.Argument(metavar="[LABEL=]RUN...", help="Run directories; equal but for the seed: one group.")
    ],
    evaluation: Annotated[
        list[Path] | None, typer.Option(metavar="DIR...", help="Folders of evaluate --grid, also with a black camera.")
    ] = None,
    comparison: Annotated[Path | None, typer.Option(metavar="DIR", help="Folder of compare.")] = None,
    ablation: Annotated[Path | None, typer.Option(metavar="DIR", help="Folder of ablate.")] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Where to write [with --document: docs/results].")
    ] = None,
    document: Annotated[
        str | None, typer.Option(metavar="10k|100k|1m", help="Write the plan's document of this rung.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="What was written as JSON.")] = False,
) -> int:
    """Write figures, tables and text of runs from their files.

    Figures as SVG and PDF, tables as Markdown, CSV and LaTeX, a Methods paragraph from the settings, and Markdown with
    results, lessons and limitations. The same files give the same bytes.
    """
    from av_td3_system.reporting.report.command import run_report

    return run_report(
        runs,
        evaluations=evaluation or (),
        comparison=comparison,
        ablation=ablation,
        out=out,
        kind=document,
        as_json=as_json,
    )
