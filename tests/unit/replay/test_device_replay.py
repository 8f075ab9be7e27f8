"""The replay on a device against the one on the processor: the same experience, the same batch to the bit."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from av_td3_system.checkpointing.plain_state import state_hash, to_plain
from av_td3_system.config.errors import UserError
from av_td3_system.replay.choice import Sampling
from av_td3_system.replay.device_replay import DeviceReplay
from tests.unit.replay.recorded import ACTIONS, Recorder, check, fill

CPU = torch.device("cpu")
outcome = st.sampled_from(["on", "on", "on", "truncated", "terminated"])


class Twin(Recorder):
    """Drives the same worlds into a replay on the processor and one on a device."""

    def __init__(
        self,
        capacity: int,
        envs: int,
        n_step: int,
        stack: int,
        interval: int = 1,
        policy_dim: int = 0,
        **sampling: float,
    ) -> None:
        super().__init__(capacity, envs, n_step, stack, interval=interval, policy_dim=policy_dim)
        self.host = self.replay
        shape = self.host.shape._replace(sampling=Sampling(**sampling))
        self.on_device = DeviceReplay(CPU, shape, np.random.default_rng(3))
        host, device = self.host.add, self.on_device.add
        self.host.add = lambda *seen: (host(*seen), device(*seen))

    def both_of(self, env: torch.Tensor, position: torch.Tensor) -> None:
        """The windows at the same places are the same, to the bit."""
        self.host._choice.draw = lambda _: (env.numpy(), position.numpy())
        pairs = zip(self.host.sample(len(env)), self.on_device.gather(env, position), strict=True)
        assert all(torch.equal(one, other) and one.dtype == other.dtype for one, other in pairs)


@settings(max_examples=50)
@given(
    envs=st.integers(1, 3),
    n_step=st.integers(1, 4),
    stack=st.integers(1, 4),
    interval=st.integers(1, 3),
    data=st.data(),
)
def test_it_is_the_replay_of_the_processor(
    envs: int, n_step: int, stack: int, interval: int, data: st.DataObject
) -> None:
    twin = Twin(18 * envs, envs, n_step, stack, interval, failure_share=0.5, failure_decisions=3)
    for outcomes in data.draw(st.lists(st.lists(outcome, min_size=envs, max_size=envs), min_size=1, max_size=60)):
        twin.step(outcomes)
        expected = list(twin.expected().values())
        places = {(truth["env"], truth["position"]) for truth in expected}
        assert len(twin.on_device._sampleable) == len(places)
        if not places:
            with pytest.raises(ValueError, match="no complete transition"):
                twin.on_device.sample(1)
            continue
        check(twin.on_device.sample(8), twin)
        drawn = [tuple(pair) for pair in twin.on_device.drawn.T.tolist()]
        assert set(drawn) <= places
        failed = {(t["env"], t["position"]) for t in expected if 0 < t["before_end"] <= 3}
        assert not failed or set(drawn[:4]) <= failed
    if places:
        twin.both_of(*torch.tensor(sorted(places)).T)
    assert len(twin.on_device) == len(twin.host)


def test_all_are_drawn_equally_often() -> None:
    twin = Twin(60, 3, n_step=3, stack=4)
    fill(twin, 50)
    expected = twin.expected()
    drawn = twin.on_device.sample(200 * len(expected)).vector[:, 0].numpy().astype(int)
    counts = np.array([(drawn == own).sum() for own in expected])
    assert counts.sum() == len(drawn)
    assert ((counts - 200) ** 2 / 200).sum() < len(expected) + 5 * np.sqrt(2 * len(expected))


def test_its_state_is_that_of_the_processors_replay_and_goes_on_to_the_bit() -> None:
    twin, other = (Twin(60, 2, 2, 3, failure_share=0.25, failure_decisions=4) for _ in range(2))
    fill(twin, 70)
    fill(other, 41, seed=9)
    state = twin.on_device.state_dict()
    assert state_hash(state["rows"]) == state_hash(twin.host.state_dict()["rows"])
    other.on_device.load_state_dict(to_plain(state))
    pairs = zip(twin.on_device.sample(40), other.on_device.sample(40), strict=True)
    assert all(torch.equal(one, another) for one, another in pairs)
    assert state_hash(other.on_device.state_dict()) == state_hash(twin.on_device.state_dict())


def test_it_recalls_what_the_policy_wants_as_the_processors_replay_does() -> None:
    twin, other = (Twin(60, 2, 2, 3, policy_dim=ACTIONS) for _ in range(2))
    fill(twin, 40)
    for wanted in (0.25, 0.5):
        check(twin.host.sample(12), twin)
        twin.recall(wanted)
        twin.on_device.drawn = torch.from_numpy(twin.host.drawn)
        twin.on_device.recall(torch.full((12, ACTIONS), wanted))
        twin.on_device.recall(torch.full((12, ACTIONS), float("nan")))
        check(twin.on_device.sample(40), twin)
    assert state_hash(twin.on_device.state_dict()["rows"]) == state_hash(twin.host.state_dict()["rows"])
    other.on_device.load_state_dict(to_plain(twin.on_device.state_dict()))
    check(other.on_device.sample(40), twin)


def test_it_takes_up_a_state_of_the_processors_replay_and_refuses_other_shapes() -> None:
    twin = Twin(60, 2, 2, 3)
    fill(twin, 30)
    other = Twin(60, 2, 2, 3)
    other.on_device.load_state_dict(to_plain(twin.host.state_dict()))
    assert len(other.on_device) == len(twin.host)
    check(other.on_device.sample(40), twin)
    wide = DeviceReplay(CPU, twin.host.shape._replace(image_shape=(9, 3)), np.random.default_rng(0))
    with pytest.raises(UserError, match="another shape"):
        wide.load_state_dict(twin.host.state_dict())


def test_sampling_looks_at_no_value_and_keeps_every_tensor_in_its_place() -> None:
    """What a device must not be asked for fails on fake tensors, which have no values."""
    from torch._subclasses.fake_tensor import FakeTensorMode

    twin = Twin(60, 2, 2, 3, failure_share=0.5, failure_decisions=4)
    fill(twin, 40)
    device = twin.on_device
    held = [device._frames, *device._numbers.values(), device._all.ends, device._all._entries, device._all._head]
    places = [tensor.data_ptr() for tensor in held]
    fill(twin, 40)
    assert [tensor.data_ptr() for tensor in held] == places
    with FakeTensorMode(allow_non_fake_inputs=True) as fake:
        env, position = (fake.from_tensor(torch.zeros(8, dtype=torch.int64)) for _ in range(2))
        assert device.gather(env, position).image.shape == (8, 3, 3, 3)
        for queue in (device._all, device._failed):
            assert queue.draw(8, None)[1].shape == (8,)


def test_priorities_are_refused() -> None:
    with pytest.raises(UserError, match="without priorities"):
        Twin(60, 2, 2, 3, priority_exponent=0.4)


def test_frames_beyond_the_devices_memory_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> torch.Tensor:
        raise torch.cuda.OutOfMemoryError("out of memory")

    monkeypatch.setattr(torch, "zeros", full)
    with pytest.raises(UserError, match="do not fit on the device cpu"):
        Twin(60, 2, 2, 3)
