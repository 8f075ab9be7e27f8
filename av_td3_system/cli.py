"""`av-td3`: one verb, its exit code. The verbs are in `verbs`: flags in, one call, exit code out, no logic.

Exit codes: 0 done (also a verdict of `extend`), 2 bad usage or settings or a place that cannot be written to from the
start, 3 halted by a guard, a failed gate or a disk that takes no more, or something that `status` or `doctor` found,
4 the simulator was lost, 129/130/143 stopped by a signal after saving. Each verb imports what it runs only when it
runs, so that help and refusals are immediate.
"""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Sequence

import typer

from av_td3_system.config.errors import BackendLost, UserError
from av_td3_system.config.exit_codes import BACKEND_LOST, INTERRUPTED, USAGE
from av_td3_system.plain_words import buffer_by_line, explained, refuse, warning_line
from av_td3_system.verbs import driving, places, reading, studying
from av_td3_system.verbs.app import app

VERBS = (driving, studying, reading, places)  # a verb is there once its module is imported


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one verb and return its exit code; usage errors and `UserError` become two plain lines."""
    buffer_by_line()
    given = list(sys.argv[1:] if arguments is None else arguments)
    warnings.formatwarning = warning_line
    try:
        code = app(args=given or ["--help"], prog_name="av-td3", standalone_mode=False)
    except UserError as error:
        return refuse(error.message, error.hint)
    except BackendLost as error:
        return refuse(error.message, error.hint, BACKEND_LOST)
    except (KeyboardInterrupt, typer.Abort):
        print("interrupted", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:  # the reader of our output has gone, as in `av-td3 gate ... | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        return refuse(*explained(error))
    except Exception as error:
        # Typer carries its own copy of click, so its usage errors are known by what they can do.
        if not hasattr(error, "format_message"):
            raise
        message = error.format_message().rstrip(".")
        known = given[:1] if given and given[0] in _verbs() else []
        return refuse(message[:1].lower() + message[1:], " ".join(["see av-td3", *known, "--help"]))
    if not given:
        return USAGE
    return code if isinstance(code, int) else 0


def _verbs() -> list[str]:
    commands = app.registered_commands
    return [command.name or command.callback.__name__ for command in commands if command.callback is not None]


if __name__ == "__main__":
    sys.exit(main())
