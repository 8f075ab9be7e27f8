"""Brings the runs of trials to their ends by writing their files, for tests of what is made of them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from pathlib import Path

from av_td3_system.experiments.training_runs import Wanted, has_ended
from tests.records import evaluation_set

Outcome = float | str | None
"""Mean reward of the validation; "halted", "lost" or "full" (disk); None: rewards that are not finite."""


class Writer:
    """A stand-in for `make_runs`.

    Args:
        outcome: what the run of (trial, seed, rung) comes to.
        stop_after: runs after which a signal comes.
    """

    def __init__(self, outcome: Callable[[int, int, int], Outcome], stop_after: int | None = None) -> None:
        self._outcome, self._left = outcome, stop_after
        self.made: list[tuple[int, int, int]] = []  # (trial, seed, rung) in their order, each try

    def __call__(self, wanted: Sequence[Wanted], note: str) -> None:
        for one in wanted:
            if has_ended(one):
                continue
            if self._left is not None:
                self._left -= 1
                if self._left < 0:
                    raise KeyboardInterrupt
            trial, seed = map(int, re.findall(r"\d+", one.directory.name))
            self.made.append((trial, seed, one.timesteps))
            write(one.directory, one.timesteps, self._outcome(trial, seed, one.timesteps))


def write(run: Path, rung: int, outcome: Outcome, episodes: int = 4) -> None:
    """What a run leaves at the end of a leg that matters here; the legs before stay."""
    run.mkdir(parents=True, exist_ok=True)
    if outcome == "lost":
        run.with_name(f"{run.name}.log").write_text("some line\nMemoryError: no room\n")
        return
    results = {"env_steps": rung, **({"reason": "the disk took no more"} if outcome == "full" else {})}
    (run / "results.json").write_text(json.dumps(results))
    how = "halted" if outcome in ("halted", "full") else "completed"
    (run / "manifest.json").write_text(json.dumps({"how": how}))
    if how == "halted":
        alert = {"step": rung - 1, "kind": "alert", "severity": "halt", "message": "Q went away"}
        (run / "events.jsonl").write_text(json.dumps(alert) + "\n")
        return
    records = [record.to_dict() for record in evaluation_set(float(outcome or 0.0), 0.5, n=episodes)]
    for record in records if outcome is None else ():
        record["episode_reward"] = None
    with (run / "evaluations.jsonl").open("a", encoding="utf-8") as file:
        file.write(json.dumps({"step": rung, "kind": "validation", "episodes": records}) + "\n")
