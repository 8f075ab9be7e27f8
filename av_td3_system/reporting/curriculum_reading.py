"""Where a run stands in its curriculum, and how training episodes went by what they drew of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from av_td3_system.reporting.run_files import Line, RunFiles

DRAWN = ("vehicles", "weather")  # of an episode's line


@dataclass(frozen=True)
class Group:
    """Training episodes that drew the same.

    Attributes:
        name: a number of vehicles, or a weather.
        success: share of them, in [0, 1].
        episodes: how many.
    """

    name: str
    success: float
    episodes: int


@dataclass(frozen=True)
class CurriculumStanding:
    """The stage in force, and success by what was drawn.

    Attributes:
        stage: counted from 1.
        stages: how many there are.
        begins: timestep from which on it is in force.
        what: is drawn in it, in words.
        following: timestep at which the next begins, None in the last.
        success: by `DRAWN`, of the training episodes that ended in the window; they were driven with exploration.
    """

    stage: int
    stages: int
    begins: int
    what: str
    following: int | None
    success: Mapping[str, Sequence[Group]]


def read_curriculum(run: RunFiles, after: int) -> CurriculumStanding | None:
    """The curriculum of a run, None where it has none; episodes count that ended after a step."""
    stages = run.config.curriculum.stages
    if not stages:
        return None
    stage = run.config.curriculum.stage_at(run.step)
    ended = [line for line in run.episodes if int(line["step"]) > after]
    return CurriculumStanding(
        stage=stage + 1,
        stages=len(stages),
        begins=stages[stage].begins,
        what=stages[stage].in_words(),
        following=stages[stage + 1].begins if stage + 1 < len(stages) else None,
        success={drawn: _groups(ended, drawn) for drawn in DRAWN},
    )


def _groups(episodes: Sequence[Line], drawn: str) -> list[Group]:
    values = {line[drawn] for line in episodes if line.get(drawn) is not None}
    groups = []
    for value in sorted(values):
        went = [bool(line.get("success")) for line in episodes if line.get(drawn) == value]
        groups.append(Group(str(value), sum(went) / len(went), len(went)))
    return groups
