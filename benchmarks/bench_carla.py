#!/usr/bin/env python
"""CARLA's own client library against `serve-carla`; JSON on standard output and in `results/carla.json`.

Lock-step ticks with a camera (no picture may be of another tick), the client's Traffic Manager (no car off the road),
episodes of spawning, driving, colliding and destroying (memory of both ends), ticks as fast as they go (how many the
Traffic Manager sleeps through). Needs carla==0.9.16. Some minutes.

    python benchmarks/bench_carla.py --traffic-map Town01.xodr
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
CLIENTS = Path(__file__).with_name("carla_clients.py")
RESULTS = Path(__file__).parent / "results"


def main() -> int:
    """Serve, drive, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--map", default="TownA", help="of the first two")
    parser.add_argument("--traffic-map", default="TownB", help="of the Traffic Manager; any .xodr file")
    parser.add_argument("--ticks", type=int, default=10_000, help="in lock-step")
    parser.add_argument("--traffic-ticks", type=int, default=2000)
    parser.add_argument("--episodes", type=int, default=400)
    parser.add_argument("--cues", type=int, default=100_000, help="ticks with one car, as fast as they go")
    parser.add_argument("--out", type=Path, default=RESULTS / "carla.json")
    arguments = parser.parse_args()
    if importlib.util.find_spec("carla") is None:
        print("error: the client library is not installed\nhint: pip install carla==0.9.16", file=sys.stderr)
        return 2
    found: dict[str, Any] = {"load_before": os.getloadavg()[0], "map": arguments.map}
    found["lock_step"] = measure(arguments.map, "lock_step", arguments.ticks)
    found["episodes"] = measure(arguments.map, "episodes", arguments.episodes)
    found["traffic"] = measure(arguments.traffic_map, "traffic", arguments.traffic_ticks)
    found["traffic"]["map"] = Path(arguments.traffic_map).stem
    found["cues"] = measure(arguments.map, "cues", arguments.cues)
    arguments.out.write_text(json.dumps(found, indent=1) + "\n")
    print(json.dumps(found, indent=1))
    return 0


def measure(town: str, case: str, count: int) -> dict[str, Any]:
    """The figures of one client script against a server of its own."""
    serve = [sys.executable, "-m", "av_td3_system", "serve-carla", town, "--port", "0"]
    server = subprocess.Popen(serve, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout is not None
        told = re.search(r":(\d+), streams at", server.stdout.readline())
        if told is None:
            raise SystemExit(f"the server did not start: {' '.join(serve)}")
        client = [sys.executable, str(CLIENTS), case, told[1], str(server.pid), str(count)]
        figures: dict[str, Any] = json.loads(subprocess.run(client, check=True, stdout=subprocess.PIPE).stdout)
        return figures
    finally:
        server.terminate()
        server.wait()


if __name__ == "__main__":
    sys.exit(main())
