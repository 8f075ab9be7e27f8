"""YAML without PyYAML's traps."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from av_td3_system.config.safe_yaml import parse


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-4", 0.0001),
        ("3E5", 300000.0),
        ("-2.5e3", -2500.0),
        (".5e1", 5.0),
        ("1", 1),
        ("0.5", 0.5),
        ("true", True),
        ("2020-01-01", "2020-01-01"),
        ("TownA", "TownA"),
        ("e5", "e5"),
        ("", None),
        ("[1, 2]", [1, 2]),
    ],
)
def test_scalars(text: str, value: Any) -> None:
    parsed = parse(text)
    assert parsed == value
    assert type(parsed) is type(value)


def test_a_key_given_twice_is_refused() -> None:
    with pytest.raises(yaml.YAMLError, match="given twice"):
        parse("a: 1\na: 2")


def test_nothing_is_executed() -> None:
    with pytest.raises(yaml.YAMLError):
        parse("!!python/object/apply:os.getcwd []")


def test_an_alias_bomb_is_refused() -> None:
    levels = ["a0: &a0 [x]"] + [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 20)}]" for n in range(1, 8)]
    with pytest.raises(yaml.YAMLError, match="aliases"):
        parse("\n".join(levels))
