"""What finished runs add up to: interquartile means with intervals, both clocks, and a picture of the curves."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from av_td3_system.evaluation.statistics import bootstrap_iqm
from benchmarks.published_cases import PUBLISHED, SOURCE

LAST = 5  # evaluations in the mean beside the last one
SAMPLES = 2_000
COLOURS = {"ours": "tab:blue", "sb3": "tab:orange"}
LABELS = {"ours": "av_td3_system", "sb3": "Stable-Baselines3"}


def aggregate(runs: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """All runs grouped by environment, steps and algorithm, then by implementation.

    `last_evaluation` and `last_evaluations` are interquartile means over seeds of a run's mean reward in its last
    evaluation and over its last five, with 95 % bootstrap intervals (seeds resampled; with three or four seeds an
    interquartile mean is the mean).
    """
    groups: dict[tuple[str, int, str], dict[str, list[dict[str, Any]]]] = defaultdict(lambda: defaultdict(list))
    for run in runs:
        groups[run["env"], run["steps"], run["algo"]][run["implementation"]].append(run)
    comparisons = []
    for (env, steps, algo), implementations in sorted(groups.items()):
        comparison: dict[str, Any] = {"env": env, "steps": steps, "algo": algo}
        comparison |= {name: _one_side(found) for name, found in sorted(implementations.items())}
        if algo == "td3" and env in PUBLISHED:
            comparison["published"] = {"mean_after": PUBLISHED[env], "source": SOURCE}
        comparisons.append(comparison)
    return {"benchmark": "published", "cpu": sorted({run["cpu"] for run in runs}), "comparisons": comparisons}


def _one_side(runs: Sequence[dict[str, Any]]) -> dict[str, Any]:
    runs = sorted(runs, key=lambda run: int(run["seed"]))
    curves = {str(run["seed"]): _curve(run) for run in runs}
    last = {seed: [curve[-1][1]] for seed, curve in curves.items()}
    few = {seed: [float(np.mean([reward for _, reward in curve[-LAST:]]))] for seed, curve in curves.items()}
    training = [run["wall_clock_s"] - run["evaluation_s"] for run in runs]
    return {
        "seeds": [run["seed"] for run in runs],
        "last_evaluation": _interval(last),
        "last_evaluations": _interval(few),
        "wall_clock_s": [run["wall_clock_s"] for run in runs],
        "training_s": [round(seconds, 1) for seconds in training],
        "steps_per_s": round(float(np.mean([run["steps"] / s for run, s in zip(runs, training, strict=True)])), 1),
        "curves": {seed: [[step, round(reward, 2)] for step, reward in curve] for seed, curve in curves.items()},
        "versions": runs[-1]["versions"],
        "settings": {k: v for k, v in runs[-1]["settings"].items() if k not in ("env", "algo", "seed", "steps")},
    }


def _curve(run: dict[str, Any]) -> list[tuple[int, float]]:
    return [(int(point["step"]), float(np.mean(point["rewards"]))) for point in run["curve"]]


def _interval(scores: dict[str, list[float]]) -> dict[str, float]:
    iqm = bootstrap_iqm({"all": scores}, np.random.default_rng(0), SAMPLES)
    return {"iqm": round(iqm.value, 1), "low": round(iqm.low, 1), "high": round(iqm.high, 1)}


def draw(result: dict[str, Any], path: Path) -> None:
    """One panel an environment: every seed thin, their mean thick, the published point where there is one."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    comparisons = result["comparisons"]
    columns = min(2, len(comparisons))
    rows = -(-len(comparisons) // columns)
    figure = Figure(figsize=(5.5 * columns, 3.6 * rows), layout="constrained")
    FigureCanvasAgg(figure)
    for axes, comparison in zip(figure.subplots(rows, columns, squeeze=False).flat, comparisons, strict=False):
        for name in COLOURS:
            if name in comparison:
                _draw_side(axes, comparison[name], name)
        published = comparison.get("published")
        if published and comparison["steps"] in published["mean_after"]:
            point = published["mean_after"][comparison["steps"]]
            axes.plot([comparison["steps"]], [point], "k*", markersize=10, label="the paper, 10 seeds (-v1)")
        axes.set_title(f"{comparison['env']}, {comparison['algo'].upper()}")
        axes.set_xlabel("timestep")
        axes.set_ylabel("mean reward, 10 episodes")
        axes.grid(alpha=0.3)
        axes.legend(fontsize=8)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)


def _draw_side(axes: Any, side: dict[str, Any], name: str) -> None:
    curves = [np.array(curve) for curve in side["curves"].values()]
    for curve in curves:
        axes.plot(*curve.T, color=COLOURS[name], alpha=0.3, linewidth=1)
    mean = np.mean([curve[:, 1] for curve in curves], axis=0)
    axes.plot(curves[0][:, 0], mean, color=COLOURS[name], label=f"{LABELS[name]}, {len(curves)} seeds")
