"""Verbs that train a policy, drive it, export it and set it beside others."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from av_td3_system.flags import goes_with, spreading
from av_td3_system.verbs.app import WRAP, app


@app.command(cls=spreading("--config", "--set"), context_settings=WRAP)
def train(
    algo: Annotated[str | None, typer.Option(metavar="td3|ddpg", help="Algorithm [td3].")] = None,
    env: Annotated[
        str | None, typer.Option(metavar="GYM_ID", help="A Gymnasium environment instead of the town, plain TD3 on it.")
    ] = None,
    backend: Annotated[
        str | None, typer.Option(metavar="town|carla", help="Simulator; a CARLA server at carla.port [town].")
    ] = None,
    scenario: Annotated[int | None, typer.Option(metavar="0|1|2", help="20, 50 or 100 other vehicles [0].")] = None,
    max_timesteps: Annotated[int | None, typer.Option(metavar="N", help="Decisions in all [10000].")] = None,
    eval_freq: Annotated[int | None, typer.Option(metavar="N", help="Timesteps between evaluations [2500].")] = None,
    save_freq: Annotated[int | None, typer.Option(metavar="N", help="Timesteps between checkpoints [25000].")] = None,
    seed: Annotated[int | None, typer.Option(metavar="N", help="Fixes all that is random [42].")] = None,
    num_envs: Annotated[int | None, typer.Option(metavar="N", help="Worlds driven in parallel.")] = None,
    device: Annotated[str | None, typer.Option(metavar="auto|cpu|cuda", help="Where the networks live [auto].")] = None,
    collectors: Annotated[
        int | None,
        typer.Option(metavar="N", help="Processes that drive for the learner, on Ray [0: it drives itself]."),
    ] = None,
    ray_address: Annotated[
        str | None, typer.Option(metavar="auto|HOST:PORT", help="A Ray cluster for them [one of this run's own].")
    ] = None,
    log_dir: Annotated[Path | None, typer.Option(metavar="DIR", help="Run directory [runs/<algo>_...].")] = None,
    resume: Annotated[
        Path | None,
        typer.Option(
            metavar="RUN",
            help="Go on with this run; other flags change its settings. One of its checkpoints: from there.",
        ),
    ] = None,
    init_from: Annotated[
        Path | None,
        typer.Option(
            metavar="RUN|CHECKPOINT",
            help="Begin a new run with these networks: a checkpoint's, a policy's (.safetensors, pretrained).",
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

    flags = {
        "run.env": env,
        "run.backend": backend,
        "run.scenario": scenario,
        "run.max_timesteps": max_timesteps,
        "run.eval_freq": eval_freq,
        "run.save_freq": save_freq,
        "run.seed": seed,
        "run.num_envs": num_envs,
        "run.device": device,
        "collectors.count": collectors,
        "collectors.ray_address": ray_address,
        "run.debug": debug or None,
        "run.enable_monitoring": enable_monitoring or None,
        "run.enable_early_stopping": enable_early_stopping or None,
    }
    if resume is not None:
        own = "a run goes on in its own directory, with its own settings and its own networks"
        goes_with("--resume", own, log_dir=log_dir, config=config, init_from=init_from)
        from av_td3_system.training.resume import resume as go_on

        return go_on(resume, settings or [], {**flags, "run.algo": algo}, shlex.join(sys.argv))
    resolved = load_config(algo, files=config or [], overrides=settings or [], flags=flags)
    from av_td3_system.training.run import train as run

    return run(resolved, log_dir, shlex.join(sys.argv), init_from)


@app.command(cls=spreading("--set", "--scenarios", "--towns", "--weathers"), context_settings=WRAP)
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
    backend: Annotated[
        str | None, typer.Option(metavar="town|carla", help="Simulator [the run's, else the town].")
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
    settings = [*_on_backend(backend), *(settings or ())]
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
        shared: dict[str, Any] = {"num_envs": num_envs, "out": out, "overrides": settings, "as_json": as_json}
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
        overrides=settings,
        as_json=as_json,
    )


def _on_backend(backend: str | None) -> tuple[str, ...]:
    """Settings of an evaluation on another simulator than the run's own; on CARLA in one server."""
    if backend is None:
        return ()
    return (f"run.backend={backend}", *(("evaluation.num_envs=1",) if backend == "carla" else ()))


@app.command(cls=spreading("--format"), context_settings=WRAP)
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


@app.command(cls=spreading("--set", "--scenarios", "--towns", "--weathers"), context_settings=WRAP)
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
