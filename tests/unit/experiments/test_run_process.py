"""A process that an earlier, killed command left at work."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

from av_td3_system.experiments.run_process import found_at_work

HOLD = """
import sys, signal, time
from pathlib import Path
from av_td3_system.monitoring.run_directory import RunDirectory
signal.signal(signal.SIGTERM, lambda *_: sys.exit(7))
with RunDirectory(Path(sys.argv[1])).lock():
    print("held", flush=True)
    time.sleep(60)
"""


def test_it_is_found_and_saves_when_asked_to(tmp_path: Path) -> None:
    assert found_at_work(tmp_path) is None
    holder = subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE)
    try:
        assert holder.stdout is not None and holder.stdout.readline() == b"held\n"
        found = found_at_work(tmp_path)
        assert found is not None and not found.is_over()
        found.stop()
        found.wait()
        assert found.is_over() and holder.wait() == 7, "by SIGTERM, which a run answers by saving"
        assert found_at_work(tmp_path) is None
        found.stop()  # nobody is there any more
    finally:
        holder.send_signal(signal.SIGKILL)
        holder.wait()
        assert holder.stdout is not None
        holder.stdout.close()
