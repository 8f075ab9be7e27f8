"""The watchdog: whatever a client does, whoever asks gets an answer or a fault, in time."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from av_td3_system.config.errors import UserError
from av_td3_system.environments.carla import server_process
from av_td3_system.environments.carla import simulator as module
from av_td3_system.environments.carla.messages import CameraSpec, ClientSpec, Fault
from av_td3_system.environments.carla.server_process import VARIABLE, ServerProcess, listens, server_command
from av_td3_system.environments.carla.simulator import Simulator
from tests.unit.environments.carla.stand_ins import (
    SPEC,
    echoes,
    leaves_a_mark,
    never_ready,
    of_another_version,
    stops_midway,
)

ROOT = Path(__file__).resolve().parents[4]


@pytest.fixture
def spec(monkeypatch: pytest.MonkeyPatch) -> Iterator[ClientSpec]:
    """Of a port at which something listens; a process that hangs is found out within a second."""
    monkeypatch.setattr(module, "MARGIN", 0.3)
    monkeypatch.delenv(VARIABLE, raising=False)
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield replace(SPEC, port=server.getsockname()[1])


@pytest.fixture
def simulator(spec: ClientSpec) -> Iterator[Simulator]:
    made = Simulator(spec, worker=echoes)
    yield made
    made.drop()


def fault_of(simulator: Simulator, name: str) -> Fault:
    def exchange() -> None:
        simulator.ask(name, seconds=0.1)
        simulator.receive()

    with pytest.raises(Fault) as raised:
        exchange()
    return raised.value


def test_a_request_is_answered(simulator: Simulator) -> None:
    simulator.connect()
    simulator.ask("advance", 0.5, 2, seconds=5.0)
    assert simulator.receive()[:2] == ("advance", (0.5, 2))


def test_a_client_that_hangs_is_ended_in_time(simulator: Simulator) -> None:
    simulator.connect()
    assert simulator._process is not None
    process = psutil.Process(simulator._process.pid)
    begun = time.monotonic()
    assert fault_of(simulator, "hang").kind == "hang"
    assert time.monotonic() - begun < 10.0
    assert not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    assert not simulator.connected


def test_a_client_that_stops_in_the_middle_of_an_answer_is_ended_in_time(spec: ClientSpec) -> None:
    made = Simulator(spec, worker=stops_midway)
    made.connect()
    begun = time.monotonic()
    assert fault_of(made, "advance").kind == "hang"
    assert time.monotonic() - begun < 10.0
    assert not made.connected and not made._reader.is_alive()


def test_no_descriptor_is_left_of_a_client_that_was_dropped(spec: ClientSpec) -> None:
    made = Simulator(spec, worker=echoes)
    counts = []
    for _ in range(3):
        made.connect()
        made.drop()
        counts.append(psutil.Process().num_fds())
    assert len(set(counts[1:])) == 1


def test_a_mistake_of_the_user_s_is_told_with_what_to_do(spec: ClientSpec) -> None:
    made = Simulator(spec, worker=of_another_version)
    with pytest.raises(Fault) as raised:
        made.connect()
    assert (raised.value.kind, raised.value.hint) == ("refused_setting", "start CARLA 0.9.16 there")
    made.drop()


def test_a_client_that_dies_is_told_with_its_exit_code(simulator: Simulator) -> None:
    simulator.connect()
    fault = fault_of(simulator, "die")
    assert (fault.kind, "code 7" in fault.message) == ("crash", True)
    assert not simulator.connected
    assert fault_of(simulator, "advance").kind == "no_connection"
    simulator.restart()
    simulator.ask("begin", seconds=5.0)
    assert simulator.receive()[0] == "begin"


def test_a_signal_to_all_of_the_driver_does_not_reach_the_client(simulator: Simulator) -> None:
    """A supervisor stops the whole group; the driver then saves, and needs its client to."""
    simulator.connect()
    assert simulator._process is not None and os.getpgid(simulator._process.pid) != os.getpgid(0)


@pytest.mark.parametrize(
    ("asked", "kind", "told"),
    [
        ("fail", "failed_spawn", "no room"),
        ("time_out", "hang", "time-out of 5000ms while waiting for the simulator"),
        ("refuse", "refused_call", "destroyed actor"),
    ],
)
def test_a_fault_that_the_client_tells_of_leaves_it_connected(
    simulator: Simulator, asked: str, kind: str, told: str
) -> None:
    simulator.connect()
    fault = fault_of(simulator, asked)
    assert (fault.kind, told in fault.message) == (kind, True)
    simulator.ask("begin", seconds=5.0)
    assert simulator.receive()[0] == "begin"


@pytest.mark.parametrize(("asked", "anew"), [("fail", False), ("time_out", True), ("refuse", True)])
def test_after_a_fault_that_lasts_whoever_drives_next_gets_a_new_client(
    simulator: Simulator, asked: str, anew: bool
) -> None:
    simulator.connect()
    first = simulator._process
    fault_of(simulator, asked)
    simulator.take_over(object(), simulator.spec)
    assert (simulator._process is not first) == anew


def test_a_client_without_a_world_is_a_fault(spec: ClientSpec) -> None:
    made = Simulator(spec, worker=never_ready)
    with pytest.raises(Fault, match="time-out"):
        made.connect()
    made.drop()


def test_nobody_listens(spec: ClientSpec) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    made = Simulator(replace(spec, port=port, load_timeout=0.3), worker=echoes)
    with pytest.raises(Fault, match=rf"no CARLA server at 127.0.0.1:{port}: nobody answers there"):
        made.connect()
    assert not made.met


def test_another_owner_gets_a_client_that_knows_its_camera(simulator: Simulator) -> None:
    """A run's worlds and its validation's share a server; black images need no camera, pictures do."""
    blind, seeing = object(), object()
    camera = CameraSpec(84, 84, 100.0, 0.8, 0.0, 1.6, -6.0)
    simulator.take_over(blind, simulator.spec)
    first = simulator._process
    simulator.take_over(blind, simulator.spec)
    assert simulator._process is first
    simulator.take_over(seeing, replace(simulator.spec, camera=camera))
    simulator.ask("begin", seconds=5.0)
    assert simulator.receive()[2] == camera
    assert simulator.owner is seeing and simulator._process is not first


def server_script(path: Path, then: str) -> str:
    """A command that listens at a port, then does something, as the variable wants it."""
    path.write_text(f"import socket, sys, time\ns = socket.create_server(('127.0.0.1', int(sys.argv[1])))\n{then}\n")
    return f"{sys.executable} {path} {{port}}"


def test_a_server_of_ours_is_started_and_made_anew(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, spec: ClientSpec
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    monkeypatch.setenv(VARIABLE, server_script(tmp_path / "server.py", "time.sleep(600)"))
    made = Simulator(replace(spec, port=port), worker=echoes)
    made.connect()
    assert made._server is not None
    first = made._server.group
    made.drop()
    assert psutil.pid_exists(first), "a new client alone needs no new server"
    made.restart()
    assert made._server.group != first and not psutil.pid_exists(first)
    second = made._server.group
    os.killpg(second, signal.SIGKILL)
    made._server._process.wait(10)
    made.connect()
    third = made._server.group
    assert third != second, "one that has died is not waited for"
    made.close()
    assert not psutil.pid_exists(third)
    assert not psutil.pid_exists(second)


def test_a_server_that_ends_at_once_is_not_waited_for(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, spec: ClientSpec
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    (tmp_path / "ends.py").write_text("import sys; print('there is no such town', file=sys.stderr); sys.exit(9)")
    monkeypatch.setenv(VARIABLE, f"{sys.executable} {tmp_path / 'ends.py'} {{port}}")
    made = Simulator(replace(spec, port=port, load_timeout=60.0), worker=echoes)
    begun = time.monotonic()
    with pytest.raises(Fault, match=r"ended with code 9 \(there is no such town\)"):
        made.connect()
    assert time.monotonic() - begun < 30.0


def test_a_server_that_grows_is_made_anew(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, spec: ClientSpec) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    held = "kept = bytearray(200_000_000)\nkept[::4096] = b'x' * len(kept[::4096])\ntime.sleep(600)"
    monkeypatch.setenv(VARIABLE, server_script(tmp_path / "server.py", held))
    made = Simulator(replace(spec, port=port), memory_limit=0.15, worker=echoes)
    driver = object()
    made.take_over(driver, made.spec)
    assert made._server is not None
    first = made._server.group
    end = time.monotonic() + 20.0
    while not made.outgrown() and time.monotonic() < end:
        time.sleep(0.1)
    made.take_over(driver, made.spec)
    assert made._server.group != first
    made.close()


DRIVER = """
import os, sys
from av_td3_system.environments.carla.server_process import ServerProcess
from av_td3_system.environments.carla.worker import start
from tests.unit.environments.carla.stand_ins import SPEC, echoes

server = ServerProcess([sys.executable, "-c", "import time; time.sleep(600)"])
if sys.argv[1] == "driving":
    process, pipe = start(echoes, SPEC)
    assert pipe.recv() == ("ok", None)
print(server.group, flush=True)
os._exit(0)  # as if killed: nobody says goodbye
"""
"""A script as users write them: nothing guards it from being run once more by a process that it starts."""


LEAVER = """
import os, sys
from dataclasses import replace
from av_td3_system.environments.carla.worker import start
from tests.unit.environments.carla.stand_ins import SPEC, leaves_a_mark

process, pipe = start(leaves_a_mark, replace(SPEC, town=sys.argv[1]))
assert pipe.recv() == ("ok", None)
os._exit(0)
"""
STANDING = """
import os, signal
from av_td3_system.environments.carla.guard import Guard
from av_td3_system.environments.carla.worker import start
from tests.unit.environments.carla.stand_ins import SPEC, echoes

process, pipe = start(echoes, SPEC)
assert pipe.recv() == ("ok", None)
Guard(process.pid, 0.5)
process.send_signal(signal.SIGSTOP)
print(process.pid, flush=True)
os._exit(0)
"""


@pytest.mark.parametrize("when", ["starting", "driving"])
def test_a_server_goes_with_a_driver_that_is_killed(tmp_path: Path, when: str) -> None:
    """Else it would go on using a graphics card."""
    (tmp_path / "driver.py").write_text(DRIVER)
    command = [sys.executable, str(tmp_path / "driver.py"), when]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    group = int(subprocess.run(command, check=True, timeout=120, env=environment, stdout=subprocess.PIPE).stdout)
    end = time.monotonic() + 30.0
    while _alive(group) and time.monotonic() < end:
        time.sleep(0.1)
    gone = not _alive(group)
    if not gone:
        os.killpg(group, signal.SIGKILL)
    assert gone


def _alive(process: int) -> bool:
    return psutil.pid_exists(process) and psutil.Process(process).status() != psutil.STATUS_ZOMBIE


def test_a_guard_goes_with_its_server() -> None:
    server = ServerProcess([sys.executable, "-c", "pass"])
    end = time.monotonic() + 20.0
    while server.ended is None and time.monotonic() < end:
        time.sleep(0.05)
    assert server.ended == 0
    server.stop()
    assert server._guard.gone
    server = ServerProcess([sys.executable, "-c", "import time; time.sleep(600)"])
    server.stop()
    assert server._guard.gone


def test_a_server_that_ignores_a_request_is_ended_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_process, "GRACE", 0.5)
    deaf = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(1, flush=True); time.sleep(600)"
    server = ServerProcess([sys.executable, "-c", deaf])
    time.sleep(1.0)
    server.stop()
    assert not _alive(server.group)


def test_what_a_server_has_started_ends_with_it_though_it_has_died_itself(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, spec: ClientSpec
) -> None:
    """As CARLA's start script, whose child the server is: it would be taken for somebody else's and live on."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    inner = server_script(tmp_path / "server.py", "time.sleep(600)")
    (tmp_path / "wrap.py").write_text("import subprocess, sys; subprocess.run(sys.argv[1:])")
    monkeypatch.setenv(VARIABLE, f"{sys.executable} {tmp_path / 'wrap.py'} {inner}")
    made = Simulator(replace(spec, port=port), worker=echoes)
    made.connect()
    assert made._server is not None
    wrapper = psutil.Process(made._server.group)
    (child,) = wrapper.children()
    wrapper.kill()
    wrapper.wait(10)
    made.drop()
    made.connect()
    assert not child.is_running() or child.status() == psutil.STATUS_ZOMBIE
    made.close()


def test_what_was_asked_last_is_not_taken_for_the_answer_to_close(spec: ClientSpec, tmp_path: Path) -> None:
    """The client would be ended in the middle of leaving the server as one may find it."""
    made = Simulator(replace(spec, timeout=5.0, town=str(tmp_path / "left")), worker=leaves_a_mark)
    made.connect()
    made.ask("advance", seconds=5.0)
    made.close()
    assert (tmp_path / "left").is_file()


def test_a_client_leaves_properly_when_its_driver_is_gone(tmp_path: Path) -> None:
    (tmp_path / "driver.py").write_text(LEAVER)
    command = [sys.executable, str(tmp_path / "driver.py"), str(tmp_path / "left")]
    subprocess.run(command, check=True, timeout=120, env={**os.environ, "PYTHONPATH": str(ROOT)})
    end = time.monotonic() + 30.0
    while not (tmp_path / "left").is_file() and time.monotonic() < end:
        time.sleep(0.1)
    assert (tmp_path / "left").is_file()


def test_a_client_that_stands_still_does_not_outlive_its_driver(tmp_path: Path) -> None:
    (tmp_path / "driver.py").write_text(STANDING)
    command = [sys.executable, str(tmp_path / "driver.py")]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    client = int(subprocess.run(command, check=True, timeout=120, env=environment, stdout=subprocess.PIPE).stdout)
    end = time.monotonic() + 30.0
    while _alive(client) and time.monotonic() < end:
        time.sleep(0.1)
    assert not _alive(client)


def test_a_socket_that_is_connected_to_itself_is_no_server(monkeypatch: pytest.MonkeyPatch) -> None:
    """While a server is waited for, its port may be given to the one who asks."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        own = probe.getsockname()
        probe.connect(own)
        monkeypatch.setattr(socket, "create_connection", lambda *_, **__: probe)
        assert not listens(*own)


@pytest.mark.parametrize(
    ("text", "told"), [("./CarlaUE4.sh", "where the port belongs"), ("./CarlaUE4.sh '{port}", "no command line")]
)
def test_a_command_that_cannot_be_meant(monkeypatch: pytest.MonkeyPatch, text: str, told: str) -> None:
    monkeypatch.setenv(VARIABLE, text)
    with pytest.raises(UserError, match=told):
        server_command(2000)


def test_a_command_is_split_as_a_shell_would_but_no_shell_reads_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "'/opt/my carla/CarlaUE4.sh' -carla-rpc-port={port} ; reboot")
    command = server_command(2004)
    assert command == ["/opt/my carla/CarlaUE4.sh", "-carla-rpc-port=2004", ";", "reboot"]
    monkeypatch.delenv(VARIABLE)
    assert server_command(2004) is None


def test_a_command_that_is_not_there() -> None:
    with pytest.raises(UserError, match="cannot be started"):
        ServerProcess(["/nowhere/CarlaUE4.sh"])
