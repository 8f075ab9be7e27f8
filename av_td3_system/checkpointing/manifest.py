"""`manifest.json`: what was run, with which code and versions, on which machine, and when."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import subprocess
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from importlib import metadata
from pathlib import Path
from typing import Any, Literal

import psutil

from av_td3_system.checkpointing.atomic import atomic_write_text
from av_td3_system.config.errors import UserError

Exactness = Literal["exact", "episode_cut"]
"""What checkpoints hold: everything, or all but the open episodes (a simulator without state), which are truncated."""

_PACKAGES = ("torch", "numpy", "numba", "gymnasium", "mujoco", "av-td3-system")
_PACKAGE_ROOT = Path(__file__).resolve().parents[1]


def new_manifest(
    *,
    command: Sequence[str],
    config_text: str,
    seed: int,
    exactness: Exactness,
    gpu: str | None = None,
    init_from: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Describe a run that begins now.

    Args:
        command: as it was typed, program first.
        config_text: the resolved `config.yaml`.
        seed: of the run.
        exactness: of a resume on this backend.
        gpu: name of the GPU in use, or None.
        init_from: file and SHA-256 of what its networks began as; None: they were drawn.
    """
    return {
        "command": list(command),
        "config_sha256": text_sha256(config_text),
        "code": code_revision(),
        "versions": {"python": platform.python_version(), **{name: _version(name) for name in _PACKAGES}},
        "machine": {
            "platform": platform.platform(),
            "cpu": _cpu_model(),
            "cores": os.cpu_count(),
            "memory_gb": round(psutil.virtual_memory().total / 2**30, 1),
            "gpu": gpu,
        },
        "seed": seed,
        "init_from": None if init_from is None else dict(init_from),
        "resume": exactness,
        "started": _now(),
        "ended": None,
        "how": None,
        "resumes": [],
    }


def write_manifest(path: Path, manifest: dict[str, Any]) -> None:
    """Replace the manifest, durably."""
    atomic_write_text(path, json.dumps(manifest, indent=2) + "\n")


def read_manifest(path: Path) -> dict[str, Any]:
    """The manifest of a run.

    Raises:
        UserError: missing or unreadable.
    """
    try:
        manifest = json.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"there is no {path}", hint="is this a run directory?") from None
    except ValueError as error:
        raise UserError(f"{path} is not readable: {error}") from error
    if not isinstance(manifest, dict):
        raise UserError(f"{path} is not a manifest")
    return manifest


def mark_resumed(
    path: Path, *, step: int, command: Sequence[str], changed: dict[str, list[Any]], config_text: str
) -> None:
    """Note that the run goes on from `step`, with which code and settings, and that it has not ended.

    Args:
        path: of the manifest.
        step: environment step.
        command: as it was typed, program first.
        changed: settings that differ from before: value before, value now.
        config_text: the resolved `config.yaml` from now on.
    """
    manifest = read_manifest(path)
    resume = {"step": step, "command": list(command), "code": code_revision(), "started": _now(), "changed": changed}
    before = manifest.get("resumes")
    manifest["resumes"] = [*(before if isinstance(before, list) else ()), resume]
    manifest["config_sha256"] = text_sha256(config_text)
    manifest["ended"], manifest["how"] = None, None
    write_manifest(path, manifest)


def mark_ended(path: Path, how: str) -> None:
    """Note when the run ended and how (completed, early_stopped, halted, interrupted)."""
    manifest = read_manifest(path)
    manifest["ended"], manifest["how"] = _now(), how
    write_manifest(path, manifest)


def text_sha256(text: str) -> str:
    """SHA-256 of a text in UTF-8, hex."""
    return hashlib.sha256(text.encode()).hexdigest()


def code_revision(folder: Path = _PACKAGE_ROOT) -> dict[str, Any] | None:
    """Commit of the code and whether it was changed since; None outside a git checkout or before a commit."""
    commit = _git(folder, "rev-parse", "HEAD")
    # A package installed inside some other project's checkout is not that project's code.
    tracked = _git(folder, "ls-files", "--error-unmatch", "__init__.py")
    if commit is None or tracked is None:
        return None
    return {"commit": commit, "modified": bool(_git(folder, "status", "--porcelain", "--untracked-files=no"))}


def _git(folder: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *arguments], capture_output=True, text=True, timeout=10, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _cpu_model() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def _now() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="seconds")
