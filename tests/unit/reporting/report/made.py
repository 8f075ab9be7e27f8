"""Folders of evaluations whose figures are known, and runs to report on, in no time."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from av_td3_system.evaluation.drive_figures import SPEED_EDGES, TTC_EDGES
from av_td3_system.evaluation.episode_lines import ASKED, LINES, VERSION
from av_td3_system.evaluation.metrics import summarise
from av_td3_system.monitoring import names
from av_td3_system.monitoring.json_lines import JsonLinesFile
from av_td3_system.monitoring.run_directory import RunDirectory
from tests.records import make_episode
from tests.unit.reporting.written_run import write_run

ROUTES = 4
SHARES = {names.REWARD_SHARES[term]: 0.2 for term in names.REWARD_COMPONENTS}
Succeeds = Callable[[int, str], bool]
"""Of a route in a weather."""


def make_run(path: Path, seed: int, *overrides: str, steps: int = 3000, **more: Any) -> RunDirectory:
    """A run of the town with reward shares; its rewards rise, and differ by its seed."""
    reward = more.pop("reward", lambda step: step / 10.0 + seed)
    metrics = {**SHARES, **more.pop("metrics", {})}
    return write_run(
        path, f"run.seed={seed}", "run.eval_freq=1000", *overrides, steps=steps, reward=reward, metrics=metrics, **more
    )


def begin_from(run: RunDirectory, file: str) -> Path:
    """Have the run say that its networks began as those of a file."""
    manifest = json.loads(run.manifest.read_text())
    manifest["init_from"] = {"file": file, "sha256": "ab" * 32, "step": 500, "holds": "networks"}
    run.manifest.write_text(json.dumps(manifest))
    return run.path


def add_evaluation(
    run: RunDirectory, step: int, rewards: Sequence[float], calibration: dict[str, float] | None = None
) -> None:
    """A validation of one episode a reward; those above 400 succeeded."""
    records = [
        make_episode(
            episode_seed=10_000 + k,
            episode_reward=reward,
            success=reward > 400,
            outcome="goal_reached" if reward > 400 else "collision",
            collisions=0 if reward > 400 else 1,
        )
        for k, reward in enumerate(rewards)
    ]
    file = JsonLinesFile(run.evaluations)
    plain = [record.to_dict() for record in records]
    line = {"step": step, "kind": "validation", "summary": summarise(records), "calibration": calibration or {}}
    file.append({**line, "episodes": plain})
    file.close()


def make_grid(
    folder: Path,
    succeeds: Succeeds = lambda route, weather: True,
    *,
    driver: str = "runs/elsewhere/best_policy.safetensors",
    sha256: str | None = "0" * 64,
    overrides: Sequence[str] = (),
    towns: Sequence[str] = ("TownA", "TownB"),
    weathers: Sequence[str] = ("ClearNoon", "WetSunset"),
    scenarios: Sequence[str] = ("0",),
    missing: int = 0,
) -> Path:
    """An evaluation of `ROUTES` routes in each cell; TownA and ClearNoon are what was trained in."""
    folder.mkdir(parents=True)
    lines = []
    for town, scenario, route, weather in itertools.product(towns, scenarios, range(ROUTES), weathers):
        good = succeeds(route, weather)
        record = make_episode(
            episode_seed=-1 - route - (weathers.index(weather) << 20),
            town=town,
            weather=weather,
            scenario=0 if scenario == "empty" else int(scenario),
            success=good,
            outcome="goal_reached" if good else "collision",
            collisions=0 if good else 1,
            episode_reward=500.0 if good else 100.0,
        )
        ttc, speed = [0] * (len(TTC_EDGES) - 1), [0] * (len(SPEED_EDGES) - 1)
        ttc[2], ttc[-1], speed[10] = 5, 45, record.length  # 1 % of 500 decisions at 0.5 to 0.75 s
        figures = {"ttc_min": 0.6, "ttc_p05": None, "ttc_below_0.95": 0.01, "ttc_below_2": 0.01, "heading_error": 1.0}
        comfort = {f"{name}_{end}": 1.5 for name in ("jerk", "lateral_acceleration") for end in ("rms", "max")}
        told = {"route": route, "traffic": 0, "cell_scenario": scenario, "split": "test"}
        lines.append({**record.to_dict(), **figures, **comfort, "ttc_counts": ttc, "speed_counts": speed, **told})
    asked = {
        "version": VERSION,
        "driver": driver,
        "sha256": sha256,
        "config_hash": "0",
        "overrides": list(overrides),
        "trained_in": {"towns": ["TownA"], "weathers": ["ClearNoon"], "scenario": 0},
        "grid": {"split": "test", "routes": ROUTES, "traffic": 1},
        "route_sets": dict.fromkeys(towns, 1),
        "on_training_lanes": dict.fromkeys(towns, 0.25),
        "episodes": len(lines),
        "code": {},
    }
    (folder / ASKED).write_text(json.dumps(asked))
    kept = lines[: len(lines) - missing]
    (folder / LINES).write_text("".join(json.dumps(line) + "\n" for line in kept))
    return folder
