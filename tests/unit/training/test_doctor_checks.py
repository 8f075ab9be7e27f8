"""The machine's checks, asked of this machine and of one in which something is missing."""

from __future__ import annotations

import importlib
import json
import socket
import sys
import threading
from collections import namedtuple
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib import metadata
from pathlib import Path

import pytest

from av_td3_system.config.load import load_config
from av_td3_system.environments.carla.server_process import VARIABLE
from av_td3_system.monitoring.system import gpu_summary
from av_td3_system.training import doctor_checks, doctor_run
from av_td3_system.training.doctor import run_doctor
from av_td3_system.training.doctor_checks import Check, check_disk, check_machine, worst


@contextmanager
def answering(reply: bytes) -> Iterator[tuple[str, int]]:
    """A server that says the same to everybody."""
    with socket.create_server(("localhost", 0)) as server:

        def answer() -> None:
            with suppress(OSError):
                while True:
                    connection, _ = server.accept()
                    with connection:
                        connection.recv(64)
                        connection.sendall(reply)

        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        yield server.getsockname()[:2]
        server.shutdown(socket.SHUT_RDWR)
    thread.join(5.0)


def test_a_server_that_the_run_starts_itself_need_not_be_there_before(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    config = load_config("td3", overrides=["run.backend=carla", f"carla.port={max(port, 1024)}"])
    monkeypatch.delenv(VARIABLE, raising=False)
    assert {check.found for check in doctor_run._servers(config, "run")} == {"failed"}
    monkeypatch.setenv(VARIABLE, "serve {port}")
    checks = list(doctor_run._servers(config, "run"))
    assert {check.found for check in checks} == {"ok"} and f"{VARIABLE} starts one" in checks[0].what


def found(path: Path, **asked: tuple[str, int]) -> dict[str, Check]:
    return {check.name: check for check in check_machine(path, **asked)}


def test_this_machine(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    checks = found(tmp_path)
    names = ["python", "packages", "pytorch", "compiled kernels", "disk", "memory", "GPU", "CARLA"]
    assert list(checks) == names
    assert checks["packages"].found == "ok"
    assert checks["disk"].what.endswith(f"GiB free where {tmp_path} lies")
    assert (checks["GPU"].found == "not applicable") == (gpu_summary() is None)
    code = run_doctor(None, as_json=True)
    said = json.loads(capsys.readouterr().out)
    assert (code == 3) == any(check["found"] == "failed" for check in said["checks"]) == (not said["ok"])
    assert all(check["following"] for check in said["checks"] if check["found"] in ("warning", "failed"))


def test_packages_out_of_range(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    required = ["numpy>=999", "no-such-package>=1", "scipy>=1", 'also-none; extra == "dev"']
    monkeypatch.setattr(metadata, "requires", lambda _name: required)
    check = found(tmp_path)["packages"]
    assert check.found == "failed"
    assert check.what == f"numpy {metadata.version('numpy')} is not >=999; no-such-package is missing"


def test_an_older_or_newer_python(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    version = namedtuple("version", "major minor micro releaselevel serial")
    for minor, expected in ((9, "failed"), (10, "ok"), (12, "ok"), (14, "warning")):
        monkeypatch.setattr(sys, "version_info", version(3, minor, 0, "final", 0))
        assert doctor_checks._python().found == expected


def test_kernels_that_are_still_to_be_compiled(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    check = found(tmp_path)["compiled kernels"]
    assert (check.found, check.following) == ("warning", "make setup")
    (tmp_path / "town").mkdir()
    (tmp_path / "town" / "world.nbi").touch()
    assert found(tmp_path)["compiled kernels"].found == "ok"


def test_a_full_disk(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    free = check_disk(tmp_path)
    assert free.found in ("ok", "warning", "failed")
    for bounds, expected in (((0.0, 0.0), "ok"), ((0.0, 1e9), "warning"), ((1e9, 2e9), "failed")):
        monkeypatch.setattr(doctor_checks, "_DISK", bounds)
        check = check_disk(tmp_path)
        assert check.found == expected
        assert bool(check.following) == (expected != "ok")


def test_gpu_memory_that_is_exhausted() -> None:
    gpu = {"name": "a GPU", "memory_total_gb": 10.0, "utilization": 80.0}
    for used, expected in ((5.0, "ok"), (9.0, "warning"), (9.9, "failed")):
        check = doctor_checks._gpu({**gpu, "memory_used_gb": used, "temperature": 61.0})
        assert check.found == expected
        assert check.what == f"a GPU, {used:.1f} of 10.0 GiB in use, 80 %, 61 degrees C"


def test_carla_answers_or_does_not(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    if importlib.util.find_spec("carla") is None:
        assert found(tmp_path)["CARLA"].found == "not applicable"
    (tmp_path / "carla.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    with answering(b"\x94\x01\x00\xc0\x91\x92\x01\xa60.9.16") as address:
        check = found(tmp_path, carla=address)["CARLA"]
        assert (check.found, "0.9.16" in check.what) == ("ok", True)
    check = found(tmp_path, carla=address)["CARLA"]
    assert (check.found, "no server answers" in check.what) == ("warning", True)


def test_the_worst_decides() -> None:
    ok, warning, failed = (Check("a", kind, "") for kind in ("ok", "warning", "failed"))
    assert [worst(checks) for checks in ([ok], [ok, warning], [warning, failed, ok])] == ["ok", "warning", "failed"]
