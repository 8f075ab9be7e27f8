#!/usr/bin/env python
"""What only a process of its own shows: the first observation with and without compiled kernels, and memory.

Called as a program it makes so many training worlds, steps them and prints its figures as JSON.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
STEPS = 5


def cold_start(worlds: int = 4) -> dict[str, Any]:
    """Seconds to the first observation and step, compiled anew and cached, and those that `make setup` compiles."""
    with tempfile.TemporaryDirectory() as folder:
        cold, warm = (_fresh(worlds, {"XDG_CACHE_HOME": folder}) for _ in range(2))
    with tempfile.TemporaryDirectory() as folder:
        begun = time.perf_counter()
        _run([str(ROOT / "scripts" / "compile_kernels.py")], {"XDG_CACHE_HOME": folder})
        compiled = time.perf_counter() - begun
    return {
        "worlds": worlds,
        "setup_compiles_s": round(compiled, 2),
        **{f"cold_{name}": cold[name] for name in ("imports_s", "observation_s", "step_s")},
        **{f"cached_{name}": warm[name] for name in ("imports_s", "observation_s", "step_s")},
    }


def memory(worlds: int) -> dict[str, Any]:
    """Resident memory of a process with so many worlds that has taken a few steps."""
    figures = _fresh(worlds, {})
    return {"worlds": worlds, **{name: figures[name] for name in ("town_mib", "rss_mib", "mib_per_world")}}


def _fresh(worlds: int, variables: dict[str, str]) -> dict[str, Any]:
    return dict(json.loads(_run([__file__, str(worlds)], variables)))


def _run(arguments: list[str], variables: dict[str, str]) -> str:
    """What a Python process prints that chooses its kernels' folder itself."""
    # The package has put the folder of this process's kernels into the environment; the child chooses its own.
    inherited = {name: value for name, value in os.environ.items() if name != "NUMBA_CACHE_DIR"}
    command = [sys.executable, *arguments]
    return subprocess.run(command, env=inherited | variables, stdout=subprocess.PIPE, check=True, text=True).stdout


def _report(worlds: int) -> dict[str, Any]:
    begun = time.perf_counter()
    import numpy as np
    import psutil

    from av_td3_system.config.load import load_config
    from av_td3_system.training.worlds import batch_for_training

    imported = time.perf_counter()
    config, process = load_config(), psutil.Process()

    def megabytes() -> float:
        return process.memory_info().rss / 2**20

    def stepped(count: int) -> tuple[float, float]:
        env = batch_for_training(config, count, 0)
        env.reset()
        observed = time.perf_counter()
        actions = np.zeros((count, 2), np.float32)
        for _ in range(STEPS):
            env.step(actions)
        return observed, megabytes()

    observed, town = stepped(1)
    first_step = time.perf_counter()
    _, all_of_them = stepped(worlds)
    return {
        "imports_s": round(imported - begun, 2),
        "observation_s": round(observed - begun, 2),
        "step_s": round(first_step - begun, 2),
        "town_mib": round(town),
        "rss_mib": round(all_of_them),
        "mib_per_world": round((all_of_them - town) / worlds, 3),
    }


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    print(json.dumps(_report(int(sys.argv[1]))))
