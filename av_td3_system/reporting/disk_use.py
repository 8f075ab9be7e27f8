"""What a run takes of its disk, and what it will have taken at its end."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from av_td3_system.config.layout import PLANES
from av_td3_system.reporting.run_files import RunFiles

_NUMBERS = 400  # bytes of a transition beside its frame: vector, surroundings, action, reward, books
_ONE_CHECKPOINT = 10 * 2**20  # bytes, before there is one to look at
_NAMED = 3  # checkpoints beside the rotating ones: best, final, and one that is being written


@dataclass(frozen=True)
class DiskUse:
    """Bytes.

    Attributes:
        free: that this user may still write.
        taken: by the run's directory.
        per_timestep: that each timestep to come adds, a mean up to the end; None for a run at its end.
        free_at_end: when `run.max_timesteps` is reached.
    """

    free: int
    taken: int
    per_timestep: float | None
    free_at_end: float


def read_disk_use(run: RunFiles) -> DiskUse:
    """Measure the directory and project its growth.

    Each kind of file grows in its own way, so the size by the step alone would be far off: logs by the timestep; the
    replay by the timestep too, but it is written at saves only and ends at `replay.capacity`; checkpoints up to the
    number that are kept.
    """
    sizes = _sizes(run.path)
    free = shutil.disk_usage(run.path).free
    taken = sum(sizes.values())
    left = max(0, run.config.run.max_timesteps - run.step)
    if left == 0:
        return DiskUse(free, taken, None, float(free))
    to_come = _logs(run, sizes, left) + _replay(run, sizes) + _checkpoints(run, sizes)
    return DiskUse(free, taken, to_come / left, free - to_come)


def _sizes(folder: Path) -> dict[Path, int]:
    """Bytes of each file below `folder`; one that is removed meanwhile is left out."""
    sizes = {}
    for path in folder.rglob("*"):
        try:
            if path.is_file() and not path.is_symlink():
                sizes[path] = path.stat().st_size
        except OSError:
            continue
    return sizes


def _logs(run: RunFiles, sizes: dict[Path, int], left: int) -> float:
    directory = run.directory
    lines = (directory.metrics, directory.episodes, directory.events, directory.log, *directory.event_files)
    written = sum(sizes.get(path, 0) for path in lines)
    an_evaluation = sizes.get(directory.evaluations, 0) / max(1, run.evaluation_lines)
    return written / max(1, run.step) * left + an_evaluation * left / run.config.run.eval_freq


def _replay(run: RunFiles, sizes: dict[Path, int]) -> float:
    config, directory = run.config, run.directory
    held = sum(size for path, size in sizes.items() if directory.replay in path.parents)
    saves = [path for path in sizes if path.parent == directory.checkpoints and path.suffix == ".pt"]
    planes = 0 if config.run.env is not None else PLANES[config.camera.color]
    a_timestep = float(config.camera.width * config.camera.height * planes + _NUMBERS)
    saved = run.step // config.run.save_freq * config.run.save_freq
    if held and saved and saves:
        # The pieces reach at least to the newest multiple of `run.save_freq`.
        a_timestep = held / min(saved, config.replay.capacity)
    return max(0.0, a_timestep * min(config.run.max_timesteps, config.replay.capacity) - held)


def _checkpoints(run: RunFiles, sizes: dict[Path, int]) -> float:
    there = [size for path, size in sizes.items() if path.parent == run.directory.checkpoints and path.suffix == ".pt"]
    kept = sum(run.step < step <= run.config.run.max_timesteps for step in run.config.checkpoint.keep_steps)
    missing = kept + max(0, run.config.checkpoint.keep_last + _NAMED - len(there))
    return float(missing * max(there, default=_ONE_CHECKPOINT))
