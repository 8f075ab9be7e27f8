"""What is screened: a change, what was expected of it, and what it is a change to."""

from __future__ import annotations

from typing import NamedTuple


class Variant(NamedTuple):
    """One change.

    Attributes:
        settings: `section.setting=value`, over the recommended preset; complete, whatever that has become since.
        expected: written before the first run.
        base: the variant that it is a change to and is compared with; its own name where it is one.
    """

    settings: tuple[str, ...]
    expected: str
    base: str
