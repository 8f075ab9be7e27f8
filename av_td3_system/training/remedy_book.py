"""`remedies.json`: what a run did by itself when it was in trouble."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from av_td3_system.checkpointing.atomic import atomic_write_text
from av_td3_system.config.errors import UserError

Entry = dict[str, Any]
"""A line of the book: `remedy`, `step`, `alerts`, `checkpoint` and `back_to` (None: begun anew), `changes` (setting:
[before, now]), `before` (figures), `effect` (None until it is known), `done`, `told`."""


def read_book(path: Path) -> list[Entry]:
    """Entries, oldest first; none where there is no book.

    Raises:
        UserError: it is not readable.
    """
    try:
        entries = [_entry(entry) for entry in json.loads(path.read_text(encoding="utf-8"))]
    except FileNotFoundError:
        return []
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise UserError(f"{path} is not readable: {error}", "delete it to forget the remedies of this run") from error
    return entries


def _entry(read: Mapping[str, Any]) -> Entry:
    """What was read, if it is an entry.

    Raises:
        ValueError, TypeError, KeyError, AttributeError: it is none.
    """
    changes = {str(name): [before, now] for name, (before, now) in read["changes"].items()}
    effect, back_to = read["effect"], read["back_to"]
    if effect is not None:
        effect = {
            "step": int(effect["step"]),
            "trouble": [str(name) for name in effect["trouble"]],
            "figures": dict(effect["figures"]),
            "at_end": bool(effect.get("at_end", False)),
        }
    return {
        **read,
        "remedy": str(read["remedy"]),
        "step": int(read["step"]),
        "back_to": None if back_to is None else int(back_to),
        "changes": changes,
        "effect": effect,
        "done": bool(read["done"]),
        "told": bool(read["told"]),
        "alerts": [dict(alert) for alert in read["alerts"]],
    }


def write_book(path: Path, entries: Sequence[Entry]) -> None:
    """Replace the book, durably."""
    atomic_write_text(path, json.dumps(list(entries), indent=1) + "\n")
