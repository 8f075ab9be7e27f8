#!/usr/bin/env python
"""Speed of the town that a run trains in, by worlds, vehicles, weather and camera; JSON on standard output.

First the pictures: the newest frames of a fixed seed are compared with the stored ones, and where they differ nothing
is measured (exit code 1; `--renew-golden` stores the present ones). Then every case of `town_cases`; what a fresh
process needs to compile, to start and to hold; and the other simulators that are installed
(`pip install -e '.[bench]'`, or an interpreter of their own, `--peer-python`). `reference_ms` is a fixed NumPy product
on the same machine in the same minutes, so that figures from different machines can be set in relation. About ten
minutes on two idle cores.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import sys
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
RESULT = ROOT / "benchmarks" / "results" / "town.json"


def main() -> None:
    """Compare the pictures, measure every case and write the result."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--decisions", type=int, default=1000, help="of each world and case")
    parser.add_argument("--most-worlds", type=int, default=1024, help="leave out the cases with more")
    parser.add_argument("--peer-seconds", type=float, default=10.0, help="for each other simulator; 0 leaves them out")
    parser.add_argument("--peer-python", nargs="+", default=[], metavar="PYTHON", help="interpreters that have them")
    parser.add_argument("--no-fresh", action="store_true", help="leave out compilation and memory")
    parser.add_argument("--renew-golden", action="store_true", help="store the present frames, and measure nothing")
    parser.add_argument("--out", type=Path, default=RESULT)
    arguments = parser.parse_args()

    import numba

    from benchmarks import fresh_process, golden_frames, peers, town_cases

    cores = numba.config.NUMBA_NUM_THREADS
    frames = town_cases.golden()
    if arguments.renew_golden:
        golden_frames.save(frames)
        return
    golden = golden_frames.compare(frames)
    if not golden["same"]:
        sys.exit(
            f"error: the pictures of {', '.join(golden['changed'])} are not the golden ones "
            f"(a frame differs by {golden['greatest_difference']} of 255)\n"
            "hint: see what changed them; where it was meant, `make bench-town ARGS=--renew-golden`"
        )
    print(f"pictures as they were, by {golden['compared_by']}", file=sys.stderr)

    result: dict[str, Any] = {"benchmark": "town", "machine": _machine(cores), "golden_frames": golden, "cases": []}
    result["reference_ms"] = [_reference()]
    result["load"] = [os.getloadavg()[0]]
    cases = [case for case in town_cases.all_cases(cores) if case.worlds <= arguments.most_worlds]
    for number, case in enumerate(cases, 1):
        result["cases"].append(town_cases.measure(case, arguments.decisions))
        print(f"{number}/{len(cases)} {result['cases'][-1]}", file=sys.stderr)
    if not arguments.no_fresh:
        result["memory"] = [fresh_process.memory(n) for n in (16, 64, 256, 1024) if n <= arguments.most_worlds]
        print(f"memory {result['memory']}", file=sys.stderr)
        result["start"] = fresh_process.cold_start()
        print(f"start {result['start']}", file=sys.stderr)
    if arguments.peer_seconds > 0:
        interpreters = [sys.executable, *arguments.peer_python]
        result["other_simulators"] = peers.compare(arguments.peer_seconds, cores, interpreters)
    result["reference_ms"].append(_reference())
    result["load"].append(os.getloadavg()[0])
    arguments.out.parent.mkdir(exist_ok=True)
    arguments.out.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(result, indent=2))


def _machine(cores: int) -> dict[str, Any]:
    """What the figures depend on beside the code."""
    import llvmlite.binding
    import numba
    import numpy as np

    return {
        "cores": cores,
        "processor": llvmlite.binding.get_host_cpu_name(),
        "python": platform.python_version(),
        "numpy": np.__version__,
        "numba": numba.__version__,
    }


def _reference() -> float:
    """Median milliseconds of a fixed matrix product."""
    import numpy as np

    matrix = np.random.default_rng(0).standard_normal((512, 512))
    times = []
    for _ in range(20):
        begun = time.perf_counter()
        matrix @ matrix
        times.append(1e3 * (time.perf_counter() - begun))
    return round(statistics.median(times), 3)


if __name__ == "__main__":
    main()
