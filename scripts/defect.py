"""One known defect: what to write in place of what, and which tests must fail then."""

from __future__ import annotations

from typing import NamedTuple

PACKAGE = "av_td3_system"


class Defect(NamedTuple):
    """One mistake, put back.

    Attributes:
        name: for `--only`.
        lesson: what went wrong.
        file: relative to the package.
        old: text that stands there exactly once.
        new: the mistake.
        tests: pytest node ids without parameters; of each at least one case must fail.
    """

    name: str
    lesson: str
    file: str
    old: str
    new: str
    tests: tuple[str, ...]

    @property
    def path(self) -> str:
        """The file, relative to the repository."""
        return f"{PACKAGE}/{self.file}"
