"""The watchdog: one server and its client's process, asked with a deadline, made anew when something goes wrong."""

from __future__ import annotations

import contextlib
import queue
import subprocess
import sys
import threading
import time
from multiprocessing.connection import Connection
from signal import SIGUSR1
from typing import Any

from av_td3_system.environments.carla.guard import Guard
from av_td3_system.environments.carla.messages import SOFT, ClientSpec, Fault
from av_td3_system.environments.carla.server_process import (
    ServerProcess,
    listens,
    server_command,
    wait_until_listening,
)
from av_td3_system.environments.carla.worker import Worker, start, work

TELLING = 0.5  # s that a client which hangs gets to say where
MARGIN = 10.0  # s beyond a client's own time-outs after which its process counts as hanging
ENDING = 5.0  # s that the end of a killed process's pipe may take to be seen
IMPORTS = 60.0  # s that a new process may take to load the library


class Simulator:
    """Asks one client; its process never hangs whoever asks.

    Args:
        spec: of the client.
        memory_limit: GB that a server started here may hold before it is started anew between episodes; None: any.
        worker: what the client's process runs.

    Attributes:
        owner: who drives in it; another one that asks to begin an episode takes it over.
        met: whether a server was there once: one that never was is not waited for again.
    """

    def __init__(
        self,
        spec: ClientSpec,
        memory_limit: float | None = None,
        worker: Worker = work,
    ) -> None:
        self.spec, self._worker = spec, worker
        self.owner: object = None
        self._memory_limit = memory_limit
        self._command = server_command(spec.port)
        self._server: ServerProcess | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._pipe: Connection | None = None
        self._guard: Guard | None = None  # of the client's process
        self._answers: queue.Queue[Any] = queue.Queue()  # of the client, None once it has ended
        self._reader = threading.Thread()
        self.met = False  # there was a server once
        self._broken = False  # after a fault that the same client and server would not get over
        self._waiting: float | None = None  # when the request at hand counts as hanging

    @property
    def connected(self) -> bool:
        """Whether there is a client that answers as far as is known."""
        return self._pipe is not None

    def take_over(self, owner: object, spec: ClientSpec) -> None:
        """Drive for somebody from now on, by a client that knows what he wants.

        Raises:
            Fault: as of `connect`.
        """
        self.owner = owner
        if spec != self.spec:
            self.spec = spec
            self.drop()
        if self._broken:
            self.restart()
        elif self.outgrown():
            print(f"CARLA at port {spec.port}: the server has grown too large, a new one starts", file=sys.stderr)
            self.restart()
        elif self._pipe is None:
            self.connect()

    def connect(self) -> None:
        """Start a client, and a server before it where that is ours to do and nobody is there.

        Raises:
            Fault: there is no server, or it does not load the map.
        """
        self.drop()
        spec, self._broken = self.spec, False
        if self._server is not None and self._server.ended is not None:
            self._server.stop()  # what it started may go on
            self._server = None
        there = listens(spec.host, spec.port)
        if self._command is not None and self._server is None and not there:
            self._server = ServerProcess(self._command)
        what = f"loading {spec.town}" if there else f"waiting for a server, {spec.load_timeout:g} s at most"
        print(f"CARLA at {spec.host}:{spec.port}: {what}", file=sys.stderr, flush=True)
        if not wait_until_listening(spec.host, spec.port, spec.load_timeout, self._server):
            why = "nobody answers there"
            if self._server is not None and self._server.ended is not None:
                said = self._server.last_words()
                why = f"the server that was started ended with code {self._server.ended}{f' ({said})' if said else ''}"
            raise Fault("no_connection", f"no CARLA server at {spec.host}:{spec.port}: {why}")
        self.met = True
        self._process, self._pipe = start(self._worker, spec)
        self._guard = Guard(self._process.pid, spec.timeout)
        self._answers = queue.Queue()
        self._reader = threading.Thread(target=_read, args=(self._pipe, self._answers), daemon=True)
        self._reader.start()
        self._waiting = time.monotonic() + IMPORTS + 2.0 * spec.load_timeout
        try:
            self.receive()
        except Fault:
            self.drop()  # its process ends with such a first answer
            raise

    def ask(self, name: str, *arguments: Any, seconds: float) -> None:
        """Send a request; `receive` gives the answer.

        Args:
            name: method of `CarlaClient`.
            arguments: of it.
            seconds: that it may take by the client's own time-outs.

        Raises:
            Fault: there is no client.
        """
        if self._pipe is None:
            raise Fault("no_connection", "the client is gone")
        try:
            self._pipe.send((name, arguments))
        except (BrokenPipeError, ConnectionResetError) as error:
            raise self._lost() from error
        self._waiting = time.monotonic() + seconds + MARGIN

    def receive(self) -> Any:
        """The answer to the request at hand.

        Raises:
            Fault: the client said so, died, or does not answer; after the last two it is dropped.
        """
        assert self._pipe is not None and self._waiting is not None
        try:
            answer = self._answers.get(timeout=max(self._waiting - time.monotonic(), 0.001))
        except queue.Empty:
            self._tell_where()
            self.drop()
            self._broken = True
            raise Fault("hang", "the client does not answer any more") from None
        finally:
            self._waiting = None
        if answer is None:
            raise self._lost()
        if answer[0] == "fault":
            self._broken = answer[1] not in SOFT
            raise Fault(*answer[1:])
        return answer[1]

    def _lost(self) -> Fault:
        code = None
        if self._process is not None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                code = self._process.wait(1.0)
        self.drop()
        self._broken = True
        return Fault("crash", f"the client's process has ended{'' if code is None else f' with code {code}'}")

    def _tell_where(self) -> None:
        """Have a client that hangs say on standard error where it does, before it is ended."""
        if self._process is not None:
            self._process.send_signal(SIGUSR1)
            time.sleep(TELLING)

    def outgrown(self) -> bool:
        """Whether a server of ours holds more memory than it may."""
        return (
            self._server is not None and self._memory_limit is not None and self._server.memory() > self._memory_limit
        )

    def drop(self) -> None:
        """End the client's process; the server stays."""
        if self._process is not None:  # before its pipe ends: it would take the server with it
            self._process.kill()
            self._process.wait()
        if self._guard is not None:
            self._guard.dismiss()
            self._guard = None
        if self._pipe is not None:
            self._reader.join(ENDING)
            if not self._reader.is_alive():  # a descriptor that somebody reads must not become another's
                self._pipe.close()
        self._pipe = self._process = self._waiting = None

    def restart(self) -> None:
        """A new client, and a new server where it is ours.

        Raises:
            Fault: as of `connect`.
        """
        self.drop()
        if self._server is not None:
            self._server.stop()
            self._server = None
        self.connect()

    def close(self) -> None:
        """Say goodbye, and end what was started here."""
        if self._waiting is not None:  # else what was asked last would be taken for what `close` is answered
            self._waiting = min(self._waiting, time.monotonic() + 3.0 * self.spec.timeout)
            with contextlib.suppress(Fault):
                self.receive()
        if self._pipe is not None:
            try:
                self.ask("close", seconds=3.0 * self.spec.timeout)
                self.receive()
            except Fault as fault:
                print(f"warning: CARLA at port {self.spec.port}: {fault}", file=sys.stderr)
        self.drop()
        if self._server is not None:
            self._server.stop()
            self._server = None
        self.owner = None


def _read(pipe: Connection, answers: queue.Queue[Any]) -> None:
    """Take up whole messages, so that nobody else waits for a client that stops in the middle of a picture."""
    with contextlib.suppress(EOFError, OSError):
        while True:
            answers.put(pipe.recv())
    answers.put(None)
