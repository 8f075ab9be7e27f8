"""How CARLA packs what a remote call returns, and the errors that a call may end in.

`carla::rpc::Response<T>` is a variant of error and value, `Response<void>` an optional error.
"""

from __future__ import annotations

from typing import Any

NOTHING: list[Any] = [[False]]  # a call that returns nothing went well


def value(result: Any) -> list[Any]:
    """What a call returned."""
    return [[1, result]]


def failure(reason: str) -> list[Any]:
    """A call that returns something went wrong; the client raises RuntimeError with this reason."""
    return [[0, [reason]]]


def void_failure(reason: str) -> list[Any]:
    """A call that returns nothing went wrong."""
    return [[True, [reason]]]


def reason_of(result: Any) -> str | None:
    """Why a call went wrong, of its packed result; None if it did not."""
    match result:
        case [[True, [str(reason)]]] | [[0, [str(reason)]]]:
            return reason
    return None


def optional(result: Any) -> list[Any]:
    """A `boost::optional`."""
    return [False] if result is None else [True, result]


class Refusal(Exception):
    """A call that cannot be done, with the reason that its caller is told."""
