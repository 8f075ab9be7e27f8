"""What can go wrong with a run, and how it is to end: one list for `make faults` and its reader."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from benchmarks.chaos import SHORT

RUN = [*SHORT, "--max-timesteps", "400", "--eval-freq", "200"]  # saved every 100 timesteps, four to a decision
MB = 1_000_000
CHECKPOINT = 5.4 * MB  # of such a run, about
LEARNING_AT = 201  # first timestep of it


@dataclass(frozen=True)
class Case:
    """One fault.

    Attributes:
        name: in the table.
        fault: of `fault_driver.FAULTS`, with its argument.
        exit_code: that it is to end with.
        how: `ended` of results.json and `how` of the manifest; None where the run is refused before it begins.
        settings: beside `RUN`.
        alerts: names of which one at least must be among the results' alerts.
        emergency: whether `emergency_halt_{step}.pt` is to be there.
        says: words of standard error.
        same_end: whether the run, resumed without the fault, is to end with the undisturbed run's `state_hash`; else
            it is only to end.
        disk: bytes of the file system of its own that it runs on, None: none. What filled it is removed before the run
            is resumed.
        state: of that file system.
    """

    name: str
    fault: str
    exit_code: int
    how: str | None = "halted"
    settings: tuple[str, ...] = ()
    alerts: tuple[str, ...] = ()
    emergency: bool = False
    says: tuple[str, ...] = ()
    same_end: bool = True
    disk: int | None = None
    state: Literal["", "read-only"] = ""


def _numbers() -> list[Case]:
    seen, paid = ("non_finite_observation",), ("non_finite_reward",)
    unlearned = ("non_finite_loss or gradient",)
    often = ("--max-timesteps", "800", "--set", "guards.interval=20")
    brief = ("environment.slowest_speed=1000", "environment.time_allowance=0.5", "exploration.learning_starts=1000")
    return [
        Case("NaN in an observation", "nan-observation=30", 3, alerts=seen, emergency=True),
        Case("infinity in an observation, learning", "inf-observation=80", 3, alerts=seen, emergency=True),
        Case("NaN as reward", "nan-reward=40", 3, alerts=paid, emergency=True),
        Case("infinity as reward, learning", "inf-reward=75", 3, alerts=paid, emergency=True),
        Case("NaN as loss", "nan-loss=30", 3, alerts=unlearned, emergency=True, same_end=False),
        Case("NaN as gradient", "nan-gradient=31", 3, alerts=unlearned, emergency=True, same_end=False),
        Case(
            "exploding Q",
            "targets-run-away=3",
            3,
            settings=(*often, "agent.critic_lr=0.03", "agent.tau=0.5"),
            alerts=("q_value_divergence", "td_error_explosion"),
            emergency=True,
            same_end=False,
        ),
        Case(
            "collapsing reward",
            "reward-collapses",
            3,
            settings=(*often, *brief),
            alerts=("reward_collapse",),
            emergency=True,
            same_end=False,
        ),
    ]


def _simulators() -> list[Case]:
    parked = ("guards.rules.parked.window=100", "guards.critical_count=1", "guards.interval=20", "remedies.limit=0")
    return [
        Case(
            "a car that never moves",
            "never-moves",
            3,
            settings=("--enable-monitoring", "--set", *parked),
            alerts=("parked", "saturated_action"),
            emergency=True,
            same_end=False,
        ),
        Case(
            "simulator raises",
            "raises=60",
            4,
            alerts=("simulator_failed",),
            emergency=True,
            says=("The simulator failed at step 236: ValueError: a wheel came off", "av-td3 train --resume"),
        ),
        Case(
            "simulator raises at its first step",
            "raises=1",
            4,
            alerts=("simulator_failed",),
            emergency=True,
            says=("The simulator failed at step 0",),
        ),
        Case("simulator hangs, two signals", "hangs=60", 143, how=None, says=("does not come back: leaving",)),
    ]


def _disks() -> list[Case]:
    unguarded = (
        "--set",
        "guards.rules.disk_full=null",
        "guards.rules.disk_low=null",
    )  # else its guard halts the run before the disk is full
    words = ("the disk took no more", "free some space, then av-td3 train --resume", "goes on from")
    anew = ("the disk took no more", "free some space, then begin anew")

    def full(when: str, decision: int, leave: float, says: tuple[str, ...] = words) -> Case:
        left = "nothing" if not leave else f"{leave / MB:.1f} MB"
        fault = f"fill={decision}:{int(leave)}"
        return Case(f"full disk {when}, {left} left", fault, 3, says=says, disk=int(64 * MB), settings=unguarded)

    return [
        full("before the first save", 10, 0, anew),
        full("before the first save", 10, 0.2 * MB, anew),
        full("before the first save", 10, 1 * MB, anew),
        full("after the first save", 30, 0),
        full("after the first save", 30, 0.2 * MB),
        full("after the first save", 30, 1 * MB),
        full("while learning", 60, 0),
        full("while learning", 60, 1 * MB),
        full("before the evaluation", 49, CHECKPOINT + 1 * MB),
        Case(
            "full disk at a save, room after pruning",
            f"fill=80:{int(1 * MB)}",
            0,
            how="completed",
            says=("no room to save: removed",),
            disk=int(64 * MB),
            settings=("--save-freq", "50", *unguarded),
        ),
        Case("full disk from the start", "none", 2, how=None, says=("no space left",), disk=4096 * 4, same_end=False),
        Case(
            "disk nearly full, by its guard",
            "none",
            3,
            alerts=("disk_full",),
            emergency=True,
            disk=int(64 * MB),
            same_end=False,
        ),
        Case("files of 20 KB at most", "largest-file=20000", 3, says=("file too large",), same_end=False),
        Case("files of 2 MB at most", "largest-file=2000000", 3, says=("file too large",), same_end=False),
        Case(
            "read-only folder from the start",
            "none",
            2,
            how=None,
            says=("cannot write to the run directory", "read-only file system"),
            disk=int(64 * MB),
            state="read-only",
            same_end=False,
        ),
        Case(
            "read-only folder while it runs",
            "read-only=60",
            3,
            says=("read-only file system", "mend the disk or its permissions, then av-td3 train --resume"),
            disk=int(64 * MB),
            settings=unguarded,
        ),
    ]


CASES = [*_numbers(), *_simulators(), *_disks()]
SWEPT_SAVE = 4  # the last save of such a run; with `checkpoint.keep_last=2` it removes an older one
SWEEP = ("checkpoint.keep_last=2",)
