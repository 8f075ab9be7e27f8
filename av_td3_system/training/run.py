"""`av-td3 train`: one run from its settings to its results."""

from __future__ import annotations

import os
import shlex
from pathlib import Path

import numba
import torch

from av_td3_system.agents.policy import choose_device
from av_td3_system.checkpointing.atomic import atomic_write_text
from av_td3_system.checkpointing.manifest import mark_ended, new_manifest, write_manifest
from av_td3_system.checkpointing.preemption import StopSignals, exit_code
from av_td3_system.checkpointing.store import CheckpointStore
from av_td3_system.config.load import resolved_yaml
from av_td3_system.config.schema import Config
from av_td3_system.monitoring.guards import Guards
from av_td3_system.monitoring.progress import Progress
from av_td3_system.monitoring.run_directory import RunDirectory
from av_td3_system.monitoring.run_log import RunLog
from av_td3_system.networks.precision import keep_memory
from av_td3_system.training.finish import finish
from av_td3_system.training.learner import Learner
from av_td3_system.training.loop import Training
from av_td3_system.training.recorder import Recorder
from av_td3_system.training.validation import Validator
from av_td3_system.training.worlds import training_worlds

DONE, HALTED = 0, 3


def train(config: Config, log_dir: Path | None, command: str) -> int:
    """Train, evaluate, judge and report one run.

    Args:
        config: the resolved settings.
        log_dir: run directory, None for one under `runs/`.
        command: as it was typed, for the manifest.

    Returns:
        Exit code: 0 done, 3 halted by a guard or the gate, 130/143 stopped by a signal.

    Raises:
        UserError: a setting that cannot work here, or an unusable run directory.
    """
    run = config.run
    device = choose_device(run.device)
    _use_threads(run.threads, exact=run.env is not None)
    Guards(config.guards, enable_monitoring=run.enable_monitoring, max_timesteps=run.max_timesteps)
    env = training_worlds(config)  # what can refuse, before there is a directory to spoil
    learner = Learner(config, env)
    directory = RunDirectory.create(log_dir, algo=run.algo, scenario=run.scenario, seed=run.seed, env=run.env)
    with directory.lock(), StopSignals() as signals, RunLog(directory.log, debug=run.debug) as log:
        settings = resolved_yaml(config)
        atomic_write_text(directory.config, settings)
        gpu = torch.cuda.get_device_name(device) if device.type == "cuda" else None
        manifest = new_manifest(
            command=shlex.split(command), config_text=settings, seed=run.seed, exactness="without_replay", gpu=gpu
        )
        write_manifest(directory.manifest, manifest)
        with Recorder(directory, config, log, gpu=0 if gpu else None) as recorder:
            training = Training(
                config=config,
                directory=directory,
                env=env,
                learner=learner,
                validator=Validator(directory, config),
                recorder=recorder,
                store=CheckpointStore(directory.checkpoints, run.algo, config.checkpoint.keep_last),
                signals=signals,
            )
            log.info(f"run directory {directory.path}, {run.num_envs} worlds, device {device}")
            if (advice := crowded(run.threads)) is not None:
                log.warning(advice)
            if run.env is None:
                log.info("driving the trivial policies through the validation episodes (under a minute)")
                with training.watch.section("evaluation"):
                    training.validator.judge_trivial()
            with Progress(run.max_timesteps) as progress:
                ended = training.run(progress)
            results = finish(training, ended)
        mark_ended(directory.manifest, ended)
    if ended == "interrupted" and signals.requested is not None:
        return exit_code(signals.requested)
    gate = results["gate"]
    return HALTED if ended == "halted" or (gate is not None and gate["verdict"] == "halt") else DONE


def crowded(threads: int) -> str | None:
    """What to say where other programs keep the cores busy and one thread for each core would only wait for them."""
    cores = torch.get_num_threads()
    if threads == 1 or cores == 1 or not hasattr(os, "getloadavg") or os.getloadavg()[0] < 0.75 * (os.cpu_count() or 1):
        return None
    return (
        f"other programs keep this machine busy (load {os.getloadavg()[0]:.1f}): {cores} threads that wait for each "
        "other may be ten times slower than one; hint: --set run.threads=1"
    )


def _use_threads(threads: int, exact: bool) -> None:
    """Threads of PyTorch and Numba, and how float32 products are computed.

    For the town by oneDNN, at twice the speed; that may round factors to bfloat16, so where published figures are to
    be met (`exact`) they are full float32 products.
    """
    if threads:
        torch.set_num_threads(threads)
        numba.set_num_threads(min(threads, numba.config.NUMBA_NUM_THREADS))
    torch.set_float32_matmul_precision("highest" if exact else "medium")
    keep_memory()
