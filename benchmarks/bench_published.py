#!/usr/bin/env python
"""Learning curves of our TD3 (or DDPG) beside Stable-Baselines3's, same settings, seeds and steps; JSON on stdout.

Ours is `av-td3 train --env` by this interpreter, theirs runs in the interpreter of `--peer-python` (which may be this
one), each in a process of one thread. Both are evaluated with the deterministic policy on the same fixed episodes
after the same timesteps. Figures of a run that is done are kept in `results/published/` and it is not made again, so
an interrupted benchmark goes on where it was; `--aggregate-only` reads what there is. The extra `gym` brings MuJoCo.
About five hours on one core.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks import published_curves
from benchmarks.published_cases import CASES, IMPLEMENTATIONS, Run, all_runs, peer_task

RESULT = ROOT / "benchmarks" / "results" / "published.json"
PICTURE = ROOT / "docs" / "pictures" / "published_curves.png"
PEER = Path(__file__).with_name("published_peer.py")
THREADS = ("OMP_NUM_THREADS", "NUMBA_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


def main() -> None:
    """Make the runs that are missing, then the result and the picture of all."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--envs", nargs="+", default=[case.env for case in CASES], choices=[c.env for c in CASES])
    parser.add_argument("--algo", default="td3", choices=("td3", "ddpg"))
    parser.add_argument("--implementations", nargs="+", default=list(IMPLEMENTATIONS), choices=IMPLEMENTATIONS)
    parser.add_argument("--peer-python", default=sys.executable, metavar="PYTHON", help="one with stable-baselines3")
    parser.add_argument("--jobs", type=int, default=1, help="runs at a time, each of one thread")
    parser.add_argument("--runs", type=Path, default=ROOT / "runs" / "published", help="where runs are made")
    parser.add_argument("--kept", type=Path, default=RESULT.with_suffix(""), help="where figures of finished ones are")
    parser.add_argument("--aggregate-only", action="store_true", help="make no run")
    parser.add_argument("--out", type=Path, default=RESULT)
    parser.add_argument("--picture", type=Path, default=PICTURE)
    arguments = parser.parse_args()

    for folder in (arguments.runs, arguments.kept):
        folder.mkdir(parents=True, exist_ok=True)
    runs = all_runs(arguments.envs, arguments.algo, arguments.implementations)
    missing = [run for run in runs if not kept(arguments.kept, run).is_file()]
    failed = 0
    if not arguments.aggregate_only:
        print(f"{len(runs)} runs, {len(missing)} of them to be made", file=sys.stderr)
        with ThreadPoolExecutor(arguments.jobs) as pool:
            failed = sum(pool.map(lambda run: not make(run, arguments), missing))
    found = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(arguments.kept.glob("*.json"))]
    if not found:
        sys.exit(f"{arguments.kept} holds no finished run")
    result = published_curves.aggregate(found)
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    published_curves.draw(result, arguments.picture)
    print(json.dumps(result, indent=1))
    if failed:
        sys.exit(f"{failed} runs failed, see the .log files in {arguments.runs}")


def kept(folder: Path, run: Run) -> Path:
    """The file of a finished run."""
    return folder / f"{run.name}.json"


def make(run: Run, arguments: argparse.Namespace) -> bool:
    """One training run, kept when it is finished; whether it was."""
    folder: Path = arguments.runs
    begun = time.monotonic()
    print(f"{run.name}: begins", file=sys.stderr)
    with (folder / f"{run.name}.log").open("w", encoding="utf-8") as log:
        found = _ours(run, folder, log) if run.implementation == "ours" else _theirs(run, arguments.peer_python, log)
    if found is None:
        print(f"{run.name}: failed, see its .log", file=sys.stderr)
        return False
    about = {"env": run.case.env, "algo": run.algo, "implementation": run.implementation, "seed": run.seed}
    about |= {"steps": run.case.steps, "settings": peer_task(run), "cpu": _cpu(), "load": os.getloadavg()[0]}
    path = kept(arguments.kept, run)
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps({**about, **found}) + "\n", encoding="utf-8")
    os.replace(partial, path)
    last = found["curve"][-1]["rewards"]
    print(f"{run.name}: {sum(last) / len(last):.0f} at the end, {time.monotonic() - begun:.0f} s", file=sys.stderr)
    return True


def _ours(run: Run, folder: Path, log: Any) -> dict[str, Any] | None:
    directory = folder / "ours" / run.name
    shutil.rmtree(directory, ignore_errors=True)  # of a run that was interrupted
    case = run.case
    command = [sys.executable, "-m", "av_td3_system", "train", "--env", case.env, "--algo", run.algo]
    command += ["--seed", str(run.seed), "--max-timesteps", str(case.steps), "--eval-freq", str(case.eval_freq)]
    command += ["--save-freq", str(10**9), "--device", "cpu", "--log-dir", str(directory)]
    command += ["--set", "run.threads=1", *case.settings]
    done = subprocess.run(command, stdout=log, stderr=log, env=_environment(str(ROOT)), check=False)
    if done.returncode != 0:
        return None
    lines = (directory / "evaluations.jsonl").read_text(encoding="utf-8").splitlines()
    results = json.loads((directory / "results.json").read_text(encoding="utf-8"))
    manifest = json.loads((directory / "manifest.json").read_text(encoding="utf-8"))
    return {
        "curve": [
            {"step": line["step"], "rewards": [episode["episode_reward"] for episode in line["episodes"]]}
            for line in map(json.loads, lines)
        ],
        "wall_clock_s": results["wall_clock_s"],
        "evaluation_s": results["timing"].get("evaluation", 0.0),
        "versions": manifest["versions"],
        "code": manifest["code"],
    }


def _theirs(run: Run, python: str, log: Any) -> dict[str, Any] | None:
    command = [python, str(PEER), json.dumps(peer_task(run))]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=log, env=_environment(), text=True, check=False)
    return json.loads(done.stdout.strip().splitlines()[-1]) if done.returncode == 0 else None


def _environment(path: str | None = None) -> dict[str, str]:
    """One thread for everything; `path` in front of where modules are looked for."""
    environment = {**os.environ, **dict.fromkeys(THREADS, "1")}
    if path is not None:
        environment["PYTHONPATH"] = os.pathsep.join([path, *filter(None, [os.environ.get("PYTHONPATH")])])
    return environment


def _cpu() -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return "unknown"


if __name__ == "__main__":
    main()
