"""What `av-td3 ablate` found: what each part is worth, and whether what was expected of it came true."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from av_td3_system.config.errors import UserError
from av_td3_system.evaluation.statistics import Interval, bootstrap_statistic
from av_td3_system.monitoring import names
from av_td3_system.reporting.learning_figures import LATE, learned
from av_td3_system.reporting.results import write_whole
from av_td3_system.reporting.run_files import FINAL_ENDS, RunFiles, how_it_ended, mean_of, read_run

PLAN = "ablations.json"  # what was to be made, and what was expected of it
SAMPLES = 2000
FEWEST = 3  # seeds below which nothing is confirmed

Verdict = Literal["confirmed", "refuted", "not confirmed"]


@dataclass(frozen=True)
class Judged:
    """One ablation with its figures.

    Attributes:
        name: of it.
        expected: in words, from before the runs.
        claim: the question that was asked, in words; None for the whole.
        seeds: whose runs have been judged.
        halted: runs among them that a guard ended early.
        success: of the last validations, with its 95 % interval; None where there is none.
        difference: of success to the whole, on the same seeds and episodes; likewise.
        feature_norm: mean of the image features' L2 norm over the last fifth of training.
        q_bias: at the last validation, reward units.
        value: what the claim asks for; None where it could not be computed.
        verdict: confirmed (the whole interval beyond the bound), refuted (all of it on the other side of no effect),
            or not confirmed; None for the whole.
    """

    name: str
    expected: str
    claim: str | None
    seeds: Sequence[int]
    halted: int
    success: Interval | None
    difference: Interval | None
    feature_norm: float | None
    q_bias: float | None
    value: Interval | None
    verdict: Verdict | None


def run_ablation(folder: Path, as_json: bool = False) -> None:
    """Print the table and write it into the folder (`ABLATION.md`, `ablation.json`).

    Raises:
        UserError: the folder holds no ablations.
    """
    plan = _read_plan(folder)
    judged = judge(folder, plan)
    shared = {name: plan[name] for name in ("overrides", "timesteps", "episodes", "seeds")}
    variants = [{**asdict(one), "success_rate": _plain(one.success)} for one in judged]
    for one, variant in zip(judged, variants, strict=True):
        variant |= {"difference": _plain(one.difference), "value": _plain(one.value)}
        del variant["success"]
    plain, text = {**shared, "variants": variants}, render(judged, plan)
    write_whole(folder / "ABLATION.md", text + "\n")
    write_whole(folder / "ablation.json", json.dumps(plain, indent=1) + "\n")
    print(json.dumps(plain, indent=2) if as_json else text)


def judge(folder: Path, plan: Mapping[str, Any]) -> list[Judged]:
    """Every ablation whose runs are there, beside the whole's on the same seeds."""
    runs = {
        one["name"]: {
            seed: read_run(folder / f"{one['name']}-seed{seed}")
            for seed in plan["seeds"]
            if how_it_ended(folder / f"{one['name']}-seed{seed}") in FINAL_ENDS
        }
        for one in plan["ablations"]
    }
    whole = next((runs[one["name"]] for one in plan["ablations"] if one["claim"] is None), {})
    return [_judged(one, runs[one["name"]], whole) for one in plan["ablations"] if runs[one["name"]]]


def render(judged: Sequence[Judged], plan: Mapping[str, Any]) -> str:
    """Markdown: a row an ablation, and what the figures are of."""
    head = ("without", "seeds", "success (95 %)", "difference (95 %)", "feature norm", "Q bias", "expected", "measured")
    rows = ["| " + " | ".join([*head, "verdict"]) + " |", "|---" * (len(head) + 1) + "|"]
    for one in judged:
        cells = [
            one.name,
            f"{len(one.seeds)}" + (f" ({one.halted} halted)" if one.halted else ""),
            _told(one.success),
            _told(one.difference, "+"),
            "-" if one.feature_norm is None else f"{one.feature_norm:.3g}",
            "-" if one.q_bias is None else f"{one.q_bias:.3g}",
            one.expected,
            "" if one.claim is None else f"{one.claim}: {_told(one.value)}",
            "" if one.verdict is None else f"**{one.verdict}**",
        ]
        rows.append("| " + " | ".join(cells) + " |")
    if not judged:
        return f"No run of {plan['timesteps']} timesteps has ended yet."
    notes = [
        f"{plan['timesteps']} timesteps, {plan['episodes']} validation episodes, the same for all; seeds "
        f"{', '.join(map(str, plan['seeds']))}"
        + (f"; {' '.join(plan['overrides'])}." if plan["overrides"] else "; the recommended preset."),
        "Intervals: 95 %, bootstrap over training seeds and episodes. Differences and ratios are to the whole on the "
        f"same seeds. Nothing is confirmed or refuted on fewer than {FEWEST} seeds.",
    ]
    if any(one.halted for one in judged):
        notes.append("A run that a guard halted counts with the last validation that it came to.")
    return "\n".join(rows) + "\n\n" + "\n".join(notes)


def _judged(one: Mapping[str, Any], runs: Mapping[int, RunFiles], whole: Mapping[int, RunFiles]) -> Judged:
    claim: Mapping[str, Any] | None = one["claim"]
    mine, theirs = _paired(runs, whole, success)
    alone = [success(run) for run in runs.values()]
    value = None if claim is None else _compared(*_paired(runs, whole, MEASURES[claim["measure"]]), claim["compared"])
    return Judged(
        name=one["name"],
        expected=one["expected"],
        claim=None if claim is None else _in_words(claim),
        seeds=list(runs),
        halted=sum(run.ended == "halted" for run in runs.values()),
        success=_interval(np.array(alone, float), _mean) if _alike(alone) else None,
        difference=None if claim is None else _compared(mine, theirs, "difference"),
        feature_norm=_mean_over(runs, feature_norm),
        q_bias=_mean_over(runs, lambda run: learned(run).q_bias),
        value=value,
        verdict=None if claim is None else _verdict(value, claim, len(set(runs) & set(whole))),
    )


def _verdict(value: Interval | None, claim: Mapping[str, Any], seeds: int) -> Verdict:
    if value is None or seeds < FEWEST:
        return "not confirmed"
    none = 1.0 if claim["compared"] == "ratio" else 0.0  # where taking it away changes nothing
    beyond, against = (
        (value.low > claim["bound"], value.high < none)
        if claim["above"]
        else (value.high < claim["bound"], value.low > none)
    )
    return "confirmed" if beyond else "refuted" if against else "not confirmed"


Measure = Callable[[RunFiles], "Sequence[float] | None"]


def success(run: RunFiles) -> list[float] | None:
    """1 or 0 for each episode of the last validation, in its order."""
    if not run.validations or not run.validations[-1].get("episodes"):
        return None
    return [float(bool(episode["success"])) for episode in run.validations[-1]["episodes"]]


def feature_norm(run: RunFiles) -> float | None:
    """Mean over the last fifth of training."""
    late = int(run.step * (1 - LATE))
    return mean_of([value for _, value in run.series(names.ENCODER_FEATURE_NORM, after=late)])


def _one(figure: Callable[[RunFiles], float | None]) -> Measure:
    def measured(run: RunFiles) -> list[float] | None:
        value = figure(run)
        return None if value is None else [value]

    return measured


MEASURES: Mapping[str, Measure] = {
    "success": success,
    "feature_norm": _one(feature_norm),
    "q_variance": _one(lambda run: learned(run).q_variance),
    "q_bias": _one(lambda run: learned(run).q_bias),
    "spikes": _one(lambda run: learned(run).spikes),
}


def _paired(
    runs: Mapping[int, RunFiles], whole: Mapping[int, RunFiles], measure: Measure
) -> tuple[list[Sequence[float] | None], list[Sequence[float] | None]]:
    """A measure of both on the seeds that both have."""
    seeds = [seed for seed in runs if seed in whole]
    return [measure(runs[seed]) for seed in seeds], [measure(whole[seed]) for seed in seeds]


def _compared(
    mine: Sequence[Sequence[float] | None], theirs: Sequence[Sequence[float] | None], how: str
) -> Interval | None:
    """Difference or ratio of means, seeds and episodes drawn in pairs; None where a figure is missing."""
    if not _alike([*mine, *theirs]):
        return None
    pairs = np.stack([np.array(mine, float), np.array(theirs, float)], axis=2)  # (seeds, episodes, 2)
    return _interval(pairs, _difference if how == "difference" else _ratio)


def _interval(runs: np.ndarray, statistic: Callable[[np.ndarray], float]) -> Interval | None:
    """Of a statistic of (seeds, episodes) or (seeds, episodes, 2); seeds and episodes are resampled."""
    found = bootstrap_statistic([runs], lambda groups: statistic(groups[0]), np.random.default_rng(0), SAMPLES)
    return found if np.isfinite(found).all() else None


def _mean(runs: np.ndarray) -> float:
    return float(runs.mean())


def _difference(pairs: np.ndarray) -> float:
    return float((pairs[..., 0] - pairs[..., 1]).mean())


def _ratio(pairs: np.ndarray) -> float:
    """Not finite where the whole's mean is not above zero: a ratio then says nothing."""
    below = float(pairs[..., 1].mean())
    return float(pairs[..., 0].mean()) / below if below > 0 else float("nan")


def _alike(measured: Sequence[Sequence[float] | None]) -> bool:
    """Whether there is something, of every run, of one length: they can be laid beside each other."""
    return len({None if one is None else len(one) for one in measured}) == 1 and None not in measured


def _mean_over(runs: Mapping[int, RunFiles], figure: Callable[[RunFiles], float | None]) -> float | None:
    return mean_of([value for value in map(figure, runs.values()) if value is not None])


def _read_plan(folder: Path) -> dict[str, Any]:
    path = folder / PLAN
    try:
        plan: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        plan["seeds"] = [int(seed) for seed in plan["seeds"]]
        for one in plan["ablations"]:
            if Path(one["name"]).name != one["name"]:
                raise UserError(f"{path} names {one['name']!r}, which is no folder of it", "run av-td3 ablate again")
            one["expected"], one["claim"] = str(one["expected"]), one["claim"] and _checked(one["claim"])
        _ = plan["timesteps"], plan["episodes"], list(map(str, plan["overrides"]))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"{path} is missing or unreadable", "give the --out folder of av-td3 ablate") from error
    return plan


def _checked(claim: Mapping[str, Any]) -> Mapping[str, Any]:
    if claim["measure"] not in MEASURES or claim["compared"] not in ("difference", "ratio"):
        raise ValueError("no measure of these")
    return {**claim, "bound": float(claim["bound"]), "above": bool(claim["above"])}


def _in_words(claim: Mapping[str, Any]) -> str:
    side = "above" if claim["above"] else "below"
    return f"{claim['compared']} of {claim['measure'].replace('_', ' ')} {side} {claim['bound']:g}"


def _plain(interval: Interval | None) -> dict[str, float] | None:
    return None if interval is None else {"estimate": interval.value, "low": interval.low, "high": interval.high}


def _told(interval: Interval | None, sign: str = "") -> str:
    if interval is None:
        return "-"
    value, low, high = (f"{number:{sign}.3g}" for number in interval)
    return f"{value} ({low} to {high})"
