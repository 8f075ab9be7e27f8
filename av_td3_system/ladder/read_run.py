"""What the gate is judged on, read from the files of a run directory.

evaluations.jsonl  {"step", "kind", "episodes": [...], "calibration": {...}}; kinds: `validation`, the trivial policies,
                   and of a run that ended at 100K or later `rung`, `blank` and `shuffled`
metrics.jsonl      {"step", "train/td_error", "train/q_value", "train/q_value_std", ...}
events.jsonl       {"step", "kind": "alert", "name", "severity", ...}
episodes.jsonl     {"step", ...an episode record}
"""

from __future__ import annotations

import contextlib
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from av_td3_system.config.errors import UserError
from av_td3_system.config.schema import GateConfig
from av_td3_system.environments.episode import EpisodeRecord
from av_td3_system.ladder.inputs import Q_GAMMA, TRIVIAL_POLICIES, GateInputs, rung_of
from av_td3_system.monitoring.json_lines import read_json_lines
from av_td3_system.monitoring.names import CRITIC_LOSS, Q_VALUE, Q_VALUE_STD, TD_ERROR

VALIDATION = "validation"
RUNG = "rung"  # more of the same episodes, for a verdict
CAMERA = ("blank", "shuffled")  # the policy without its camera, on those episodes
LATE = 0.1  # share of the timesteps whose metrics say how a run ended
_NEAR = 0.1  # share of the baseline's step by which its evaluation may lie beside it


@dataclass(frozen=True)
class Evaluation:
    """One evaluation of a run: its step and its episodes."""

    step: int
    kind: str
    episodes: tuple[EpisodeRecord, ...]
    calibration: Mapping[str, float]


def read_evaluations(run: Path) -> list[Evaluation]:
    """All evaluations of a run, oldest first; empty where none was made.

    Raises:
        UserError: a line is no evaluation.
    """
    path = run / "evaluations.jsonl"
    evaluations = []
    for number, line in enumerate(read_json_lines(path), start=1):
        try:
            evaluations.append(
                Evaluation(
                    step=int(line["step"]),
                    kind=str(line["kind"]),
                    episodes=tuple(EpisodeRecord.from_dict(values) for values in line["episodes"]),
                    calibration={
                        name: value
                        for name, value in (line.get("calibration") or {}).items()
                        if isinstance(value, int | float)
                    },
                )
            )
        except (KeyError, TypeError, ValueError) as error:
            raise UserError(
                f"{path}: line {number} is not an evaluation ({error})",
                "was the file edited, or written by another version?",
            ) from error
    return evaluations


def read_training_episodes(run: Path) -> list[tuple[int, float]]:
    """(step, episode reward) of each training episode, oldest first."""
    path = run / "episodes.jsonl"
    with _readable(path):
        lines = read_json_lines(path)
        pairs = [(line.get("step"), line.get("episode_reward")) for line in lines]
        return [(s, float(r)) for s, r in pairs if isinstance(s, int) and isinstance(r, int | float)]


def read_gate_inputs(
    run: Path, config: GateConfig, baseline: Path | None = None, gamma: float = Q_GAMMA, halted: bool | None = None
) -> GateInputs:
    """Inputs of the gate for the newest validation of a run, at the highest rung that it has reached.

    Args:
        run: run directory.
        config: bounds; says at which steps rungs and the run's own baselines lie.
        baseline: another run whose newest validation is the baseline instead.
        gamma: discount of the run.
        halted: whether a guard has ended the run; None: as its files say.

    Raises:
        UserError: there is no run, the baseline is of another scenario or town, or nothing was validated in it.
    """
    if not run.is_dir():
        raise UserError(f"{run} is not a run directory", "give the --log-dir of a run")
    evaluations = read_evaluations(run)
    judged = _newest(evaluations, run)
    rung = rung_of(judged.step, config)
    first = min(rung.baseline, judged.step // 2)
    with _readable(run / "metrics.jsonl") as path:
        metrics = [line for line in read_json_lines(path) if first < line.get("step", -1) <= judged.step]
        series = [_series(metrics, tag) for tag in (TD_ERROR, Q_VALUE, Q_VALUE_STD)]
        newest = [line for line in metrics if line["step"] > (1 - LATE) * judged.step]
        late = {tag: _series(newest, tag) for tag in (TD_ERROR, Q_VALUE, CRITIC_LOSS)}
    with _readable(run / "events.jsonl") as path:
        raised = [line for line in read_json_lines(path) if line.get("kind") == "alert"]
        alerts = [(str(a.get("name")), str(a.get("severity"))) for a in raised if a.get("step", 0) <= judged.step]
    return GateInputs(
        step=judged.step,
        episodes=judged.episodes,
        baseline_episodes=_baseline(evaluations, judged, rung.baseline, baseline),
        trivial_route_completion=_trivial(evaluations),
        td_error=series[0],
        q_value=series[1],
        q_value_std=series[2],
        alerts=alerts,
        calibration=judged.calibration,
        rewards=_rewards(evaluations, first, judged.step),
        camera={
            evaluation.kind: sum(record.success for record in evaluation.episodes) / len(evaluation.episodes)
            for evaluation in evaluations
            if evaluation.kind in CAMERA and evaluation.step == judged.step and evaluation.episodes
        },
        late={tag: math.fsum(values) / len(values) for tag, values in late.items() if values},
        gamma=gamma,
        halted=_halted(run) if halted is None else halted,
    )


@contextmanager
def _readable(path: Path) -> Iterator[Path]:
    """What is wrong with a line's values becomes one sentence that names the file."""
    try:
        yield path
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(
            f"{path} holds a line that no run writes ({error})", "was the file edited, or written by another version?"
        ) from error


def _newest(evaluations: Sequence[Evaluation], run: Path) -> Evaluation:
    """The newest validation; of two at a step the one for a rung, which has more episodes."""
    validations = [
        evaluation for evaluation in evaluations if evaluation.kind in (VALIDATION, RUNG) and evaluation.step > 0
    ]
    if not validations:
        raise UserError(f"{run} holds no validation to judge", "let the run reach its first --eval-freq")
    return max(reversed(validations), key=lambda evaluation: (evaluation.step, evaluation.kind == RUNG))


def _baseline(
    evaluations: Sequence[Evaluation], judged: Evaluation, step: int, other: Path | None
) -> tuple[EpisodeRecord, ...]:
    """Episodes of the other run's newest validation, else of the run's own near the baseline's step."""
    if other is not None:
        if not other.is_dir():
            raise UserError(f"{other} is not a run directory", "give the --log-dir of a run to --baseline")
        there = _newest(read_evaluations(other), other).episodes
        ours, theirs = ({(one.scenario, one.town) for one in episodes} for episodes in (judged.episodes, there))
        if ours != theirs:
            raise UserError(f"{other} was validated in another scenario or town", "give a --baseline of the same")
        return there
    near = [
        evaluation
        for evaluation in evaluations
        if evaluation.kind in (VALIDATION, RUNG)
        and evaluation.step < judged.step
        and abs(evaluation.step - step) <= _NEAR * step
    ]
    if not near:
        return ()
    return min(near, key=lambda evaluation: (abs(evaluation.step - step), evaluation.kind != RUNG)).episodes


def _halted(run: Path) -> bool:
    """Whether a guard ended the run; a disk that took no more, of which the results give the reason, is none."""
    manifest, results = ({}, {})
    with contextlib.suppress(OSError, ValueError):
        manifest = json.loads((run / "manifest.json").read_text(encoding="utf-8"))
        results = json.loads((run / "results.json").read_text(encoding="utf-8"))
    return manifest.get("how") == "halted" and "reason" not in results


def _rewards(evaluations: Sequence[Evaluation], first: int, last: int) -> list[tuple[int, float]]:
    """(step, mean episode reward) of each validation between two steps, a tenth of the first before it included."""
    return [
        (evaluation.step, sum(record.episode_reward for record in evaluation.episodes) / len(evaluation.episodes))
        for evaluation in evaluations
        if evaluation.kind == VALIDATION and evaluation.episodes and (1 - _NEAR) * first <= evaluation.step <= last
    ]


def _trivial(evaluations: Sequence[Evaluation]) -> dict[str, float]:
    """Mean route completion of each trivial policy, from its newest evaluation."""
    newest = {evaluation.kind: evaluation for evaluation in evaluations if evaluation.kind in TRIVIAL_POLICIES}
    return {
        kind: sum(record.route_completion for record in evaluation.episodes) / len(evaluation.episodes)
        for kind, evaluation in newest.items()
        if evaluation.episodes
    }


def _series(metrics: Sequence[Mapping[str, Any]], tag: str) -> list[float]:
    """Values of a tag; null, which stands for a value that was not finite, becomes NaN."""
    return [math.nan if line[tag] is None else float(line[tag]) for line in metrics if tag in line]
