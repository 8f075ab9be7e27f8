"""What a user is told in two lines: his own mistakes, and a simulator that is lost."""

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


class BackendLost(Exception):
    """A simulator could not be brought back: one sentence, one hint, exit code 4.

    Args:
        message: what happened, naming the simulator.
        hint: what to do next.
    """

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
