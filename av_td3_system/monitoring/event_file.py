"""A TensorBoard event file that a resumed run appends to.

`SummaryWriter` starts a new file at every resume. TensorBoard joins the files of a folder, but a
reader given one file (`EventAccumulator(glob(...)[0])`, as in the action plan) then sees a part of
the run, the first of them with the steps that the resume took back. One file keeps one curve for
both kinds of reader. Format: TFRecord frames of `Event` messages; what a resume takes back is
marked by a `SessionLog.START` event, as `SummaryWriter(purge_step=...)` does.
"""

from __future__ import annotations

import io
import os
import socket
import struct
import time
from collections.abc import Mapping
from pathlib import Path

from tensorboard.compat.proto.event_pb2 import Event, SessionLog
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.record_writer import RecordWriter

from av_td3_system.monitoring.append import append_whole

_HEADER = 12  # bytes: length (8) and its checksum (4)
_FOOTER = 4  # bytes: checksum of the data


class EventFile:
    """Scalars of one run, in the newest event file of its directory or a new one.

    Args:
        directory: run directory; created if missing.
        resume_step: readers drop scalars of later steps already in the file.
    """

    def __init__(self, directory: Path, resume_step: int | None = None) -> None:
        directory = Path(directory)
        directory.mkdir(parents=True, exist_ok=True)
        existing = sorted(directory.glob("events.out.tfevents.*"))
        self.path = existing[-1] if existing else directory / _new_name()
        if existing:
            _cut_torn_record(self.path)
        self._file = open(self.path, "ab", buffering=0)  # noqa: SIM115 (closed by close())
        if self.path.stat().st_size == 0:
            self._write(Event(wall_time=time.time(), file_version="brain.Event:2"))
            self._mark_start(0)  # TensorBoard's slower loader takes only the second mark for a restart
        if resume_step is not None:
            self._mark_start(resume_step + 1)

    def add_scalars(self, step: int, values: Mapping[str, float]) -> None:
        """Write `values` (tag -> value) at an environment step; readers see them at once."""
        if not values:
            return
        summary = Summary(value=[Summary.Value(tag=tag, simple_value=float(value)) for tag, value in values.items()])
        self._write(Event(wall_time=time.time(), step=step, summary=summary))

    def _mark_start(self, step: int) -> None:
        self._write(Event(wall_time=time.time(), step=step, session_log=SessionLog(status=SessionLog.START)))

    def _write(self, event: Event) -> None:
        frame = io.BytesIO()
        RecordWriter(frame).write(event.SerializeToString())
        append_whole(self._file, frame.getvalue())

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def _new_name() -> str:
    return f"events.out.tfevents.{int(time.time()):010d}.{socket.gethostname()}.{os.getpid()}.0"


def length_of_whole_records(path: Path) -> int:
    """Bytes of an event file up to a last record torn by a kill, all of them where none is."""
    size = path.stat().st_size
    end = 0
    with open(path, "rb") as file:
        while end + _HEADER + _FOOTER <= size:
            file.seek(end)
            (length,) = struct.unpack("<Q", file.read(8))
            following = end + _HEADER + length + _FOOTER
            if following > size:
                break
            end = following
    return end


def _cut_torn_record(path: Path) -> None:
    """Cut a last torn record: a record after it could never be read."""
    end = length_of_whole_records(path)
    if end < path.stat().st_size:
        os.truncate(path, end)
