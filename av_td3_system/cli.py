"""The verbs of `av-td3`: flags in, one call, exit code out. No logic lives here.

Exit codes: 0 done (also a verdict of `extend`), 2 bad usage or settings or a place that cannot be written to from the
start, 3 halted by a guard, a failed gate or a disk that takes no more, or something that `status` or `doctor` found,
4 the simulator was lost, 129/130/143 stopped by a signal after saving. Each verb imports what it runs only when it
runs, so that help and refusals are immediate.
"""

from __future__ import annotations

import os
import shlex
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from av_td3_system.config.errors import UserError
from av_td3_system.flags import goes_with, spreading
from av_td3_system.plain_words import USAGE, buffer_by_line, explained, refuse, warning_line

INTERRUPTED = 130
_WRAP = {"help_option_names": ["-h", "--help"], "max_content_width": 110}

app = typer.Typer(
    name="av-td3",
    help="Train a camera-driven TD3 policy to drive in town traffic, under guards, rung by rung.",
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings=_WRAP,
)


@app.command(cls=spreading("--config", "--set"), context_settings=_WRAP)
def train(
    algo: Annotated[str | None, typer.Option(metavar="td3|ddpg", help="Algorithm [td3].")] = None,
    env: Annotated[
        str | None, typer.Option(metavar="GYM_ID", help="A Gymnasium environment instead of the town, plain TD3 on it.")
    ] = None,
    backend: Annotated[str, typer.Option(metavar="town|carla", help="Simulator.", show_default=True)] = "town",
    scenario: Annotated[int | None, typer.Option(metavar="0|1|2", help="20, 50 or 100 other vehicles [0].")] = None,
    max_timesteps: Annotated[int | None, typer.Option(metavar="N", help="Decisions in all [10000].")] = None,
    eval_freq: Annotated[int | None, typer.Option(metavar="N", help="Timesteps between evaluations [2500].")] = None,
    save_freq: Annotated[int | None, typer.Option(metavar="N", help="Timesteps between checkpoints [25000].")] = None,
    seed: Annotated[int | None, typer.Option(metavar="N", help="Fixes all that is random [42].")] = None,
    num_envs: Annotated[int | None, typer.Option(metavar="N", help="Worlds driven in parallel.")] = None,
    device: Annotated[str | None, typer.Option(metavar="auto|cpu|cuda", help="Where the networks live [auto].")] = None,
    log_dir: Annotated[Path | None, typer.Option(metavar="DIR", help="Run directory [runs/<algo>_...].")] = None,
    resume: Annotated[
        Path | None,
        typer.Option(
            metavar="RUN",
            help="Go on with this run; other flags change its settings. One of its checkpoints: from there.",
        ),
    ] = None,
    config: Annotated[list[str] | None, typer.Option(metavar="FILE...", help="YAML layers, later ones win.")] = None,
    settings: Annotated[
        list[str] | None, typer.Option("--set", metavar="a.b=c...", help="Single settings, over the files.")
    ] = None,
    debug: Annotated[
        bool, typer.Option("--debug", help="A verbose log; network diagnostics are measured anyway.")
    ] = False,
    enable_monitoring: Annotated[
        bool, typer.Option("--enable-monitoring", help="Also guard trends and behaviour.")
    ] = False,
    enable_early_stopping: Annotated[
        bool, typer.Option("--enable-early-stopping", help="Stop when the held-out evaluation no longer improves.")
    ] = False,
) -> int:
    """Train one agent and judge it.

    Ends with results, a learning curve, a video and the gate's verdict in the run directory.
    """
    from av_td3_system.config.load import load_config

    _check_backend(backend)
    flags = {
        "run.env": env,
        "run.scenario": scenario,
        "run.max_timesteps": max_timesteps,
        "run.eval_freq": eval_freq,
        "run.save_freq": save_freq,
        "run.seed": seed,
        "run.num_envs": num_envs,
        "run.device": device,
        "run.debug": debug or None,
        "run.enable_monitoring": enable_monitoring or None,
        "run.enable_early_stopping": enable_early_stopping or None,
    }
    if resume is not None:
        goes_with("--resume", "a run goes on in its own directory and settings", log_dir=log_dir, config=config)
        from av_td3_system.training.resume import resume as go_on

        return go_on(resume, settings or [], {**flags, "run.algo": algo}, shlex.join(sys.argv))
    resolved = load_config(algo, files=config or [], overrides=settings or [], flags=flags)
    from av_td3_system.training.run import train as run

    return run(resolved, log_dir, shlex.join(sys.argv))


@app.command(cls=spreading("--set", "--scenarios", "--towns", "--weathers"), context_settings=_WRAP)
def evaluate(
    target: Annotated[str | None, typer.Argument(metavar="RUN|CHECKPOINT", help="What to drive with.")] = None,
    policy: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="A scripted driver instead: privileged, idm-mobil, pid-pursuit, random, straight, parked.",
        ),
    ] = None,
    scenario: Annotated[int | None, typer.Option(metavar="0|1|2", help="Traffic [the run's, else 0].")] = None,
    seed: Annotated[int | None, typer.Option(metavar="N", help="First of the fixed episode seeds.")] = None,
    episodes: Annotated[int | None, typer.Option(metavar="N", help="How many episodes [50].")] = None,
    split: Annotated[str, typer.Option(metavar="validation|test", help="Which held-out routes.")] = "test",
    num_envs: Annotated[
        int | None, typer.Option(metavar="N", help="Worlds in parallel; changes figures by rounding at most.")
    ] = None,
    blank_image: Annotated[bool, typer.Option("--blank-image", help="Black out the camera.")] = False,
    image: Annotated[
        str,
        typer.Option(
            metavar="seen|blank|frozen|shuffled|leader_erased",
            help="What a learned policy is shown: black, each episode's first image, other worlds' images, or all but "
            "the vehicle ahead.",
        ),
    ] = "seen",
    town: Annotated[
        str | None, typer.Option(metavar="TOWN|FILE.xodr", help="Another town [the run's, else TownA].")
    ] = None,
    settings: Annotated[
        list[str] | None, typer.Option("--set", metavar="a.b=c...", help="Single settings, over the run's own.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Figures and every episode as JSON.")] = False,
    grid: Annotated[
        bool,
        typer.Option(
            "--grid",
            help="The protocol instead: scenarios x towns x weathers x 25 routes, each episode a line in a folder; "
            "goes on where it was interrupted.",
        ),
    ] = False,
    robustness: Annotated[
        bool,
        typer.Option(
            "--robustness",
            help="The same episodes once more under each disturbance (car, camera, latency, other drivers, no camera, "
            "vehicle ahead erased from the image) "
            "[scenario 0, the run's town and weathers].",
        ),
    ] = False,
    scenarios: Annotated[list[str] | None, typer.Option(metavar="empty|0|1|2...", help="Of the grid [0 1 2].")] = None,
    towns: Annotated[
        list[str] | None, typer.Option(metavar="TOWN...", help="Of the grid [the run's and a new one].")
    ] = None,
    weathers: Annotated[
        list[str] | None, typer.Option(metavar="NAME...|all", help="Of the grid [the run's and two new ones].")
    ] = None,
    routes: Annotated[int | None, typer.Option(metavar="N", help="Of the grid, of each town's set [25].")] = None,
    traffic_seeds: Annotated[int | None, typer.Option(metavar="N", help="Of the grid, on each route [1].")] = None,
    out: Annotated[Path | None, typer.Option(metavar="DIR", help="Folder of the grid's episodes [beside RUN].")] = None,
    trajectories: Annotated[
        bool, typer.Option("--trajectories", help="With --grid: also a file of each drive (.npz).")
    ] = False,
) -> int:
    """Drive fixed held-out episodes and measure."""
    if grid or robustness:
        goes_with(
            "--robustness" if robustness else "--grid", scenario=scenario, seed=seed, episodes=episodes, town=town,
            blank_image=blank_image, image=robustness and image != "seen", grid=robustness and grid,
            trajectories=robustness and trajectories,
        )  # fmt: skip
        from av_td3_system.evaluation.camera_ablation import image_named
        from av_td3_system.evaluation.drivers import open_driver
        from av_td3_system.evaluation.grid import GridRequest
        from av_td3_system.evaluation.grid_command import run_grid
        from av_td3_system.evaluation.robustness_command import run_robustness

        driver, shown = open_driver(target, policy, 0), image_named(image)
        cells = GridRequest(split, scenarios or (), towns or (), weathers or (), routes, traffic_seeds)
        shared: dict[str, Any] = {"num_envs": num_envs, "out": out, "overrides": settings or (), "as_json": as_json}
        if robustness:
            return run_robustness(driver, cells, **shared)
        return run_grid(driver, cells, trajectories=trajectories, image=shown, **shared)
    goes_with(
        "an evaluation without --grid or --robustness", scenarios=scenarios, towns=towns, weathers=weathers,
        routes=routes, traffic_seeds=traffic_seeds, out=out, trajectories=trajectories,
    )  # fmt: skip
    from av_td3_system.evaluation.command import run_evaluate

    return run_evaluate(
        target,
        policy=policy,
        scenario=scenario,
        seed=seed,
        episodes=episodes,
        split=split,
        num_envs=num_envs,
        blank_image=blank_image,
        image=image,
        town=town,
        overrides=settings or (),
        as_json=as_json,
    )


@app.command(cls=spreading("--format"), context_settings=_WRAP)
def export(
    target: Annotated[str, typer.Argument(metavar="RUN|POLICY.safetensors", help="What to export.")],
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder of the files.")],
    formats: Annotated[
        list[str] | None,
        typer.Option("--format", metavar="onnx|torch-export...", help="[all whose packages are installed]"),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="What was written and found as JSON.")] = False,
) -> int:
    """Write a policy as ONNX and torch.export, checked to act as it does.

    Image and vector in, as the environment gives them, actions out. Exit code 3, and no file, where actions differ.
    """
    from av_td3_system.export.command import run_export

    return run_export(target, out, formats or (), as_json)


@app.command(cls=spreading("--set", "--scenarios", "--towns", "--weathers"), context_settings=_WRAP)
def compare(
    targets: Annotated[
        list[str],
        typer.Argument(
            metavar="[GROUP=]RUN...", help="Runs (several seeds each), policies, or scripted drivers by name."
        ),
    ],
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder of the episodes and of the tables.")],
    split: Annotated[str, typer.Option(metavar="validation|test", help="Which held-out routes.")] = "test",
    scenarios: Annotated[list[str] | None, typer.Option(metavar="empty|0|1|2...", help="[0 1 2]")] = None,
    towns: Annotated[list[str] | None, typer.Option(metavar="TOWN...", help="[the first run's and a new one]")] = None,
    weathers: Annotated[
        list[str] | None, typer.Option(metavar="NAME...|all", help="[the first run's and two new ones]")
    ] = None,
    routes: Annotated[int | None, typer.Option(metavar="N", help="Of each town's set [25].")] = None,
    traffic_seeds: Annotated[int | None, typer.Option(metavar="N", help="On each route [1].")] = None,
    num_envs: Annotated[int | None, typer.Option(metavar="N", help="Worlds in parallel.")] = None,
    no_baselines: Annotated[
        bool, typer.Option("--no-baselines", help="Leave out the rows of scripted and trivial drivers.")
    ] = False,
    settings: Annotated[
        list[str] | None, typer.Option("--set", metavar="a.b=c...", help="Single settings, for all drivers.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="All figures as JSON.")] = False,
) -> int:
    """Drive several drivers through the same episodes and set them side by side.

    Goes on where it was interrupted. With runs of TD3 and DDPG the plan's three expectations are answered.
    """
    from av_td3_system.evaluation.compare_command import drive_all
    from av_td3_system.evaluation.grid import GridRequest
    from av_td3_system.reporting.comparison_table import run_comparison

    drive_all(
        targets,
        out,
        GridRequest(split, scenarios or (), towns or (), weathers or (), routes, traffic_seeds),
        num_envs=num_envs,
        overrides=settings or (),
        baselines=not no_baselines,
    )
    return run_comparison(out, as_json)


@app.command(cls=spreading("--only", "--seeds", "--set"), context_settings=_WRAP)
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


@app.command(cls=spreading("--config", "--set", "--space", "--seeds", "--rungs"), context_settings=_WRAP)
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


@app.command(cls=spreading("--seeds", "--config", "--set"), context_settings=_WRAP)
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


@app.command(context_settings=_WRAP)
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


@app.command(cls=spreading("--log-dir", "--metrics"), context_settings=_WRAP)
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


@app.command(context_settings=_WRAP)
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


@app.command(context_settings=_WRAP)
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


@app.command(context_settings=_WRAP)
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


@app.command(cls=spreading("--evaluation"), context_settings=_WRAP)
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


@app.command(name="town", context_settings=_WRAP)
def town_(
    name: Annotated[str, typer.Argument(metavar="TOWN|FILE.xodr", help="Built-in town or OpenDRIVE map.")],
    picture: Annotated[Path | None, typer.Option(metavar="FILE.png|jpg", help="Where to draw it [./TOWN.png].")] = None,
    scenario: Annotated[int, typer.Option(metavar="0|1|2", help="Traffic that must find room.")] = 0,
    size: Annotated[int, typer.Option(metavar="PIXELS", help="Side of the picture.")] = 1600,
    as_json: Annotated[bool, typer.Option("--json", help="The figures as JSON.")] = False,
) -> int:
    """Check a map and draw it with its routes."""
    from av_td3_system.town.survey import run_town

    return run_town(name, picture, scenario, size, as_json)


@app.command(name="serve-carla", cls=spreading("--inject"), context_settings=_WRAP)
def serve_carla(
    town: Annotated[str, typer.Argument(metavar="[TOWN|FILE.xodr]", help="Built-in town or OpenDRIVE map.")] = "TownA",
    port: Annotated[int, typer.Option(metavar="P", help="Of the calls; streams at P + 1. 0: any two.")] = 2000,
    host: Annotated[str, typer.Option(metavar="ADDRESS", help="To listen at; others than this machine may come.")] = (
        "127.0.0.1"
    ),
    inject: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FAULT...",
            help="Faults on purpose, NAME@TICK[:LENGTH]: hang, kill, drop, late, reload, destroy, refuse_spawn.",
        ),
    ] = None,
) -> int:
    """Serve a town as a CARLA 0.9.16 server.

    Any client script of CARLA may connect; what is not served is refused by name. Ends with Ctrl-C.
    """
    from av_td3_system.carla_server.command import run_serve_carla

    return run_serve_carla(town, host, port, inject or ())


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one verb and return its exit code; usage errors and `UserError` become two plain lines."""
    buffer_by_line()
    given = list(sys.argv[1:] if arguments is None else arguments)
    warnings.formatwarning = warning_line
    try:
        code = app(args=given or ["--help"], prog_name="av-td3", standalone_mode=False)
    except UserError as error:
        return refuse(error.message, error.hint)
    except (KeyboardInterrupt, typer.Abort):
        print("interrupted", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:  # the reader of our output has gone, as in `av-td3 gate ... | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        return refuse(*explained(error))
    except Exception as error:
        # Typer carries its own copy of click, so its usage errors are known by what they can do.
        if not hasattr(error, "format_message"):
            raise
        message = error.format_message().rstrip(".")
        known = given[:1] if given and given[0] in _verbs() else []
        return refuse(message[:1].lower() + message[1:], " ".join(["see av-td3", *known, "--help"]))
    if not given:
        return USAGE
    return code if isinstance(code, int) else 0


def _verbs() -> list[str]:
    commands = app.registered_commands
    return [command.name or command.callback.__name__ for command in commands if command.callback is not None]


def _check_backend(backend: str) -> None:
    if backend == "carla":
        raise UserError("--backend carla is not available in this version", "use --backend town")
    if backend != "town":
        raise UserError(f"--backend is {backend!r}, but must be one of town, carla", "use --backend town")


if __name__ == "__main__":
    sys.exit(main())
