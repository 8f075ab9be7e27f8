"""What a server holds between calls: settings, the episode at hand, its Traffic Managers and the ticks that are due."""

from __future__ import annotations

from typing import Any

from av_td3_system.carla_server.blueprints import build_library
from av_td3_system.carla_server.cameras import eyes_of
from av_td3_system.carla_server.conventions import HERE
from av_td3_system.carla_server.episode import Episode, Numbers
from av_td3_system.carla_server.faults import Faults
from av_td3_system.carla_server.layouts import WORLD_STREAM, token_of
from av_td3_system.carla_server.places import Place, Places
from av_td3_system.carla_server.replies import Refusal, optional
from av_td3_system.config.errors import UserError

FREE_DELTA = 0.05  # s of a tick where a client has set no fixed step
SMALLEST_DELTA, LARGEST_DELTA = 1e-4, 10.0  # s


class Session:
    """One world server's state.

    Args:
        places: the maps. port: of the streams. faults: that are to happen.
    """

    def __init__(self, places: Places, port: int, faults: Faults) -> None:
        self.places, self.port, self.faults = places, port, faults
        self.library = build_library()
        self.numbers = Numbers()
        self.settings = default_settings()
        self.managers: dict[int, str] = {}  # host of the Traffic Manager at each port
        self.due = 0  # ticks that were asked for
        self.ended: list[int] = []  # streams of actors that have gone
        self.expected: list[int] = []  # streams whose token was asked for
        self.episode = self._begin(places.first, 0)

    @property
    def synchronous(self) -> bool:
        """Whether ticks wait for a client."""
        return bool(self.settings[0])

    @property
    def delta(self) -> float:
        """Seconds of a tick."""
        given, *step = self.settings[2]
        return float(step[0]) if given else FREE_DELTA

    def change_settings(self, settings: Any) -> None:
        """Take a packed `carla::rpc::EpisodeSettings`.

        Raises:
            Refusal: it is none, or a step that no world can take.
        """
        if not isinstance(settings, list) or len(settings) != len(default_settings()):
            raise Refusal("these are not the episode settings of CARLA 0.9.16")
        given = settings[2]
        if not isinstance(given, list) or len(given) not in (1, 2) or len(given) != 1 + bool(given[0]):
            raise Refusal("fixed_delta_seconds is not what CARLA 0.9.16 sends")
        for told, usual in zip(settings, default_settings(), strict=True):
            number = isinstance(usual, float) and isinstance(told, int | float)
            if not (number or isinstance(told, type(usual))):
                raise Refusal("these are not the episode settings of CARLA 0.9.16")
        if given[0] and not isinstance(given[1], int | float):
            raise Refusal("fixed_delta_seconds is no number")
        if given[0] and given[1] != 0.0 and not SMALLEST_DELTA <= given[1] <= LARGEST_DELTA:
            raise Refusal(
                f"fixed_delta_seconds is {given[1]}, but must be 0 or from {SMALLEST_DELTA:g} to {LARGEST_DELTA:g}"
            )
        if given[0] and float(given[1]) == 0.0:  # as CARLA takes it: a variable step
            settings = [*settings[:2], [False], *settings[3:]]
        self.settings = settings

    def load(self, name: str, reset: bool) -> None:
        """Begin a new episode on a map, or on the same one if the name is empty.

        Raises:
            Refusal: there is no such map, or it cannot be driven.
        """
        try:
            place = self.places.open(name or self.episode.place.name)
        except KeyError as error:
            raise Refusal(f"map not found: {name}; there are {', '.join(self.places.names())}") from error
        except UserError as error:
            raise Refusal(str(error)) from error
        if reset:
            self.settings = default_settings()
        self.ended += [actor.stream for actor in self.episode.actors.values() if actor.stream]
        self.episode = self._begin(place, self.episode.frame)

    def _begin(self, place: Place, frame: int) -> Episode:
        return Episode(place, self.library, self.numbers, eyes_of(place.source), frame, self.port)

    def prepare(self) -> None:
        """Make a picture, so that the first client does not wait for what is compiled or painted for it."""
        eyes, episode = self.episode.eyes, self.episode
        episode.tick(FREE_DELTA)
        eyes.color(HERE, (84, 84), 90.0, episode.weather, episode.bodies, None, 0)

    def token(self, stream: int) -> bytes:
        """The token of a stream."""
        return token_of(stream, self.port)

    def has_stream(self, stream: int) -> bool:
        """Whether anything is sent on a stream."""
        return stream == WORLD_STREAM or any(actor.stream == stream for actor in self.episode.actors.values())


def default_settings() -> list[Any]:
    """`carla::rpc::EpisodeSettings` as a server starts with them.

    Synchronous mode, no rendering, fixed step, substepping, its longest step (s) and most steps, culling distance (m),
    deterministic ragdolls, tile streaming and actor distance (m), spectator as ego.
    """
    return [False, False, optional(None), True, 0.01, 10, 0.0, True, 3000.0, 2000.0, True]
