"""Settings of a curriculum (Bengio et al. 2009): what traffic and weather training episodes draw from, and when."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from itertools import pairwise
from typing import Annotated, Any

from pydantic import Field, model_serializer, model_validator

from av_td3_system.config.section import Section, Vehicles

EXAMPLE = "curriculum.stages=[{from: 0, vehicles: [20]}, {from: 100000, vehicles: [20, 50, 100]}]"


class Stage(Section):
    """What the training episodes that begin in it are drawn from, uniformly; what is named twice, twice as often."""

    begins: Annotated[int, Field(ge=0, alias="from")]  # timestep of the run; `from`, its name in files, is a keyword
    vehicles: Annotated[tuple[Vehicles, ...], Field(min_length=1)] | None = None  # None: as without a curriculum
    weathers: Annotated[tuple[str, ...], Field(min_length=1)] | None = None  # presets by name; None: likewise

    @model_serializer
    def as_written(self) -> dict[str, Any]:
        """The stage as plain values under the names that files use."""
        return {"from": self.begins, "vehicles": self.vehicles, "weathers": self.weathers}

    def in_words(self) -> str:
        """What is drawn: `20 or 50 vehicles, weathers as set`."""
        vehicles = "vehicles as set" if self.vehicles is None else f"{_one_of(self.vehicles)} vehicles"
        return f"{vehicles}, {'weathers as set' if self.weathers is None else _one_of(self.weathers)}"


class CurriculumConfig(Section):
    """Stages of training worlds, by timesteps of the run; worlds that a run is judged in know none of it.

    A schedule in timesteps is the same however far the run goes, so a run can be continued beyond its end.
    """

    stages: tuple[Stage, ...] = ()  # the first from 0 on, each until the next begins; empty: no curriculum

    @model_validator(mode="after")
    def _stages_follow_each_other(self) -> CurriculumConfig:
        begins = [stage.begins for stage in self.stages]
        if begins and begins[0] != 0:
            raise ValueError(
                f"curriculum.stages: the first stage is from {begins[0]}, but must be from 0; "
                "hint: {from: 0} alone means as without a curriculum"
            )
        for before, after in pairwise(begins):
            if after <= before:
                raise ValueError(
                    f"curriculum.stages: a stage from {after} comes after one from {before}; "
                    "hint: each must begin later than the one before it"
                )
        return self

    def stage_at(self, timestep: int) -> int:
        """Index of the stage in force at a timestep; there must be stages."""
        return bisect_right([stage.begins for stage in self.stages], timestep) - 1


def _one_of(values: Sequence[Any]) -> str:
    words = [str(value) for value in values]
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}"
