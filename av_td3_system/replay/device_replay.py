"""The replay in the memory of the device that learns: what is drawn and gathered never leaves it.

Rings, episodes, stacks and windows are those of `FrameReplay`, which keeps the books on the processor (a `FrameReplay`
without pixels); frames lie in one uint8 tensor on the device. What may be sampled is listed on the processor as it is
added, in queues (`queues`), of which the device gets what is new. `sample` is made of tensor operations of fixed shapes
without a look at any value, so nothing waits for the device.

It may be captured in a CUDA graph, once something can be sampled: every tensor that it reads keeps its place, `add` and
`load_state_dict` write into them, and `graph.register_generator_state(replay.generator)` makes draws new ones. A graph
does not notice that a replay is empty.

Tested on the processor alone; its speed on a GPU has not been measured.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from av_td3_system.config.errors import UserError
from av_td3_system.replay.batch import Batch
from av_td3_system.replay.choice import Sampling
from av_td3_system.replay.device_queue import DeviceQueue
from av_td3_system.replay.failures import Failures
from av_td3_system.replay.frame_replay import OTHER_SHAPE, WORD, FrameReplay
from av_td3_system.replay.history import History, Rows, gather, held_since, rows_of
from av_td3_system.replay.queues import Sampleable
from av_td3_system.replay.shape import ReplayShape
from av_td3_system.replay.sight import Sight
from av_td3_system.replay.windows import EPISODE_OVER, RETURN_ENDS

NUMBERS = ("vector", "surroundings", "action", "policy", "reward", "flags", "age")  # of a slot, beside its frame


class DeviceReplay:
    """As `FrameReplay`, on a device; draws uniformly, a share of them before failures.

    Args:
        device: where frames lie and batches are put together.
        shape: what is held, to be drawn without priorities.
        rng: seeds the device's own generator.

    Raises:
        UserError: the capacity is too small for one window in each world, or too large for the device.
    """

    def __init__(self, device: torch.device, shape: ReplayShape, rng: np.random.Generator) -> None:
        if shape.sampling.priority_exponent is not None:
            raise UserError("a replay on the device draws without priorities", "replay.on_device=false")
        self.device, self.shape = device, shape
        self._books = FrameReplay(shape._replace(image_shape=(0,), sampling=Sampling()), rng)
        self._slots = self._books._slots
        num_envs, self.size = self._slots.flags.shape
        words = -(-math.prod(shape.image_shape) // WORD)
        try:
            self._frames = torch.zeros((num_envs * self.size, words * WORD), dtype=torch.uint8, device=device)
            self._numbers = {name: self._upload(name).to(device, copy=True) for name in NUMBERS}
        except RuntimeError as error:  # also what is raised where memory is short
            gigabytes = num_envs * self.size * words * WORD / 1e9
            hint = "lower replay.capacity, or replay.on_device=false"
            raise UserError(f"{gigabytes:.1f} GB of frames do not fit on the device {device}", hint) from error
        self._back = torch.arange(shape.stack - 1, -1, -1, device=device) * shape.frame_interval
        self._sampleable = Sampleable(self._slots, shape.n_step, shape.reach)
        self._failures = Failures(self._slots, shape.n_step, shape.reach, shape.sampling.failure_decisions)
        self._all, self._failed = (DeviceQueue(queues, device) for queues in (self._sampleable, self._failures))
        self.generator = torch.Generator(device).manual_seed(int(rng.integers(2**63)))
        self._pixels = History(num_envs)  # of what the books do not see
        self.drawn = torch.zeros((2, 0), dtype=torch.int64, device=device)

    def _upload(self, name: str) -> Tensor:
        """One of the books' arrays, environments and slots in one dimension; shares memory with it."""
        array = getattr(self._slots, name)
        return torch.from_numpy(array.reshape(array.shape[0] * array.shape[1], *array.shape[2:]))

    def add(
        self,
        seen: Sight,
        action: np.ndarray,
        reward: np.ndarray,
        return_ends: np.ndarray,
        episode_over: np.ndarray,
        last: Sight,
    ) -> None:
        """Store one decision of every world, as `FrameReplay.add`; only what is new goes to the device."""
        envs, closed = np.arange(len(seen.image)), np.flatnonzero(episode_over)
        none = np.zeros((len(envs), 0), np.uint8)
        written = self._slots.written.copy()
        self._books.add(seen._replace(image=none), action, reward, return_ends, episode_over, last._replace(image=none))
        places = np.concatenate(
            [envs * self.size + written % self.size, closed * self.size + (written[closed] + 1) % self.size]
        )
        pixels = np.concatenate([seen.image, last.image[closed]]).reshape(len(places), -1)
        self._pixels.extend(envs, seen.image)
        self._pixels.extend(closed, last.image[closed])
        index = torch.from_numpy(places)
        there = index.to(self.device)
        self._frames[:, : pixels.shape[1]].index_copy_(0, there, torch.from_numpy(pixels).to(self.device))
        for name, tensor in self._numbers.items():
            tensor.index_copy_(0, there, self._upload(name)[index].to(self.device))
        self._sampleable.wrote()
        self._all.follow()
        if self.shape.sampling.failure_share > 0:
            self._failures.wrote(np.flatnonzero(return_ends))
            self._failed.follow()

    def cut(self, last: Sight, worlds: np.ndarray | None = None) -> np.ndarray:
        """As `FrameReplay.cut`."""
        before = self._slots.written.copy()
        since = self._books.cut(last._replace(image=np.zeros((len(before), 0), np.uint8)), worlds)
        closed = np.flatnonzero(self._slots.written > before)
        final = torch.from_numpy(closed * self.size + before[closed] % self.size)
        pixels = torch.from_numpy(np.ascontiguousarray(last.image[closed]).reshape(len(closed), -1))
        self._frames[:, : pixels.shape[1]].index_copy_(0, final.to(self.device), pixels.to(self.device))
        self._pixels.extend(closed, last.image[closed])
        changed = torch.cat([final, torch.from_numpy(closed * self.size + since[closed] % self.size)])
        for name, tensor in self._numbers.items():
            tensor.index_copy_(0, changed.to(self.device), self._upload(name)[changed].to(self.device))
        self._sampleable.wrote()
        self._all.follow()
        return since

    def sample(self, batch_size: int, batches: int = 1, images: int | None = None) -> Batch:
        """As `FrameReplay.sample`, all on the device.

        Raises:
            ValueError: there is none yet whose window is complete.
        """
        if len(self._sampleable) == 0:
            raise ValueError("the replay holds no complete transition yet")
        drawn = [self._draw(batch_size) for _ in range(batches)]
        self.drawn = torch.cat(drawn, dim=1)
        return self.gather(self.drawn[0], self.drawn[1], images)

    def _draw(self, batch_size: int) -> Tensor:
        env, position = self._all.draw(batch_size, self.generator)
        special = round(self.shape.sampling.failure_share * batch_size)
        if special > 0:
            one, other = self._failed.draw(special, self.generator)
            some = self._failed.ends[-1] > 0  # on the device: where there are none the ordinary draws stay
            env[:special] = torch.where(some, one, env[:special])
            position[:special] = torch.where(some, other, position[:special])
        return torch.stack([env, position])

    def gather(self, env: Tensor, position: Tensor, images: int | None = None) -> Batch:
        """The windows that begin at (env, position), each int64 (B,) on the device; they must be sampleable.

        The image acted on is put together of the last `images` alone; None: of all.
        """
        flags, rewards = self._numbers["flags"], self._numbers["reward"]
        base = env * self.size
        steps = torch.zeros_like(position)
        total = torch.zeros(position.shape, dtype=torch.float64, device=self.device)
        weight = torch.ones_like(total)
        goes_on = torch.ones_like(position, dtype=torch.bool)
        ended = torch.zeros_like(goes_on)
        for k in range(self.shape.n_step):
            place = base + (position + k) % self.size
            total = torch.where(goes_on, total + weight * rewards[place], total)
            weight = torch.where(goes_on, weight * self.shape.gamma, weight)
            steps = steps + goes_on
            ended = ended | (goes_on & ((flags[place] & RETURN_ENDS) > 0))
            goes_on = goes_on & ((flags[place] & EPISODE_OVER) == 0)
        weight = torch.where(ended, 0.0, weight)
        now, then = base + position % self.size, base + (position + steps) % self.size
        numbers = self._numbers
        unseen = 0 if images is None else len(position) - images
        seen = 0 if numbers["policy"].shape[1] else len(position)
        return Batch(
            image=self._stacks(base[unseen:], position[unseen:], now[unseen:]),
            vector=numbers["vector"][now],
            action=numbers["action"][now],
            reward=total.float(),
            discount=weight.float(),
            next_image=self._stacks(base[:seen], (position + steps)[:seen], then[:seen]),
            next_vector=numbers["vector"][then],
            surroundings=numbers["surroundings"][now],
            next_surroundings=numbers["surroundings"][then],
            next_policy=numbers["policy"][then],
        )

    def _stacks(self, base: Tensor, position: Tensor, place: Tensor) -> Tensor:
        """Uint8 (B, C, H, W); before an episode's first frame that frame again."""
        age = self._numbers["age"][place].long()
        back = torch.minimum(self._back[None], age[:, None])
        places = base[:, None] + (position[:, None] - back) % self.size
        *planes, height, width = self.shape.image_shape
        rows = self._frames.index_select(0, places.reshape(-1))[:, : math.prod(self.shape.image_shape)]
        return rows.reshape(len(base), self.shape.stack * math.prod(planes), height, width)

    def recall(self, policy: Tensor) -> None:
        """As `FrameReplay.recall`, of transitions that it holds still: nothing may be added in between."""
        env, position = self.drawn[:, -len(policy) :]
        place = env * self.size + position % self.size
        held = self._numbers["policy"]
        finite = policy.isfinite().all(dim=1, keepdim=True)
        held[place] = torch.where(finite, policy.to(held), held[place])

    def __len__(self) -> int:
        """Transitions stored, the few included whose window is not complete yet."""
        return len(self._books)

    def held(self, since: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
        """As `FrameReplay.held`."""
        return self._books.held(since)

    def rows_since(self, since: np.ndarray | None) -> Rows:
        """As `FrameReplay.rows_since`; frames are copied from the device."""
        first, last = held_since(self._slots, since)
        spans = zip(first, last, strict=True)
        places = [w * self.size + np.arange(a, b) % self.size for w, (a, b) in enumerate(spans)]
        wanted = torch.from_numpy(np.concatenate(places)).to(self.device)
        return {**rows_of(self._slots, first, last), "frame": self._frames.index_select(0, wanted).cpu().numpy()}

    def books(self) -> dict[str, Any]:
        """As `FrameReplay.books`, with what the policy wants as the device has it, and the device's generator."""
        first, last = held_since(self._slots, None)
        policy = self._numbers["policy"].unflatten(0, (-1, self.size)).cpu().numpy()
        told = {"policy": gather(policy, first, last), "pixels": self._pixels.digest.copy()}
        return {**self._books.books(), **told, "generator": self.generator.get_state()}

    def restore(
        self, books: Mapping[str, Any], pieces: Iterable[Mapping[str, Any]], since: np.ndarray | None = None
    ) -> None:
        """As `FrameReplay.restore`; takes up what either kind has stored."""
        own = self._frames.view(len(self._slots.written), self.size, -1)

        def without_frames() -> Iterator[dict[str, Any]]:
            for rows in pieces:
                frames, worlds = np.asarray(rows["frame"]), len(own)
                if frames.shape[1] != own.shape[2] or len(rows["first"]) != worlds:
                    raise UserError(*OTHER_SHAPE)
                begin = 0
                for w, (a, b) in enumerate(zip(rows["first"], rows["last"], strict=True)):
                    kept, end = max(a, b - self.size), begin + b - a
                    places = torch.from_numpy(np.arange(kept, b) % self.size).to(self.device)
                    own[w].index_copy_(0, places, torch.from_numpy(frames[begin + kept - a : end]).to(self.device))
                    begin = end
                yield {**rows, "frame": frames[:, :0]}

        self._books.restore(books, without_frames(), since)
        for name, tensor in self._numbers.items():
            tensor.copy_(self._upload(name))
        self._sampleable.rebuild()
        self._failures.rebuild()
        self._all.renew()
        self._failed.renew()
        if "generator" in books:
            self.generator.set_state(torch.as_tensor(np.asarray(books["generator"])))
            self._pixels.digest[:] = np.asarray(books["pixels"])

    def state_dict(self) -> dict[str, Any]:
        """Books and all rows together."""
        return {**self.books(), "rows": self.rows_since(None)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take up what this or a `FrameReplay` of the same shape has stored.

        Raises:
            UserError: it is of a replay with other shapes.
        """
        self.restore(state, [{name: np.asarray(some) for name, some in state["rows"].items()}])
