"""Settings from their layers: packaged preset, files, overrides, flags; lowest first.

    config = load_config("td3", files=["mine.yaml"], overrides=["agent.gamma=0.97"], flags={"run.seed": 7})

Whatever is wrong with them (typo, type, range, missing file, bad YAML) is one `UserError` that names
the setting and where it was given. `${agent.tau}` refers to another setting, as OmegaConf resolves it; the
schema then checks the result strictly: text is no number, true is not 1.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

import yaml
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException
from pydantic import ValidationError

from av_td3_system.config.errors import UserError
from av_td3_system.config.older_runs import as_of_today
from av_td3_system.config.refusals import Layer, refusal, setting_names
from av_td3_system.config.rule_names import refuse_absent_rules
from av_td3_system.config.safe_yaml import parse
from av_td3_system.config.schema import Config
from av_td3_system.config.town_settings import refuse_town_settings

logger = logging.getLogger(__name__)

PRESETS: dict[str, tuple[str, ...]] = {
    "td3": ("td3_config.yaml",),
    "ddpg": ("td3_config.yaml", "ddpg_config.yaml"),  # the same improvements, then what makes it DDPG
}
"""Packaged files that an algorithm starts from in the town, lowest layer first."""

BASE_ELSEWHERE = "gymnasium_config.yaml"
"""Stands in place of the lowest of them where `run.env` names an environment."""

ON_CARLA = "carla_config.yaml"
"""Laid over them where `run.backend` is carla."""

_DUMPER = getattr(yaml, "CSafeDumper", yaml.SafeDumper)  # the same text; libyaml's takes a quarter of the time

MAX_FILE_BYTES = 1_000_000  # a settings file is small; refuse a checkpoint given by mistake


def load_config(
    algo: str | None = None,
    files: Sequence[str | Path] = (),
    overrides: Sequence[str] = (),
    flags: Mapping[str, Any] | None = None,
) -> Config:
    """The resolved configuration.

    Args:
        algo: `td3` or `ddpg`; None takes what overrides or files say in `run.algo`, else `td3`.
        files: YAML files, later ones win; a bare name that is no file here means a packaged preset.
        overrides: `section.setting=value` with the value in YAML, later ones win.
        flags: dotted settings from the command line, the top layer; None values are left out.

    Raises:
        UserError: anything wrong in any layer.
    """
    given: list[Layer] = [(str(file), _read(_locate(file))) for file in files]
    given += [("--set", _override(text)) for text in overrides]
    given += [(_flag_name(name), _nested(name, value)) for name, value in (flags or {}).items() if value is not None]
    if algo is not None:
        given.append(("--algo", {"run": {"algo": algo}}))
    chosen = str(_topmost(given, "algo") or "td3")
    elsewhere = _topmost(given, "env")
    base, *others = PRESETS.get(chosen, PRESETS["td3"])
    if elsewhere is not None:
        refuse_town_settings(str(elsewhere), given)
        base = BASE_ELSEWHERE
    if _topmost(given, "backend") == "carla":
        others = [*others, ON_CARLA]
    layers: list[Layer] = [(name, _preset(name)) for name in (base, *others)]
    layers.append(("preset", {"run": {"algo": chosen}}))
    return _merged(layers + given)


def with_overrides(config: Config, overrides: Sequence[str], flags: Mapping[str, Any] | None = None) -> Config:
    """Settings changed by `section.setting=value` texts, later ones win, and by flags (None: not given).

    Raises:
        UserError: anything wrong with one of them.
    """
    given: list[Layer] = [("--set", _override(text)) for text in overrides]
    given += [(_flag_name(name), _nested(name, value)) for name, value in (flags or {}).items() if value is not None]
    if config.run.env is not None:
        refuse_town_settings(config.run.env, given)
    return _merged([("", config.model_dump(mode="json")), *given])


def load_resolved(path: str | Path) -> Config:
    """Read the `config.yaml` of a run: complete as it stands, no layers and no interpolation.

    What an older version did not have as a setting stands as it was then (`older_runs`), with a warning that names it.

    Raises:
        UserError: the file is missing, is no YAML, lacks a setting, or does not fit the schema of this version.
    """
    settings, changed = as_of_today(_read(Path(path)))
    if changed:
        logger.warning("%s is of an older version; as it was then: %s", path, ", ".join(changed))
    config = _validated(settings, [(str(path), settings)])
    for name in setting_names():
        section, _, key = name.partition(".")
        if section not in settings or (key and key not in settings[section]):
            raise UserError(
                f"{path} lacks {name}: it is incomplete, or of another version of this program",
                "the config.yaml of a run holds every setting",
            )
    return config


def resolved_yaml(config: Config) -> str:
    """The configuration as YAML, every setting in it, in the order of the schema."""
    text: str = yaml.dump(config.model_dump(mode="json"), Dumper=_DUMPER, sort_keys=False, allow_unicode=True)
    return text


def config_hash(config: Config) -> str:
    """SHA-256 of the resolved configuration, hexadecimal; independent of the order of keys."""
    canonical = json.dumps(config.model_dump(mode="json"), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


def _merged(layers: Sequence[Layer]) -> Config:
    refuse_absent_rules(layers)
    settings: Any = Config().model_dump(mode="json")
    try:
        for _, layer in layers:
            settings = _overlaid(settings, layer)
        if _refers(settings):  # OmegaConf takes a hundred times as long as all else here
            settings = OmegaConf.to_container(OmegaConf.create(settings), resolve=True, throw_on_missing=True)
    except TypeError as error:
        raise UserError(
            "settings cannot be merged: a mapping stands where a list or a value belongs, or the other way round",
            "lists are written [a, b], sections and rules {name: value}",
        ) from error
    except (OmegaConfBaseException, ValueError, RecursionError) as error:
        named = getattr(error, "full_key", None)
        key = f"{named}: " if named else ""
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise UserError(f"settings cannot be merged: {key}{reason}", "check the ${...} references") from error
    return _validated({str(key): value for key, value in settings.items()}, layers)


def _overlaid(below: Any, above: Any) -> Any:
    """A layer over another: mappings setting by setting, all else replaced; what is given is not changed.

    Raises:
        TypeError: a list over a mapping or the other way round.
    """
    if isinstance(below, Mapping) and isinstance(above, Mapping):
        replaced = {key: _overlaid(below[key], value) if key in below else value for key, value in above.items()}
        return {**below, **replaced}
    if {type(below), type(above)} == {dict, list}:
        raise TypeError("a list and a mapping")
    return above


def _refers(value: Any) -> bool:
    """Whether some text in it is a `${...}` reference, or `???`, OmegaConf's word for what must be given."""
    if isinstance(value, Mapping):
        return any(_refers(item) for item in value.values())
    if isinstance(value, list | tuple):
        return any(_refers(item) for item in value)
    return isinstance(value, str) and ("${" in value or value == "???")


def _validated(settings: Mapping[str, Any], layers: Sequence[Layer]) -> Config:
    # Through JSON, because strict validation of JSON takes lists for tuples and whole numbers for
    # floats but neither text for numbers nor true for 1.
    try:
        return Config.model_validate_json(json.dumps(_plain(settings)), strict=True)
    except ValidationError as error:
        raise refusal(error, layers) from error
    except RecursionError as error:
        raise UserError("settings refer to themselves", "remove the alias that points at its own section") from error


def _plain(value: Any) -> Any:
    """Values that JSON can hold; 1e4 becomes the whole number it is."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value if isinstance(value, bool | int | float | str | None) else str(value)


def _topmost(layers: Sequence[Layer], name: str) -> Any:
    """`run.<name>` of the topmost layer that has it, None without; nonsense is left to the schema to refuse."""
    for _, settings in reversed(layers):
        run = settings.get("run")
        if isinstance(run, Mapping) and name in run:
            return run[name]
    return None


def _packaged(name: str) -> Path:
    return Path(str(resources.files("av_td3_system.config").joinpath(name)))


@cache
def _preset(name: str) -> dict[str, Any]:
    return _read(_packaged(name))


def _locate(file: str | Path) -> Path:
    """A file of the user's, else the packaged preset of that name (with or without `.yaml`)."""
    path = Path(file)
    if not path.exists() and path.parent == Path():
        for name in (path.name, f"{path.name}.yaml"):
            if name.endswith(".yaml") and _packaged(name).is_file():
                return _packaged(name)
    return path


def _read(path: Path) -> dict[str, Any]:
    """One settings file as nested plain values; never executes tags."""
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise UserError(f"settings file {path} is too large to be one", "give a small YAML file")
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise UserError(f"settings file {path} does not exist", "check the path given to --config") from error
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"settings file {path} cannot be read: {_reason(error)}") from error
    return _parsed(text, str(path))


def _parsed(text: str, source: str) -> dict[str, Any]:
    """A mapping with text keys (numbers as keys are turned into text, to be refused by name)."""
    settings = _value(text, source)
    if settings is None:
        return {}
    if not isinstance(settings, Mapping):
        raise UserError(f"{source} holds no settings", "write sections and settings, as in `agent: {gamma: 0.97}`")
    return {str(key): value for key, value in settings.items()}


def _value(text: str, source: str) -> Any:
    try:
        return parse(text)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        line = f" in line {mark.line + 1}" if mark else ""
        problem = getattr(error, "problem", None) or _reason(error)
        raise UserError(
            f"{source} is not valid YAML{line}: {problem}", "check indentation, colons and brackets"
        ) from error


def _override(text: str) -> dict[str, Any]:
    name, equals, value = text.partition("=")
    name = name.strip()
    if not equals or not all(part.isidentifier() for part in name.split(".")):
        raise UserError(
            f"--set {text!r} is not of the form section.setting=value", "for example --set agent.gamma=0.97"
        )
    return _nested(name, _value(value, f"--set {text}"))


def _nested(name: str, value: Any) -> dict[str, Any]:
    for part in reversed(name.split(".")):
        value = {part: value}
    assert isinstance(value, dict)
    return value


def _flag_name(name: str) -> str:
    return "--" + name.rsplit(".", 1)[-1].replace("_", "-")


def _reason(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    return str(error).splitlines()[0] if str(error) else type(error).__name__
