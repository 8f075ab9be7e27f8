#!/usr/bin/env python
"""Memory of the replay and the time to draw a batch of stacks from it; JSON on standard output.

Fills a replay of 84x84 frames through `add`, as a run does, then times `sample`: uniformly, by priority (LAP), with a
share from before failures; the same batch again, which the processor's caches then hold; and with frames in a file,
in the page cache and read from disk. About a minute and 7.5 GB of memory at the default million.
"""

from __future__ import annotations

import argparse
import json
import mmap
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import av_td3_system  # noqa: F401  # chooses Numba's threads before Numba is imported

# ruff: isort: split
import numba
import numpy as np
import psutil

from av_td3_system.config.load import load_config
from av_td3_system.environments.observation import vector_dim
from av_td3_system.environments.surroundings import surroundings_dim
from av_td3_system.networks.precision import keep_memory
from av_td3_system.replay.choice import Choice, Sampling
from av_td3_system.replay.frame_replay import FrameReplay
from av_td3_system.replay.shape import ReplayShape
from av_td3_system.replay.sight import Sight

PRESET = load_config()
N_STEP, INTERVAL, STACK = PRESET.agent.n_step, PRESET.camera.frame_interval, PRESET.camera.stack
VECTOR, KNOWN = vector_dim(PRESET.environment), surroundings_dim(PRESET)  # numbers beside the frames
WORLDS, BATCH, EPISODE = 16, 256, 300
MODES = {
    "uniform": Sampling(),
    "priority": Sampling(priority_exponent=0.4),
    "before_failure": Sampling(failure_share=0.25, failure_decisions=30),
}


def main() -> None:
    """Fill, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--transitions", type=int, default=1_000_000)
    parser.add_argument("--in-file", type=int, default=200_000, help="transitions of the replay in a file; 0: none")
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()), help="for that file")
    parser.add_argument("--batches", type=int, default=100, help="of each case")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--out", type=Path, help="also write the result there")
    arguments = parser.parse_args()
    keep_memory()
    threads = [count for count in arguments.threads if count <= numba.config.NUMBA_NUM_THREADS]
    process = psutil.Process()
    result: dict[str, Any] = {"benchmark": "replay", "batch": BATCH, "load": [os.getloadavg()[0]]}
    filled(1000, None).sample(2)  # compiles
    before = process.memory_info().rss
    begun = time.perf_counter()
    replay = filled(arguments.transitions, None)
    result["memory"] = {
        "transitions": len(replay),
        "slots": replay._slots.flags.size,
        "resident_gb": round((process.memory_info().rss - before) / 1e9, 3),
        "add_us_a_transition": round(1e6 * (time.perf_counter() - begun) / len(replay), 2),
    }
    result["modes"] = [in_mode(replay, name, threads, arguments.batches) for name in MODES]
    del replay
    if arguments.in_file:
        path = arguments.folder / f"replay_{os.getpid()}"
        replay = filled(arguments.in_file, path)
        choose(replay, "uniform")
        result["file"] = {
            "transitions": len(replay),
            "cached_ms": timed(lambda: replay.sample(BATCH), threads, arguments.batches),
            "from_disk_ms": timed(lambda: replay.sample(BATCH), threads, 5, lambda: forget(replay)),
        }
    result["load"].append(os.getloadavg()[0])
    text = json.dumps(result, indent=2)
    if arguments.out:
        arguments.out.write_text(text + "\n", encoding="utf-8")
    print(text)


def filled(transitions: int, file: Path | None) -> FrameReplay:
    """A replay whose rings have turned over once and a bit; an episode in four ends in a failure."""
    rng = np.random.default_rng(0)
    sizes = (transitions, WORLDS, (84, 84), VECTOR, N_STEP, PRESET.agent.gamma)
    shape = ReplayShape(*sizes, stack=STACK, frame_interval=INTERVAL, surroundings_dim=KNOWN)
    replay = FrameReplay(shape, rng, file)
    frames = rng.integers(0, 256, (64, WORLDS, 84, 84), dtype=np.uint8)
    vector, beside = np.zeros((WORLDS, VECTOR), np.float32), np.zeros((WORLDS, KNOWN), np.float32)
    action, reward = np.zeros((WORLDS, 2), np.float32), np.zeros(WORLDS)
    phase = rng.integers(0, EPISODE, WORLDS)  # the worlds' episodes end at different times
    for step in range(transitions // WORLDS + 100):
        over = (step + phase) % EPISODE == EPISODE - 1
        ends = over & ((step + phase) // EPISODE % 4 == 0)
        sight = Sight(frames[step % len(frames)], vector, beside)
        replay.add(sight, action, reward, ends, over, sight)
    return replay


def choose(replay: FrameReplay, mode: str) -> None:
    """Draw from the same rings in another way; priorities as a run has them, of all sizes."""
    reach = (STACK - 1) * INTERVAL
    replay._choice = Choice(replay._slots, N_STEP, reach, np.random.default_rng(1), MODES[mode])
    replay._choice.restore({}, *replay.held(None))
    if MODES[mode].priority_exponent is not None:
        for _ in range(200):
            replay._choice.draw(BATCH)
            replay.prioritize(
                np.stack(replay._choice.draw(BATCH)), 10 * np.random.default_rng(2).exponential(size=BATCH)
            )


def in_mode(replay: FrameReplay, mode: str, threads: list[int], batches: int) -> dict[str, Any]:
    """Figures of one way to draw."""
    choose(replay, mode)
    result = {
        "mode": mode,
        "bytes_per_transition": replay.bytes_per_transition,
        "million_gb": round(replay.bytes_per_transition * 1e6 / 1e9, 3),
        "sample_ms": timed(lambda: replay.sample(BATCH), threads, batches),
        "draw_ms": timed(lambda: replay._choice.draw(BATCH), [1], batches)["1"],
    }
    drawn, draw = replay._choice.draw(BATCH), replay._choice.draw
    if mode == "uniform":
        replay._choice.draw = lambda _: drawn  # type: ignore[method-assign]
        result["same_batch_again_ms"] = timed(lambda: replay.sample(BATCH), threads, batches)
        replay._choice.draw = draw  # type: ignore[method-assign]
    if replay._choice.priorities is not None:
        error = np.random.default_rng(3).exponential(size=BATCH)
        result["prioritize_ms"] = timed(lambda: replay.prioritize(replay.drawn, error), [1], batches)["1"]
    return result


def forget(replay: FrameReplay) -> None:
    """Write the frames of a replay in a file to disk and drop them from memory."""
    memory: Any = replay._slots.frame
    while not isinstance(memory, mmap.mmap):
        memory = memory.base
    memory.flush()
    memory.madvise(21)  # MADV_PAGEOUT, Linux 5.4


def timed(
    action: Callable[[], object], threads: list[int], count: int, before: Callable[[], object] = lambda: None
) -> dict[str, dict[str, float]]:
    """Milliseconds by number of threads: the median, and the least, which other programs disturb less."""
    result = {}
    for number in threads:
        numba.set_num_threads(number)
        times = []
        for _ in range(count):
            before()
            begun = time.perf_counter()
            action()
            times.append(1e3 * (time.perf_counter() - begun))
        result[str(number)] = {"median": round(statistics.median(times), 3), "least": round(min(times), 3)}
    return result


if __name__ == "__main__":
    main()
