"""`av-td3 doctor`: the action plan's contact points for issues, each with the next command to type."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from av_td3_system.training.doctor_checks import CARLA, Check, Found, check_machine, worst
from av_td3_system.training.doctor_run import ON_CARLA, check_run

FINE, FAILED = 0, 3
_MARKS: dict[Found, str] = {"ok": "ok", "warning": "WARNING", "failed": "FAILED", "not applicable": "-"}


def run_doctor(run: Path | None, as_json: bool = False) -> int:
    """Check the machine, and a run where one is given; print to standard output.

    Args:
        run: run directory, or None.
        as_json: for machines.

    Returns:
        Exit code: 0, or 3 if a check failed.

    Raises:
        UserError: there is no such run.
    """
    of_run = [] if run is None else check_run(run)
    told = any(check.name.startswith(ON_CARLA) for check in of_run)
    checks = [*check_machine(Path() if run is None else run, None if told else CARLA), *of_run]
    failed = worst(checks) == "failed"
    if as_json:
        print(json.dumps({"checks": [asdict(check) for check in checks], "ok": not failed}, indent=2))
    else:
        print(render(checks))
    return FAILED if failed else FINE


def render(checks: Sequence[Check]) -> str:
    """One line a check, the command to type next below it, and how many there are of each kind."""
    width = max(len(check.name) for check in checks)
    lines = []
    for check in checks:
        lines.append(f"{_MARKS[check.found]:<8}{check.name:<{width + 2}}{check.what}")
        if check.following:
            lines.append(f"{'':<8}{'':<{width + 2}}next: {check.following}")
    counts = Counter(check.found for check in checks)
    return "\n".join([*lines, ", ".join(f"{counts[found]} {found}" for found in _MARKS if counts[found])])
