"""Compiled kernels are renewed with any source that they are made of."""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from av_td3_system.kernel_cache import KERNEL_SOURCES, source_hash

PACKAGE = Path(__file__).resolve().parents[2] / "av_td3_system"


def covered(path: Path) -> bool:
    name = path.relative_to(PACKAGE).as_posix()
    return any(name == source or name.startswith(f"{source}/") for source in KERNEL_SOURCES)


def with_kernels() -> list[Path]:
    sources = {path: path.read_text(encoding="utf-8") for path in sorted(PACKAGE.rglob("*.py"))}
    marks = ("@njit", "@kernel", "@painter", "@register_jitable")
    return [path for path, source in sources.items() if any(mark in source for mark in marks)]


@pytest.mark.parametrize("source", ["town/claims.py", "config/layout.py", "networks/layout.py", "rewards/terms.py"])
def test_a_change_of_a_source_changes_the_hash(tmp_path: Path, source: str) -> None:
    copy = tmp_path / "av_td3_system"
    shutil.copytree(PACKAGE, copy, ignore=shutil.ignore_patterns("__pycache__", "*.xodr"))
    before = source_hash(copy)
    (copy / "cli.py").write_text("# no kernels here\n")
    assert source_hash(copy) == before
    with (copy / source).open("a") as file:
        file.write("# changed\n")
    assert source_hash(copy) != before


def test_every_file_with_kernels_is_covered_and_so_is_what_it_takes_constants_from() -> None:
    files = with_kernels()
    assert len(files) > 20 and all(covered(path) for path in files)
    for path in files:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.ImportFrom) or not (node.module or "").startswith("av_td3_system."):
                continue
            constants = [alias.name for alias in node.names if alias.name.isupper()]
            source = PACKAGE.joinpath(*(node.module or "").split(".")[1:]).with_suffix(".py")
            assert not constants or covered(source), f"{path.name} takes {constants} from {source.name}"


def test_kernels_lie_in_their_folder_even_where_numba_was_imported_first(tmp_path: Path) -> None:
    code = "import numba; import av_td3_system; print(numba.config.CACHE_DIR)"
    environment = {**os.environ, "XDG_CACHE_HOME": str(tmp_path)}
    environment.pop("NUMBA_CACHE_DIR", None)
    shown = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == str(tmp_path / "av_td3_system" / "kernels" / source_hash(PACKAGE))
