"""What a replay holds and how it is put together again, whichever memory it lies in."""

from __future__ import annotations

from typing import NamedTuple

from av_td3_system.config.errors import UserError
from av_td3_system.replay.choice import Sampling


class ReplayShape(NamedTuple):
    """Sizes of a replay and the windows that are made of it.

    Attributes:
        capacity: slots over all environments; a slot holds a transition or an episode's last observation.
        num_envs: parallel worlds N.
        image_shape: of a frame, (H, W) or (planes, H, W); without pixels where transitions are vectors alone.
        vector_dim: D.
        n_step: longest window that is summed into one transition.
        gamma: discount a step.
        stack: frames in an observation.
        action_dim: A.
        frame_interval: decisions from one frame of an observation to the next.
        surroundings_dim: R, numbers kept beside each observation for the critic.
        policy_dim: P, A where what the policy wants on each observation is kept instead of looking at the next image.
        sampling: what is drawn how often, uniformly by default.
    """

    capacity: int
    num_envs: int
    image_shape: tuple[int, ...]
    vector_dim: int
    n_step: int
    gamma: float
    stack: int = 4
    action_dim: int = 2
    frame_interval: int = 1
    surroundings_dim: int = 0
    policy_dim: int = 0
    sampling: Sampling = Sampling()

    @property
    def reach(self) -> int:
        """Decisions from a stack's oldest frame to its newest."""
        return (self.stack - 1) * self.frame_interval

    def slots(self) -> int:
        """Slots of each world's ring.

        Raises:
            UserError: the capacity is too small for one window in each world.
        """
        size, least = -(-self.capacity // self.num_envs), self.n_step + self.reach + 3
        if size < least:
            raise UserError(
                f"replay.capacity {self.capacity} is too small for {self.num_envs} worlds",
                f"give at least {least * self.num_envs}",
            )
        return size
