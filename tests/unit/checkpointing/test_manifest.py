"""The manifest says what was run, and follows resumes and the end."""

from __future__ import annotations

import platform
import subprocess
from datetime import datetime
from pathlib import Path

import numpy
import pytest

from av_td3_system.checkpointing.manifest import (
    code_revision,
    mark_ended,
    mark_resumed,
    new_manifest,
    read_manifest,
    text_sha256,
    write_manifest,
)
from av_td3_system.config.errors import UserError


def test_fields(tmp_path: Path) -> None:
    path = tmp_path / "manifest.json"
    command = ["av-td3", "train", "--seed", "7"]
    write_manifest(path, new_manifest(command=command, config_text="run: {}\n", seed=7, exactness="exact"))
    manifest = read_manifest(path)
    assert manifest["command"] == command
    assert manifest["config_sha256"] == text_sha256("run: {}\n")
    assert manifest["seed"] == 7
    assert manifest["resume"] == "exact"
    assert manifest["versions"]["python"] == platform.python_version()
    assert manifest["versions"]["numpy"] == numpy.__version__
    assert set(manifest["versions"]) == {"python", "torch", "numpy", "numba", "gymnasium", "mujoco", "av-td3-system"}
    assert manifest["machine"]["cores"] >= 1
    assert manifest["machine"]["memory_gb"] > 0
    assert manifest["machine"]["cpu"]
    assert datetime.fromisoformat(manifest["started"]).tzinfo is not None
    assert manifest["ended"] is None


def test_end_and_resume(tmp_path: Path) -> None:
    path = tmp_path / "manifest.json"
    write_manifest(path, new_manifest(command=["x"], config_text="", seed=0, exactness="episode_cut"))
    mark_ended(path, "interrupted")
    assert read_manifest(path)["how"] == "interrupted"
    assert read_manifest(path)["ended"] >= read_manifest(path)["started"]
    changed = {"run.max_timesteps": [1000, 2000]}
    mark_resumed(path, step=500, command=["x", "--resume"], changed=changed, config_text="run: {}\n")
    manifest = read_manifest(path)
    assert (manifest["ended"], manifest["how"]) == (None, None)
    assert (manifest["resumes"][0]["step"], manifest["resumes"][0]["changed"]) == (500, changed)
    assert manifest["config_sha256"] == text_sha256("run: {}\n")


def test_revision_of_a_checkout(tmp_path: Path) -> None:
    def git(*arguments: str) -> str:
        identity = ["-c", "user.name=t", "-c", "user.email=t@example.org"]
        done = subprocess.run(
            ["git", "-C", tmp_path, *identity, *arguments], capture_output=True, text=True, check=True
        )
        return done.stdout.strip()

    assert code_revision(tmp_path) is None  # no checkout
    git("init", "-q")
    (tmp_path / "__init__.py").write_text("")
    assert code_revision(tmp_path) is None  # no commit
    git("add", ".")
    git("commit", "-qm", "x")
    assert code_revision(tmp_path) == {"commit": git("rev-parse", "HEAD"), "modified": False}
    (tmp_path / "__init__.py").write_text("changed = 1\n")
    assert code_revision(tmp_path) == {"commit": git("rev-parse", "HEAD"), "modified": True}
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "__init__.py").write_text("")
    assert code_revision(tmp_path / "site") is None  # lies in a checkout that does not hold it


@pytest.mark.parametrize("content", [None, "{", "[]"])
def test_an_unreadable_manifest_is_a_user_error(tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "manifest.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(UserError, match=r"manifest\.json"):
        read_manifest(path)
