"""Replaced files are whole: on errors, kills and a full disk."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from av_td3_system.checkpointing.atomic import atomic_write_text, replace_file, sweep_temporaries

ROOT = Path(__file__).resolve().parents[3]

_KILLED_WRITER = """
import sys, time
from pathlib import Path
from av_td3_system.checkpointing.atomic import replace_file
with replace_file(Path(sys.argv[1])) as file:
    file.write(b"new" * 100_000)
    file.flush()
    print("half way", flush=True)
    time.sleep(60)
"""


def test_the_new_content_replaces_the_old(tmp_path: Path) -> None:
    path = tmp_path / "file.json"
    atomic_write_text(path, "old")
    atomic_write_text(path, "né")
    assert path.read_text(encoding="utf-8") == "né"
    assert list(tmp_path.iterdir()) == [path]


def test_an_error_keeps_the_old_content_and_leaves_no_litter(tmp_path: Path) -> None:
    path = tmp_path / "file.json"
    atomic_write_text(path, "old")

    def fail_half_way() -> None:
        with replace_file(path) as file:
            file.write(b"half")
            raise RuntimeError("lost")

    with pytest.raises(RuntimeError, match="lost"):
        fail_half_way()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_killed_writer_leaves_the_old_file_and_the_litter_is_swept(tmp_path: Path) -> None:
    path = tmp_path / "file.json"
    atomic_write_text(path, "old")
    writer = subprocess.Popen(
        [sys.executable, "-c", _KILLED_WRITER, str(path)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert writer.stdout is not None
    assert writer.stdout.readline() == "half way\n"
    writer.send_signal(signal.SIGKILL)
    writer.wait(timeout=10)
    writer.stdout.close()
    assert path.read_text() == "old"
    assert len(list(tmp_path.iterdir())) == 2
    (leftover,) = sweep_temporaries(tmp_path)
    assert not leftover.exists()
    assert list(tmp_path.iterdir()) == [path]


def test_readers_never_see_half_a_file(tmp_path: Path) -> None:
    path = tmp_path / "file.txt"
    atomic_write_text(path, "0" * 200_000)
    code = (
        "import sys; from pathlib import Path; from av_td3_system.checkpointing.atomic import atomic_write_text\n"
        "for n in range(40): atomic_write_text(Path(sys.argv[1]), str(n % 10) * 200_000)"
    )
    writer = subprocess.Popen([sys.executable, "-c", code, str(path)], cwd=ROOT)
    seen = set()
    deadline = time.monotonic() + 60
    while writer.poll() is None and time.monotonic() < deadline:
        content = path.read_text()
        assert len(content) == 200_000
        assert len(set(content)) == 1
        seen.add(content[0])
    assert writer.wait(timeout=10) == 0
    assert len(seen) > 1  # the reader did look while the writer wrote


def test_the_folder_is_forced_to_the_disk_after_the_name_was_moved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []
    fsync, replace = os.fsync, os.replace

    def watched_fsync(descriptor: int) -> None:
        done.append("folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file")
        fsync(descriptor)

    def watched_replace(old: Path, new: Path) -> None:
        done.append("name")
        replace(old, new)

    monkeypatch.setattr(os, "fsync", watched_fsync)
    monkeypatch.setattr(os, "replace", watched_replace)
    atomic_write_text(tmp_path / "file.json", "new")
    assert done == ["file", "name", "folder"]
