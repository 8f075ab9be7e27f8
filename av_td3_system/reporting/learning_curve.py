"""The learning curve of a run as a picture, drawn from its files alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from av_td3_system.config.errors import UserError
from av_td3_system.monitoring.json_lines import read_json_lines
from av_td3_system.reporting.figure_file import new_figure, write_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FILE_NAME = "learning_curve.png"
WINDOW = 20  # training episodes in the running mean
TRIVIAL = {"parked": "tab:red", "straight": "tab:orange", "random": "tab:purple"}


def draw_learning_curve(run: Path, path: Path | None = None) -> Path:
    """Draw reward (training and validation) and, in the town, driving (completion, success) over timesteps.

    Args:
        run: run directory; reads `episodes.jsonl` and `evaluations.jsonl`.
        path: of the picture, `learning_curve.png` in the run if None.

    Returns:
        Where the picture is.

    Raises:
        UserError: there is nothing to draw.
    """
    lines = read_json_lines(run / "episodes.jsonl")
    episodes = [line for line in lines if all(isinstance(line.get(n), int | float) for n in ("step", "episode_reward"))]
    evaluations = [line for line in read_json_lines(run / "evaluations.jsonl") if line.get("summary")]
    if not episodes and not evaluations:
        raise UserError(f"{run} holds nothing to draw", "wait for the first episode to end")
    validations = [line for line in evaluations if line.get("kind") == "validation"]
    drives = all(line["summary"].get("route_completion") is not None for line in validations)
    figure = new_figure(11 if drives else 6, 4.2)
    reward, *driving = figure.subplots(1, 2 if drives else 1, squeeze=False)[0]
    _draw_reward(reward, episodes, validations)
    for axes in driving:
        _draw_driving(axes, validations, [line for line in evaluations if line.get("kind") in TRIVIAL])
    figure.suptitle(run.resolve().name)
    target = path or run / FILE_NAME
    write_figure(figure, target)
    return target


def _draw_reward(axes: Axes, episodes: Sequence[Mapping[str, Any]], validations: Sequence[Mapping[str, Any]]) -> None:
    if episodes:
        steps = np.array([line["step"] for line in episodes], float)
        rewards = np.array([line["episode_reward"] for line in episodes], float)
        axes.plot(steps, rewards, ".", color="0.75", markersize=3, label="training episode")
        axes.plot(steps, _running_mean(rewards), color="0.4", label=f"mean of {WINDOW}")
    if validations:
        summaries = [line["summary"] for line in validations]
        axes.errorbar(
            [line["step"] for line in validations],
            [summary["episode_reward"] for summary in summaries],
            yerr=[_standard_error(summary) for summary in summaries],
            fmt="o-",
            capsize=3,
            label=f"validation, n {summaries[-1].get('n_episodes', '?')} (standard error)",
        )
    _finish(axes, "episode reward")


def _draw_driving(axes: Axes, validations: Sequence[Mapping[str, Any]], trivial: Sequence[Mapping[str, Any]]) -> None:
    steps = [line["step"] for line in validations]
    axes.plot(steps, [line["summary"]["route_completion"] for line in validations], "o-", label="route completion")
    success = np.array([line["summary"]["success_rate"] for line in validations])
    intervals = [line["summary"].get("success_rate_interval") for line in validations]
    if validations and all(intervals):
        low, high = np.array(intervals).T
        axes.errorbar(
            steps,
            success,
            yerr=np.maximum([success - low, high - success], 0),
            fmt="s-",
            capsize=3,
            label="success rate (95 %)",
        )
    else:
        axes.plot(steps, success, "s-", label="success rate")
    newest = {line["kind"]: line["summary"]["route_completion"] for line in trivial}
    for kind, completion in newest.items():
        axes.axhline(completion, linestyle="--", color=TRIVIAL[kind], linewidth=1, label=f"{kind}: completion")
    axes.set_ylim(-0.02, 1.02)
    _finish(axes, "share")


def _finish(axes: Axes, label: str) -> None:
    axes.set_xlabel("timestep")
    axes.set_ylabel(label)
    axes.grid(alpha=0.3)
    if axes.get_legend_handles_labels()[0]:
        axes.legend(fontsize=8)


def _running_mean(values: np.ndarray) -> np.ndarray:
    """Mean of each value and up to `WINDOW` - 1 before it."""
    sums = np.cumsum(np.insert(values, 0, 0.0))
    ends = np.arange(1, len(values) + 1)
    starts = np.maximum(ends - WINDOW, 0)
    return (sums[ends] - sums[starts]) / (ends - starts)


def _standard_error(summary: Mapping[str, Any]) -> float:
    n = summary.get("n_episodes") or 1
    return float(summary.get("episode_reward_std") or 0.0) / float(np.sqrt(n))
