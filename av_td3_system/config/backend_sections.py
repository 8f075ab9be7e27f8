"""Settings of what drives for a run: CARLA servers, and processes on other cores and machines."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from av_td3_system.config.section import Positive, Section

Port = Annotated[int, Field(ge=1024, le=65534)]


class CarlaConfig(Section):
    """CARLA 0.9.16 servers; of `run.backend=carla` alone. What starts one is no setting: see docs/carla.md."""

    host: Annotated[str, Field(min_length=1)] = "127.0.0.1"
    port: Port = 2000  # of the first world's server
    port_step: Annotated[int, Field(ge=2, le=100)] = 4  # from one world's server to the next
    traffic_manager_port: Port = 8000  # of the first world's, the next ones follow
    timeout: Positive = 20.0  # s, of a call or a tick
    load_timeout: Positive = 120.0  # s, of loading a map, and of waiting for a server
    sensor_timeout: Positive = 5.0  # s, of a picture after its tick
    attempts: Annotated[int, Field(ge=1, le=20)] = 4  # to begin one episode, after which the backend is lost
    memory_limit: Positive | None = None  # GB; a server started here that holds more is started anew between episodes
    ego: Annotated[str, Field(min_length=1)] = "vehicle.seat.leon"
    vehicle_types: Annotated[tuple[Literal["car", "van", "truck"], ...], Field(min_length=1)] = ("car", "van")
    traffic_lights: bool = False  # False: out of play, for traffic as well; True: traffic obeys them, nobody judges
    settle_ticks: Annotated[int, Field(ge=1, le=200)] = 10  # after spawning, before anybody drives


class CollectorsConfig(Section):
    """Processes that drive for a learner, on Ray; without any it drives itself."""

    count: Annotated[int, Field(ge=0, le=256)] = 0  # each drives in an equal part of `run.num_envs` worlds
    block: Annotated[int, Field(ge=1, le=1024)] = 16  # decisions of each world that are asked for at once
    ray_address: Annotated[str, Field(min_length=1)] | None = None  # of a cluster; None: a Ray of the run's own
