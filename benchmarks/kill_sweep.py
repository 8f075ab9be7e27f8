"""One save, killed (SIGKILL) at each of its moments in turn, and copies of what each has left."""

from __future__ import annotations

import builtins
import contextlib
import io
import os
import re
import shutil
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from av_td3_system.training.saving import Saver


def killed_everywhere(argument: str) -> None:
    """That save is tried in one child after another, each killed a call later; what each leaves is copied.

    Copies lie beside the run, `killed_001` and so on, with what was about to be done in `.killed` beside them.
    """
    save, count = Saver.save, [0]

    def patched(self: Saver, state: Any, milestone: int) -> Path:
        count[0] += 1
        if count[0] == int(argument):
            run = self.store.directory.parent
            before = run.with_name("before")
            shutil.copytree(run, before)
            number, done = 0, False
            while not done:
                number += 1
                done = _killed_child(lambda: save(self, state, milestone), number, run.with_name("where"))
                if not done:
                    shutil.copytree(run, run.with_name(f"killed_{number:03d}"))
                    os.replace(run.with_name("where"), run.with_name(f"killed_{number:03d}.killed"))
                for folder in ("checkpoints", "replay"):
                    shutil.rmtree(run / folder)
                    shutil.copytree(before / folder, run / folder)
        return save(self, state, milestone)

    Saver.save = patched  # type: ignore[method-assign]


def _killed_child(work: Callable[[], Any], number: int, where: Path) -> bool:
    """Do it in a child that kills itself at the `number`-th moment; whether it came to its end before."""
    child = os.fork()  # it steps no world, so that OpenMP does not mind
    if child == 0:
        with kills_itself(number, where):
            work()
        os._exit(0)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL:
        return False
    assert os.WIFEXITED(status) and os.WEXITSTATUS(status) == 0, f"the child ended with {status}"
    return True


@contextlib.contextmanager
def kills_itself(number: int, where: Path) -> Iterator[None]:
    """Count moments before and after each call that changes the disk, and at the `number`-th be gone."""
    count = [0]

    def moment(when: str, call: str, of: Any) -> None:
        count[0] += 1
        if count[0] == number:
            name = Path(os.fsdecode(of)).name if isinstance(of, (str, bytes, os.PathLike)) else ""
            name = re.sub(r"\.writing-\d+-|-[0-9a-f]{8}(?=\.pt)", "", name)  # what is not the same in every run
            descriptor = os.open(where, os.O_WRONLY | os.O_CREAT)  # not by what is counted
            os.write(descriptor, f"{when} {call} {name}".strip().encode())
            os.kill(os.getpid(), signal.SIGKILL)

    def watched(call: str, function: Callable[..., Any], of: int = 0) -> Callable[..., Any]:
        def patched(*given: Any, **named: Any) -> Any:
            if call == "open" and not set("wax+") & set(str(given[1] if len(given) > 1 else named.get("mode", "r"))):
                return function(*given, **named)
            moment("before", call, given[of])
            result = function(*given, **named)
            moment("after", call, given[of])
            return result

        return patched

    os.replace = watched("replace", os.replace, 1)
    os.fsync = watched("fsync", os.fsync)
    os.unlink = watched("unlink", os.unlink)
    io.open = builtins.open = watched("open", io.open)
    yield
