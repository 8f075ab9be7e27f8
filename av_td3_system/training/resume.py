"""`av-td3 train --resume RUN`: a run goes on from its directory alone."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from av_td3_system.checkpointing.atomic import atomic_write_text, sweep_temporaries
from av_td3_system.checkpointing.manifest import mark_resumed, read_manifest, text_sha256
from av_td3_system.checkpointing.preemption import Stopped, StopSignals, exit_code
from av_td3_system.config.errors import UserError
from av_td3_system.config.exit_codes import DONE
from av_td3_system.config.load import load_resolved, resolved_yaml, with_overrides
from av_td3_system.config.resume_rules import Change, changes, refuse_fixed
from av_td3_system.config.schema import Config
from av_td3_system.monitoring.json_lines import read_json_lines
from av_td3_system.monitoring.run_directory import RunDirectory
from av_td3_system.monitoring.run_log import RunLog
from av_td3_system.training.remedies import apply_prescribed
from av_td3_system.training.run import begin, carry_out, prepare, saver_of
from av_td3_system.training.worlds import refuse_other_worlds


def resume(place: Path, overrides: Sequence[str], flags: Mapping[str, Any], command: str) -> int:
    """Go on with a run where its newest undamaged checkpoint stands, or where a given one does.

    One that was stopped before its first checkpoint begins anew. One that has reached its timesteps is left alone.

    Args:
        place: run directory, a link to one, or a checkpoint in one: what was saved after that is not gone on from.
        overrides: `section.setting=value`, over the run's own settings.
        flags: settings by name, None where not given.
        command: as it was typed, for the manifest.

    Returns:
        Exit code, as of `run.train`.

    Raises:
        UserError: there is no run, none of its checkpoints can be gone on from, or a setting may not be changed.
    """
    back_to = place.name if place.suffix == ".pt" and place.is_file() else None
    directory = RunDirectory(place.parent.parent if back_to else Path(place))
    if not directory.config.is_file():
        raise UserError(
            f"--resume: {place} is not a run directory: it has no config.yaml",
            hint="give the directory that --log-dir named, or a checkpoint in its checkpoints/",
        )
    with StopSignals() as signals, directory.lock():
        edited = _edited(directory)
        before = apply_prescribed(directory, load_resolved(directory.config))
        config = with_overrides(before, overrides, flags)
        changed = changes(before, config)
        refuse_fixed(changed)
        refuse_other_worlds(before, config)
        with RunLog(directory.log, debug=config.run.debug) as log:
            if edited:
                what = "changed by hand, unless a kill came between the two"
                log.warning(f"{directory.config} is not what manifest.json tells of: {what}")
            try:
                return _go_on(directory, config, changed, command, signals, log, back_to)
            except Stopped as stopped:
                return exit_code(stopped.signum)


def _go_on(
    directory: RunDirectory,
    config: Config,
    changed: Sequence[Change],
    command: str,
    signals: StopSignals,
    log: RunLog,
    back_to: str | None,
) -> int:
    sweep_temporaries(directory.path)
    with signals.nothing_to_lose():
        world = prepare(config)
        saver = saver_of(world, directory)
        if back_to is not None:
            saver.store.load(saver.store.directory / back_to)  # what is damaged is refused before anything is changed
            left = ", ".join(path.name for path in saver.store.go_back_to(back_to))
            log.warning(f"goes back to {back_to}; no longer gone on from: {left or 'nothing'}")
        loaded = saver.load() if saver.store.resumable() else None
    if loaded is None:
        _refuse_to_clear(directory)
        world.begin_as_before(directory)
        _tell(changed, log)
        log.warning(f"{directory.path} was stopped before its first checkpoint: it begins anew")
        directory.clear()
        return begin(world, directory, shlex.join(_first_command(directory, command)), signals, log)
    step, how = int(loaded.state["step"]), read_manifest(directory.manifest).get("how")
    if step >= config.run.max_timesteps and how == "completed":
        print(f"{directory.path} has reached its {step} timesteps; to go on add --max-timesteps N")
        return DONE
    # Up to the number of worlds beyond its end a run may stand; before that it cannot end.
    if step >= config.run.max_timesteps + config.run.num_envs:
        raise UserError(
            f"--resume: the run stands at step {step}, behind run.max_timesteps={config.run.max_timesteps}",
            f"--max-timesteps N above {step}",
        )
    if how == "early_stopped":
        loaded.state["enough"] = False  # whoever goes on with it has not had enough
    _tell(changed, log)
    if changed:
        atomic_write_text(directory.config, resolved_yaml(config))
    mark_resumed(
        directory.manifest,
        step=step,
        command=shlex.split(command),
        changed={change.name: [change.before, change.now] for change in changed},
        config_text=resolved_yaml(config),
    )
    return carry_out(world, directory, signals, log, loaded)


def _tell(changed: Sequence[Change], log: RunLog) -> None:
    for change in changed:
        (log.info if change.effect == "free" else log.warning)(change.in_words())


def _refuse_to_clear(directory: RunDirectory) -> None:
    """Only what was killed before its first checkpoint begins anew: a run that has ended is never thrown away.

    Raises:
        UserError: it ended, or is of a version whose checkpoints nothing goes on from.
    """
    manifest = read_manifest(directory.manifest) if directory.manifest.is_file() else {}
    if _had_saved(directory, manifest):
        raise UserError(
            f"{directory.path} has saved before, but {directory.checkpoints} holds no checkpoint",
            hint="was the folder moved, or a disk not mounted? Bring it back, or delete the run's directory",
        )
    if manifest.get("how") is not None or manifest.get("resume") == "without_replay":
        raise UserError(
            f"{directory.path} holds results but no checkpoint that a run can go on from",
            hint="its policy can still be evaluated; begin a new run in another --log-dir",
        )


def _had_saved(directory: RunDirectory, manifest: Mapping[str, Any]) -> bool:
    """Whether a run that has not ended was farther than its first checkpoint."""
    run = load_resolved(directory.config).run
    lines = read_json_lines(directory.metrics)
    step = max((line["step"] for line in lines if isinstance(line.get("step"), int)), default=0)
    return manifest.get("how") is None and step > run.save_freq + run.num_envs


def _edited(directory: RunDirectory) -> bool:
    """Whether `config.yaml` is not what the run wrote last."""
    said = read_manifest(directory.manifest).get("config_sha256") if directory.manifest.is_file() else None
    return said is not None and text_sha256(directory.config.read_text(encoding="utf-8")) != said


def _first_command(directory: RunDirectory, command: str) -> list[str]:
    """What the run was begun with, where its manifest still says so."""
    given = read_manifest(directory.manifest).get("command") if directory.manifest.is_file() else None
    return [str(part) for part in given] if isinstance(given, list) else shlex.split(command)
