"""Turns a schema violation into one sentence that names the setting, its source and a way out."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ValidationError

from av_td3_system.config.curriculum_sections import EXAMPLE
from av_td3_system.config.errors import UserError
from av_td3_system.config.rule_names import known_rules, probably
from av_td3_system.config.schema import Config

Layer = tuple[str, Mapping[str, Any]]
"""Where settings come from (a file, a flag), and the nested settings themselves."""

_TYPE_NAMES = {
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "finite_number": "a finite number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "string_type": "text",
    "model_type": "a section with settings of its own",
    "model_attributes_type": "a section with settings of its own",
    "tuple_type": "a list",
}
_BOUNDS = {
    "greater_than": ("gt", "above"),
    "greater_than_equal": ("ge", "at least"),
    "less_than": ("lt", "below"),
    "less_than_equal": ("le", "at most"),
}


def setting_names(model: type[BaseModel] = Config, prefix: str = "") -> Iterator[str]:
    """Every setting of the schema as a dotted path, sections first (`agent`, `agent.gamma`, ...)."""
    for name, field in model.model_fields.items():
        yield prefix + name
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from setting_names(field.annotation, f"{prefix}{name}.")


def refusal(error: ValidationError, layers: Sequence[Layer]) -> UserError:
    """The first violation as a `UserError`.

    Args:
        error: what the schema refused.
        layers: the layers that were merged, lowest first; names the source of the offending value.
    """
    first = error.errors()[0]
    location = tuple(first["loc"])
    name = ".".join(str(part) for part in location)
    source = _source(location, layers)
    where = f"{source}: " if source else ""
    kind, context = first["type"], first.get("ctx", {})
    if kind == "extra_forbidden":
        return UserError(
            f"{where}unknown setting {name}", _hint(location) if _in_a_stage(location) else _did_you_mean(name)
        )
    if kind == "value_error":
        sentence, _, hint = str(context.get("error", first["msg"])).partition("; hint: ")
        return UserError(where + sentence, hint)
    if kind == "missing":
        return _incomplete(where, location)
    return UserError(f"{where}{name} is {_shown(first['input'])}, but must be {_demand(first)}", _hint(location))


def _incomplete(where: str, location: Sequence[int | str]) -> UserError:
    """A list that is too short, or an entry of a list that lacks one of its settings."""
    parent = ".".join(str(part) for part in location[:-1])
    if isinstance(location[-1], int):
        return UserError(f"{where}{parent} has too few values", _hint(location))
    hint = _hint(location) if _in_a_stage(location) else ""
    if len(location) == 4 and location[1] == "rules":
        hint = (
            probably(str(location[2]), known_rules(str(location[0])))
            + " (a rule of your own needs all of its settings)"
        )
    return UserError(f"{where}{parent} lacks {location[-1]}", hint)


def _demand(error: Mapping[str, Any]) -> str:
    """What the schema asks for, in words."""
    kind, context = error["type"], error.get("ctx", {})
    if kind in _BOUNDS:
        key, word = _BOUNDS[kind]
        return f"{word} {context[key]:g}"
    if kind == "literal_error":
        return f"one of {context['expected']}".replace(" or ", ", ").replace("'", "")
    if kind in ("too_long", "too_short"):
        few_many = "at most" if kind == "too_long" else "at least"
        return f"a list of {few_many} {context.get('max_length', context.get('min_length'))} values"
    return _TYPE_NAMES.get(kind, f"valid ({error['msg'][:1].lower()}{error['msg'][1:]})")


def _shown(value: Any) -> str:
    text = "empty" if value is None else json.dumps(value, default=str)
    return text if len(text) <= 60 else text[:57] + "..."


def _did_you_mean(name: str) -> str:
    """The closest setting by its whole path, else by its last part in any section."""
    names = list(setting_names())
    close = [found for found in difflib.get_close_matches(name, names, cutoff=0.75) if not name.startswith(found + ".")]
    if not close:
        leaf = name.rsplit(".", 1)[-1]
        leaves = {known.rsplit(".", 1)[-1]: known for known in reversed(names)}
        close = [leaves[found] for found in difflib.get_close_matches(leaf, list(leaves), n=1, cutoff=0.75)]
    if close:
        return f"did you mean {close[0]}?"
    section = name.rsplit(".", 1)[0] + "." if "." in name else ""
    siblings = [known for known in names if known.startswith(section) and "." not in known[len(section) :]]
    return ("known here: " if siblings else "known sections: ") + ", ".join(
        siblings or [known for known in names if "." not in known]
    )


def _in_a_stage(location: Sequence[int | str]) -> bool:
    """Whether the curriculum's stages, or something in them, is meant."""
    return tuple(location[:2]) == ("curriculum", "stages")


def _hint(location: Sequence[int | str]) -> str:
    """The default of the setting, the surest example of a value that is accepted; of stages, which are none, some."""
    if _in_a_stage(location):
        return f"for example {EXAMPLE}"
    value: Any = Config()
    for part in location:
        if not isinstance(part, str) or not hasattr(value, part):
            break
        value = getattr(value, part)
    if isinstance(value, BaseModel):
        return "its settings are " + ", ".join(type(value).model_fields)
    name = ".".join(part for part in location if isinstance(part, str))
    shown = str(list(value)) if isinstance(value, tuple) else str(value)
    return f"for example {name}={shown}" if len(shown) <= 80 else ""


def _source(location: Sequence[int | str], layers: Sequence[Layer]) -> str:
    """The topmost layer that holds the setting, or empty where none does."""
    for source, settings in reversed(layers):
        value: Any = settings
        for part in location:
            if isinstance(part, int):  # an element of a list: the list's own source counts
                return source
            if not isinstance(value, Mapping) or part not in value:
                break
            value = value[part]
        else:
            if location:
                return source
    return ""
