#!/usr/bin/env python
"""Kill short runs at random moments, resume them, compare: JSON on standard output.

A run is killed (SIGKILL) after a random time, resumed with `--resume`, killed again, until it completes; then another
begins. Every one must end with the `state_hash` of the run that nobody killed. Moments are uniform over the time that a
run takes, its start included. Some ten seconds a kill on one core.

    python benchmarks/chaos.py --kills 100
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
RESULTS = Path(__file__).parent / "results"
COMMAND = [sys.executable, "-m", "av_td3_system", "train"]
SHORT = ["--max-timesteps", "1200", "--eval-freq", "300", "--save-freq", "100", "--num-envs", "4", "--set"]
SHORT += [
    "camera.width=44",
    "camera.height=44",
    "network.crop_top=0",
    "network.channels=[8,8,8]",
    "agent.batch_size=16",
]
SHORT += ["environment.route_length=[60,80]", "exploration.learning_starts=200", "evaluation.episodes=4"]
SHORT += ["evaluation.video=false", "run.threads=1", "run.log_interval=100", "agent.policy_average=0.1"]
SHORT += ["exploration.motion_share=0.5", "traffic.vehicles=[8,8,8]"]


def main() -> None:
    """Kill, resume, compare, write `results/chaos.json`."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--parallel", type=int, default=2, help="runs at a time, one thread each")
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    parser.add_argument("--out", type=Path, default=RESULTS / "chaos.json")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        finished(start(place / "first"), place / "first")  # compiles what is not compiled yet
        begin = time.monotonic()
        expected = finished(start(place / "whole"), place / "whole")
        duration = time.monotonic() - begin
        print(f"a run takes {duration:.1f} s and ends with {expected[:12]}", file=sys.stderr)
        quotas = [
            arguments.kills // arguments.parallel + (w < arguments.kills % arguments.parallel)
            for w in range(arguments.parallel)
        ]
        with ThreadPoolExecutor(arguments.parallel) as pool:
            told = list(pool.map(lambda w: torment(place, w, quotas[w], duration, arguments.seed), range(len(quotas))))
    runs = [run for one in told for run in one]
    result = {
        "benchmark": "chaos",
        "kills": sum(run["kills"] for run in runs),
        "runs": len(runs),
        "equal": sum(run["state_hash"] == expected for run in runs),
        "lost": sum(run["state_hash"] is None for run in runs),
        "killed_in": dict(Counter(phase for run in runs for phase in run["killed_in"])),
        "begun_anew": sum(run["begun_anew"] for run in runs),
        "seconds_a_run": round(duration, 1),
        "seed": arguments.seed,
    }
    arguments.out.parent.mkdir(exist_ok=True)
    arguments.out.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(result, indent=2))
    if result["equal"] != result["runs"]:
        sys.exit("error: a run that was killed did not end as the one that was not")


def torment(place: Path, worker: int, kills: int, duration: float, seed: int) -> list[dict[str, Any]]:
    """Runs with so many kills in all, one after the other; what became of each."""
    rng, runs = random.Random(f"{seed}-{worker}"), []
    while kills > 0:
        run = place / f"run_{worker}_{len(runs)}"
        told: dict[str, Any] = {"kills": 0, "killed_in": [], "begun_anew": 0}
        process = start(run)
        while kills > 0:
            try:
                process.wait(rng.uniform(0.0, duration))
                break  # it was done before
            except subprocess.TimeoutExpired:
                os.kill(process.pid, signal.SIGKILL)
                process.wait()
            kills -= 1
            told["kills"] += 1
            told["killed_in"].append(phase(run))
            told["begun_anew"] += not list(run.glob("checkpoints/*.pt"))
            process = start(run)
        told["state_hash"] = finished(process, run)
        print(f"worker {worker}: {told}", file=sys.stderr)
        runs.append(told)
    return runs


def start(run: Path) -> subprocess.Popen[bytes]:
    """The run, or what is left of it, in a process of its own."""
    begun = (run / "config.yaml").is_file()
    command = [*COMMAND, "--resume", str(run)] if begun else [*COMMAND, "--log-dir", str(run), *SHORT]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1"}
    log = run.with_suffix(".log").open("ab")
    return subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log)


def finished(process: subprocess.Popen[bytes], run: Path) -> str | None:
    """`state_hash` of a run that is let end; None where it did not."""
    process.wait()
    results = run / "results.json"
    if not results.is_file() or json.loads(results.read_text(encoding="utf-8"))["ended"] != "completed":
        print(run.with_suffix(".log").read_text(encoding="utf-8")[-2000:], file=sys.stderr)
        return None
    return str(json.loads(results.read_text(encoding="utf-8"))["state_hash"])


def phase(run: Path) -> str:
    """What a killed run was about, by what it has left."""
    if list(run.glob("*/.writing-*")):
        return "a save"
    if not (run / "train.log").is_file():
        return "set-up"
    lines = (run / "train.log").read_text(encoding="utf-8", errors="replace").splitlines()
    last = lines[-1] if lines else ""
    for word, name in (
        ("trivial", "trivial policies"),
        ("goes on from", "restoring"),
        ("run directory", "set-up"),
        ("Saved checkpoint", "after a save"),
        ("EXPLORATION", "warm-up"),
    ):
        if word in last:
            return name
    return "learning or evaluation"


if __name__ == "__main__":
    main()
