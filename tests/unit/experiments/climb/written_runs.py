"""Runs whose files are written instead of trained, with verdicts that a test chooses; read and judged as any other."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from av_td3_system.config.load import resolved_yaml, with_overrides
from av_td3_system.experiments.climb.book import Book
from av_td3_system.experiments.climb.climb import Climb
from av_td3_system.experiments.climb.plan import LadderPlan, Stage
from av_td3_system.experiments.training_runs import Wanted
from tests.records import evaluation_set, make_episode, success

GATE = ("gate.bootstrap_samples=200",)


def plan(**changes: Any) -> LadderPlan:
    values: dict[str, Any] = {"algo": "td3", "compare": None, "scenario": 0, "seeds": (1, 2, 3), "to": "1M"}
    return LadderPlan(**{**values, "overrides": GATE, **changes})


@dataclass
class Writer:
    """Stands where runs are made: `fate` says of (run, stage, how often it came there) what its verdict shall be."""

    plan: LadderPlan
    fate: Callable[[str, str, int], str]
    made: list[tuple[str, str]] = field(default_factory=list)
    asked: list[Wanted] = field(default_factory=list)
    lost: str = ""

    def __call__(self, wanted: Sequence[Wanted], stage: Stage) -> list[Path]:
        for one in wanted:
            name = "/".join(
                one.directory.parts[-2:] if one.directory.parent.name.startswith("attempt") else [one.directory.name]
            )
            if name == self.lost:
                return [one.directory]
            times = self.made.count((name, stage.name))
            self.made.append((name, stage.name))
            self.asked.append(one)
            write_run(self.plan, one, stage, self.fate(name, stage.name, times))
        return []


def write_run(ladder: LadderPlan, one: Wanted, stage: Stage, fate: str) -> None:
    """All files that the gate reads, of a run that stands at the stage."""
    run = one.directory
    (run / "checkpoints").mkdir(parents=True, exist_ok=True)
    settings = one.back.settings if one.back is not None else ()
    algo = one.arguments[one.arguments.index("--algo") + 1]
    (run / "config.yaml").write_text(resolved_yaml(with_overrides(ladder.config(algo), settings, {})))
    level = {"proceed": (560.0, 0.95), "extend": (560.0, 0.3), "halt": (20.0, 0.1)}
    verdict, _, how = fate.partition(":")
    reward, completion = level[verdict]
    end = stage.timesteps * 2 // 5 if how == "early" else stage.timesteps
    looks = [5_000, 10_000, 25_000, 50_000, 75_000, 100_000, 300_000, 600_000, 1_000_000]
    steps = [step for step in looks if step < end]
    evaluations = [(0, name, evaluation_set(0.0, 0.1)) for name in ("parked", "straight", "random")]
    evaluations += [(step, "validation", evaluation_set(100.0 + step / 2e4, 0.5)) for step in steps]
    good = [success(episode_seed=10_000 + k, episode_reward=reward, route_completion=completion) for k in range(200)]
    driven = good if stage.rung == "1m" else good[:50]
    evaluations += [(end, "validation", driven)]
    evaluations += [(end, image, [make_episode()]) for image in ("blank", "shuffled")]
    calibration = {"q_return_gap": 0.05, "q1_q2_gap": 0.02}
    _lines(
        run / "evaluations.jsonl",
        [
            {
                "step": step,
                "kind": kind,
                "calibration": calibration,
                "episodes": [record.to_dict() for record in records],
            }
            for step, kind, records in evaluations
        ],
    )
    metrics = ("train/td_error", "train/q_value", "train/q_value_std", "train/critic_loss")
    _lines(
        run / "metrics.jsonl",
        [
            {"step": step, **dict(zip(metrics, (1 - step / 4e6, 21.0, 12 - step / 2e6, 2.0), strict=True))}
            for step in range(1000, end + 1, 1000)
        ],
    )
    _lines(run / "events.jsonl", [])
    _lines(run / "episodes.jsonl", [{"step": 100 * k, **make_episode().to_dict()} for k in range(1, 20)])
    ended = {"guard": "halted", "early": "early_stopped"}.get(how, "completed")
    alerts = [{"name": "q_value_divergence", "severity": "halt"}] if ended == "halted" else []
    (run / "results.json").write_text(json.dumps({"env_steps": end, "ended": ended, "alerts": alerts}))


def climb(folder: Path, ladder: LadderPlan, fate: Callable[[str, str, int], str]) -> tuple[Climb, Writer, list[str]]:
    """A ladder over such runs, and what it says."""
    folder.mkdir(exist_ok=True)
    writer, said = Writer(ladder, fate), []
    made = Climb(folder, ladder, Book(folder), writer, said.append, lambda stage, climbers: None, 1)
    return made, writer, said


def _lines(path: Path, lines: Sequence[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
