"""The checks of `av-td3 doctor RUN`: settings, records, checkpoints and replay of one run. Nothing is written."""

from __future__ import annotations

import logging
import math
import os
import shlex
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from av_td3_system.checkpointing.checkpoint_file import CheckpointError
from av_td3_system.checkpointing.manifest import read_manifest, text_sha256
from av_td3_system.checkpointing.pieces import PieceStore
from av_td3_system.checkpointing.store import CheckpointStore, load_checkpoint
from av_td3_system.config.errors import UserError
from av_td3_system.config.load import load_resolved, resolved_yaml
from av_td3_system.config.schema import Config
from av_td3_system.environments.carla.server_process import VARIABLE
from av_td3_system.monitoring import names
from av_td3_system.monitoring.carla_servers import CARLA_VERSION, servers_of
from av_td3_system.monitoring.event_file import length_of_whole_records
from av_td3_system.monitoring.metric_reader import read_metrics
from av_td3_system.monitoring.progress import format_duration
from av_td3_system.monitoring.run_directory import RunDirectory
from av_td3_system.reporting.liveness import Liveness, read_liveness
from av_td3_system.reporting.run_files import RunFiles, number, read_run
from av_td3_system.training.doctor_checks import Check, worst
from av_td3_system.training.doctor_network import NAME as LAYER_NORM
from av_td3_system.training.doctor_network import check_layer_norm, policy_in, stored_policy

ON_CARLA = "CARLA at"  # how the names of checks of its servers begin
_AHEAD = 2  # intervals between lines by which the event file of a killed run may be ahead of its other record


class Newest(NamedTuple):
    """The newest checkpoint that can be read.

    Attributes:
        name: of its file.
        state: what was saved.
    """

    name: str
    state: Mapping[str, Any]


def check_run(path: Path) -> list[Check]:
    """All checks of a run.

    Raises:
        UserError: there is no run.
    """
    directory = RunDirectory(Path(path))
    if not directory.path.is_dir() or not directory.is_used:
        raise UserError(f"{path} is not a run directory", "give the --log-dir of a run; see runs/")
    place = shlex.quote(str(path))
    checks: list[Check] = []
    config: Config | None = None
    manifest: dict[str, Any] | None = None
    try:
        config = load_resolved(directory.config)
        checks.append(Check("config", "ok", "readable and complete"))
    except UserError as error:
        checks.append(Check("config", "failed", error.message, f"av-td3 train --log-dir {place}-again"))
    try:
        manifest = read_manifest(directory.manifest)
        checks.append(Check("manifest", "ok", _told(manifest)))
    except UserError as error:
        checks.append(Check("manifest", "failed", error.message, f"ls -la {place}"))
    if config is None or manifest is None:
        return checks
    run = read_run(directory.path)
    life = read_liveness(run)
    saved, newest = _saved(run, place)
    if life.alive and worst(saved) == "failed":  # a save between two looks has taken a file away: look again
        saved, newest = _saved(read_run(directory.path), place)
    return [
        *checks,
        *_identity(run, place),
        _layer_norm(run, newest, place),
        _clipping(run, place),
        _event_files(run, place),
        _freshness(life, place),
        *_servers(config, place),
        *saved,
    ]


def _servers(config: Config, place: str) -> Iterator[Check]:
    """Whether the servers that the run drives on answer, each with what it says."""
    if config.run.backend != "carla":
        return
    carla, worlds = config.carla, max(config.run.num_envs, config.evaluation.num_envs)
    for server in servers_of(carla.host, carla.port, carla.port_step, worlds):
        name = f"{ON_CARLA} {server.port}"
        if server.version == CARLA_VERSION:
            yield Check(name, "ok", f"version {server.version} answers")
        elif server.version is not None:
            yield Check(
                name, "failed", f"it is version {server.version}, not {CARLA_VERSION}", f"av-td3 status {place}"
            )
        elif os.environ.get(VARIABLE, "").strip():
            yield Check(name, "ok", f"no server answers at {server.place}; {VARIABLE} starts one when the run goes on")
        else:
            start = f"./CarlaUE4.sh -RenderOffScreen -carla-rpc-port={server.port}"
            yield Check(name, "failed", f"no server answers at {server.place} ({server.why_not})", start)


def _told(manifest: Mapping[str, Any]) -> str:
    code = manifest.get("code")
    code = code if isinstance(code, dict) else {}
    commit = str(code.get("commit") or "unknown")[:12]
    return f"begun {manifest.get('started')}, code {commit}{' (changed since)' if code.get('modified') else ''}"


def _identity(run: RunFiles, place: str) -> Iterator[Check]:
    """Whether the manifest speaks of these settings."""
    seed, said = run.config.run.seed, run.manifest.get("seed")
    if seed == said:
        yield Check("seed", "ok", f"{seed} in manifest.json and config.yaml")
    else:
        yield Check(
            "seed",
            "failed",
            f"{said} in manifest.json, but {seed} in config.yaml: one of them is of another run",
            f"grep -n seed {place}/manifest.json {place}/config.yaml",
        )
    # A run of an older version that went on is recorded by today's names of its settings.
    hashes = {text_sha256(run.directory.config.read_text(encoding="utf-8")), text_sha256(resolved_yaml(run.config))}
    if run.manifest.get("config_sha256") in hashes:
        yield Check("config hash", "ok", "config.yaml is what the run was begun or resumed with")
    else:
        yield Check(
            "config hash",
            "failed",
            "config.yaml is not what manifest.json recorded: it was edited since",
            f"sha256sum {place}/config.yaml; grep config_sha256 {place}/manifest.json",
        )


def _layer_norm(run: RunFiles, newest: Newest | None, place: str) -> Check:
    files = [path for path in (run.directory.policy, run.directory.best_policy) if path.is_file()]
    try:
        if files:
            stored = stored_policy(max(files, key=lambda path: path.stat().st_mtime))
        elif newest is not None:
            stored = policy_in(newest.state, newest.name)
        else:
            return Check(LAYER_NORM, "not applicable", "no policy was stored yet")
    except UserError as error:
        return Check(LAYER_NORM, "failed", error.message, f"av-td3 evaluate {place}")
    return check_layer_norm(run.config, stored, run.path)


def _clipping(run: RunFiles, place: str) -> Check:
    name, clip = "gradient clipping", run.config.agent.gradient_clip
    most = {
        network: run.config.guards.threshold(f"gradient_explosion_{network}", math.inf) for network in names.NETWORKS
    }
    line = next((line for line in reversed(run.intervals) if any(tag in line for tag in names.GRAD_NORMS.values())), {})
    norms = {network: number(line, tag) for network, tag in names.GRAD_NORMS.items() if tag in line}
    said = ", ".join(f"{network} {'not finite' if norm is None else f'{norm:.3g}'}" for network, norm in norms.items())
    what = f"norms before it at step {line['step']}: {said}" if said else "nothing was learned yet"
    if clip is None:
        following = f"av-td3 train --resume {place} --set agent.gradient_clip=10"
        return Check(name, "warning", f"off (agent.gradient_clip is null); {what}", following)
    what = f"at norm {clip:g}; {what}"
    if any(norm is None or norm > most[network] for network, norm in norms.items()):
        least = min(most.values())
        return Check(name, "failed", f"{what}; above {least:g} they explode", f"av-td3 status {place}")
    return Check(name, "ok", what)


def _event_files(run: RunFiles, place: str) -> Check:
    name, files = "TensorBoard", run.directory.event_files
    written = int(run.metrics[-1]["step"]) if run.metrics else 0
    if not files:
        if not written:
            return Check(name, "not applicable", "nothing was written yet")
        return Check(name, "failed", f"no event file, but metrics.jsonl reaches step {written}", f"ls -la {place}")
    try:
        torn = sum(path.stat().st_size - length_of_whole_records(path) for path in files)
        with _quiet():
            series = [points[-1][0] for path in files for points in read_metrics(path).values() if points]
    except (OSError, ValueError, RuntimeError) as error:
        return Check(name, "failed", f"not readable: {error}", f"tensorboard --inspect --logdir {place}")
    shown = max(series, default=0)
    if shown < written or shown > written + _AHEAD * run.config.run.log_interval:
        what = f"event files reach step {shown}, metrics.jsonl step {written}"
        return Check(name, "failed", what, f"tensorboard --inspect --logdir {place}")
    what = f"event files and metrics.jsonl agree up to step {written}"
    if torn:
        going_on = f"av-td3 train --resume {place}"
        return Check(name, "warning", f"{what}; {torn} bytes at the end were torn by a kill", going_on)
    return Check(name, "ok", what)


@contextmanager
def _quiet() -> Iterator[None]:
    """Without TensorBoard's own words on what a resume took back or a kill tore."""
    logger = logging.getLogger("tensorboard")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(level)


def _freshness(life: Liveness, place: str) -> Check:
    if life.alive is False:
        return Check("events fresh", "not applicable", "no process drives this run")
    usual = "" if life.usual is None else f", usually one every {format_duration(life.usual)}"
    what = f"newest line {format_duration(life.silent)} ago{usual}"
    if life.alive is None:
        return Check("events fresh", "not applicable", f"{what}; no locks here that tell whether a process drives it")
    if not life.overdue:
        return Check("events fresh", "ok", what)
    if life.paused:
        return Check("events fresh", "warning", f"{what}; the process is paused", f"kill -CONT {life.pid}")
    following = f"tail {place}/train.log" if life.pid is None else f"top -b -n 1 -p {life.pid}; tail {place}/train.log"
    return Check("events fresh", "failed", what, following)


def _saved(run: RunFiles, place: str) -> tuple[list[Check], Newest | None]:
    newest, check = _checkpoint(run, place)
    return [check, _pieces(run, newest, place)], newest


def _checkpoint(run: RunFiles, place: str) -> tuple[Newest | None, Check]:
    """The newest readable checkpoint, and the check of the newest of all."""
    name, every = "checkpoint", run.config.run.save_freq
    store = CheckpointStore(run.directory.checkpoints, run.config.run.algo, run.config.checkpoint.keep_last)
    damaged: list[str] = []
    records = store.resumable()
    for record in records:
        try:
            newest = Newest(record.name, load_checkpoint(store.directory / record.name))
        except CheckpointError as error:
            damaged.append(error.message)
            continue
        step = int(newest.state.get("step", record.step or 0))
        behind = max(0, run.step - step)
        what = f"{newest.name} at step {step}, {behind} timesteps behind, verified"
        if damaged:
            what = f"{'; '.join(damaged)}; the newest undamaged is {what}"
            return newest, Check(name, "failed", what, f"av-td3 train --resume {place}")
        if behind > 2 * every:
            return newest, Check(
                name, "warning", f"{what}; one is due every {every}", f"grep -i save {place}/train.log"
            )
        return newest, Check(name, "ok", what)
    if damaged:
        return None, Check(name, "failed", f"all are damaged: {'; '.join(damaged)}", f"ls -la {place}/checkpoints")
    if run.step < 2 * every and run.ended is None:
        return None, Check(name, "not applicable", f"the first is due at step {every}")
    return None, Check(
        name, "failed", f"none at step {run.step}, one is due every {every}", f"ls -la {place}/checkpoints"
    )


def _pieces(run: RunFiles, newest: Newest | None, place: str) -> Check:
    name = "replay"
    pieces = [] if newest is None else list((newest.state.get("replay") or {}).get("pieces") or [])
    if newest is None or not pieces:
        return Check(name, "not applicable", "no checkpoint names a piece of it")
    if run.ended is not None and not run.directory.replay.is_dir():
        return Check(
            name, "not applicable", f"its folder was deleted: the run ({run.ended}) could go on with an empty one alone"
        )
    damaged = PieceStore(run.directory.replay).damaged(pieces)
    if damaged:
        what = f"{len(damaged)} of {len(pieces)} pieces of {newest.name}: {'; '.join(damaged)}"
        return Check(name, "failed", what, f"av-td3 train --resume {place}")
    return Check(name, "ok", f"all {len(pieces)} pieces of {newest.name} are there and verified")
