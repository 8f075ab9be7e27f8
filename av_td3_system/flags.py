"""What the flags of a verb may be: several values behind one, and which go together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from typer.core import TyperCommand

from av_td3_system.config.errors import UserError


def spreading(*flags: str) -> type[TyperCommand]:
    """A command whose `flags` take several values: `--set a=1 b=2` is `--set a=1 --set b=2`."""

    class SpreadingCommand(TyperCommand):
        def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
            return super().parse_args(ctx, spread(args, flags))

    return SpreadingCommand


def spread(arguments: Sequence[str], flags: Sequence[str]) -> list[str]:
    """Repeat each of `flags` before every value that follows it, up to the next option."""
    result: list[str] = []
    flag, values = "", 0
    for argument in arguments:
        if argument.startswith("-"):
            flag, values = argument, 0
        elif flag in flags:
            values += 1
            if values > 1:
                result.append(flag)
        result.append(argument)
    return result


def goes_with(what: str, hint: str = "av-td3 evaluate --help", /, **given: Any) -> None:
    """Refuse what was given beside a flag that leaves nothing for it to do; the hint is the command that helps."""
    for name, value in given.items():
        if value not in (None, False) and value != []:
            raise UserError(f"--{name.replace('_', '-')} does not go with {what}", hint)
