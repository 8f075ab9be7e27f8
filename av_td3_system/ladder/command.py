"""`av-td3 gate`: the plan's reading of runs, and the verdict."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from av_td3_system.config.errors import UserError
from av_td3_system.config.exit_codes import DONE, HALTED
from av_td3_system.config.load import load_resolved
from av_td3_system.ladder.common import relative_improvement
from av_td3_system.ladder.criteria import Criterion
from av_td3_system.ladder.gate import Verdict, judge
from av_td3_system.ladder.inputs import GateInputs, RungName, rung_of
from av_td3_system.ladder.read_run import read_gate_inputs, read_training_episodes

PLAN_EPISODES = 50  # the plan reads the last 50 training episodes

_NEXT: dict[RungName, dict[str, str]] = {
    "10k": {
        "proceed": "go on to 100K: av-td3 train --resume {run} --max-timesteps 100000 --eval-freq 5000 "
        "--save-freq 25000 --enable-monitoring",
        "extend": "not decided: train to 20K (av-td3 train --resume {run} --max-timesteps 20000) for more data",
        "halt": "halt and look at the reward: av-td3 rewards {run}",
    },
    "100k": {
        "proceed": "go on to 1M: av-td3 train --resume {run} --max-timesteps 1000000 --eval-freq 10000 "
        "--save-freq 25000 --enable-monitoring --enable-early-stopping",
        "extend": "not all that 1M asks for is shown: look at what failed before spending it",
        "halt": "halt; back to the last good checkpoint with lower learning rates: av-td3 train --resume "
        "{run}/checkpoints/td3_50k.pt --set agent.actor_lr=... agent.critic_lr=...",
    },
    "1m": {
        "proceed": "the plan's targets are met: av-td3 evaluate {run} --grid ... --out DIR",
        "extend": "the run is complete and does not meet all of the plan's targets",
        "halt": "halt: what it drives by is not what it sees, or it has lost what it knew",
    },
}


def run_gate(runs: Sequence[Path], baseline: Path | None = None, as_json: bool = False) -> int:
    """Judge each run; print readings to standard output.

    Returns:
        3 where at least one run is to be halted, else 0.

    Raises:
        UserError: no run, or one that cannot be read.
    """
    if not runs:
        raise UserError("no run given", "av-td3 gate RUN...")
    readings = [read_verdict(run, baseline) for run in runs]
    if as_json:
        print(json.dumps(readings, indent=2))
    else:
        print("\n\n".join(render(reading) for reading in readings))
    return HALTED if any(reading["gate"]["verdict"] == "halt" for reading in readings) else DONE


def read_verdict(run: Path, baseline: Path | None = None) -> dict[str, Any]:
    """The reading of one run as plain values: rewards, improvement, `gate` (the verdict)."""
    if not (run / "config.yaml").is_file():
        raise UserError(f"{run} is not a run directory", "give the --log-dir of a run; it holds a config.yaml")
    config = load_resolved(run / "config.yaml")
    if config.run.env is not None:
        raise UserError(f"{run} is of {config.run.env}: the gate judges driving", "av-td3 evaluate measures such a run")
    inputs = read_gate_inputs(run, config.gate, baseline, config.agent.gamma)
    verdict = judge(inputs, config.gate)
    rung = rung_of(inputs.step, config.gate)
    training = [reward for step, reward in read_training_episodes(run) if step <= inputs.step][-PLAN_EPISODES:]
    return {
        "run": str(run),
        "algo": config.run.algo,
        "scenario": config.run.scenario,
        "seed": config.run.seed,
        "step": inputs.step,
        "rung_step": rung.step,
        "baseline": str(baseline) if baseline else f"own evaluation near step {rung.baseline}",
        "training_episode_reward": _spread(training),
        "validation_episode_reward": _spread([record.episode_reward for record in inputs.episodes]),
        "baseline_episode_reward": _spread([record.episode_reward for record in inputs.baseline_episodes]),
        "improvement": _improvement(inputs, config.gate.reward_floor),
        "gate": verdict.to_dict(),
    }


def render(reading: dict[str, Any]) -> str:
    """The reading in words."""
    lines = [
        f"{reading['run']}: {reading['algo']}, scenario {reading['scenario']}, seed {reading['seed']}, "
        f"step {reading['step']}",
        _row("training", reading["training_episode_reward"]),
        _row("validation", reading["validation_episode_reward"]),
        _row("baseline", reading["baseline_episode_reward"]) + f" ({reading['baseline']})",
    ]
    improvement = reading["improvement"]
    lines.append(
        "improvement: no baseline to compare with"
        if improvement is None
        else f"improvement: {improvement['absolute']:+.2f} ({improvement['relative']:+.1%})"
    )
    gate = reading["gate"]
    lines += render_criteria(gate["criteria"])
    following = _NEXT[gate["name"]][gate["verdict"]].format(run=reading["run"])
    if gate["verdict"] == "extend" and reading["step"] < reading["rung_step"]:
        following = f"too early: the rung is judged from a validation at step {reading['rung_step']} on"
    lines.append(f"verdict: {gate['verdict'].upper()} - {following}")
    return "\n".join(lines)


def render_verdict(verdict: Verdict) -> str:
    """Criteria and decision of a verdict at hand (the end of a training run)."""
    plain = verdict.to_dict()
    return "\n".join([*render_criteria(plain["criteria"]), f"verdict: {verdict.verdict.upper()}"])


def render_criteria(criteria: Sequence[dict[str, Any]]) -> list[str]:
    """One aligned line per criterion; what decides nothing is marked `info`."""
    return [_criterion_line(Criterion(**values)) for values in criteria]


def _criterion_line(line: Criterion) -> str:
    mark = {"halt": "ok  " if line.passed else "HALT", "proceed": "ok  " if line.passed else "no  "}
    value = "-" if line.value is None else f"{line.value:.4g}"
    note = f"  ({line.note})" if line.note else ""
    return f"  {mark.get(line.role, 'info')} {line.name:<30} {value:>10}  bound {line.bound:g}{note}"


def _row(label: str, spread: dict[str, float] | None) -> str:
    if spread is None:
        return f"episode reward, {label}: none"
    return (
        f"episode reward, {label}: mean {spread['mean']:.2f} std {spread['std']:.2f} "
        f"min {spread['min']:.2f} max {spread['max']:.2f} n {spread['n']}"
    )


def _spread(rewards: Sequence[float]) -> dict[str, float] | None:
    """Mean, standard deviation (over n - 1), extremes and n."""
    if not rewards:
        return None
    values = np.asarray(rewards)
    return {
        "mean": float(values.mean()),
        "std": float(values.std(ddof=1)) if len(values) > 1 else 0.0,
        "min": float(values.min()),
        "max": float(values.max()),
        "n": len(values),
    }


def _improvement(inputs: GateInputs, floor: float) -> dict[str, float] | None:
    if not inputs.baseline_episodes or not inputs.episodes:
        return None
    reward = float(np.mean([record.episode_reward for record in inputs.episodes]))
    baseline = float(np.mean([record.episode_reward for record in inputs.baseline_episodes]))
    return {"absolute": reward - baseline, "relative": relative_improvement(reward, baseline, floor)}
