"""`av-td3 status`: the action plan's daily checklist of a run, to be read in ten seconds."""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from av_td3_system.monitoring.progress import format_duration
from av_td3_system.reporting.curriculum_reading import CurriculumStanding
from av_td3_system.reporting.disk_use import DiskUse
from av_td3_system.reporting.status_compare import Comparison
from av_td3_system.reporting.status_judging import Wrong, judge
from av_td3_system.reporting.status_reading import Evaluations, Gpu, Status, Trend, read_status

WELL, WRONG = 0, 3
_SHOWN = 5  # alerts
_UNITS = ("B", "KiB", "MiB", "GiB", "TiB")


def run_status(path: Path, other: Path | None = None, last: int | None = None, as_json: bool = False) -> int:
    """Print the state of a run to standard output.

    Args:
        path: run directory.
        other: run to compare with, or None.
        last: timesteps to look back over, None for `status_reading.WINDOW`.
        as_json: for machines.

    Returns:
        Exit code: 0 all well, 3 something is wrong.

    Raises:
        UserError: see `read_status`.
    """
    run, status = read_status(path, other, last)
    wrong = judge(run, status)
    print(json.dumps(to_dict(status, wrong), indent=2) if as_json else render(status, wrong))
    return WRONG if wrong else WELL


def to_dict(status: Status, wrong: Sequence[Wrong]) -> dict[str, Any]:
    """All figures and the verdict as plain values."""
    plain = asdict(status)
    plain["path"] = str(status.path)
    plain["liveness"]["overdue"] = status.liveness.overdue
    if status.comparison is not None:
        plain["comparison"] = {
            "other": str(status.comparison.other),
            "name": status.comparison.name,
            "step": status.comparison.step,
            "figures": {
                name: {"run": one, "other": two, "ratio": ratio(one, two), "difference": difference(one, two)}
                for name, (one, two) in status.comparison.figures.items()
            },
        }
    return {**plain, "wrong": [asdict(line) for line in wrong], "ok": not wrong}


def render(status: Status, wrong: Sequence[Wrong]) -> str:
    """The checklist in words; what is wrong stands last, where the eye is."""
    rows = [
        ("stands", _standing(status)),
        *([] if status.curriculum is None else [("curriculum", _curriculum(status.curriculum))]),
        ("alerts", _alerts(status)),
        ("reward", _trend(status.reward)),
        *((name, f"{_figure(change.first)} -> {_figure(change.last)}") for name, change in status.changes.items()),
        ("evaluation", _evaluations(status.evaluations)),
        *([("CARLA", _servers(status))] if status.servers or status.simulator_failures else []),
        ("disk", _disk(status.disk)),
        ("GPU", _gpu(status.gpu)),
        ("memory", _memory(status)),
    ]
    verdict = "all well" if not wrong else f"{len(wrong)} WRONG, see below"
    lines = [f"{status.path}: {status.name}: {verdict}"]
    for label, text in rows:
        first, *more = text.splitlines()
        lines += [f"  {label:<12}{first}", *(f"  {'':<12}{line}" for line in more)]
    if status.comparison is not None:
        lines += _comparison(status.comparison)
    for number, line in enumerate(wrong, start=1):
        lines += [f"{number}. {line.what}", f"   next: {line.following}"]
    return "\n".join(lines)


def ratio(one: float | None, two: float | None) -> float | None:
    """`one` / `two`; None where that says nothing (one was not measured, or is below zero)."""
    return one / two if one is not None and two and one >= 0 and two > 0 else None


def difference(one: float | None, two: float | None) -> float | None:
    """`one` - `two`, None where either was not measured."""
    return one - two if one is not None and two is not None else None


def _standing(status: Status) -> str:
    life = status.liveness
    share = 100 * status.step / status.max_timesteps
    where = f"step {status.step:,} of {status.max_timesteps:,} ({share:.0f} %), {status.phase}"
    rate = "" if status.steps_per_second is None else f", {status.steps_per_second:.0f} steps/s"
    if status.ended is not None:
        on = (
            f"\nto go on: av-td3 train --resume {shlex.quote(str(status.path))}"
            if status.ended == "interrupted"
            else ""
        )
        return f"{status.ended} at {where}{rate}{on}"
    left = "" if status.seconds_left is None else f", {format_duration(status.seconds_left)} left"
    process = "" if life.pid is None else f" (process {life.pid})"
    usual = "" if life.usual is None else f", usually every {format_duration(life.usual)}"
    doing = {None: "process unknown", False: "no process", True: f"{'paused' if life.paused else 'running'}{process}"}
    why = "; an evaluation is under way" if life.alive and life.evaluating else ""
    return f"{doing[life.alive]}, {where}{rate}{left}\nlast line {format_duration(life.silent)} ago{usual}{why}"


def _curriculum(standing: CurriculumStanding) -> str:
    head = f"stage {standing.stage} of {standing.stages} from step {standing.begins:,}: {standing.what}"
    lines = [head if standing.following is None else f"{head}; the next from {standing.following:,}"]
    for drawn, groups in standing.success.items():
        if groups:
            told = ", ".join(f"{group.name} {group.success:.2f} (n {group.episodes})" for group in groups)
            lines.append(f"success by {drawn}: {told}")
    return "\n".join(lines)


def _alerts(status: Status) -> str:
    head = (
        f"{len(status.alerts) or 'none'} in the last {status.window:,} timesteps, {status.alerts_in_all} in all; "
        f"remedies {_applied(status.remedies)}, resumes {status.resumes}"
    )
    lines = [
        f"{alert['severity']} {alert['name']} at step {alert['step']:,}: {_figure(alert['value'])} "
        f"({_beyond(alert)} {_figure(alert['threshold'])})"
        for alert in status.alerts[-_SHOWN:]
    ]
    return "\n".join([head, *lines, *(str(line["message"]) for line in status.remedies[-1:] if line.get("message"))])


def _applied(remedies: Sequence[Any]) -> int:
    """How many there were; each may have a second line, which says what came of it."""
    return sum(line.get("effect") is None for line in remedies)


def _beyond(alert: Any) -> str:
    value, threshold = alert["value"], alert["threshold"]
    if not isinstance(value, int | float) or not isinstance(threshold, int | float):
        return "threshold"
    return "below" if value < threshold else "above"


def _trend(trend: Trend) -> str:
    if trend.tau is None:
        mean = "" if trend.mean is None else f", mean {_figure(trend.mean)}"
        return f"{trend.direction} for a trend ({trend.episodes}){mean}"
    means = " ".join(f"{mean:.0f}" for mean in trend.blocks if mean is not None)
    return f"{trend.direction}: {means} (means of tenths, {trend.episodes} episodes, tau {trend.tau:+.2f})"


def _evaluations(evaluations: Evaluations | None) -> str:
    if evaluations is None:
        return "none yet"
    stop = " until it stops early" if evaluations.stops else ""
    last = f"last {_evaluation(evaluations.last)}"
    if evaluations.since_best == 0:
        return f"{last}, the best so far"
    return (
        f"{last}\nbest {_evaluation(evaluations.best)}; {evaluations.since_best} of {evaluations.patience} "
        f"evaluations without a gain{stop}"
    )


def _evaluation(values: Any) -> str:
    words = f"{_figure(values['episode_reward'])} at step {values['step']:,}"
    if values["success_rate"] is not None:
        words += f", success {values['success_rate']:.2f}"
    if values["route_completion"] is not None:
        words += f", completion {values['route_completion']:.2f}"
    return f"{words} (n {values['n_episodes']:.0f})" if values["n_episodes"] is not None else words


def _servers(status: Status) -> str:
    answering = [server for server in status.servers if server.version is not None]
    failures = status.simulator_failures
    failed = "none failed" if not failures else f"{failures} failure{'' if failures == 1 else 's'} of servers, survived"
    if not status.servers:
        return failed
    return f"{len(answering)} of {len(status.servers)} servers answer; {failed}"


def _disk(disk: DiskUse) -> str:
    words = f"{_bytes(disk.free)} free, the run takes {_bytes(disk.taken)}"
    if disk.per_timestep is None:
        return words
    return f"{words}, each timestep to come {_bytes(disk.per_timestep)}: {_bytes(disk.free_at_end)} free at its end"


def _gpu(gpu: Gpu | None) -> str:
    if gpu is None:
        return "no GPU in use"
    logged = ", ".join(_with_unit(name, value) for name, value in gpu.logged.items())
    words = [f"{logged} (means of the window)"] if logged else []
    if gpu.now:
        figures = ", ".join(_with_unit(name, value) for name, value in gpu.now.items() if name != "name")
        words.append(f"now {figures} ({gpu.now.get('name', '')})")
    return "\n".join(words) or "not measured yet"


def _with_unit(name: str, value: Any) -> str:
    unit = "GiB" if name.endswith("_gb") else {"utilization": "%", "temperature": "C"}.get(name, "")
    return f"{name.removesuffix('_gb').replace('_', ' ')} {_figure(value)} {unit}".rstrip()


def _memory(status: Status) -> str:
    if status.ram_gb is None:
        return "not measured yet"
    of = "" if status.machine_ram_gb is None else f" of {status.machine_ram_gb:.1f}"
    return f"{status.ram_gb:.1f}{of} GiB"


def _comparison(comparison: Comparison) -> list[str]:
    lines = [f"at step {comparison.step:,} beside {comparison.other}: {comparison.name}"]
    lines.append(f"  {'':<20}{'this run':>10}{'other':>10}{'ratio':>8}{'difference':>12}")
    for name, (one, two) in comparison.figures.items():
        over, apart = ratio(one, two), difference(one, two)
        cells = f"{_figure(one):>10}{_figure(two):>10}{'-' if over is None else f'{over:.2f}':>8}"
        lines.append(f"  {name:<20}{cells}{'-' if apart is None else f'{apart:+.4g}':>12}")
    return lines


def _figure(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, int | float) else "-"


def _bytes(size: float) -> str:
    sign, size = ("-", -size) if size < 0 else ("", size)
    for unit in _UNITS[:-1]:
        if size < 1024:
            return f"{sign}{size:.3g} {unit}" if size < 1000 else f"{sign}{size:.0f} {unit}"
        size /= 1024
    return f"{sign}{size:.4g} {_UNITS[-1]}"
