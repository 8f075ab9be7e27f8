"""What collectors drive is counted once, learned from as due, by policies of a known age; what dies is replaced."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from av_td3_system.checkpointing.pieces import PieceStore
from av_td3_system.checkpointing.plain_state import state_hash
from av_td3_system.checkpointing.store import CheckpointStore
from av_td3_system.config.errors import UserError
from av_td3_system.config.load import load_config
from av_td3_system.environments.seeding import episode_seed
from av_td3_system.replay.windows import EPISODE_OVER, FINAL
from av_td3_system.training.collecting.collector import Collector, Order, Post
from av_td3_system.training.collecting.driving import ATTEMPTS, CollectedDriving, Collection
from av_td3_system.training.failure import SimulatorFailed
from av_td3_system.training.loop import Training
from av_td3_system.training.saving import Saver
from av_td3_system.training.worlds import at_servers, refuse_other_worlds
from tests.unit.training.collecting.here import Here
from tests.unit.training.small import lines_of, run, small, training

SETTINGS = ("run.num_envs=4", "collectors.count=2", "collectors.block=5", "run.max_timesteps=200")


@contextmanager
def collected(path: Path, *overrides: str) -> Iterator[Training]:
    config = small(*SETTINGS, *overrides)
    with training(path, config, env=lambda *_: Collection(config, Here(config))) as made:
        assert isinstance(made.env, Collection) and isinstance(made.driving, CollectedDriving)
        yield made


def here(made: Training) -> Here:
    assert isinstance(made.env, Collection) and isinstance(made.env.pool, Here)
    return made.env.pool


def test_steps_are_counted_once_and_updates_are_made_as_due(tmp_path: Path) -> None:
    with collected(tmp_path) as made:
        assert run(made) == "completed"
        assert made.step == 200 and len(made.learner.replay) == 200
        assert made.recorder.updates == made.learner.agent.updates == 200 - 12
        episodes = lines_of(made.directory.episodes)
    assert sum(line["length"] for line in episodes) <= 200
    driven = {line["episode_seed"] for line in episodes}
    known = {episode_seed(42, 0, world, number) for world in range(4) for number in range(50)}
    assert len(driven) == len(episodes) > 4 and driven <= known, "the very episodes that one process would drive"


def test_equal_runs_are_equal(tmp_path: Path) -> None:
    hashes = []
    for name in ("one", "other"):
        with collected(tmp_path / name) as made:
            run(made)
            hashes.append((state_hash(made.state_dict()), state_hash(made.learner.replay.state_dict())))
    assert hashes[0] == hashes[1]


def test_a_block_s_policy_is_one_block_old_when_it_is_begun(tmp_path: Path) -> None:
    """It is asked for when the block before begins to be learned from, and no other is made meanwhile."""
    with collected(tmp_path) as made:
        agent, ages = made.learner.agent, []
        share = here(made).share
        here(made).share = lambda weights: (ages.append((made.step, agent.updates)), share(weights))[1]  # type: ignore[method-assign]
        run(made)
        orders = here(made).orders
    steps = [order.step for index, order, _ in orders if index == 0]
    assert steps == list(range(0, steps[-1] + 1, 20)), "five decisions of four worlds"
    assert [step for step, _ in ages] == [0, *range(0, 200, 20)]
    assert all(order_step - asked_at == 20 for order_step, (asked_at, _) in list(zip(steps, ages, strict=True))[1:])
    first, later = orders[0][2], orders[-1][2]
    assert any(not torch.equal(first[name], later[name]) for name in first)


def test_a_collector_that_dies_is_replaced_and_only_its_open_episodes_are_lost(tmp_path: Path) -> None:
    with collected(tmp_path, "run.max_timesteps=60") as made:
        made.config = made.config.model_copy(update={"run": made.config.run.model_copy(update={"max_timesteps": 40})})
        run(made)
        drawn = made.env.drawn.copy()  # type: ignore[union-attr]
        slots = made.learner.replay._slots  # type: ignore[union-attr]
        written = slots.written.copy()
        here(made).dying = [1]
        made.config = made.config.model_copy(update={"run": made.config.run.model_copy(update={"max_timesteps": 44})})
        run(made)
        post = here(made).posts[-1]
        events = [line for line in lines_of(made.directory.events) if line["kind"] == "simulator_failure"]
        assert made.step == 44 and len(made.learner.replay) == 44
        for world in range(4):
            rows = slots.flags[world, written[world] - 1 : written[world] + 1]
            cut = bool(rows[0] & EPISODE_OVER) or bool(rows[0] & FINAL)
            if world >= 2:
                assert cut, "no window reaches from a lost episode into the next one"
        assert (post.index, post.step) == (1, 40) and post.drawn.tolist() == drawn[2:].tolist()
    assert len(events) == 1 and "collector 1: it was killed" in events[0]["message"]


def test_a_collector_that_never_comes_to_anything_is_the_end(tmp_path: Path) -> None:
    with collected(tmp_path) as made:
        here(made).dying = [0] * ATTEMPTS
        with pytest.raises(SimulatorFailed) as raised:
            run(made)
        alert = raised.value.alert(0)
    assert "collector 0 came to nothing" in alert.message


def test_a_run_goes_on_with_new_episodes(tmp_path: Path) -> None:
    """In the middle of a block: what was driven and not learned from yet was never counted."""
    with collected(tmp_path, "run.max_timesteps=52") as made:
        run(made)
        made.saver.save_named(made.state_dict(), "checkpoint_1.pt", made.step)
        with collected(tmp_path / "other", "run.max_timesteps=100") as other:
            replay = other.learner.replay
            saver = Saver(CheckpointStore(made.directory.checkpoints, "td3"), PieceStore(made.directory.replay), replay)
            loaded = saver.load()
            saver.restore(loaded)
            other.saver = saver
            other.load_state_dict(loaded.state)
            assert len(replay) == 52 and other.step == 52
            posts = here(other).posts
            assert [post.step for post in posts] == [52, 52]
            assert np.array_equal(np.concatenate([post.drawn for post in posts]), made.env.drawn)  # type: ignore[union-attr]
            assert run(other) == "completed" and other.step == 100 and len(replay) == 100
            assert other.learner.agent.updates == 100 - 12


def collector(**post: Any) -> Collector:
    config = small(*SETTINGS)
    return Collector(config, Post(**{"index": 0, "worlds": 2, "of": 4, "step": 0, "drawn": np.zeros(2), **post}))


def test_collectors_drive_different_worlds_with_different_noise() -> None:
    one, other = collector(), collector(index=1)
    weights = one._network.stored()
    blocks = [each.collect(weights, Order(0, 4, False)) for each in (one, other)]
    assert not np.array_equal(blocks[0].actions, blocks[1].actions)
    assert not np.array_equal(blocks[0].seen.vector, blocks[1].seen.vector)
    again = collector().collect(weights, Order(0, 4, False))
    assert np.array_equal(again.actions, blocks[0].actions) and again.seen.image == blocks[0].seen.image


def test_the_warm_up_ends_within_a_block() -> None:
    """At timestep 12 learning begins, which is the fourth decision of four worlds."""
    config = small(*SETTINGS, "agent.exploration_noise=0", "exploration.motion_share=0")
    driving = Collector(config, Post(0, 2, 4, 0, np.zeros(2, np.int64)))
    driving._policy = lambda seen: np.full((len(seen["vector"]), 2), 0.25, np.float32)  # type: ignore[method-assign]
    steering = driving.collect(driving._network.stored(), Order(0, 6, False)).actions[:, 0, 0]
    assert (steering[:3] != 0.25).all() and (steering[3:] == 0.25).all()


def test_each_collector_has_servers_of_its_own() -> None:
    config = load_config("td3", overrides=["run.backend=carla", "carla.port=3000", "carla.traffic_manager_port=9000"])
    assert (at_servers(config, 6).carla.port, at_servers(config, 6).carla.traffic_manager_port) == (3024, 9006)


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        (("run.num_envs=4", "collectors.count=3"), "4 worlds .* are no equal parts for 3 collectors"),
        (("run.env=Pendulum-v1", "collectors.count=2"), "means nothing to Pendulum-v1"),
    ],
)
def test_collectors_that_cannot_be(settings: tuple[str, ...], told: str) -> None:
    with pytest.raises(UserError, match=told):
        load_config("td3", overrides=settings)


def test_a_run_stays_with_collectors_or_without() -> None:
    with_some, without = small(*SETTINGS), small("run.num_envs=4")
    for before, now in ((with_some, without), (without, with_some)):
        with pytest.raises(UserError, match="keep --collectors as it was"):
            refuse_other_worlds(before, now)
    refuse_other_worlds(with_some, small(*SETTINGS, "collectors.count=4"))
