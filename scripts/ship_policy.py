"""Puts a run's best policy into the package, where `av-td3 evaluate pretrained` finds it.

`RUN`: the policy with the best validation reward, its settings, and where it is from. `--renew`: the settings beside
the packaged policy, written as today's version writes them.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

from av_td3_system.agents.policy import load_policy
from av_td3_system.checkpointing.atomic import atomic_write_text
from av_td3_system.checkpointing.manifest import read_manifest
from av_td3_system.config.load import load_resolved, resolved_yaml
from av_td3_system.evaluation.drivers import BEST, LAST, SHIPPED
from av_td3_system.evaluation.statistics import wilson_interval
from av_td3_system.ladder.read_run import VALIDATION, read_evaluations

ORIGIN = "origin.json"


def ship(run: Path, into: Path = SHIPPED) -> dict[str, Any]:
    """Copy policy and settings; what is said of them stands in `origin.json`, which is returned."""
    into.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(run / BEST, into / LAST)
    config = load_resolved(run / "config.yaml")
    atomic_write_text(into / "config.yaml", resolved_yaml(config))
    metadata = load_policy(into / LAST, "cpu").metadata
    step = None if metadata is None else metadata.extra.get("step")
    driven = [one for one in read_evaluations(run) if one.kind == VALIDATION and one.step == step]
    origin: dict[str, Any] = {
        "algo": config.run.algo,
        "scenario": config.run.scenario,
        "town": config.environment.town,
        "seed": config.run.seed,
        "step": step,
        "commit": read_manifest(run / "manifest.json").get("code", {}).get("commit"),
        "sha256": hashlib.sha256((into / LAST).read_bytes()).hexdigest(),
    }
    if driven:
        n = len(driven[-1].episodes)
        found = wilson_interval(sum(record.success for record in driven[-1].episodes), n)
        origin["validation"] = {"episodes": n, "success_rate": found.value, "interval_95": [found.low, found.high]}
    atomic_write_text(into / ORIGIN, json.dumps(origin, indent=1) + "\n")
    return origin


def renew(folder: Path = SHIPPED) -> None:
    """Write the settings beside the policy as today's version writes them."""
    path = folder / "config.yaml"
    atomic_write_text(path, resolved_yaml(load_resolved(path)))


def main() -> None:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, nargs="?", metavar="RUN", help="run directory")
    parser.add_argument("--renew", action="store_true", help="only renew the settings beside the policy")
    given = parser.parse_args()
    if given.renew == (given.run is not None):
        parser.error("give a RUN, or --renew")
    if given.renew:
        renew()
    else:
        print(json.dumps(ship(given.run), indent=1))


if __name__ == "__main__":
    main()
