"""YAML as settings need it: nothing executed, no key twice, and `1e-4` is a number."""

from __future__ import annotations

import re
from typing import Any

import yaml
from yaml.composer import Composer
from yaml.constructor import SafeConstructor
from yaml.parser import Parser
from yaml.reader import Reader
from yaml.resolver import Resolver
from yaml.scanner import Scanner

MAX_ALIASES = 100  # references (`*name`) in one file; more is a bomb, not a settings file


class _PythonParser(Reader, Scanner, Parser):
    """Where PyYAML was built without libyaml; four times slower."""

    def __init__(self, stream: str) -> None:
        Reader.__init__(self, stream)
        Scanner.__init__(self)
        Parser.__init__(self)


try:
    from yaml.cyaml import CParser  # type: ignore[attr-defined]

    _Parser: Any = CParser
except ImportError:
    _Parser = _PythonParser


class SettingsLoader(Composer, _Parser, SafeConstructor, Resolver):  # type: ignore[misc]
    """PyYAML's safe loader, minus its traps: duplicate keys, dates, YAML 1.1's idea of a float."""

    def __init__(self, stream: str) -> None:
        _Parser.__init__(self, stream)
        Composer.__init__(self)
        SafeConstructor.__init__(self)
        Resolver.__init__(self)
        self._aliases = 0

    def compose_node(self, parent: Any, index: Any) -> Any:
        """PyYAML's, with aliases counted."""
        if self.check_event(yaml.events.AliasEvent):
            self._aliases += 1
            if self._aliases > MAX_ALIASES:
                raise yaml.YAMLError(f"more than {MAX_ALIASES} aliases")
        return super().compose_node(parent, index)

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        """PyYAML's, with a key given twice refused."""
        seen: set[str] = set()
        for key_node, _ in node.value:
            key = str(key_node.value)
            if key in seen:
                raise yaml.constructor.ConstructorError(None, None, f"{key} is given twice", key_node.start_mark)
            seen.add(key)
        return super().construct_mapping(node, deep)


SettingsLoader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
SettingsLoader.add_implicit_resolver(  # YAML 1.2: the exponent needs no point and no sign
    "tag:yaml.org,2002:float",
    re.compile(r"^[-+]?(?:\d+\.?\d*|\.\d+)[eE][-+]?\d+$"),
    list("-+.0123456789"),
)


def parse(text: str) -> Any:
    """The value that `text` holds, None where it is empty.

    Raises:
        yaml.YAMLError: malformed, or something that settings must not contain.
        RecursionError: nested beyond reason.
    """
    return yaml.load(text, Loader=SettingsLoader)
