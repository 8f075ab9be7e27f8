"""What is wrong with a run: one sentence each, and the command to type next."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import dataclass

from av_td3_system.monitoring.progress import format_duration
from av_td3_system.reporting.run_files import RunFiles
from av_td3_system.reporting.status_reading import Status

_GIB = 2.0**30
_DOCTOR = "av-td3 doctor"
# What to look with after an alert whose name begins so; with the doctor after any other.
_LOOK = {
    "av-td3 rewards": ("reward", "parked", "spinning", "saturated"),
    "av-td3 track --once --metrics q_value td_error critic_loss --log-dir": ("td_error", "q_value"),
    "df -h": ("disk",),
}


@dataclass(frozen=True)
class Wrong:
    """One thing that is wrong.

    Attributes:
        name: for machines.
        what: a sentence.
        following: the command to type next.
    """

    name: str
    what: str
    following: str


def judge(run: RunFiles, status: Status) -> list[Wrong]:
    """All that is wrong, the most urgent first; empty for a healthy run, also one that has ended."""
    of_the_run = [*_process(run, status), *_servers(run, status), *_alerts(status)]
    return [*of_the_run, *_numbers(status), *_reward(status), *_disk(run, status)]


def _servers(run: RunFiles, status: Status) -> Iterator[Wrong]:
    silent = [server for server in status.servers if server.version is None]
    resumed = max((int(line["step"]) for line in run.events if line.get("kind") == "resume"), default=0)
    starting = status.step <= resumed and status.liveness.alive  # it may be what starts them
    if silent and not starting:
        yield Wrong(
            "carla_silent",
            f"{len(silent)} of {len(status.servers)} CARLA servers do not answer: "
            + "; ".join(f"{server.place} ({server.why_not})" for server in silent)
            + ".",
            f"{_DOCTOR} {shlex.quote(str(status.path))}",
        )


def _process(run: RunFiles, status: Status) -> Iterator[Wrong]:
    life, place = status.liveness, shlex.quote(str(status.path))
    silent = format_duration(life.silent)
    if status.ended == "halted":
        halts = [str(alert["name"]) for alert in status.alerts if alert["severity"] == "halt"]
        why = f": {halts[-1]}" if halts else ""
        agent, changed, how = run.config.agent, "", "once there is space"
        if not (halts and halts[-1].startswith("disk")):
            how = "for instance with half the learning rates"
            changed = f" --set agent.actor_lr={agent.actor_lr / 2:g} agent.critic_lr={agent.critic_lr / 2:g}"
        yield Wrong(
            "halted",
            f"A guard ended the run at step {status.step}{why}; it can go on from what it saved, {how}.",
            f"av-td3 train --resume {place}{changed}",
        )
    if status.ended is not None:
        return
    if life.alive is False:
        saved = [path.name for path in run.directory.checkpoints.glob("*.pt") if path.name != "best.pt"]
        anew = "" if saved else " Nothing was saved yet, so it begins anew."
        yield Wrong(
            "killed",
            f"The run has not ended and no process drives it: it was killed near step {status.step}, {silent} ago."
            f"{anew}",
            f"av-td3 train --resume {place}",
        )
    elif life.overdue and life.alive is None:
        yield Wrong(
            "silent",
            f"Nothing was written for {silent}, and this file system cannot tell whether a process still runs.",
            f"av-td3 doctor {place}",
        )
    elif life.overdue and life.paused:
        yield Wrong("paused", f"Process {life.pid} is paused for {silent}.", f"kill -CONT {life.pid}")
    elif life.overdue:
        process = "A process" if life.pid is None else f"Process {life.pid}"
        usual = "" if life.usual is None else f", usually a line comes every {format_duration(life.usual)}"
        yield Wrong(
            "stalled",
            f"{process} holds the run but wrote nothing for {silent}{usual}: it hangs.",
            f"av-td3 doctor {place}",
        )


def _alerts(status: Status) -> Iterator[Wrong]:
    grave = [alert for alert in status.alerts if alert["severity"] in ("halt", "critical")]
    place = shlex.quote(str(status.path))
    for name in dict.fromkeys(str(alert["name"]) for alert in grave):
        raised = [alert for alert in grave if alert["name"] == name]
        newest = raised[-1]
        times = f"{len(raised)} times, last: " if len(raised) > 1 else ""
        look = next((command for command, heads in _LOOK.items() if name.startswith(heads)), _DOCTOR)
        what = f"{str(newest['severity']).capitalize()} alert {times}{newest['message'] or name}"
        yield Wrong(f"alert_{name}", what.rstrip(".") + ".", f"{look} {place}")


def _numbers(status: Status) -> Iterator[Wrong]:
    if status.non_finite:
        yield Wrong(
            "non_finite",
            f"Not finite at step {status.step}: {', '.join(status.non_finite)}; what was learned since may be lost.",
            f"av-td3 doctor {shlex.quote(str(status.path))}",
        )


def _reward(status: Status) -> Iterator[Wrong]:
    first, last = status.reward.blocks[0], status.reward.blocks[-1]
    if status.reward.direction == "degrading" and first is not None and last is not None:
        yield Wrong(
            "degrading",
            f"Training reward has fallen from {first:.4g} to {last:.4g} over the last {status.window} timesteps, "
            "nearly without a break.",
            f"av-td3 rewards {shlex.quote(str(status.path))}",
        )


def _disk(run: RunFiles, status: Status) -> Iterator[Wrong]:
    """Only while something is still to be written."""
    disk, least = status.disk, run.config.guards.threshold("disk_full", 0.0) * _GIB
    if status.ended is not None:
        return
    see = f"df -h {shlex.quote(str(status.path))}"
    if disk.free < 2 * least:
        yield Wrong(
            "disk_full",
            f"The disk is nearly full: {disk.free / _GIB:.1f} GiB are free, and a guard ends the run below "
            f"{least / _GIB:.1f}.",
            see,
        )
    elif disk.free_at_end < least:
        lacking = (least - disk.free_at_end) / _GIB
        yield Wrong(
            "disk_projected",
            f"The disk will not last to step {status.max_timesteps}: {lacking:.1f} GiB are lacking then.",
            see,
        )
