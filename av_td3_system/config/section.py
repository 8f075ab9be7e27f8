"""What every section of the settings is, and the ranges that numbers may have."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Positive = Annotated[float, Field(gt=0)]
NonNegative = Annotated[float, Field(ge=0)]
LearningRate = Annotated[float, Field(gt=0, le=1)]
Weight = Annotated[float, Field(ge=0, le=1e6)]
Vehicles = Annotated[int, Field(ge=0, le=500)]
Parked = Annotated[int, Field(ge=0, le=100)]
Triple = tuple[NonNegative, NonNegative, NonNegative]
PositiveTriple = tuple[Positive, Positive, Positive]
Share = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=1)]
Factors = tuple[Positive, Positive]


class Section(BaseModel):
    """Base of all sections: closed (typos are errors), immutable, finite numbers only."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, validate_default=True)
