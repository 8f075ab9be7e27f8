"""What limits a report's claims: sentences by stated rules, each with the figures that it rests on.

Every rule looks at the material and says nothing, or a sentence. Bounds are those of the protocol and of the plan.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from av_td3_system.evaluation.grid_table import HEADLINE, cell_of
from av_td3_system.reporting.report.driving import Driver, success, success_drop
from av_td3_system.reporting.report.material import Material
from av_td3_system.reporting.report.targets import Document
from av_td3_system.reporting.run_files import Line, RunFiles, number

SEEDS_FOR_A_TARGET, SEEDS_FOR_A_COMPARISON = 3, 5
CAMERA_DROP = 0.30  # of success that a black camera must cost, else the policy is called blind
Q_GAP, CRITICS_GAP = 0.15, 0.10  # asked of a critic from 100K on; before, the run's own gate.calibration_warning
EXPECTED_ROWS = ("privileged", "idm-mobil", "parked", "straight", "random")  # of every table of drivers
STEPS: Mapping[Document, int] = {"10k": 10_000, "100k": 100_000, "1m": 1_000_000}


def limitations(material: Material, document: Document | None) -> list[str]:
    """Sentences, the gravest of the design first; empty where no rule has anything to say."""
    rules: Sequence[Callable[[Material, Document | None], Iterator[str]]] = (
        _steps,
        _seeds,
        _ends,
        _code,
        _selection,
        _episodes,
        _shared_lanes,
        _towns,
        _camera,
        _rows,
        _calibration,
        _alerts,
        _numbers,
    )
    return [sentence for rule in rules for sentence in rule(material, document)]


def _steps(material: Material, document: Document | None) -> Iterator[str]:
    if document is None:
        return
    for group in material.groups:
        short = [run for run in group.runs if run.step < STEPS[document]]
        if short:
            yield (
                f"{len(short)} of {len(group.runs)} runs of {group.label} made fewer than the {STEPS[document]:,} "
                f"steps that this document is about: {_steps_of(short)}."
            )


def _seeds(material: Material, _: Document | None) -> Iterator[str]:
    comparing = len(material.groups) > 1
    asked = SEEDS_FOR_A_COMPARISON if comparing else SEEDS_FOR_A_TARGET
    what = "a comparison" if comparing else "the claim that a target is reached"
    for group in material.groups:
        if len(group.runs) < asked:
            spread = "; with one, nothing is known of the spread over seeds" if len(group.runs) == 1 else ""
            yield f"{group.label} has {len(group.runs)} training seed(s), where {asked} are asked for {what}{spread}."


def _ends(material: Material, _: Document | None) -> Iterator[str]:
    for run in material.runs:
        asked = run.config.run.max_timesteps
        if run.ended is None:
            yield f"{_name(run)} had not ended when this was written (step {run.step:,} of {asked:,})."
        elif run.ended != "completed" or run.step < asked:
            yield f"{_name(run)} ended early: {run.ended} at step {run.step:,} of {asked:,}."
        resumes = len(run.manifest.get("resumes") or [])
        if resumes:
            yield f"{_name(run)} was interrupted and went on {resumes} time(s)."


def _code(material: Material, _: Document | None) -> Iterator[str]:
    told: dict[str, list[str]] = {"commit": [], "cpu": [], "gpu": []}
    modified = []
    for run in material.runs:
        code, machine = _mapping(run.manifest.get("code")), _mapping(run.manifest.get("machine"))
        told["commit"].append(str(code.get("commit"))[:7])
        told["cpu"].append(str(machine.get("cpu")))
        told["gpu"].append(str(machine.get("gpu")))
        if code.get("modified"):
            modified.append(_name(run))
    if modified:
        yield f"The code of {_listed(modified)} had changes that no commit holds."
    if len(set(told["commit"])) > 1:
        yield f"The runs are of different code revisions: {_listed(sorted(set(told['commit'])))}."
    if len(set(told["cpu"])) > 1 or len(set(told["gpu"])) > 1:
        yield "The runs were computed on different machines, so their speeds and last digits are not comparable."


def _selection(material: Material, _: Document | None) -> Iterator[str]:
    for group in material.groups:
        counts = [len(run.validations) for run in group.runs]
        if not any(counts):
            yield f"{group.label} has no held-out evaluation: all that is known of it is its training."
        elif not all(counts):
            yield f"{counts.count(0)} of {len(counts)} runs of {group.label} have no held-out evaluation."
        elif max(counts) > 1:
            yield (
                f"The best evaluation of {group.label} was chosen among {_span(counts)} on the "
                "episodes that it is told of, so it flatters; the last one does not."
            )


def _episodes(material: Material, _: Document | None) -> Iterator[str]:
    for driver in material.drivers:
        if driver.missing > 0:
            yield f"The evaluation of {driver.label} is not complete: {driver.missing} episodes are missing."
        if driver.learned and not driver.blank:
            parts = _cells(driver)
            small = [part for part in parts if len(part.lines) < HEADLINE]
            if small:
                width = max(rate.high - rate.low for rate in map(success, small))
                yield (
                    f"{len(small)} of {len(parts)} cells of {driver.label} have fewer than {HEADLINE} episodes; "
                    f"the widest 95 % interval of success among them spans {100 * width:.0f} points."
                )
    episodes = {driver.label: {_key(line) for line in driver.lines} for driver in material.drivers}
    if len({frozenset(keys) for keys in episodes.values()}) > 1:
        yield "Not all drivers drove the same episodes, so differences between them are also differences of routes."


def _shared_lanes(material: Material, _: Document | None) -> Iterator[str]:
    shared: dict[str, float] = {}
    for driver in material.drivers:
        towns = {line["town"] for line in driver.lines}
        shared |= {
            town: float(share)
            for town, share in driver.asked["on_training_lanes"].items()
            if town in towns and town in driver.asked["trained_in"].get("towns", [])
        }
    for town, share in sorted(shared.items()):
        if share > 0:
            yield (
                f"{100 * share:.0f} % of the held-out routes' length in {town} lies on lanes that training routes "
                "lead over, "
                "too."
            )


def _towns(material: Material, _: Document | None) -> Iterator[str]:
    for driver in material.drivers:
        if driver.learned and not driver.blank:
            cells = {cell_of(line, driver.asked) for line in driver.lines}
            unseen = [
                word for k, word in ((1, "town"), (2, "weather")) if not any(c[k].startswith("new") for c in cells)
            ]
            if unseen:
                yield f"{driver.label} was not evaluated in a new {' or '.join(unseen)}."


def _camera(material: Material, _: Document | None) -> Iterator[str]:
    if not material.of_the_town:
        return
    for driver in material.drivers:
        if not driver.learned or driver.blank:
            continue
        blank = material.blank(driver)
        drop = None if blank is None else success_drop(driver, blank)
        if drop is None:
            yield f"What the camera is worth to {driver.label} was not measured."
        elif drop.low < CAMERA_DROP:
            yield (
                f"A black camera costs {driver.label} {100 * drop.value:.0f} points of success (95 %: "
                f"{100 * drop.low:.0f} to "
                f"{100 * drop.high:.0f}), where at least {100 * CAMERA_DROP:.0f} are asked of a policy that looks."
            )


def _rows(material: Material, _: Document | None) -> Iterator[str]:
    if material.drivers:
        there = {driver.label.partition(",")[0] for driver in material.drivers}
        absent = [name for name in EXPECTED_ROWS if name not in there]
        if absent:
            yield f"No row of {_listed(absent)} stands beside the learned policies on the held-out routes."


def _calibration(material: Material, document: Document | None) -> Iterator[str]:
    for run in material.runs:
        said: Line = _mapping(run.validations[-1].get("calibration")) if run.validations else {}
        late = document in ("100k", "1m") or (document is None and run.step >= STEPS["100k"])
        warning = run.config.gate.calibration_warning
        for name, words, bound in (
            ("q_return_gap", "|Q - return| / |Q|", Q_GAP if late else warning),
            ("q1_q2_gap", "|Q1 - Q2| / |Q|", CRITICS_GAP if late else warning),
        ):
            gap = number(said, name)
            if gap is not None and gap > bound:
                yield (
                    f"The critic of {_name(run)} is off at its last evaluation: {words} is {gap:.0%}, above "
                    f"{bound:.0%}."
                ).replace("%", " %")


def _alerts(material: Material, _: Document | None) -> Iterator[str]:
    for group in material.groups:
        raised = Counter(
            str(event.get("severity")) for run in group.runs for event in run.events if event.get("kind") == "alert"
        )
        if raised:
            counts = ", ".join(f"{count} {severity}" for severity, count in sorted(raised.items()))
            yield f"Guards raised alerts in {group.label}: {counts}."


def _numbers(material: Material, _: Document | None) -> Iterator[str]:
    for run in material.runs:
        odd = [line for line in run.metrics if line.get("non_finite")]
        if odd:
            tags = sorted({str(tag) for line in odd for tag in line["non_finite"]})
            lines = f"{len(odd)} lines of {_name(run)}"
            yield f"{lines} hold values that were not finite and are left out ({_listed(tags)})."


def _cells(driver: Driver) -> list[Driver]:
    cells = sorted({cell_of(line, driver.asked) for line in driver.lines})
    parts = [driver.only(lambda line, cell=cell: cell_of(line, driver.asked) == cell) for cell in cells]  # type: ignore[misc]
    return [part for part in parts if part is not None]


def _key(line: Line) -> tuple[str, str, int]:
    return line["town"], line["cell_scenario"], line["episode_seed"]


def _name(run: RunFiles) -> str:
    return run.path.resolve().name


def _span(counts: Sequence[int]) -> str:
    low, high = min(counts), max(counts)
    return str(low) if low == high else f"{low} to {high}"


def _steps_of(runs: Sequence[RunFiles]) -> str:
    return _listed([f"{_name(run)} {run.step:,}" for run in runs])


def _listed(words: Sequence[str]) -> str:
    return ", ".join(words[:6]) + (f" and {len(words) - 6} more" if len(words) > 6 else "")


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
