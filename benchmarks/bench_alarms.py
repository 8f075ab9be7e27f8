#!/usr/bin/env python
"""Do guards stay silent on healthy runs and speak on sick ones; what do they and saving cost: JSON on standard output.

Healthy: the preset with `--enable-monitoring`, on several seeds; every alert but those of the machine is a false alarm.
Sick: one setting of each run is wrong, and the alarm that names it must come. A complete run directory is taken as it
is, so an interrupted benchmark goes on where it was (unfinished runs are resumed).
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

import yaml

RESULTS = Path(__file__).parent / "results"
COMMAND = [sys.executable, "-m", "av_td3_system", "train"]
SICK: dict[str, tuple[int, str, tuple[str, ...]]] = {
    "blind": (30_000, "blind_encoder", ("environment.blank_image=true",)),
    "parked": (
        12_000,
        "parked",
        ("reward.progress_weight=0", "reward.efficiency_weight=0", "exploration.motion_share=0"),
    ),
    "dominated": (12_000, "dominating_term_comfort", ("reward.comfort_weight=5",)),
    "starved": (4_000, "replay_starvation", ("replay.capacity=100", "agent.batch_size=128")),
    "diverging": (
        12_000,
        "td_error_explosion",
        ("agent.gamma=0.9999", "agent.n_step=1", "agent.tau=1", "agent.critic_lr=0.1"),
    ),
}
"""Case: timesteps, the alert that must come, the settings that are wrong."""


def main() -> None:
    """Run what is missing, read all, write `results/alarms.json`."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs="*", default=[60, 61, 62, 63, 64], help="of healthy runs")
    parser.add_argument("--timesteps", type=int, default=100_000, help="of healthy runs")
    parser.add_argument("--sick", nargs="*", choices=SICK, default=list(SICK))
    parser.add_argument("--parallel", type=int, default=2, help="runs at a time, one thread each")
    parser.add_argument("--runs", type=Path, default=Path("runs/alarms"), help="where the run directories go")
    parser.add_argument("--take", type=Path, nargs="*", default=[], metavar="RUN", help="further healthy runs")
    arguments = parser.parse_args()
    healthy = {f"seed_{seed}": (arguments.timesteps, ["run.seed=" + str(seed)]) for seed in arguments.seeds}
    sick = {name: (SICK[name][0], list(SICK[name][2])) for name in arguments.sick}
    with ThreadPoolExecutor(arguments.parallel) as pool:
        made = {
            name: pool.submit(finished, arguments.runs / name, timesteps, settings)
            for name, (timesteps, settings) in {**sick, **healthy}.items()
        }
        paths = {name: future.result() for name, future in made.items()}
    runs = [read(path) for path in (*(paths[name] for name in healthy), *arguments.take)]
    cases = []
    for name in sick:
        told = read(paths[name])
        expected = SICK[name][1]
        found = next((alert for alert in told["alerts"] if alert["name"] == expected), None)
        cases.append({"case": name, "settings": SICK[name][2], "expected": expected, "raised": found, **told})
    result = {
        "benchmark": "alarms",
        "timesteps": arguments.timesteps,
        "healthy": runs,
        "false_alarms": sum(len(run["alerts"]) for run in runs),
        "sick": cases,
        "missed": [case["case"] for case in cases if case["raised"] is None],
        "share_of_guards_and_saving": [run["share_of_guards_and_saving"] for run in runs],
    }
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "alarms.json").write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(result, indent=2))


def finished(run: Path, timesteps: int, settings: list[str]) -> Path:
    """The directory of a run that has ended, however it did."""
    if (run / "results.json").is_file() and json.loads((run / "results.json").read_text())["ended"] != "interrupted":
        return run
    environment = os.environ | {"OMP_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1"}
    command = [*COMMAND, "--resume", str(run)]
    if not (run / "config.yaml").is_file():
        command = [*COMMAND, "--log-dir", str(run), "--max-timesteps", str(timesteps), "--enable-monitoring"]
        command += ["--eval-freq", "10000", "--save-freq", "25000", "--set", "run.threads=1", *settings]
    print(" ".join(["av-td3", *command[3:]]), file=sys.stderr)
    run.parent.mkdir(parents=True, exist_ok=True)
    with run.with_suffix(".log").open("a", encoding="utf-8") as log:
        subprocess.run(command, stdout=log, stderr=log, env=environment, check=False)
    return run


def read(run: Path) -> dict[str, Any]:
    """What the guards said of a run, and what they and saving took of its time.

    The machine's own alerts are counted apart: on a busy machine they are none of the run's.
    """
    results = json.loads((run / "results.json").read_text(encoding="utf-8"))
    rules = yaml.safe_load((run / "config.yaml").read_text(encoding="utf-8"))["guards"]["rules"]
    machine = {name for name, rule in rules.items() if rule and rule["metric"].startswith("system/")}
    machine.add("disk_projected")
    # What called for a remedy that went back is undone in the run's own list; the remedy still names it.
    called = [alert for entry in results.get("remedies", []) for alert in entry["alerts"]]
    raised = {(alert["name"], alert["step"]): alert for alert in (*called, *results["alerts"])}
    kept = [
        {key: alert[key] for key in ("name", "severity", "step", "value", "threshold")} for alert in raised.values()
    ]
    timing = results["timing"]
    spent = {name: timing.get(name, 0.0) for name in ("guards", "saving", "logging")}
    return {
        "run": run.name,
        "seed": results["seed"],
        "env_steps": results["env_steps"],
        "ended": results["ended"],
        "success_rate": (results["eval"]["last"] or {}).get("success_rate"),
        "alerts": [alert for alert in kept if alert["name"] not in machine],
        "of_the_machine": [alert for alert in kept if alert["name"] in machine],
        "remedies": [f"{entry['remedy']} at {entry['step']}" for entry in results.get("remedies", [])],
        "seconds": spent | {"total": timing["total"]},
        "share_of_guards_and_saving": round((spent["guards"] + spent["saving"]) / timing["total"], 4),
    }


if __name__ == "__main__":
    main()
