"""Collectors as actors of a Ray cluster, or of a Ray of this run's own on this machine."""

from __future__ import annotations

import importlib.util
import os
import secrets
import signal
import sys
import threading
from collections.abc import Mapping
from typing import Any

from torch import Tensor

from av_td3_system.config.errors import UserError
from av_td3_system.config.schema import Config
from av_td3_system.environments.carla.server_process import listens
from av_td3_system.training.collecting.block import Block
from av_td3_system.training.collecting.collector import Collector, Order, Post
from av_td3_system.training.collecting.pool import Gone
from av_td3_system.training.failure import NotFinite

STORE = 256 * 2**20  # bytes of shared memory of a Ray of this run's own: a few blocks and weights
PATIENCE = 5.0  # s that a cluster may take to answer
HINT = "ray start --head, or leave it out for a Ray of the run's own"
SETTINGS = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0"}  # tells nobody; hides no GPU


class RayPool:
    """Collectors on Ray.

    Args:
        config: of the run; `collectors.ray_address` None: a Ray of its own, which ends with it.

    Raises:
        UserError: Ray is not installed, or there is no such cluster.
    """

    def __init__(self, config: Config) -> None:
        if importlib.util.find_spec("ray") is None:
            raise UserError("--collectors needs Ray, which is not installed", "pip install 'ray>=2.52'")
        self._config = config
        self._ray = connected(config.collectors.ray_address, config.collectors.count)
        self._class = self._ray.remote(num_cpus=1, max_restarts=0)(Collector)
        self._actors: dict[int, Any] = {}
        self._answers: dict[int, Any] = {}

    def start(self, post: Post) -> None:
        """As of `Pool`."""
        self._end(post.index)
        self._actors[post.index] = self._class.remote(self._config, post)

    def share(self, weights: Mapping[str, Tensor]) -> Any:
        """As of `Pool`."""
        return self._ray.put(dict(weights))

    def ask(self, index: int, weights: Any, order: Order) -> None:
        """As of `Pool`; a collector that is gone says so when it is asked for what came of it."""
        self._answers[index] = self._actors[index].collect.remote(weights, order)

    def take(self, index: int) -> Block:
        """As of `Pool`."""
        errors = self._ray.exceptions
        try:
            block: Block = self._ray.get(self._answers.pop(index))
        except errors.RayTaskError as error:
            if isinstance(error.cause, NotFinite):
                raise error.cause from error
            raise Gone(f"it failed: {type(error.cause).__name__}: {error.cause}") from error
        except errors.RayError as error:  # the actor, its node, or what it told is gone
            raise Gone(_first_line(error)) from error
        return block

    def _end(self, index: int) -> None:
        actor = self._actors.pop(index, None)
        self._answers.pop(index, None)
        if actor is not None:
            self._ray.kill(actor)

    def close(self) -> None:
        """As of `Pool`; a Ray of this run's own ends, a cluster stays."""
        for index in list(self._actors):
            self._end(index)
        self._ray.shutdown()


def connected(address: str | None, collectors: int) -> Any:
    """Ray, connected; without an address one of this process's own.

    Raises:
        UserError: there is no such cluster.
    """
    if address is not None:
        _refuse_silent(address)
    os.environ.update(SETTINGS)
    if address is None and "RAY_AUTH_MODE" not in os.environ:
        # Ray listens at all addresses of a machine, and whoever may ask it for anything may do all. One token for the
        # life of a process, since Ray reads it once.
        os.environ.update({"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)})
    import ray

    if ray.is_initialized():
        return ray
    # Ray takes SIGTERM for itself; a run that is asked to stop saves first.
    main = threading.current_thread() is threading.main_thread()
    handler = signal.getsignal(signal.SIGTERM) if main else None
    quiet: dict[str, Any] = {"log_to_driver": True, "logging_level": "ERROR"}
    try:
        if address is None:
            ray.init(address="local", num_cpus=collectors, include_dashboard=False, object_store_memory=STORE, **quiet)
        else:
            ray.init(address=address, **quiet)
    except (ConnectionError, ValueError, RuntimeError) as error:
        told = " ".join(str(error).split())
        raise UserError(f"collectors.ray_address: no Ray at {address}: {told}", HINT) from error
    finally:
        if main and handler is not None:
            signal.signal(signal.SIGTERM, handler)
    if address is not None:
        room = int(ray.cluster_resources().get("CPU", 0))
        if room < collectors:
            print(f"warning: the cluster has {room} CPUs for {collectors} collectors; some wait", file=sys.stderr)
    return ray


def _refuse_silent(address: str) -> None:
    """Ray itself would wait for minutes for a cluster that is not there.

    Raises:
        UserError: nobody listens at that host and port.
    """
    host, _, port = address.rpartition("://")[2].rpartition(":")
    if port.isdecimal() and not listens(host, int(port), PATIENCE):
        raise UserError(f"collectors.ray_address: no Ray at {address}: nobody listens there", HINT)


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0]
