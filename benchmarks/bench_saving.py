#!/usr/bin/env python
"""How long a checkpoint holds a run up with a million frames in the replay; JSON on standard output.

A run of the preset is put together, its replay filled through `add` as a run does, with a checkpoint every 25,000
timesteps; measured are those after the rings are full: `Training.state_dict` and `Saver.save`, with every byte forced
to the disk. Asked for: at most 2 s and about 180 MB. Ten minutes, 9 GB of memory, 8 GB of disk, which are given back.

    python benchmarks/bench_saving.py --folder /somewhere/with/room
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import av_td3_system  # noqa: F401  # chooses Numba's threads before Numba is imported

# ruff: isort: split
import numpy as np
import psutil

from av_td3_system.checkpointing.preemption import StopSignals
from av_td3_system.config.load import load_config
from av_td3_system.monitoring.run_directory import RunDirectory
from av_td3_system.monitoring.run_log import RunLog
from av_td3_system.replay.frame_replay import FrameReplay
from av_td3_system.replay.sight import Sight
from av_td3_system.training.loop import Training
from av_td3_system.training.recorder import Recorder
from av_td3_system.training.run import assemble, prepare

RESULTS = Path(__file__).parent / "results"
EVERY = 25_000  # timesteps between two checkpoints, the preset's
EPISODE = 300  # decisions
ASKED_SECONDS, ASKED_MB = 2.0, 180.0


def main() -> None:
    """Fill, save, measure; writes `results/saving.json`."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--transitions", type=int, default=1_000_000, help="that the replay holds")
    parser.add_argument("--saves", type=int, default=8, help="measured, once it is full")
    parser.add_argument("--folder", type=Path, help="for the run [the system's folder for temporary files]")
    parser.add_argument("--out", type=Path, default=RESULTS / "saving.json")
    arguments = parser.parse_args()
    load = os.getloadavg()[0]
    with (
        tempfile.TemporaryDirectory(dir=arguments.folder) as folder,
        training(Path(folder) / "run", arguments.transitions) as made,
    ):
        saves = list(measured(made, arguments.transitions, arguments.saves))
    full = saves[-arguments.saves :]
    seconds = [save["seconds"] for save in full]
    result = {
        "benchmark": "saving",
        "transitions": arguments.transitions,
        "timesteps_a_save": EVERY,
        "saves": len(full),
        "seconds": {"median": statistics.median(seconds), "max": max(seconds), "each": seconds},
        "parts": {name: statistics.median(save["parts"][name] for save in full) for name in full[0]["parts"]},
        "mb": {name: statistics.median(save[name] for save in full) for name in ("piece_mb", "checkpoint_mb")},
        "seconds_while_filling": [save["seconds"] for save in saves[: -arguments.saves]],
        "resident_gb": round(psutil.Process().memory_info().rss / 1e9, 1),
        "load": [load, os.getloadavg()[0]],
        "asked": {"seconds": ASKED_SECONDS, "mb_of_frames_and_networks": ASKED_MB},
    }
    arguments.out.parent.mkdir(exist_ok=True)
    arguments.out.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(result, indent=2))


@contextmanager
def training(path: Path, transitions: int) -> Iterator[Training]:
    """A run of the preset that has learned a little, so that the optimisers have their moments."""
    overrides = [f"replay.capacity={transitions}", f"run.max_timesteps={2 * transitions}", "run.threads=1"]
    config = load_config(overrides=overrides)
    world = prepare(config)
    directory = RunDirectory.create(path, algo=config.run.algo, scenario=0, seed=0)
    with StopSignals() as signals, RunLog(None) as log, Recorder(directory, config, log) as recorder:
        made = assemble(world, directory, recorder, signals)
        world.env.reset()
        yield made


def measured(made: Training, transitions: int, saves: int) -> Iterator[dict[str, Any]]:
    """Fill the rings once and on, with a save every so many timesteps; what each took."""
    replay, worlds = made.learner.replay, made.env.num_envs
    assert isinstance(replay, FrameReplay)
    add = driving(replay, worlds)
    for number in range(1, transitions // EVERY + saves + 1):
        for _ in range(EVERY // worlds):
            add()
        made.step = number * EVERY
        if number == 1:
            for _ in range(4):
                made.learner.agent.learn(made.learner.sample(2), 2)
        yield one_save(made)
        print(f"{made.step} timesteps", file=sys.stderr)


def driving(replay: FrameReplay, worlds: int) -> Callable[[], None]:
    """Adds a decision of every world: noise for frames, an episode in four ends in a failure."""
    rng, shape, count = np.random.default_rng(0), replay.shape, [0]
    frames = rng.integers(0, 256, (64, worlds, *shape.image_shape), dtype=np.uint8)
    vector = np.zeros((worlds, shape.vector_dim), np.float32)
    beside = np.zeros((worlds, shape.surroundings_dim), np.float32)
    wanted = np.zeros((worlds, shape.policy_dim), np.float32) if shape.policy_dim else None
    action, reward = np.zeros((worlds, shape.action_dim), np.float32), np.zeros(worlds)
    phase = rng.integers(0, EPISODE, worlds)

    def add() -> None:
        over = (count[0] + phase) % EPISODE == EPISODE - 1
        ends = over & ((count[0] + phase) // EPISODE % 4 == 0)
        sight = Sight(frames[count[0] % len(frames)], vector, beside, wanted)
        replay.add(sight, action, reward, ends, over, sight)
        count[0] += 1

    return add


def one_save(made: Training) -> dict[str, Any]:
    """Seconds of one save in all and by part, and the bytes of what it wrote."""
    files = set(made.directory.replay.glob("*.pt"))
    parts: dict[str, float] = defaultdict(float)
    fsync = os.fsync

    def timed_fsync(descriptor: int) -> None:
        begun = time.perf_counter()
        fsync(descriptor)
        parts["fsync"] += time.perf_counter() - begun

    os.fsync = timed_fsync
    begun = time.perf_counter()
    state = made.state_dict()
    parts["state_dict"] = time.perf_counter() - begun
    path = made.saver.save(state, made.step)
    seconds = time.perf_counter() - begun
    os.fsync = fsync
    new = [piece for piece in made.directory.replay.glob("*.pt") if piece not in files]
    return {
        "seconds": round(seconds, 3),
        "parts": {name: round(value, 3) for name, value in parts.items()},
        "piece_mb": round(sum(piece.stat().st_size for piece in new) / 1e6, 1),
        "checkpoint_mb": round(path.stat().st_size / 1e6, 1),
    }


if __name__ == "__main__":
    main()
