"""The one exception for what a user can get wrong."""

from __future__ import annotations


class UserError(Exception):
    """A mistake in usage, settings or input files: one clear sentence, one hint, exit code 2.

    Args:
        message: what happened, naming the setting, file or road.
        hint: what to do next, or empty.
    """

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}\nhint: {self.hint}" if self.hint else self.message
