"""Shares of the reward terms over a run: in equal windows of its timesteps, and by how episodes ended.

Shares are of pooled sums, never means of shares: the windows' sums, and the outcomes', add up to the run's. An episode
belongs to the window in which it ended.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from av_td3_system.reporting.reward_reading import RewardReading, read_terms
from av_td3_system.reporting.run_files import Line

WINDOWS = 5
TERMINAL = ("collision", "off_road", "wrong_way")  # outcomes that pay the terminal penalty, part of safety


@dataclass(frozen=True)
class Window:
    """Episodes that ended after one timestep and up to another.

    Attributes:
        after: timestep.
        until: timestep.
        reading: of these episodes, None where none ended.
    """

    after: int
    until: int
    reading: RewardReading | None


def over_time(lines: Sequence[Line], windows: int = WINDOWS) -> list[Window]:
    """The run in windows of equal width, to the timestep at which its last episode ended.

    Args:
        lines: of `episodes.jsonl`, at least one, oldest first.
        windows: at least 1; there are fewer where there are fewer timesteps.
    """
    last = max(_step(line) for line in lines)
    windows = max(1, min(windows, last))
    edges = [last * k // windows for k in range(windows + 1)]
    held: list[list[Line]] = [[] for _ in range(windows)]
    for line in lines:
        held[max(0, bisect_left(edges, _step(line)) - 1)].append(line)
    return [Window(edges[k], edges[k + 1], read_terms(inside) if inside else None) for k, inside in enumerate(held)]


def by_outcome(lines: Sequence[Line]) -> dict[str, RewardReading]:
    """Readings by outcome (`goal_reached`, `collision` ...), the most frequent first.

    Raises:
        KeyError: a line names no outcome.
    """
    held: dict[str, list[Line]] = {}
    for line in lines:
        held.setdefault(str(line["outcome"]), []).append(line)
    ordered = sorted(held.items(), key=lambda item: (-len(item[1]), item[0]))
    return {outcome: read_terms(inside) for outcome, inside in ordered}


def course_to_dict(windows: Sequence[Window], outcomes: Mapping[str, RewardReading]) -> dict[str, Any]:
    """Plain values: `windows` and `outcomes`, each reading with the `signs` that were seen in it."""
    return {
        "windows": [{"after": w.after, "until": w.until, "reading": _plain(w.reading)} for w in windows],
        "outcomes": {outcome: _plain(reading) for outcome, reading in outcomes.items()},
    }


def render_course(windows: Sequence[Window], outcomes: Mapping[str, RewardReading]) -> str:
    """Two tables of shares, n and what they are read as."""
    readings = [*(w.reading for w in windows if w.reading is not None), *outcomes.values()]
    terms = list(dict.fromkeys(name for reading in readings for name in reading.terms))
    rows = [_row("timesteps", None, terms, head=True)]
    rows += [_row(f"{w.after + 1}-{w.until}", w.reading, terms) for w in windows]
    rows += ["", _row("outcome", None, terms, head=True)]
    rows += [_row(outcome, reading, terms) for outcome, reading in outcomes.items()]
    if any(outcome in TERMINAL for outcome in outcomes):
        rows.append(f"({', '.join(TERMINAL)} pay the terminal penalty, which is part of safety)")
    return "\n".join(rows)


def _row(label: str, reading: RewardReading | None, terms: Sequence[str], head: bool = False) -> str:
    if head:
        cells = [f"{'n':>6}{'reward':>9}", *(f"{name:>{_width(name)}}" for name in terms), f"{'km/h':>7}", "  reading"]
    elif reading is None:
        cells = [f"{0:>6}"]
    else:
        speed = "-" if reading.mean_speed is None else f"{3.6 * reading.mean_speed:.1f}"
        shares = (f"{reading.shares.get(name, 0.0):>{_width(name)}.1%}" for name in terms)
        cells = [
            f"{reading.episodes:>6}{reading.episode_reward:>9.1f}",
            *shares,
            f"{speed:>7}",
            "  " + ", ".join(reading.signs),
        ]
    return f"{label:<16}" + "".join(cells)


def _width(term: str) -> int:
    return max(len(term), 6) + 2


def _step(line: Line) -> int:
    return int(line.get("step", 0))


def _plain(reading: RewardReading | None) -> dict[str, Any] | None:
    return None if reading is None else {**asdict(reading), "signs": reading.signs}
