#!/usr/bin/env python
"""What each change is worth: some seeds of 50K timesteps each, judged on validation routes.

Every finished run leaves one small file in `results/screening/` and is not made again: the screening
may be stopped and continued at will, on another machine too. With `--table` the figures so far are printed:
success at the end, mean over seeds, and the difference to what it is a change of on the same seeds, with a 95 %
interval (bootstrap over seeds and episodes). `--take RUN` takes them from a longer run in the same settings.

    python benchmarks/screen.py --variants second busier --seeds 60 61 62 --runs ~/screening
    python benchmarks/screen.py --variants second --take ~/learning/seed_61
    python benchmarks/screen.py --table
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from av_td3_system.config.load import load_config, load_resolved
from benchmarks.variants import VARIANTS

RESULTS = Path(__file__).parent / "results" / "screening"
SEEDS = (60, 61, 62)  # have chosen nothing before


def main() -> None:
    """Make the runs that are missing, or print what there is."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--variants", nargs="+", default=list(VARIANTS), choices=list(VARIANTS), metavar="NAME")
    parser.add_argument("--seeds", type=int, nargs="+", default=SEEDS)
    parser.add_argument("--timesteps", type=int, default=50_000)
    parser.add_argument("--episodes", type=int, default=200, help="of each evaluation")
    parser.add_argument("--jobs", type=int, default=1, help="runs at a time, one thread each")
    parser.add_argument("--runs", type=Path, default=Path("runs") / "screening", help="where run directories go")
    parser.add_argument("--table", action="store_true", help="print the figures so far and run nothing")
    parser.add_argument(
        "--take", type=Path, metavar="RUN", help="take the figures from this run, which went on for longer"
    )
    arguments = parser.parse_args()
    if arguments.take:
        (name,) = arguments.variants
        take(name, arguments.take, arguments.timesteps, arguments.episodes)
        return
    if arguments.table:
        print(table(arguments.timesteps))
        return
    wanted = [(name, seed) for seed in arguments.seeds for name in arguments.variants]
    with ThreadPoolExecutor(arguments.jobs) as pool:
        list(pool.map(lambda one: make(*one, arguments), wanted))


def result_file(name: str, seed: int, timesteps: int) -> Path:
    """Where a run's figures are kept."""
    return RESULTS / f"{name}-{timesteps // 1000}k-seed{seed}.json"


def make(name: str, seed: int, arguments: argparse.Namespace) -> None:
    """One run, unless its figures are there."""
    kept = result_file(name, seed, arguments.timesteps)
    if kept.is_file():
        return
    run = arguments.runs / f"{name}-{arguments.timesteps // 1000}k-seed{seed}"
    if run.exists():
        print(f"{run} is of a run that did not end well; delete it to begin anew", file=sys.stderr)
        return
    print(f"{name}, seed {seed}", file=sys.stderr)
    command = [sys.executable, "-m", "av_td3_system", "train", "--seed", str(seed), "--log-dir", str(run)]
    command += ["--max-timesteps", str(arguments.timesteps), "--save-freq", str(arguments.timesteps)]
    command += ["--eval-freq", str(arguments.timesteps // 2), "--set", f"evaluation.episodes={arguments.episodes}"]
    command += ["run.threads=1", "evaluation.video=false", *VARIANTS[name].settings]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1"}
    log = run.with_name(f"{run.name}.log")
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("w", encoding="utf-8") as file:
        subprocess.run(command, stdout=file, stderr=file, env=environment, check=False)
    if (read_json(run / "results.json") or {}).get("ended") != "completed":
        print(f"{name}, seed {seed} did not complete, see {log}", file=sys.stderr)
        return
    keep(name, seed, arguments.timesteps, run)


def take(name: str, run: Path, timesteps: int, episodes: int) -> None:
    """Keep the figures of a longer run's first `timesteps`.

    Nothing that is learned depends on how long a run will be, how often it is judged or saved, or how many episodes
    it is judged on, so its first part is the shorter run, if all other settings are the same.
    """
    of_the_run = load_resolved(run / "config.yaml")
    settings = [*VARIANTS[name].settings, "run.threads=1", "evaluation.video=false", f"evaluation.episodes={episodes}"]
    wanted = load_config(overrides=settings, flags={"run.seed": of_the_run.run.seed})
    length = {"max_timesteps": timesteps, "eval_freq": timesteps, "save_freq": timesteps}
    same = of_the_run.model_copy(
        update={"run": of_the_run.run.model_copy(update=length), "checkpoint": wanted.checkpoint}
    )
    if same != wanted.model_copy(update={"run": wanted.run.model_copy(update=length)}):
        sys.exit(f"{run} was not made in the settings of {name}")
    if timesteps not in [one["step"] for one in validations(run)]:
        sys.exit(f"{run} was not judged after {timesteps} timesteps")
    keep(name, of_the_run.run.seed, timesteps, run)


def validations(run: Path) -> list[dict[str, Any]]:
    """What a run was told about itself on validation routes, in order."""
    lines = (run / "evaluations.jsonl").read_text(encoding="utf-8").splitlines()
    return [line for line in map(json.loads, lines) if line["kind"] == "validation"]


def keep(name: str, seed: int, timesteps: int, run: Path) -> None:
    """Write the figures of a run, or of its first part, where the table finds them."""
    evaluations = [
        {
            "step": line["step"],
            "calibration": line["calibration"],
            "collisions_per_km": line["summary"]["collisions_per_km"],
            "success": [int(episode["success"]) for episode in line["episodes"]],
            "route_completion": [round(episode["route_completion"], 4) for episode in line["episodes"]],
        }
        for line in validations(run)
        if line["step"] <= timesteps
    ]
    results, manifest = read_json(run / "results.json") or {}, read_json(run / "manifest.json") or {}
    figures = {
        "variant": name,
        "settings": VARIANTS[name].settings,
        "seed": seed,
        "timesteps": timesteps,
        "of_a_run_of": results.get("env_steps"),
        "updates_per_step": results.get("updates_per_step"),
        "wall_clock_s": results.get("wall_clock_s"),
        "timing": results.get("timing"),
        "machine": manifest.get("machine"),
        "code": manifest.get("code"),
        "evaluations": evaluations,
    }
    RESULTS.mkdir(parents=True, exist_ok=True)
    result_file(name, seed, timesteps).write_text(json.dumps(figures) + "\n", encoding="utf-8")


def read_json(path: Path) -> dict[str, Any] | None:
    """A file's content, None where there is none."""
    if not path.is_file():
        return None
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


def table(timesteps: int) -> str:
    """The figures so far as Markdown."""
    rows = [
        "| change | seeds | success at half | success at end | completion at end | collisions/km | against its base |"
    ]
    rows.append("|---|---|---|---|---|---|---|")
    found: dict[str, dict[int, Any]] = {}
    for path in sorted(RESULTS.glob(f"*-{timesteps // 1000}k-seed*.json")):
        one = read_json(path) or {}
        found.setdefault(one["variant"], {})[one["seed"]] = one["evaluations"]
    for name in VARIANTS:
        if name not in found:
            continue
        runs = found[name]
        ends = [runs[seed][-1] for seed in sorted(runs)]
        success = [float(np.mean(end["success"])) for end in ends]
        halves = [np.mean(one["success"]) for run in runs.values() for one in run if one["step"] == timesteps // 2]
        half = f"{np.mean(halves):.3f}" if halves else ""
        completion = float(np.mean([np.mean(end["route_completion"]) for end in ends]))
        collisions = float(np.mean([end["collisions_per_km"] for end in ends]))
        each = ", ".join(f"{value:.2f}" for value in success)
        rows.append(
            f"| {name} | {', '.join(map(str, sorted(runs)))} | {half} | {np.mean(success):.3f} ({each}) "
            f"| {completion:.3f} | {collisions:.2f} | {against(name, found)} |"
        )
    return "\n".join(rows)


def against(name: str, found: dict[str, dict[int, Any]]) -> str:
    """The difference to the base of a variant, by name; nothing for one that is none's."""
    base = VARIANTS[name].base
    told = "" if base == name else difference(found[name], found.get(base, {}))
    return told and f"{base}: {told}"


def difference(runs: dict[int, Any], base: dict[int, Any]) -> str:
    """Success at the end less the base's on the same seeds and episodes, with a 95 % bootstrap interval."""
    seeds = sorted(set(runs) & set(base))
    if not seeds:
        return ""
    pairs = np.array([np.subtract(runs[s][-1]["success"], base[s][-1]["success"]) for s in seeds], float)
    rng = np.random.default_rng(0)
    which = rng.integers(0, len(seeds), (10_000, len(seeds)))
    episodes = rng.integers(0, pairs.shape[1], (10_000, pairs.shape[1]))
    means = np.array([pairs[w][:, e].mean() for w, e in zip(which, episodes, strict=True)])
    low, high = np.percentile(means, [2.5, 97.5])
    return f"{pairs.mean():+.3f} ({low:+.3f} .. {high:+.3f}), {len(seeds)} seeds"


if __name__ == "__main__":
    main()
