"""What the ablations showed, from the `ablation.json` of their folder."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from av_td3_system.config.errors import UserError
from av_td3_system.evaluation.statistics import Interval

FILE = "ablation.json"


@dataclass(frozen=True)
class Variant:
    """One thing left out.

    Attributes:
        name: of it.
        expected: what the plan expects of leaving it out; empty where nothing is said.
        success_rate: with 95 % interval, None where not measured.
        difference: in success to the whole system, likewise.
        verdict: whether what was expected is seen.
    """

    name: str
    expected: str
    success_rate: Interval | None
    difference: Interval | None
    verdict: str


def read_ablation(folder: Path) -> list[Variant]:
    """The variants, in the order of the file; what else it holds is passed over.

    Raises:
        UserError: there is no such file, or it holds no variants.
    """
    path = folder / FILE
    try:
        listed = json.loads(path.read_text(encoding="utf-8"))["variants"]
        variants = [_variant(one) for one in listed]
    except OSError as error:
        raise UserError(f"{path} is missing", "give the folder of av-td3 ablate, or leave out --ablation") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(
            f"{path} is not readable: {error}", "run av-td3 ablate again, or leave out --ablation"
        ) from error
    if not variants:
        raise UserError(f"{path} names no variant", "let av-td3 ablate finish, or leave out --ablation")
    return variants


def _variant(one: Mapping[str, Any]) -> Variant:
    return Variant(
        str(one["name"]),
        str(one.get("expected") or ""),
        _interval(one.get("success_rate")),
        _interval(one.get("difference")),
        str(one.get("verdict") or ""),
    )


def _interval(said: Any) -> Interval | None:
    if said is None:
        return None
    values = [said[name] for name in ("estimate", "low", "high")]
    if any(value is None for value in values):
        return None
    numbers = [float(value) for value in values]
    if not all(math.isfinite(value) for value in numbers):
        raise ValueError("a number is not finite")
    return Interval(*numbers)
