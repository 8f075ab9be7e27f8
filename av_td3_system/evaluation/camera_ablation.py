"""Takes a policy's camera away while it drives, or one thing out of its picture: who drives as well never looked.

`blank` is an image of zeros (`environment.blank_image`, nothing is rendered). `frozen` is what the camera saw first in
the episode, for good. `shuffled` is at every decision what the camera of another world, drawn anew, sees at that
moment: pictures as in driving, of something else. A policy may stand still on a black image because it never saw one;
a shuffled image is one that it knows.

`leader_erased` is the camera's image but for the vehicle ahead on the route (`environment.erase_leader`): nearer than
45 m it, its shadow and its lamps are not painted, and it stands in the way as ever. All else is to be seen, so who
brakes for what it sees drives into it, and who never looked at it collides no more often than with the whole image.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import numpy as np

from av_td3_system.config.errors import UserError

Image = Literal["seen", "blank", "frozen", "shuffled", "leader_erased"]
IMAGES: tuple[Image, ...] = ("seen", "blank", "frozen", "shuffled", "leader_erased")
SETTINGS: dict[Image, tuple[str, ...]] = {
    "blank": ("environment.blank_image=true",),
    "leader_erased": ("environment.erase_leader=true",),
}
"""Those that the worlds' own cameras show: the settings that make them do so."""


def image_named(name: str) -> Image:
    """One of `IMAGES`.

    Raises:
        UserError: there is none of that name.
    """
    for image in IMAGES:
        if image == name:
            return image
    raise UserError(f"--image is {name!r}, but must be one of {', '.join(IMAGES)}")


class AblatedCamera:
    """A policy that is shown other images than its world's.

    Args:
        policy: what drives.
        image: `frozen` or `shuffled`.
        seed: of who is shown whose image.
    """

    def __init__(self, policy: Callable[[dict[str, np.ndarray], Any], np.ndarray], image: Image, seed: int) -> None:
        self._policy, self._shown = policy, self._frozen if image == "frozen" else self._shuffled
        self._rng = np.random.default_rng(seed)
        self._first: np.ndarray | None = None
        self._begins: np.ndarray | None = None

    def __call__(self, observation: dict[str, np.ndarray], env: Any) -> np.ndarray:
        """Actions float32 (N, A).

        Raises:
            UserError: there is no other world whose image could be shown.
        """
        return self._policy({**observation, "image": self._shown(observation["image"])}, env)

    def reset(self, mask: np.ndarray) -> None:
        """The masked worlds begin an episode."""
        self._begins = mask.copy() if self._begins is None else self._begins | mask
        reset = getattr(self._policy, "reset", None)
        if reset is not None:
            reset(mask)

    def _frozen(self, image: np.ndarray) -> np.ndarray:
        if self._first is None:
            self._first = image.copy()
        elif self._begins is not None:
            self._first[self._begins] = image[self._begins]
        self._begins = None
        return self._first

    def _shuffled(self, image: np.ndarray) -> np.ndarray:
        if len(image) < 2:
            raise UserError("--image shuffled needs at least two worlds", "give --num-envs and --episodes of 2 or more")
        order = self._rng.permutation(len(image))
        shown = np.empty_like(order)
        shown[order] = np.roll(order, 1)  # the next in a random circle: nobody is shown its own
        return image[shown]
