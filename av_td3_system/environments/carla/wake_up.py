"""What the client library's Traffic Manager sleeps through, noticed and made good."""

from __future__ import annotations

import socket
import sys
import threading
import time
from collections.abc import Callable

LOOK = 0.5  # s between two looks
QUIET = 0.02  # s of processor time between two looks, below which nobody in this process is at work
LOOKS = 4  # quiet ones in a row after which a tick is asleep
ANSWER = 5.0  # s that the Traffic Manager's own port may take
MODE = b"set_synchronous_mode"


class TickWatch:
    """A context for each tick, looked at by a thread of its own.

    In CARLA 0.9.16 a tick and the Traffic Manager's thread signal each other without the lock under which the other
    one looks whether it must wait (issue 9172 of carla-simulator/carla; changed after 0.9.16 by pull request 9344).
    A signal between that look and the sleep is lost, once in some ten thousand ticks, and both wait for ever. Leaving
    the synchronous mode signals once more; entering it again at once changes nothing else.

    Args:
        port: at which the Traffic Manager takes calls, answered by a thread that is not asleep.
        newest: frame of the newest snapshot: whether the server has answered, so that this is not a server which hangs.

    Attributes:
        woken: how many ticks were asleep.
    """

    def __init__(self, port: int, newest: Callable[[], int]) -> None:
        self._port, self._newest, self.woken = port, newest, 0
        self._waiting: tuple[int] | None = None  # since a tick after that frame; another object for each
        self._ended = threading.Event()
        threading.Thread(target=self._look, daemon=True).start()

    def __enter__(self) -> None:
        self._waiting = (self._newest(),)

    def __exit__(self, *_: object) -> None:
        self._waiting = None

    def close(self) -> None:
        """Look no more."""
        self._ended.set()

    def _look(self) -> None:
        seen, used, quiet = self._waiting, time.process_time(), 0
        while not self._ended.wait(LOOK):
            before, seen = seen, self._waiting
            now = time.process_time()
            quiet = quiet + 1 if seen is not None and seen is before and now - used < QUIET else 0
            used = now
            if quiet >= LOOKS and seen is not None and self._newest() > seen[0]:
                quiet = 0
                if wake(self._port):
                    self.woken += 1
                    print("warning: CARLA's Traffic Manager slept through a tick and was woken", file=sys.stderr)


def wake(port: int) -> bool:
    """Have the Traffic Manager leave and enter its synchronous mode, by its own port; whether it answered."""
    try:
        with socket.create_connection(("127.0.0.1", port), ANSWER) as connection:
            for number, mode in enumerate((b"\xc2", b"\xc3")):
                # msgpack-rpc: [0, number, name, [mode]]
                connection.sendall(bytes([0x94, 0, number, 0xA0 | len(MODE)]) + MODE + b"\x91" + mode)
                if not connection.recv(64):
                    return False
    except OSError:
        return False
    return True
