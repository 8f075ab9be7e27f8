"""`av-td3 train`: one run from its settings to its results."""

from __future__ import annotations

import contextlib
import gc
import os
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numba
import torch

from av_td3_system.agents.policy import choose_device
from av_td3_system.checkpointing.atomic import atomic_write_text
from av_td3_system.checkpointing.disk_space import is_of_the_disk
from av_td3_system.checkpointing.manifest import Exactness, mark_ended, new_manifest, read_manifest, write_manifest
from av_td3_system.checkpointing.pieces import PieceStore
from av_td3_system.checkpointing.preemption import Stopped, StopSignals, exit_code
from av_td3_system.checkpointing.store import CheckpointStore, Loaded
from av_td3_system.config.exit_codes import DONE, HALTED
from av_td3_system.config.load import resolved_yaml
from av_td3_system.config.schema import Config
from av_td3_system.environments.worlds import Worlds
from av_td3_system.evaluation.protocol import GivenUp
from av_td3_system.monitoring.guards import Guards
from av_td3_system.monitoring.progress import Progress
from av_td3_system.monitoring.run_directory import RunDirectory
from av_td3_system.monitoring.run_log import RunLog
from av_td3_system.networks.precision import keep_memory
from av_td3_system.training import initial
from av_td3_system.training.collecting.driving import Collection
from av_td3_system.training.collecting.ray_pool import RayPool
from av_td3_system.training.failure import NotFinite, SimulatorFailed, simulator_may_fail
from av_td3_system.training.finish import finish, halt_between, halt_for_the_disk
from av_td3_system.training.learner import Learner
from av_td3_system.training.loop import Ended, Training
from av_td3_system.training.recorder import Recorder
from av_td3_system.training.remedies import Remedies, apply_prescribed, refuse_unfit
from av_td3_system.training.saving import Saver
from av_td3_system.training.validation import Validator
from av_td3_system.training.worlds import training_worlds


def train(config: Config, log_dir: Path | None, command: str, init_from: Path | None = None) -> int:
    """Train, evaluate, judge and report one run.

    Args:
        config: the resolved settings.
        log_dir: run directory, None for one under `runs/`.
        command: as it was typed, for the manifest.
        init_from: what its networks begin as, see `initial.read_initial`; None: as the seed draws them.

    Returns:
        Exit code: 0 done, 3 halted by a guard, the gate or the disk, 4 the simulator was lost, 129/130/143 stopped by a
        signal.

    Raises:
        UserError: a setting that cannot work here, an unusable run directory, or networks that do not fit.
    """
    run = config.run
    with StopSignals() as signals:
        try:
            with signals.nothing_to_lose():
                # What can refuse, before there is a directory to spoil.
                given = None if init_from is None else initial.read_initial(init_from)
                world = prepare(config)
                if given is not None:
                    initial.refuse_misfit(given, config, world.learner.agent)
                    world.begin_with(given)
            directory = RunDirectory.create(log_dir, algo=run.algo, scenario=run.scenario, seed=run.seed, env=run.env)
            with directory.lock(), RunLog(directory.log, debug=run.debug) as log:
                if world.init_from is not None:  # first of all: whatever has settings here has these too
                    initial.write_copy(directory, world.learner.agent, world.init_from)
                return begin(world, directory, command, signals, log)
        except Stopped as stopped:
            return exit_code(stopped.signum)


@dataclass
class World:
    """What a run acts in and what learns in it.

    Attributes:
        init_from: where the first weights come from, as the manifest tells it; None: they are drawn.
    """

    config: Config
    env: Worlds | Collection
    learner: Learner
    init_from: Mapping[str, Any] | None = None

    def renew(self, config: Config) -> None:
        """Make all of it anew with other settings; the replay of before has given back its memory then."""
        self.env.close()
        del self.env, self.learner
        gc.collect()
        made = prepare(config)
        self.config, self.env, self.learner = made.config, made.env, made.learner

    def begin_with(self, given: initial.Initial) -> None:
        """Put given networks in the place of those drawn; from the first timestep on they drive.

        Raises:
            UserError: they do not fit.
        """
        initial.begin_with(self.learner.agent, given)
        self.learner.guided, self.init_from = True, given.source

    def begin_as_before(self, directory: RunDirectory) -> None:
        """For a run that begins anew: with what it began with, where its networks were given.

        Raises:
            UserError: its copy of them is gone or damaged.
        """
        given = initial.read_copy(directory)
        if given is not None:
            self.begin_with(given)


def prepare(config: Config) -> World:
    """Threads, worlds and learner of these settings.

    Raises:
        UserError: a setting that cannot work here.
    """
    run = config.run
    choose_device(run.device)
    _use_threads(run.threads, exact=run.env is not None)
    Guards(config.guards, enable_monitoring=run.enable_monitoring, max_timesteps=run.max_timesteps)
    refuse_unfit(config)
    worlds = training_worlds(config)
    learner = Learner(config, worlds)
    if not config.collectors.count:
        return World(config, worlds, learner)
    worlds.close()  # they showed that there are such worlds; the collectors have their own
    return World(config, Collection(config, RayPool(config)), learner)


def begin(world: World, directory: RunDirectory, command: str, signals: StopSignals, log: RunLog) -> int:
    """A run from its first timestep on, in a directory that it holds the lock of; its exit code."""
    _describe(world, directory, shlex.split(command))
    return carry_out(world, directory, signals, log, None)


def _describe(world: World, directory: RunDirectory, command: Sequence[str]) -> None:
    config, text = world.config, resolved_yaml(world.config)
    atomic_write_text(directory.config, text)
    exactness: Exactness = "exact" if world.env.restores_episodes else "episode_cut"
    manifest = new_manifest(
        command=command,
        config_text=text,
        seed=config.run.seed,
        exactness=exactness,
        gpu=_gpu(world),
        init_from=world.init_from,
    )
    write_manifest(directory.manifest, manifest)


def carry_out(world: World, directory: RunDirectory, signals: StopSignals, log: RunLog, loaded: Loaded | None) -> int:
    """Train to the end, through remedies, from the beginning or from what was saved, and report; the exit code."""
    while (code := _attempt(world, directory, signals, log, loaded)) is None:
        try:
            with signals.nothing_to_lose():  # what is to be done is written down: --resume does it otherwise
                loaded = _renew(world, directory)
        except OSError as error:
            if not is_of_the_disk(error):
                raise
            return halt_between(directory, log, error)
    world.env.close()
    return code


def _renew(world: World, directory: RunDirectory) -> Loaded | None:
    """Do what a remedy prescribes: other settings, and the checkpoint to go on from; None: from the beginning."""
    world.renew(apply_prescribed(directory, world.config))
    saver = saver_of(world, directory)
    if saver.store.resumable():
        return saver.load()
    world.begin_as_before(directory)
    _describe(world, directory, read_manifest(directory.manifest)["command"])
    return None


def _attempt(
    world: World, directory: RunDirectory, signals: StopSignals, log: RunLog, loaded: Loaded | None
) -> int | None:
    """Train until the end or until a remedy is called for; the exit code, None for a remedy."""
    config, run = world.config, world.config.run
    state = None if loaded is None else loaded.state
    with Recorder(directory, config, log, gpu=0 if _gpu(world) else None, resumed=state) as recorder:
        training = assemble(world, directory, recorder, signals)
        log.info(f"run directory {directory.path}, {run.num_envs} worlds, device {world.learner.agent.device}")
        if loaded is None and world.init_from is not None:
            log.info(initial.in_words(world.init_from))
        if (advice := crowded(run.threads)) is not None:
            log.warning(advice)
        try:
            ended, results = _run_to_its_end(training, loaded)
        except OSError as error:
            if not is_of_the_disk(error):
                raise
            ended, results = "halted", halt_for_the_disk(training, error)
    if ended == "remedied":
        return None
    if training.failure is not None:
        return training.failure.exit_code
    if ended == "interrupted" and signals.requested is not None:
        return exit_code(signals.requested)
    gate = results["gate"]
    return HALTED if ended == "halted" or (gate is not None and gate["verdict"] == "halt") else DONE


def assemble(world: World, directory: RunDirectory, recorder: Recorder, signals: StopSignals) -> Training:
    """All parts of a run, ready to begin or to be brought to where it was saved."""
    config = world.config
    return Training(
        config=config,
        directory=directory,
        env=world.env,
        learner=world.learner,
        validator=Validator(directory, config),
        recorder=recorder,
        saver=saver_of(world, directory),
        signals=signals,
        remedies=Remedies(directory.remedies, config),
    )


def _run_to_its_end(training: Training, loaded: Loaded | None) -> tuple[Ended, dict[str, Any]]:
    """Drive the trivial policies or take up what was saved, train, report; how it ended and the results."""
    run, log, signals = training.config.run, training.recorder.log, training.signals
    try:
        if loaded is not None:
            with signals.nothing_to_lose():
                take_up(training, loaded)
        elif run.env is None:
            log.info("driving the trivial policies through the validation episodes")
            with contextlib.suppress(GivenUp), simulator_may_fail(), training.watch.section("evaluation"):
                training.validator.judge_trivial(lambda: signals.requested is not None)
        training.care.begin(training.step)
        with Progress(run.max_timesteps, training.step) as progress:
            ended = training.run(progress)
    except (NotFinite, SimulatorFailed) as error:
        ended = training.halt(error)
    if ended == "remedied":
        training.validator.close()
        return ended, {}
    results = finish(training, ended)
    mark_ended(training.directory.manifest, results["ended"])
    return results["ended"], results


def saver_of(world: World, directory: RunDirectory) -> Saver:
    """What saves this run into its directory, and finds there what was saved."""
    config = world.config
    store = CheckpointStore(directory.checkpoints, config.run.algo, config.checkpoint.keep_last)
    return Saver(store, PieceStore(directory.replay), world.learner.replay, config.checkpoint.keep_steps)


def take_up(training: Training, loaded: Loaded) -> None:
    """Bring all parts of a run to where it was saved, and say so."""
    log, events = training.recorder.log, training.recorder.events
    lost = training.saver.restore(loaded)
    training.load_state_dict(loaded.state)
    log.info(f"goes on from {loaded.path} at step {training.step}")
    told: dict[str, Any] = {"checkpoint": loaded.path.name}
    if lost:
        log.warning(f"{lost} transitions are lost: {'; '.join(loaded.damaged)}")
        told["lost_transitions"] = lost
    if not training.env.restores_episodes:
        log.info("the open episodes are cut as truncated: this environment cannot be restored within one")
    events.write(training.step, "resume", **told)


def _gpu(world: World) -> str | None:
    device = world.learner.agent.device
    return torch.cuda.get_device_name(device) if device.type == "cuda" else None


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
