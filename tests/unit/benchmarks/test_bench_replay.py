"""The replay's benchmark measures what it says, here on little."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]


def test_every_case_is_measured(tmp_path: Path) -> None:
    command = [sys.executable, str(ROOT / "benchmarks" / "bench_replay.py"), "--transitions", "6000"]
    command += ["--in-file", "6000", "--folder", str(tmp_path), "--batches", "2", "--threads", "1"]
    result = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    assert [mode["mode"] for mode in result["modes"]] == ["uniform", "priority", "before_failure"]
    assert 84 * 84 < result["modes"][0]["bytes_per_transition"] < 7500
    assert all(mode["sample_ms"]["1"]["median"] > mode["draw_ms"]["least"] > 0 for mode in result["modes"])
    assert result["file"]["from_disk_ms"]["1"]["least"] > 0 and not list(tmp_path.iterdir())
