"""Collectors as processes of a real Ray: what they drive, and what is left when one is killed."""

from __future__ import annotations

import importlib.util
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import psutil
import pytest

from av_td3_system.config.errors import UserError
from av_td3_system.training.collecting import ray_pool
from av_td3_system.training.collecting.collector import Collector, Order, Post
from av_td3_system.training.collecting.driving import Collection
from av_td3_system.training.collecting.ray_pool import RayPool
from tests.unit.training.small import lines_of, run, small, training

pytestmark = pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="needs Ray: pip install -e '.[ray]'")
CONFIG = small("run.num_envs=4", "collectors.count=2", "collectors.block=5", "run.max_timesteps=100")


@pytest.fixture
def pool() -> Iterator[RayPool]:
    made = RayPool(CONFIG)
    yield made
    made.close()


def collectors() -> list[psutil.Process]:
    """Processes of this Ray's collectors."""
    found = []
    for process in psutil.Process().children(recursive=True):
        try:
            if "ray::Collector" in " ".join(process.cmdline()):
                found.append(process)
        except psutil.Error:
            continue
    return found


def test_a_collector_elsewhere_drives_as_one_here(pool: RayPool) -> None:
    post, order = Post(1, 2, 4, 0, np.zeros(2, np.int64)), Order(0, 5, False)
    here = Collector(CONFIG, post)
    pool.start(post)
    pool.ask(1, pool.share(here._network.stored()), order)
    block, own = pool.take(1), here.collect(here._network.stored(), order)
    assert np.array_equal(block.actions, own.actions) and np.array_equal(block.seen.vector, own.seen.vector)
    assert block.seen.image == own.seen.image and np.array_equal(block.rewards, own.rewards)


def test_a_run_goes_on_when_a_collector_is_killed(tmp_path: Path) -> None:
    before = signal.getsignal(signal.SIGTERM)
    with training(tmp_path, CONFIG, env=lambda *_: Collection(CONFIG, RayPool(CONFIG))) as made:
        stopping = signal.getsignal(signal.SIGTERM)
        assert stopping is not before, "a run that is asked to stop saves first, whatever Ray would do"
        killed = []
        decide = made.driving.decide

        def deciding(step: int) -> object:
            if step == 48 and not killed:
                killed.append(collectors()[0])
                os.kill(killed[0].pid, signal.SIGKILL)
            return decide(step)

        made.driving.decide = deciding  # type: ignore[method-assign, assignment]
        try:
            assert run(made) == "completed"
            assert killed and made.driving.replaced == 1  # type: ignore[union-attr]
            assert made.step == len(made.learner.replay) == 100
            assert made.learner.agent.updates == 100 - 12, "updates are made as due for each timestep"
            events = [line for line in lines_of(made.directory.events) if line["kind"] == "simulator_failure"]
            assert len(events) == 1 and "collector" in events[0]["message"]
        finally:
            made.env.close()
    assert not collectors()


def test_a_ray_of_its_own_is_closed_to_strangers(pool: RayPool) -> None:
    assert os.environ["RAY_AUTH_MODE"] == "token" and len(os.environ["RAY_AUTH_TOKEN"]) == 64


def test_no_cluster_is_one_sentence() -> None:
    with pytest.raises(UserError, match=r"no Ray at 127\.0\.0\.1:1"):
        ray_pool.connected("127.0.0.1:1", 2)
