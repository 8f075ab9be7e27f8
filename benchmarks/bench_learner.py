#!/usr/bin/env python
"""Gradient updates a second from camera stacks, beside Stable-Baselines3's TD3("CnnPolicy"); JSON on standard output.

Every case runs in a process of its own, all in turn and the turns repeated, so that a machine whose speed changes
changes all of them. Ratios are taken within a turn. The arithmetic limit is the fastest convolution of the encoder that
this machine makes, forward, at the same batch: an update's operations at that rate. Some ten minutes on two cores.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import torch

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from av_td3_system.networks.precision import supports_bfloat16

RESULTS = Path(__file__).parent / "results"
PEER = "sb3"


def main() -> None:
    """Measure all cases, write `results/learner.json`."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--peer-python", default=sys.executable, help="an interpreter that has stable_baselines3")
    parser.add_argument("--threads", type=int, nargs="+", default=sorted({1, os.cpu_count() or 1}))
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=6.0, help="of each measurement")
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda"))
    parser.add_argument("--out", type=Path, default=RESULTS / "learner.json")
    arguments = parser.parse_args()

    cases = all_cases(arguments.threads, arguments.seconds, arguments.device)
    turns: list[list[dict[str, Any]]] = []
    for turn in range(arguments.turns):
        turns.append([])
        for case in cases:
            print(f"turn {turn + 1} of {arguments.turns}: {describe(case)}", file=sys.stderr)
            python = arguments.peer_python if case["learner"] == PEER else sys.executable
            turns[-1].append(measure(case, python))
    result = {
        "benchmark": "learner",
        "machine": machine(),
        "load_at_end": os.getloadavg()[0],
        "cases": [summary(case, [turn[i] for turn in turns], turns) for i, case in enumerate(cases)],
    }
    arguments.out.parent.mkdir(exist_ok=True)
    arguments.out.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(result, indent=2))


def all_cases(threads: list[int], seconds: float, device: str) -> list[dict[str, Any]]:
    """At batch 256 every learner, peers first; the preset also at its own batch."""
    cases: list[dict[str, Any]] = []
    for count in threads:
        common = {"batch": 256, "threads": count, "seconds": seconds, "device": device, "bfloat16": True}
        cases += [common | {"learner": PEER, "bfloat16": False}, common | {"learner": "limit"}]
        cases += [common | {"learner": name} for name in ("preset", "separate", "shared")]
        cases += [common | {"learner": name, "bfloat16": False} for name in ("preset", "separate")]
        cases += [common | {"learner": "preset", "batch": 64}]
    return cases


def describe(case: dict[str, Any]) -> str:
    """A case in a few words."""
    kind = "bfloat16" if case["bfloat16"] else "float32"
    return f"{case['learner']}, batch {case['batch']}, {case['threads']} threads, {kind}"


def measure(case: dict[str, Any], python: str) -> dict[str, Any]:
    """One measurement in a fresh process, or why there is none."""
    if case["learner"] == "limit":
        return conv_peak(case)
    script = Path(__file__).with_name("learner_cases.py")
    threads = str(case["threads"])
    environment = os.environ | {"OMP_NUM_THREADS": threads, "NUMBA_NUM_THREADS": threads}
    done = subprocess.run(
        [python, str(script), json.dumps(case)], capture_output=True, text=True, env=environment, check=False
    )
    if done.returncode:
        return {"failed": (done.stderr.strip().splitlines() or ["no output"])[-1]}
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def conv_peak(case: dict[str, Any]) -> dict[str, Any]:
    """GFLOP/s of the encoder's fastest convolution, forward, channels last, in bfloat16 where it is multiplied."""
    device = torch.device(case["device"])
    dtype = torch.bfloat16 if supports_bfloat16(device) else torch.float32
    before = torch.get_num_threads()
    torch.set_num_threads(case["threads"])
    best = 0.0
    for inputs, size, outputs, kernel, stride in ((64, 21, 32, 2, 1), (32, 20, 64, 4, 2), (64, 9, 64, 3, 1)):
        image = torch.randn(case["batch"], inputs, size, size, device=device, dtype=dtype)
        image = image.to(memory_format=torch.channels_last)
        layer = torch.nn.Conv2d(inputs, outputs, kernel, stride, device=device, dtype=dtype)
        layer = layer.to(memory_format=torch.channels_last).requires_grad_(False)
        places = layer(image)[0, 0].numel()
        operations = 2 * case["batch"] * places * outputs * inputs * kernel**2
        for _ in range(10):
            begin = time.perf_counter()
            for _ in range(20):
                layer(image)
            if device.type == "cuda":
                torch.cuda.synchronize()
            best = max(best, 20 * operations / (time.perf_counter() - begin) / 1e9)
    torch.set_num_threads(before)
    return case | {"gflop_per_s": round(best, 1), "dtype": str(dtype).removeprefix("torch.")}


def summary(case: dict[str, Any], found: list[dict[str, Any]], turns: list[list[dict[str, Any]]]) -> dict[str, Any]:
    """Median, least and greatest over the turns; the ratio to the peer and the share of the limit, turn by turn."""
    if any("failed" in one for one in found):
        return case | {"failed": next(one["failed"] for one in found if "failed" in one)}
    if case["learner"] == "limit":
        return case | {"dtype": found[0]["dtype"], "gflop_per_s": [one["gflop_per_s"] for one in found]}
    rates = [one["updates_per_s"] for one in found]
    told: dict[str, Any] = {"updates_per_s": statistics.median(rates), "turns": rates}
    told |= {name: found[0][name] for name in ("version", "sampling_share", "gflop_an_update") if name in found[0]}

    def beside(learner: str, value: str) -> list[float] | None:
        same = ("batch", "threads")
        others = [[o for o in t if o["learner"] == learner and all(o[n] == case[n] for n in same)] for t in turns]
        return [one[0][value] for one in others] if all(one and value in one[0] for one in others) else None

    if case["learner"] != PEER:
        if (peer := beside(PEER, "updates_per_s")) is not None:
            told["times_sb3"] = round(statistics.median(r / p for r, p in zip(rates, peer, strict=True)), 2)
        if case["bfloat16"] and (limit := beside("limit", "gflop_per_s")) is not None:
            shares = [r * found[0]["gflop_an_update"] / peak for r, peak in zip(rates, limit, strict=True)]
            told["share_of_limit"] = round(statistics.median(shares), 3)
    return case | told


def machine() -> dict[str, Any]:
    """What the figures belong to."""
    import llvmlite.binding

    device = torch.cuda.get_device_name() if torch.cuda.is_available() else None
    return {
        "processor": llvmlite.binding.get_host_cpu_name(),
        "cores": os.cpu_count(),
        "gpu": device,
        "bfloat16": supports_bfloat16(torch.device("cpu")),
        "python": platform.python_version(),
        "torch": torch.__version__,
    }


if __name__ == "__main__":
    main()
