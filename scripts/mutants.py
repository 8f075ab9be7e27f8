#!/usr/bin/env python
"""Puts each known defect back into a copy of the repository and sees its tests fail.

    python scripts/mutants.py [--only NAME] [--json]

The table (or JSON) goes to standard output, progress to standard error. Exit code: 0 all caught,
1 a defect survived or its text is not where the table says, 2 the tests fail without any defect.

Kernels are compiled once for the copy as it is; a defect in a file with kernels gets an empty
cache of its own, because Numba does not notice a change in a function's callee.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from scripts.defect import Defect
from scripts.defects import DEFECTS

ROOT = Path(__file__).resolve().parents[1]
PATIENCE = 900.0  # s that the tests of one defect may take, compilation included
FAILED = 1  # exit code of pytest where tests failed; others mean that it could not run them
# Marks of a file that kernels are made of.
COMPILED = ("@njit", "@kernel", "@painter", "@register_jitable", "@overload")
THREADS = ("NUMBA_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


class Trial(NamedTuple):
    """What became of one defect."""

    defect: Defect
    caught: bool
    seconds: float
    note: str = ""


def misplaced(defects: Iterable[Defect], root: Path) -> list[str]:
    """A sentence for each defect whose old text does not stand exactly once in its file."""
    sentences = []
    for defect in defects:
        path = root / defect.path
        count = path.read_text(encoding="utf-8").count(defect.old) if path.is_file() else 0
        if count != 1:
            sentences.append(f"{defect.name}: the text to replace is found {count} times in {defect.path}")
    return sentences


def copy_repository(root: Path, target: Path) -> None:
    """Copy what git tracks and what it does not ignore, times of change included."""
    command = ["git", "-C", str(root), "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    for name in subprocess.run(command, check=True, capture_output=True, text=True).stdout.split("\0"):
        if name and (root / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(root / name, target / name)


def run_tests(copy: Path, tests: Sequence[str], kernels: Path) -> tuple[int, str]:
    """Exit code and output of pytest in the copy; code -1 if it took too long."""
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(kernels), "PYTHONDONTWRITEBYTECODE": "1"}
    environment |= dict.fromkeys(THREADS, "1")
    environment.pop("PYTHONPATH", None)
    command = [sys.executable, "-m", "pytest", "-q", "-rf", "--tb=line", "-p", "no:cacheprovider", *tests]
    try:
        done = subprocess.run(command, cwd=copy, env=environment, capture_output=True, text=True, timeout=PATIENCE)
    except subprocess.TimeoutExpired:
        return -1, f"not done after {PATIENCE:.0f} s"
    return done.returncode, done.stdout + done.stderr


def try_defect(defect: Defect, copy: Path, kernels: Path) -> Trial:
    """Put one defect back, run its tests, take it out again."""
    path = copy / defect.path
    source = path.read_text(encoding="utf-8")
    times = path.stat()
    begun = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="kernels_", dir=copy.parent) as own:
        path.write_text(source.replace(defect.old, defect.new), encoding="utf-8")
        try:
            compiled = any(mark in source for mark in COMPILED)
            code, output = run_tests(copy, defect.tests, Path(own) if compiled else kernels)
        finally:
            path.write_text(source, encoding="utf-8")
            os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))  # compiled kernels stay valid
    passed = [test for test in defect.tests if not _fails(test, output)]
    note = ""
    if code not in (0, FAILED):
        note = f"pytest ended with {code}: {' '.join(output.split()[-12:])}"
    elif passed:
        note = f"passes: {', '.join(passed)}"
    return Trial(defect, code == FAILED and not passed, time.monotonic() - begun, note)


def _fails(test: str, output: str) -> bool:
    lines = (line.removeprefix("FAILED ") for line in output.splitlines() if line.startswith("FAILED "))
    return any(line == test or line.startswith((f"{test}[", f"{test} ")) for line in lines)


def table(trials: Sequence[Trial]) -> str:
    """One line a defect: name, lesson, file, caught, seconds."""
    rows = [("defect", "lesson", "file", "caught", "s")]
    rows += [
        (t.defect.name, t.defect.lesson, t.defect.file, "yes" if t.caught else "NO", f"{t.seconds:.0f}") for t in trials
    ]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows)


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="put each known defect back and see its tests fail")
    names = [defect.name for defect in DEFECTS]
    parser.add_argument("--only", metavar="NAME", action="append", choices=names, help="this defect; may be repeated")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    return parser.parse_args()


def _try_all(defects: Sequence[Defect], folder: Path) -> list[Trial] | None:
    """Every defect in a copy of the repository in `folder`; None if the tests fail without one."""
    copy, kernels = folder / "repository", folder / "kernels"
    copy_repository(ROOT, copy)
    tests = sorted({test for defect in defects for test in defect.tests})
    _say(f"{len(tests)} tests without a defect (compiles the simulator)")
    code, output = run_tests(copy, tests, kernels)
    if code != 0:
        _say(output[-4000:])
        return None
    trials = []
    for number, defect in enumerate(defects, start=1):
        trials.append(try_defect(defect, copy, kernels))
        trial = trials[-1]
        answer = "caught" if trial.caught else f"SURVIVED ({trial.note})"
        _say(f"{number}/{len(defects)} {defect.name}: {answer}, {trial.seconds:.0f} s")
    return trials


def main() -> int:
    """Try the defects; returns the exit code."""
    arguments = _arguments()
    wrong = misplaced(DEFECTS, ROOT)
    for sentence in wrong:
        _say(f"error: {sentence}")
    if wrong:
        _say("hint: bring scripts/defects.py up to the source")
        return 1
    defects = [defect for defect in DEFECTS if not arguments.only or defect.name in arguments.only]
    with tempfile.TemporaryDirectory(prefix="mutants_") as folder:
        trials = _try_all(defects, Path(folder))
    if trials is None:
        _say("error: the tests fail without any defect")
        _say("hint: make unit")
        return 2
    if arguments.json:
        rows = [
            {**t.defect._asdict(), "caught": t.caught, "seconds": round(t.seconds, 1), "note": t.note} for t in trials
        ]
        print(json.dumps(rows, indent=2))
    else:
        print(table(trials))
    return 0 if all(trial.caught for trial in trials) else 1


if __name__ == "__main__":
    sys.exit(main())
