"""Which checkpoints are good enough to go back to is judged by what came after them."""

from __future__ import annotations

import json

import pytest

from av_td3_system.checkpointing.ledger import CheckpointRecord
from av_td3_system.config.schema import RemedyConfig
from av_td3_system.training.health import Health

CONFIG = RemedyConfig(settle=500, reward_share=0.8)


def seen(*troubled: int, until: int = 5000) -> Health:
    health = Health(CONFIG)
    for step in range(0, until + 1, 100):
        health.note(step, step in troubled)
    return health


def record(step: int) -> CheckpointRecord:
    return CheckpointRecord(f"td3_{step}.pt", "", None, None, step, step, rotates=True)


@pytest.mark.parametrize(
    ("saved", "now", "good"),
    [
        (1000, 1500, True),
        (1000, 1400, False),  # nobody knows yet
        (2500, 5000, False),  # trouble began 500 timesteps after
        (2400, 5000, True),
        (3100, 5000, False),  # saved in the middle of it
        (3200, 5000, False),  # the last check in trouble
        (3300, 5000, True),
    ],
)
def test_a_checkpoint_is_good_if_nothing_was_wrong_then_or_soon_after(saved: int, now: int, good: bool) -> None:
    assert seen(3000, 3100, 3200).is_good(saved, now) is good


@pytest.mark.parametrize(("last", "good"), [(80.0, True), (79.0, False)])
def test_a_policy_that_is_unlearning_is_not_good(last: float, good: bool) -> None:
    rewards = [(500, 20.0), (1000, 100.0), (2000, last), (4000, 500.0)]
    assert seen().is_good(2400, 5000, rewards) is good


def test_no_reward_to_speak_of_is_no_reason() -> None:
    assert seen().is_good(2400, 5000, [(500, -10.0), (1000, -50.0)])


def test_the_newest_good_one_is_found() -> None:
    records = [record(step) for step in (4800, 3100, 2000, 1000)]
    found = seen(3000, 3100).newest_good(records, 5000)
    assert found is not None and found.step == 2000
    assert seen(3000).newest_good([record(2900)], 5000) is None


def test_a_restart_changes_nothing() -> None:
    health = seen(200, 300, until=300)
    again = Health(CONFIG)
    again.load_state_dict(json.loads(json.dumps(health.state_dict())))
    for one in (health, again):
        one.note(400, True)
        one.note(500, False)
    assert again.state_dict() == health.state_dict() == {"troubles": [[200, 400]], "lasts": False}
