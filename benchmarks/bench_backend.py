#!/usr/bin/env python
"""One policy on the same episodes in the town and, with Traffic Manager, on CARLA servers; JSON on standard output.

The same seeds mean the same routes, weathers and first places of the other vehicles; who drives them then differs, so
differences are paired by episode. What server, client and driver hold in memory is recorded on the way. Servers are
`serve-carla` unless AV_TD3_CARLA_SERVER says otherwise. Needs carla==0.9.16. 75 episodes: a quarter of an hour.

    python benchmarks/bench_backend.py RUN|pretrained [--episodes 75] [--split validation] [--scenario 0]
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import socket
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import psutil

ROOT = Path(__file__).resolve().parents[1]
RESULTS = Path(__file__).parent / "results"
SERVE = f"{sys.executable} -m av_td3_system serve-carla TownA --port {{port}}"
RESAMPLES = 10_000
SAMPLED = 5.0  # s between two looks at memory


def main() -> int:
    """Drive both, compare, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("policy", help="run directory, policy, or pretrained")
    parser.add_argument("--episodes", type=int, default=75)
    parser.add_argument("--split", default="validation", choices=("validation", "test"))
    parser.add_argument("--scenario", type=int, default=0)
    parser.add_argument("--out", type=Path, default=RESULTS / "backend.json")
    arguments = parser.parse_args()
    told = {backend: drive(backend, arguments) for backend in ("town", "carla")}
    found = {"policy": Path(arguments.policy).name, "split": arguments.split, "scenario": arguments.scenario}
    found |= compare(told["town"], told["carla"])
    text = json.dumps(found, indent=1)
    arguments.out.write_text(text + "\n")
    print(text)
    return 0


def drive(backend: str, arguments: argparse.Namespace) -> dict[str, Any]:
    """What `evaluate --json` says of the policy on a backend."""
    command = [sys.executable, "-m", "av_td3_system", "evaluate", arguments.policy, "--json", "--backend", backend]
    command += ["--episodes", str(arguments.episodes), "--split", arguments.split]
    command += ["--scenario", str(arguments.scenario)]
    if backend == "carla":
        command += ["--set", f"carla.port={free_port()}", f"carla.traffic_manager_port={free_port()}"]
    environment = {"AV_TD3_CARLA_SERVER": SERVE, **os.environ}
    began = time.monotonic()
    with tempfile.TemporaryFile("w+") as told:
        process = psutil.Popen(command, cwd=ROOT, stdout=told, env=environment)
        memory = watched(process)
        if process.returncode:
            raise SystemExit(f"ended with code {process.returncode}: {' '.join(command)}")
        told.seek(0)
        answer: dict[str, Any] = json.load(told)
    return answer | {"seconds": time.monotonic() - began, "memory": memory}


def watched(process: psutil.Popen) -> dict[str, dict[str, float]]:
    """MB that each kind of process held in the second and in the last quarter of the drive, and at most.

    Kinds are the driver, the server, and the client beside it. The first quarter is left out: pools fill in it.
    """
    samples: dict[str, list[tuple[float, float]]] = {}
    while process.is_running() and process.poll() is None:
        with contextlib.suppress(psutil.Error):
            for one in (process, *process.children(recursive=True)):
                line = " ".join(one.cmdline())
                kind = "driver" if one.pid == process.pid else "server" if "serve-carla" in line else "client"
                if "resource_tracker" not in line:
                    samples.setdefault(kind, []).append((time.monotonic(), one.memory_info().rss / 1e6))
        time.sleep(SAMPLED)
    process.wait()
    return {kind: growth(np.array(told)) for kind, told in samples.items() if len(told) >= 8}


def growth(samples: np.ndarray) -> dict[str, float]:
    """Medians of the second and the last quarter of (time, MB), and the greatest."""
    when, held = samples.T
    share = (when - when[0]) / (when[-1] - when[0])
    early, late = held[(share >= 0.25) & (share < 0.5)], held[share >= 0.75]
    return {
        "second_quarter": float(np.median(early)),
        "last_quarter": float(np.median(late)),
        "most": float(held.max()),
    }


def compare(town: dict[str, Any], carla: dict[str, Any]) -> dict[str, Any]:
    """Both summaries, and the paired difference of success with a bootstrap interval over episodes."""
    one = {episode["episode_seed"]: episode for episode in town["episodes"]}
    other = {episode["episode_seed"]: episode for episode in carla["episodes"]}
    if one.keys() != other.keys():
        raise SystemExit("the two backends drove other episodes")
    seeds = sorted(one)
    apart = np.array([float(other[seed]["success"]) - float(one[seed]["success"]) for seed in seeds])
    rng = np.random.default_rng(0)
    means = apart[rng.integers(0, len(apart), (RESAMPLES, len(apart)))].mean(axis=1)
    return {
        "episodes": len(seeds),
        "town": summary_of(town),
        "carla": summary_of(carla),
        "success_difference": apart.mean(),
        "success_difference_interval": np.quantile(means, (0.025, 0.975)).tolist(),
        "succeed_in_both": sum(bool(one[s]["success"] and other[s]["success"]) for s in seeds),
        "only_in_town": [[s, other[s]["outcome"]] for s in seeds if one[s]["success"] and not other[s]["success"]],
        "only_on_carla": [[s, one[s]["outcome"]] for s in seeds if other[s]["success"] and not one[s]["success"]],
    }


def summary_of(evaluation: dict[str, Any]) -> dict[str, Any]:
    """The figures that are compared."""
    kept = ("success_rate", "success_rate_interval", "route_completion", "episode_reward", "average_speed", "outcomes")
    return {name: evaluation["summary"][name] for name in kept} | {
        "seconds": evaluation["seconds"],
        "memory": evaluation["memory"],
    }


def free_port() -> int:
    """A port that nobody listens at."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


if __name__ == "__main__":
    sys.exit(main())
