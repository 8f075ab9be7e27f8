"""Replay of camera transitions: every frame is stored once, stacks are assembled at sampling.

A float32 pair of stacks would take 226 KB a transition; one uint8 frame of 84x84 takes 7 KB.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from av_td3_system.config.errors import UserError
from av_td3_system.replay.batch import Batch
from av_td3_system.replay.choice import Choice
from av_td3_system.replay.history import (
    History,
    Rows,
    cut_before,
    fits,
    gather,
    held_since,
    put_rows,
    rows_of,
    scatter,
)
from av_td3_system.replay.shape import ReplayShape
from av_td3_system.replay.sight import Sight
from av_td3_system.replay.storage import frame_memory
from av_td3_system.replay.windows import (
    EPISODE_OVER,
    FINAL,
    LONGEST_STACK,
    RETURN_ENDS,
    TRANSITION,
    Slots,
    assemble,
)

WORD = 8  # bytes
OTHER_SHAPE = (
    "the stored replay has another shape than the settings ask for",
    "keep run.num_envs, the camera's size and what is observed when resuming",
)


class FrameReplay:
    """Ring buffers of single frames, one for each parallel world, sampled over all.

    The oldest transitions are overwritten when a ring is full. Memory is taken by the operating
    system as the rings fill.

    Args:
        shape: what is held.
        rng: where samples are drawn from; saved and restored by its owner.
        file: scratch file for the frames (see `storage`); None: memory.

    Raises:
        UserError: the capacity is too small for one window in each world, or the file cannot be used.
    """

    def __init__(self, shape: ReplayShape, rng: np.random.Generator, file: Path | None = None) -> None:
        self.shape = shape
        rings, row = (shape.num_envs, shape.slots()), -(-math.prod(shape.image_shape) // WORD)
        # Zeros, which take no memory either until they are written: the state must not hold what lay there before.
        self._slots = Slots(
            frame=frame_memory((*rings, row), file),
            vector=np.zeros((*rings, shape.vector_dim), np.float32),
            surroundings=np.zeros((*rings, shape.surroundings_dim), np.float32),
            action=np.zeros((*rings, shape.action_dim), np.float32),
            policy=np.zeros((*rings, shape.policy_dim), np.float32),
            reward=np.zeros(rings, np.float32),
            flags=np.zeros(rings, np.uint8),
            age=np.zeros(rings, np.uint8),
            written=np.zeros(shape.num_envs, np.int64),
        )
        self._age = np.zeros(shape.num_envs, np.int64)  # of the next frame in its episode
        self._transitions = 0
        self._history = History(shape.num_envs)
        self._choice = Choice(self._slots, shape.n_step, shape.reach, rng, shape.sampling)
        self.drawn = np.empty((2, 0), np.int64)

    def add(
        self,
        seen: Sight,
        action: np.ndarray,
        reward: np.ndarray,
        return_ends: np.ndarray,
        episode_over: np.ndarray,
        last: Sight,
    ) -> None:
        """Store one decision of every world.

        Args:
            seen: the observation acted on.
            action: float32 (N, A).
            reward: (N,).
            return_ends: bool (N,), nothing is bootstrapped after this decision. It must also be over.
            episode_over: bool (N,), terminated or truncated; the next `add` begins a new episode.
            last: the true last observation where over.

        Raises:
            ValueError: a return ends in an episode that goes on; or R > 0 and no surroundings, P > 0 and no policy.
        """
        over = np.asarray(episode_over, bool)
        ends = np.asarray(return_ends, bool)
        if (ends & ~over).any():
            raise ValueError("return_ends without episode_over: the next observation would be of another episode")
        if self.shape.surroundings_dim > 0 and (seen.surroundings is None or last.surroundings is None):
            raise ValueError("surroundings are missing: they would be learned from as an empty road")
        if self.shape.policy_dim > 0 and (seen.policy is None or last.policy is None):
            raise ValueError("what the policy wants is missing: targets would be learned from an action of zero")
        every = np.arange(len(over))
        slot = self._write(every, seen, TRANSITION + EPISODE_OVER * over + RETURN_ENDS * ends)
        self._slots.action[every, slot] = action
        self._slots.reward[every, slot] = reward
        self._remember(every, seen, slot)
        closed = np.flatnonzero(over)
        if len(closed):
            final = Sight(*(None if kept is None else kept[closed] for kept in last))  # type: ignore[arg-type]
            slot = self._write(closed, final, np.full(len(closed), FINAL))
            self._remember(closed, final, slot)
            self._age[closed] = 0
        self._choice.decided(ends)

    def _write(self, envs: np.ndarray, sight: Sight, flags: np.ndarray) -> np.ndarray:
        slots = self._slots
        slot = slots.written[envs] % slots.flags.shape[1]
        self._transitions -= int(np.count_nonzero(slots.flags[envs, slot] & TRANSITION))
        self._transitions += int(np.count_nonzero(flags & TRANSITION))
        pixels = sight.image.reshape(len(envs), -1)
        words = np.zeros((len(envs), slots.frame.shape[2] * WORD), np.uint8)
        words[:, : pixels.shape[1]] = pixels
        slots.frame[envs, slot] = words.view(np.uint64)
        slots.vector[envs, slot] = sight.vector
        if self.shape.surroundings_dim > 0:
            slots.surroundings[envs, slot] = sight.surroundings
        if self.shape.policy_dim > 0:
            slots.policy[envs, slot] = sight.policy
        slots.flags[envs, slot] = flags
        slots.age[envs, slot] = np.minimum(self._age[envs], LONGEST_STACK)
        slots.written[envs] += 1
        self._age[envs] += 1
        self._choice.wrote(envs, slot)
        return slot

    def _remember(self, envs: np.ndarray, sight: Sight, slot: np.ndarray) -> None:
        """Extend the history by what was just written."""
        slots = self._slots
        numbers = (slots.vector, slots.surroundings, slots.action, slots.reward, slots.flags)
        self._history.extend(envs, sight.image, *(ring[envs, slot] for ring in numbers))

    def sample(self, batch_size: int, batches: int = 1, images: int | None = None) -> Batch:
        """Drawn transitions, with replacement; `drawn` then says which: worlds and positions, int64 (2, batches x B).

        Args:
            batch_size: B.
            batches: how many are drawn one after the other, each by itself.
            images: of how many transitions, the last ones, the image acted on is wanted; None: of all.

        Raises:
            ValueError: there is none yet whose window is complete.
        """
        self.drawn = np.concatenate([np.stack(self._choice.draw(batch_size)) for _ in range(batches)], axis=1)
        env, position = self.drawn
        slots, row = self._slots, self._slots.frame.shape[2] * WORD
        batch_size *= batches
        seen = batch_size if images is None else images
        then = 0 if slots.policy.shape[2] else batch_size
        image, next_image = (torch.empty((n, self.shape.stack, row), dtype=torch.uint8) for n in (seen, then))
        vector, next_vector = (torch.empty((batch_size, slots.vector.shape[2])) for _ in range(2))
        action = torch.empty((batch_size, slots.action.shape[2]))
        surroundings, next_surroundings = (torch.empty((batch_size, slots.surroundings.shape[2])) for _ in range(2))
        next_policy = torch.empty((batch_size, slots.policy.shape[2]))
        reward, discount = (torch.empty(batch_size) for _ in range(2))
        targets = (image.numpy().view(np.uint64), *(tensor.numpy() for tensor in (vector, action, reward, discount)))
        next_targets = (next_image.numpy().view(np.uint64), next_vector.numpy())
        beside = (surroundings.numpy(), next_surroundings.numpy(), next_policy.numpy())
        shape = self.shape
        windows = (env, position, shape.n_step, shape.frame_interval, shape.gamma)
        assemble(slots, *windows, *targets, *next_targets, *beside)
        image, next_image = self._unpadded(image), self._unpadded(next_image)
        observed = (image, vector, action, reward, discount, next_image, next_vector)
        return Batch(*observed, surroundings, next_surroundings, next_policy)

    def _unpadded(self, rows: Tensor) -> Tensor:
        *planes, height, width = self.shape.image_shape
        pixels = math.prod(self.shape.image_shape)
        return rows[:, :, :pixels].reshape(len(rows), self.shape.stack * math.prod(planes), height, width)

    def prioritize(self, drawn: np.ndarray, error: np.ndarray) -> None:
        """Draw transitions from now on by how wrong the critics were about them; nothing where drawn uniformly.

        Args:
            drawn: int64 (2, B), `drawn` as it was after `sample`. What has been overwritten since is passed over.
            error: (B,), TD errors of any sign; one that is not finite changes nothing.
        """
        if self._choice.priorities is not None:
            env, position = drawn
            self._choice.priorities.learned(env, position, np.asarray(error, np.float64))

    def recall(self, policy: Tensor) -> None:
        """What the policy wants now on observations acted on, to be told where they are the next ones.

        Args:
            policy: float32 (B, P), on the last B that `sample` drew; rows that are not finite change nothing, nor do
                those of what has been overwritten since.
        """
        actions = policy.float().cpu().numpy()
        env, position = self.drawn[:, -len(actions) :]
        size = self._slots.flags.shape[1]
        kept = np.isfinite(actions).all(axis=1) & (position >= self._slots.written[env] - size)
        self._slots.policy[env[kept], position[kept] % size] = actions[kept]

    def __len__(self) -> int:
        """Transitions stored, the few included whose window is not complete yet."""
        return self._transitions

    @property
    def bytes_per_transition(self) -> float:
        """Memory of one slot, everything included."""
        return sum(array[0, 0].nbytes for array in self._slots[:-1]) + self._choice.bytes_per_slot

    def held(self, since: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
        """Positions from `first` to before `last`, int64 (E,) each: held still, and not before `since` (None: all)."""
        return held_since(self._slots, since)

    def rows_since(self, since: np.ndarray | None) -> Rows:
        """What it was given at the positions that are `held`: copies."""
        return rows_of(self._slots, *held_since(self._slots, since))

    def cut(self, last: Sight, worlds: np.ndarray | None = None) -> np.ndarray:
        """End open episodes here, bootstrapped through: the next `add` begins new ones.

        Args:
            last: what was seen last in each world.
            worlds: bool (E,), whose episodes; None: all.

        Returns:
            Positions (E,) from which on rows have changed.
        """
        slots, every = self._slots, np.arange(self.shape.num_envs)
        before = slots.written.copy()
        newest = (before - 1) % slots.flags.shape[1]
        opened = every[(before > 0) & (self._age > 0) & (True if worlds is None else worlds)]
        slots.flags[opened, newest[opened]] |= EPISODE_OVER
        if len(opened):
            final = Sight(*(None if kept is None else kept[opened] for kept in last))  # type: ignore[arg-type]
            self._remember(opened, final, self._write(opened, final, np.full(len(opened), FINAL)))
        self._age[opened] = 0
        return np.where(np.isin(every, opened), before - 1, before)

    def books(self) -> dict[str, Any]:
        """All that rows do not say: how far each world is, what the policy wants, how often what is drawn."""
        first, last = held_since(self._slots, None)
        return {
            "first": first,
            "written": last,
            "next_age": self._age.copy(),
            "history": self._history.digest.copy(),
            "policy": gather(self._slots.policy, first, last),
            **self._choice.books(first, last),
        }

    def restore(
        self, books: Mapping[str, Any], pieces: Iterable[Mapping[str, Any]], since: np.ndarray | None = None
    ) -> None:
        """Take up stored books and the rows that belong to them, oldest first (NumPy arrays).

        The rings may have another size than those that were saved.

        Args:
            books: as `books` gave them.
            pieces: as `rows_since` gave them, without gaps; read one by one.
            since: positions (E,) that the rows begin at where older ones are lost; None: none is.

        Raises:
            UserError: they are of a replay with other shapes.
        """
        slots, first, last = self._slots, np.asarray(books["first"]), np.asarray(books["written"])
        policy = np.asarray(books["policy"])
        if len(last) != len(slots.written) or policy.shape[1:] != slots.policy.shape[2:]:
            raise UserError(*OTHER_SHAPE)
        slots.flags.fill(0)
        begins = since
        for rows in pieces:
            if not fits(slots, rows):
                raise UserError(*OTHER_SHAPE)
            begins = np.asarray(rows["first"]) if begins is None else begins
            put_rows(slots, rows)
        slots.written[:] = last
        if begins is not None:
            # What was lost before this was saved is lost still; a ring that has grown has room for what is not there.
            cut_before(slots, np.maximum(begins, first))
        self._age[:] = np.asarray(books["next_age"])
        self._history.digest[:] = np.asarray(books["history"])
        self._transitions = int(np.count_nonzero(slots.flags & TRANSITION))
        scatter(slots.policy, policy, first, last)
        self._choice.restore(books, first, last)

    def state_dict(self) -> dict[str, Any]:
        """Books and all rows together."""
        return {**self.books(), "rows": self.rows_since(None)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take up a stored state (NumPy arrays or tensors).

        Raises:
            UserError: it is of a replay with other shapes.
        """
        self.restore(state, [{name: np.asarray(some) for name, some in state["rows"].items()}])
