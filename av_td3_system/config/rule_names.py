"""Names of rules: one that is taken away must be one that there is, or a typo would leave it at work."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from av_td3_system.config.errors import UserError
from av_td3_system.config.guard_sections import default_rules
from av_td3_system.config.remedy_sections import default_remedies


def known_rules(section: str) -> set[str]:
    """Names of the rules that a section (guards, remedies) begins with."""
    return set(default_rules() if section == "guards" else default_remedies())


def refuse_absent_rules(layers: Sequence[tuple[str, Mapping[str, Any]]]) -> None:
    """Look through layers (source, settings), lowest first, for a rule that is taken away and was never there.

    Raises:
        UserError: names it, where it was given, and the rule that was probably meant.
    """
    for section in ("guards", "remedies"):
        known = known_rules(section)
        for source, settings in layers:
            rules = _rules(settings, section)
            for name in rules:
                if rules[name] is None and name not in known:
                    raise UserError(f"{source}: there is no rule {section}.rules.{name}", probably(name, known))
            known.update(rules)


def probably(name: str, known: Collection[str]) -> str:
    """A hint: the name that was probably meant, else all of them."""
    close = difflib.get_close_matches(name, sorted(known), n=1, cutoff=0.6)
    return f"did you mean {close[0]}?" if close else f"known: {', '.join(sorted(known))}"


def _rules(settings: Mapping[str, Any], section: str) -> Mapping[str, Any]:
    of_section = settings.get(section)
    rules = of_section.get("rules") if isinstance(of_section, Mapping) else None
    return rules if isinstance(rules, Mapping) else {}
