"""A reader that goes away is no error, now or later."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]

_WRITER = """
import sys
from av_td3_system.monitoring.terminal import line_buffer_output, write_line
line_buffer_output()
stream = getattr(sys, sys.argv[1])
print("first", file=stream)
sys.stdin.readline()
answers = [write_line(stream, "nobody reads this") for _ in range(3)]
print("nor this", file=stream, flush=True)
sys.exit(5 if answers == [False, True, True] else 6)
"""


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_a_closed_pipe_is_said_once_and_harmless_after(stream: str) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", _WRITER, stream],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    reader, other = (process.stdout, process.stderr) if stream == "stdout" else (process.stderr, process.stdout)
    assert reader is not None
    assert other is not None
    assert process.stdin is not None
    assert reader.readline() == "first\n"  # line by line although piped
    reader.close()
    process.stdin.write("\n")
    process.stdin.close()
    assert process.wait(timeout=20) == 5
    assert other.read() == ""
    other.close()
