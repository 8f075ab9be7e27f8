#!/usr/bin/env python
"""Inject faults into short runs and set what happens beside what is documented: JSON on standard output.

Each case of `fault_cases.py` is `av-td3 train` with one fault, then `--resume` without it. A row is as documented where
exit code, end, alerts, words and files are, and where the resumed run ends with the `state_hash` of the run that
nothing happened to. At the end a save is killed (SIGKILL) before and after every call that changes the disk. About ten
minutes on one core. Cases that need a file system of their own are skipped, with the reason, where none can be mounted.

    python benchmarks/faults.py --only disk
"""

from __future__ import annotations

import argparse
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.fault_cases import CASES, RUN, SWEEP, SWEPT_SAVE, Case
from benchmarks.fault_driver import BALLAST
from benchmarks.fault_traces import is_finite, leftovers, newest, results_of

RESULTS = Path(__file__).parent / "results"
DRIVER = [sys.executable, str(Path(__file__).with_name("fault_driver.py"))]
ENVIRONMENT = os.environ | {"OMP_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
PATIENCE = 600  # s for one run
TOO_LATE = 10.0  # s after the second signal


class Skipped(Exception):
    """A case that this machine does not permit; the message says why."""


def main() -> None:
    """All cases, then the sweep; writes `results/faults.json` and fails where a row is not as documented."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default="", help="regular expression that a case's name matches")
    parser.add_argument("--out", type=Path, default=RESULTS / "faults.json")
    arguments = parser.parse_args()
    cases = [case for case in CASES if re.search(arguments.only, case.name)]
    with tempfile.TemporaryDirectory() as folder, Resumer() as resumer:
        place = Path(folder)
        whole: dict[str, str | None] = {}

        def expected(settings: tuple[str, ...]) -> str | None:
            """`state_hash` of the run with these settings that nothing happens to."""
            key = " ".join(settings)
            if key not in whole:
                run = place / f"whole_{len(whole)}"
                drive("none", run, settings)
                whole[key] = results_of(run).get("state_hash")
            return whole[key]

        rows = []
        for number, case in enumerate(cases):
            reference = expected(case.settings) if case.same_end else None
            rows.append(row_of(case, place / f"case_{number}", reference, resumer))
            say(rows[-1])
        swept = (
            sweep(place / "sweep", expected(SWEEP_SETTINGS), resumer) if re.search(arguments.only, "SIGKILL") else []
        )
    result = {
        "benchmark": "faults",
        "as_documented": sum(row["as_documented"] is True for row in (*rows, *swept)),
        "not_as_documented": [row["case"] for row in (*rows, *swept) if row["as_documented"] is False],
        "skipped": [row["case"] for row in rows if row["as_documented"] is None],
        "cases": rows,
        "killed_in_a_save": swept,
    }
    arguments.out.parent.mkdir(exist_ok=True)
    arguments.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(result, indent=1))
    if result["not_as_documented"]:
        sys.exit("error: a fault did not end as documented")


SWEEP_SETTINGS = ("--set", *SWEEP)


def say(row: dict[str, Any]) -> None:
    """A line of progress."""
    word = {True: "as documented", False: "NOT AS DOCUMENTED", None: "skipped"}[row["as_documented"]]
    print(f"{row['case']}: {word} {row.get('why') or ''}", file=sys.stderr, flush=True)


def drive(fault: str, run: Path, settings: tuple[str, ...]) -> tuple[int, str, float]:
    """`av-td3 train` with a fault: exit code, standard error, and seconds from the last signal to its end.

    A run that says that it hangs is sent two signals.
    """
    command = [*DRIVER, fault, "train", "--log-dir", str(run), *RUN, *settings]
    with tempfile.TemporaryFile("w+") as log:
        process = subprocess.Popen(command, cwd=ROOT, env=ENVIRONMENT, stdout=subprocess.DEVNULL, stderr=log)
        seconds = 0.0
        if fault.startswith("hangs"):
            while process.poll() is None and "hangs now" not in _read(log):
                time.sleep(0.2)
            process.send_signal(signal.SIGTERM)
            time.sleep(2)
            process.send_signal(signal.SIGTERM)
            begun = time.monotonic()
            try:
                process.wait(TOO_LATE)
            except subprocess.TimeoutExpired:
                process.kill()
            seconds = time.monotonic() - begun
        process.wait(PATIENCE)
        return process.returncode, _read(log), seconds


def _read(file: Any) -> str:
    file.seek(0)
    return str(file.read())


class Resumer:
    """One process that goes on with runs, so that the simulator is loaded once."""

    def __enter__(self) -> Resumer:
        self._log = tempfile.TemporaryFile("w+")
        command = [*DRIVER, "resume"]
        self._process = subprocess.Popen(
            command,
            cwd=ROOT,
            env=ENVIRONMENT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
        )
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(PATIENCE)
        self._log.close()

    def resume(self, run: Path) -> int:
        """Exit code of `av-td3 train --resume RUN`."""
        assert self._process.stdin is not None and self._process.stdout is not None
        print(json.dumps([str(run)]), file=self._process.stdin, flush=True)
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"the resumed run broke down:\n{_read(self._log)[-3000:]}")
        return int(json.loads(line)["exit_code"])


def row_of(case: Case, place: Path, reference: str | None, resumer: Resumer) -> dict[str, Any]:
    """Inject, look, resume, look again."""
    try:
        with disk_for(case, place) as refit:
            row, why = observe(case, place / "run")
            refit()
            if case.how is not None or case.exit_code > 100:
                after, more = go_on(case, place / "run", reference, resumer)
                row, why = {**row, **after}, [*why, *more]
    except Skipped as reason:
        return {"case": case.name, "as_documented": None, "why": str(reason)}
    return {"case": case.name, **row, "as_documented": not why, **({"why": why} if why else {})}


def observe(case: Case, run: Path) -> tuple[dict[str, Any], list[str]]:
    """What the fault has done, and what of it is not as documented."""
    code, told, seconds = drive(case.fault, run, case.settings)
    results = results_of(run)
    alerts = [alert["name"] for alert in results.get("alerts", [])]
    manifest = json.loads((run / "manifest.json").read_text()) if (run / "manifest.json").is_file() else {}
    emergency = [path.name for path in run.glob("checkpoints/emergency_halt_*.pt")]
    row = {
        "fault": case.fault,
        "exit_code": code,
        "ended": results.get("ended"),
        "how": manifest.get("how"),
        "alerts": alerts,
        "newest_whole_checkpoint": newest(run),
        "leftovers": leftovers(run),
    }
    claims = {
        f"exit code {code}, not {case.exit_code}": code == case.exit_code,
        f"ended {row['ended']}, manifest {row['how']}, not {case.how}": {row["ended"], row["how"]} <= {case.how, None}
        and (case.disk is not None or row["ended"] == case.how),
        f"alerts {alerts}": not case.alerts or bool(set(alerts) & set(case.alerts)),
        f"emergency checkpoints {emergency}": bool(emergency) == case.emergency,
        "a traceback": "Traceback" not in told,
        f"leftovers {row['leftovers']}": not row["leftovers"],
        f"left {seconds:.1f} s after the second signal": seconds < TOO_LATE,
        "a checkpoint that is not finite": all(is_finite(path) for path in run.glob("checkpoints/*.pt")),
    }
    why = [what for what, holds in claims.items() if not holds]
    why += [f"did not say {words!r}" for words in case.says if words.lower() not in told.lower()]
    return row, why + ([told[-1500:]] if why else [])


def go_on(case: Case, run: Path, reference: str | None, resumer: Resumer) -> tuple[dict[str, Any], list[str]]:
    """The run resumed without its fault, where there is anything to go on from."""
    if newest(run) is None:
        return {"resumed": "nothing to go on from"}, [] if "begin anew" in " ".join(
            case.says
        ) or not case.same_end else ["lost"]
    code = resumer.resume(run)
    results = results_of(run)
    equal = results.get("state_hash") == reference if case.same_end else None
    row = {"resumed": {"exit_code": code, "ended": results.get("ended"), "same_state_hash": equal}}
    why = [] if equal is not False else ["the resumed run ended otherwise than the undisturbed one"]
    if results.get("ended") != "completed" and not case.alerts:
        why.append(f"the resumed run ended {results.get('ended')}")
    if leftovers(run):
        why.append(f"leftovers after the resumed run: {leftovers(run)}")
    return row, why


def sweep(place: Path, reference: str | None, resumer: Resumer) -> list[dict[str, Any]]:
    """One save, killed before and after each of its calls; every copy resumed."""
    place.mkdir()
    code, told, _ = drive(f"killed-everywhere={SWEPT_SAVE}", place / "run", SWEEP_SETTINGS)
    if code:
        raise RuntimeError(f"the run to be killed ended with {code}:\n{told[-3000:]}")
    rows = []
    for marker in sorted(place.glob("killed_*.killed")):
        run = marker.with_suffix("")
        found = newest(run)
        resumed = resumer.resume(run)
        results = results_of(run)
        row = {
            "case": f"SIGKILL {len(rows) + 1}: {marker.read_text()}",
            "newest_whole_checkpoint": found,
            "exit_code": resumed,
            "same_state_hash": results.get("state_hash") == reference,
            "leftovers": leftovers(run),
        }
        row["as_documented"] = bool(found and row["same_state_hash"] and not row["leftovers"] and resumed == 0)
        rows.append(row)
        say(row)
    return rows


@contextmanager
def disk_for(case: Case, place: Path) -> Iterator[Any]:
    """A file system of the case's own; what it gives mends it again.

    Raises:
        Skipped: this machine permits none.
    """
    place.mkdir()
    if case.disk is None:
        yield lambda: None
        return
    mount(["-t", "tmpfs", "-o", f"size={case.disk}", "tmpfs", str(place)])
    try:
        if case.state == "read-only":
            mount(["-o", "remount,ro", str(place)])

        def mend() -> None:
            if case.state == "read-only":
                mount(["-o", "remount,rw", str(place)])
            (place / BALLAST).unlink(missing_ok=True)
            subprocess.run(["umount", str(place / "run" / "checkpoints")], capture_output=True)

        yield mend
    finally:
        subprocess.run(["umount", str(place / "run" / "checkpoints")], capture_output=True)
        subprocess.run(["umount", str(place)], capture_output=True)


def mount(arguments: list[str]) -> None:
    """Mount, or say why that is not to be."""
    try:
        done = subprocess.run(["mount", *arguments], capture_output=True, text=True)
    except FileNotFoundError:
        raise Skipped("there is no mount") from None
    if done.returncode:
        raise Skipped(f"no file system of its own: {done.stderr.strip()}")


if __name__ == "__main__":
    main()
