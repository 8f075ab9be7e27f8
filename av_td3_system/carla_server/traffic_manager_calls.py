"""Calls by which clients find each other's Traffic Manager, which runs in a client and sends ordinary commands."""

from __future__ import annotations

from typing import Any

from av_td3_system.carla_server.replies import Refusal, value
from av_td3_system.carla_server.session import Session

LONGEST_HOST = 253  # letters of a name (RFC 1035)
MOST_MANAGERS = 64


class TrafficManagerCalls:
    """Methods named and called as CARLA's server has them; each gives the packed reply."""

    VOID: frozenset[str] = frozenset()

    def __init__(self, session: Session) -> None:
        self._session = session

    def is_traffic_manager_running(self, port: int) -> Any:
        """Whether a client has one at that port."""
        return value(port in self._session.managers)

    def get_traffic_manager_running(self, port: int) -> Any:
        """Host and port of the one at that port; '' and 0 without."""
        host = self._session.managers.get(port)
        return value(["", 0] if host is None else [host, port])

    def add_traffic_manager_running(self, place: Any) -> Any:
        """A client has started one: whether it is the first at its port."""
        host, port = place
        if not isinstance(host, str) or len(host) > LONGEST_HOST:
            raise Refusal("the host of a traffic manager is no name or address")
        if port in self._session.managers:
            return value(False)
        if len(self._session.managers) >= MOST_MANAGERS:
            raise Refusal(f"there are {MOST_MANAGERS} traffic managers already")
        self._session.managers[int(port)] = host
        return value(True)

    def destroy_traffic_manager(self, port: int) -> Any:
        """The one at that port has ended."""
        return value(self._session.managers.pop(port, None) is not None)
