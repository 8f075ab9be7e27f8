"""JSON Lines survive kills, rewind, and never hold NaN."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from av_td3_system.monitoring.json_lines import JsonLinesFile, read_json_lines

ROOT = Path(__file__).resolve().parents[3]


def _write(path: Path, steps: range) -> None:
    lines = JsonLinesFile(path)
    for step in steps:
        lines.append({"step": step, "value": step / 2})
    lines.close()


def test_lines_are_on_the_disk_at_once(tmp_path: Path) -> None:
    path = tmp_path / "new" / "a.jsonl"
    lines = JsonLinesFile(path)
    lines.append({"step": 1, "text": "é\nx"})
    assert read_json_lines(path) == [{"step": 1, "text": "é\nx"}]
    lines.append({"step": 2})
    assert path.read_bytes().count(b"\n") == 2


def test_non_finite_values_become_null_and_are_listed(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    JsonLinesFile(path).append(
        {
            "step": np.int64(1),
            "a": float("nan"),
            "b": np.float32("inf"),
            "c": {"d": [1.0, -np.inf]},
            "e": np.float32(0.5),
        }
    )
    line = path.read_text()
    assert "NaN" not in line
    assert "Infinity" not in line
    assert json.loads(line) == {
        "step": 1,
        "a": None,
        "b": None,
        "c": {"d": [1.0, None]},
        "e": 0.5,
        "non_finite": ["a", "b", "c"],
    }


def test_resuming_drops_the_future(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    _write(path, range(0, 100, 10))
    lines = JsonLinesFile(path, resume_step=50)
    lines.append({"step": 60, "value": -1})
    assert [line["step"] for line in read_json_lines(path)] == [0, 10, 20, 30, 40, 50, 60]
    assert read_json_lines(path)[-1]["value"] == -1


def test_a_torn_last_line_is_cut_off_before_appending(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    _write(path, range(3))
    with open(path, "ab") as file:
        file.write(b'{"step": 3, "val')
    assert [line["step"] for line in read_json_lines(path)] == [0, 1, 2]
    JsonLinesFile(path).append({"step": 3})
    assert [json.loads(line)["step"] for line in path.read_text().splitlines()] == [0, 1, 2, 3]


def test_an_unreadable_line_is_passed_over_with_a_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"step": 1}\nnonsense\n[1]\n{"step": 2}\n')
    assert [line["step"] for line in read_json_lines(path)] == [1, 2]
    assert "line 2" in caplog.text
    assert "line 3" in caplog.text


def test_a_missing_file_is_empty(tmp_path: Path) -> None:
    assert read_json_lines(tmp_path / "none.jsonl") == []


_FULL_DISK = """
import resource, signal, sys
from pathlib import Path
from av_td3_system.monitoring.json_lines import JsonLinesFile
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
lines = JsonLinesFile(Path(sys.argv[1]))
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
try:
    for step in range(1000):
        lines.append({"step": step, "text": "x" * 50})
except OSError:
    print("full", flush=True)
"""


def test_a_full_disk_leaves_whole_lines(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    done = subprocess.run([sys.executable, "-c", _FULL_DISK, str(path)], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout == "full\n", done.stderr
    content = path.read_text()
    assert content.endswith("}\n")
    assert [json.loads(line)["step"] for line in content.splitlines()] == list(range(content.count("\n")))
