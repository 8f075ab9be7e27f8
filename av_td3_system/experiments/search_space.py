"""What is searched: axes of settings, each with its values, and every combination of them.

An axis is written `section.setting=value,value`; settings that go together are tied by `+`, as in
`agent.actor_lr+agent.critic_lr=1e-4,3e-4`. Values are YAML, as behind `--set`.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from av_td3_system.config.errors import UserError
from av_td3_system.config.refusals import setting_names
from av_td3_system.config.safe_yaml import parse

GRID_OF_THE_PLAN = (
    "agent.actor_lr+agent.critic_lr=1e-4,3e-4,1e-3",
    "agent.exploration_noise=0.05,0.1,0.2",
    "agent.batch_size=128,256,512",
)
"""The action plan's remedy for a 10K run that does not improve."""

JUDGING = ("environment.", "traffic.", "vehicle.", "variation.", "reward.", "evaluation.", "gate.")
"""Sections that say in what world and by what measure a trial is judged: no trial may choose them."""

OF_A_RUN = ("run.num_envs", "run.threads", "run.device")
"""The settings of `run` that may differ between trials; tuning gives the others itself."""

MOST = 1000  # combinations, each of which is checked before the first is trained
EXAMPLE = "for example --space agent.batch_size=128,256"


@dataclass(frozen=True)
class Axis:
    """One dimension of the space.

    Attributes:
        names: settings that have the value, at least one.
        values: at least one, none twice; numbers, text, truth values, lists or None.
    """

    names: tuple[str, ...]
    values: tuple[Any, ...]

    @property
    def name(self) -> str:
        """As it was written."""
        return "+".join(self.names)

    def settings(self, value: Any) -> tuple[str, ...]:
        """`section.setting=value` for each of its settings."""
        return tuple(f"{name}={json.dumps(value)}" for name in self.names)

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {"settings": list(self.names), "values": list(self.values)}


def parse_space(texts: Sequence[str]) -> tuple[Axis, ...]:
    """The axes that these texts write down, in their order.

    Raises:
        UserError: one cannot be read, is empty, names no setting or one that no trial may choose; a setting or a value
            stands twice; there is no axis, or more combinations than can be checked.
    """
    axes = tuple(_axis(text) for text in texts)
    names = [name for axis in axes for name in axis.names]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise UserError(f"--space gives {twice} twice", "one axis for each setting")
    if not axes:
        raise UserError("--space holds no axis", EXAMPLE)
    size = combinations(axes)
    if size > MOST:
        raise UserError(f"--space has {size} combinations, at most {MOST} are searched", "fewer axes or values")
    return axes


def combinations(axes: Sequence[Axis]) -> int:
    """How many there are."""
    size = 1
    for axis in axes:
        size *= len(axis.values)
    return size


def grid(axes: Sequence[Axis]) -> list[dict[str, Any]]:
    """Every combination as value by name of the axis; the last axis changes fastest."""
    return [
        {axis.name: value for axis, value in zip(axes, values, strict=True)}
        for values in itertools.product(*(axis.values for axis in axes))
    ]


def settings_of(axes: Sequence[Axis], values: dict[str, Any]) -> tuple[str, ...]:
    """`section.setting=value` for a combination."""
    return tuple(text for axis in axes for text in axis.settings(values[axis.name]))


def _axis(text: str) -> Axis:
    left, equals, right = text.partition("=")
    names = tuple(name.strip() for name in left.split("+"))
    if not equals or not all(part.isidentifier() for name in names for part in name.split(".")):
        raise UserError(f"--space {text!r} is not of the form section.setting=value,value", EXAMPLE)
    for name in names:
        _refuse_unfit(name)
    if not right.strip():
        raise UserError(f"--space {left}: the axis is empty", EXAMPLE)
    try:
        values = parse(f"[{right}]")
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise UserError(f"--space {text!r} holds no list of values", "separate them by single commas") from error
    if not isinstance(values, list) or right.rstrip().endswith(","):
        raise UserError(f"--space {text!r} holds no list of values", "separate them by single commas")
    written = [_plain(value, text) for value in values]
    twice = next((value for value in written if written.count(value) > 1), None)
    if twice is not None:
        raise UserError(f"--space {left} names {twice} twice", "each value once")
    return Axis(names, tuple(values))


def _refuse_unfit(name: str) -> None:
    if name.startswith(JUDGING):
        raise UserError(
            f"--space {name}: trials are judged by it, so it must be the same for all of them", f"--set {name}=..."
        )
    if name.startswith("run.") and name in set(setting_names()) - set(OF_A_RUN):
        raise UserError(f"--space {name}: tuning gives it itself", "see av-td3 tune --help")


def _plain(value: Any, text: str) -> str:
    """One text for each value, whole numbers however they are written."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    try:
        return json.dumps(value, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise UserError(f"--space {text!r} holds a value that no setting has", EXAMPLE) from error
