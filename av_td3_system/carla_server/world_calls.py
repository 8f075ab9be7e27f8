"""Calls about the server, the map, the episode and its weather."""

from __future__ import annotations

import math
from typing import Any

from av_td3_system.carla_server.layouts import WORLD_STREAM
from av_td3_system.carla_server.replies import NOTHING, Refusal, value
from av_td3_system.carla_server.session import Session
from av_td3_system.config.errors import UserError
from av_td3_system.town.weather import WeatherParameters

VERSION = "0.9.16"
LARGEST_MAP = 64 * 2**20  # characters of OpenDRIVE


class WorldCalls:
    """Methods named and called as CARLA's server has them; each gives the packed reply."""

    VOID = frozenset({"load_new_episode", "copy_opendrive_to_file", "set_weather_parameters", "draw_debug_shape"})

    def __init__(self, session: Session) -> None:
        self._session = session

    def version(self) -> Any:
        """The version that clients compare with their own."""
        return value(VERSION)

    def get_episode_info(self) -> Any:
        """Number of the episode, and the token of the world's stream."""
        return value([self._session.episode.number, [self._session.token(WORLD_STREAM)]])

    def get_sensor_token(self, stream: int) -> Any:
        """The token of a stream that the client is about to listen to."""
        if not self._session.has_stream(stream):
            raise Refusal(f"there is no stream {stream!r}")
        self._session.expected.append(stream)
        return value([self._session.token(stream)])

    def get_episode_settings(self) -> Any:
        """The settings."""
        return value(self._session.settings)

    def set_episode_settings(self, settings: Any) -> Any:
        """Change the settings; the frame from which they hold."""
        self._session.change_settings(settings)
        return value(self._session.episode.frame)

    def tick_cue(self) -> Any:
        """Tick once; the frame that it will be. Without synchronous mode the world ticks by itself."""
        if self._session.synchronous:
            self._session.due += 1
        return value(self._session.episode.frame + max(self._session.due, 1))

    def get_map_info(self) -> Any:
        """Name of the map and recommended spawn points."""
        place = self._session.episode.place
        return value([place.name, [pose.to_wire() for pose in place.spawn_points]])

    def get_map_data(self) -> Any:
        """The map as OpenDRIVE."""
        return value(self._session.episode.place.xodr)

    def get_available_maps(self) -> Any:
        """The maps that can be loaded."""
        return value(self._session.places.names())

    def get_required_files(self, folder: str = "", download: bool = False) -> Any:
        """Files that a client should have: none, it makes what it needs from the map."""
        return value([])

    def request_file(self, name: str) -> Any:
        """A file: empty, there is none."""
        return value(b"")

    def get_navigation_mesh(self) -> Any:
        """Where walkers may go: nowhere."""
        return value(b"")

    def copy_opendrive_to_file(self, xodr: str, parameters: Any = None) -> Any:
        """Take a map from the client; it is loaded as `OpenDriveMap`."""
        if not isinstance(xodr, str) or len(xodr) > LARGEST_MAP:
            raise Refusal(f"a map must be text of at most {LARGEST_MAP} characters")
        try:
            self._session.places.receive(xodr)
        except UserError as error:
            raise Refusal(str(error)) from error
        return NOTHING

    def load_new_episode(self, name: str, reset: bool = True, layers: int = 0) -> Any:
        """Begin anew on a map; the same one for an empty name."""
        if not isinstance(name, str):
            raise Refusal("the name of a map must be text")
        self._session.load(name, reset)
        return NOTHING

    def get_actor_definitions(self) -> Any:
        """The blueprint library."""
        return value(self._session.library.definitions)

    def get_weather_parameters(self) -> Any:
        """The weather's 14 numbers."""
        return value(list(self._session.episode.weather.values()))

    def set_weather_parameters(self, weather: Any) -> Any:
        """Change the weather; cameras show it from the next picture on."""
        numbers = [float(number) for number in weather]
        if len(numbers) != len(WeatherParameters().values()) or not all(math.isfinite(number) for number in numbers):
            raise Refusal("weather must be 14 finite numbers")
        self._session.episode.weather = WeatherParameters(*numbers)
        return NOTHING

    def get_all_level_BBs(self, tag: int = 0) -> Any:
        """Bounding boxes of the level: none are told."""
        return value([])

    def get_environment_objects(self, tag: int = 0) -> Any:
        """Objects of the level: none are told."""
        return value([])

    def get_names_of_all_objects(self) -> Any:
        """Names of the level's objects: none are told."""
        return value([])

    def query_lights_state(self, host: str = "", port: int = 0) -> Any:
        """Street lights: none can be switched."""
        return value([])

    def draw_debug_shape(self, shape: Any) -> Any:
        """Drawings for a person at the server's window: there is none, so there is nothing to be done."""
        return NOTHING
