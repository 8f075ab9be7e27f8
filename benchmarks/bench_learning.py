#!/usr/bin/env python
"""What a policy has learned after so many timesteps: train some seeds, test their checkpoints; JSON on standard output.

Every run is `av-td3 train` with the given settings, every figure `av-td3 evaluate` of a checkpoint on the same fixed
episodes, with the image as it is and, for the last checkpoint, with it blank, frozen and shuffled. A complete run
directory and a test that was made are used as they are, so that an interrupted benchmark goes on where it was.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import yaml

RESULTS = Path(__file__).parent / "results"
IMAGES = ("blank", "frozen", "shuffled")  # what the policy is shown instead of what its camera sees
COMMAND = [sys.executable, "-m", "av_td3_system"]
KEPT = ("n_episodes", "success_rate", "success_rate_interval", "route_completion", "episode_reward")
KEPT += ("collisions_per_km", "collisions_per_km_upper", "distance_km", "average_speed", "outcomes")


def main() -> None:
    """Train, test and write `results/<name>.json`."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--name", default="learning_100k", help="of the result, and of the folder of runs")
    parser.add_argument("--seeds", type=int, nargs="+", default=[42, 43, 44])
    parser.add_argument(
        "--at", type=int, nargs="+", default=[10_000, 25_000, 50_000, 75_000, 100_000], help="timesteps"
    )
    parser.add_argument("--episodes", type=int, default=200, help="test episodes a checkpoint")
    parser.add_argument("--split", default="test", choices=("validation", "test"))
    parser.add_argument("--eval-freq", type=int, default=25_000, help="timesteps between the run's own evaluations")
    parser.add_argument("--parallel", type=int, default=1, help="runs at a time, each then with one thread")
    parser.add_argument("--runs", type=Path, default=Path("runs"), help="where the run directories go")
    parser.add_argument("--set", nargs="+", default=[], metavar="a.b=c", help="settings beside the preset")
    arguments = parser.parse_args()

    with ThreadPoolExecutor(arguments.parallel) as pool:
        runs = list(pool.map(lambda seed: one_seed(arguments, seed), arguments.seeds))
    result = {
        "benchmark": arguments.name,
        "settings": arguments.set,
        "split": arguments.split,
        "parallel": arguments.parallel,
        "cores": os.cpu_count(),
        "runs": runs,
    }
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{arguments.name}.json").write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(result, indent=2))


def one_seed(arguments: argparse.Namespace, seed: int) -> dict[str, Any]:
    """The run of one seed (trained unless it is there) and the figures of its checkpoints."""
    run = arguments.runs / arguments.name / f"seed_{seed}"
    environment = dict(os.environ)
    settings = list(arguments.set)
    if arguments.parallel > 1:
        environment |= {"OMP_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1"}
        settings.append("run.threads=1")
    last = max(arguments.at)
    every = math.gcd(*arguments.at)
    settings.append(f"checkpoint.keep_last={last // every}")
    if not (run / "results.json").is_file():
        train = ["train", "--max-timesteps", str(last), "--eval-freq", str(arguments.eval_freq)]
        train += ["--save-freq", str(every), "--seed", str(seed), "--log-dir", str(run), "--set", *settings]
        print(" ".join(["av-td3", *train]), file=sys.stderr)
        log = run.with_suffix(".log")
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("w", encoding="utf-8") as file:
            subprocess.run([*COMMAND, *train], stdout=file, stderr=file, env=environment, check=False)
    results = json.loads((run / "results.json").read_text(encoding="utf-8")) if (run / "results.json").is_file() else {}
    if results.get("ended") != "completed":
        sys.exit(f"{run} holds a run that was not completed, see {run.with_suffix('.log')}; delete it to begin anew")
    kept = (
        "env_steps",
        "wall_clock_s",
        "updates_per_s",
        "updates_per_step",
        "ended",
        "timing",
        "q_value_mean",
        "q_bias",
    )
    return {
        "seed": seed,
        "threads": yaml.safe_load((run / "config.yaml").read_text(encoding="utf-8"))["run"]["threads"],
        **{name: results[name] for name in kept},
        "verdict": results["gate"] and results["gate"]["verdict"],
        "checkpoints": [
            {"step": step, **evaluate(run, step, arguments, environment)}
            for step in arguments.at
            if checkpoint(run, step).is_file()
        ],
        "without_the_camera": {image: evaluate(run, last, arguments, environment, "--image", image) for image in IMAGES}
        if checkpoint(run, last).is_file()
        else None,
    }


def checkpoint(run: Path, step: int) -> Path:
    """The rotated checkpoint of that timestep."""
    return run / "checkpoints" / f"td3_{step / 1000:g}k.pt"


def evaluate(
    run: Path, step: int, arguments: argparse.Namespace, environment: dict[str, str], *flags: str
) -> dict[str, Any]:
    """Figures of a checkpoint on the fixed episodes, kept beside it for the next call."""
    kept = run / "tested" / f"{'-'.join([arguments.split, str(arguments.episodes), str(step), *flags])}.json"
    if not kept.is_file():
        command = [*COMMAND, "evaluate", str(checkpoint(run, step)), "--episodes", str(arguments.episodes)]
        command += ["--split", arguments.split, "--json", *flags]
        print(f"evaluating {checkpoint(run, step)} {' '.join(flags)}", file=sys.stderr)
        done = subprocess.run(command, stdout=subprocess.PIPE, env=environment, check=True, text=True)
        kept.parent.mkdir(exist_ok=True)
        kept.write_text(done.stdout, encoding="utf-8")
    summary = json.loads(kept.read_text(encoding="utf-8"))["summary"]
    return {name: summary[name] for name in KEPT}


if __name__ == "__main__":
    main()
