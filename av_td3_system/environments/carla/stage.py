"""What stands and drives in a CARLA world in one episode: the car with its sensors, traffic, weather, lights."""

from __future__ import annotations

import math
import random
from collections import deque
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from av_td3_system.config.backend_sections import CarlaConfig
from av_td3_system.environments.carla.axes import transform
from av_td3_system.environments.carla.messages import CameraSpec, ClientSpec, EpisodeSpec, Fault
from av_td3_system.environments.carla.wake_up import TickWatch
from av_td3_system.town.state import CAR

ABOVE = 0.3  # m above the road at which vehicles are put down
GROUND = ("static.road", "static.sidewalk", "static.roadline", "static.ground", "static.terrain")
"""What a wheel may touch; everything else that a car touches is a collision."""


class Stage:
    """Sets up and clears one episode's actors.

    Attributes:
        ego: the car's actor, None between episodes.
        ego_ahead: m from its origin to the middle of its box.
        others: an id (None: found no place) and the middle of the box, m ahead of the origin, of each other vehicle.
        sizes: (V, 3) of their boxes, m.
        hits: frame and type id of what the car has touched since they were taken.
    """

    def __init__(self, carla: Any, client: Any, world: Any, spec: ClientSpec) -> None:
        self._carla, self._client, self._world, self._spec = carla, client, world, spec
        self._library, self._map = world.get_blueprint_library(), world.get_map()
        if spec.ego not in {blueprint.id for blueprint in self._library.filter("vehicle.*")}:
            raise Fault(
                "refused_setting",
                f"the server's library has no vehicle {spec.ego} (carla.ego)",
                f"{CarlaConfig().ego} is the town's own car",
            )
        self._models = self._kinds()
        self._boxes: dict[str, tuple[float, tuple[float, float, float]]] = {}
        self._manager = client.get_trafficmanager(spec.traffic_manager_port)
        self._manager.set_synchronous_mode(True)
        self._manager.set_hybrid_physics_mode(False)
        self._watch = TickWatch(self._manager.get_port(), lambda: int(world.get_snapshot().frame))
        self._sensors: list[Any] = []
        self._traffic: list[Any] = []
        self._parked: list[Any] = []
        self.ego: Any = None
        self.ego_ahead = 0.0
        self.others: list[tuple[int | None, float]] = []
        self.sizes: NDArray[np.float64] = np.zeros((0, 3))
        self.hits: deque[tuple[int, str]] = deque()

    def set_up(self, episode: EpisodeSpec, see: Callable[[tuple[int, NDArray[np.uint8]]], None] | None) -> None:
        """Spawn everything; the car and the others stand until `set_off`.

        Args:
            episode: what it begins with.
            see: takes frame and picture (H, W, 4) BGRA of each tick, in a thread of the library's; None: no camera.

        Raises:
            Fault: the car found no place.
        """
        weather = getattr(self._carla.WeatherParameters, episode.weather, None)
        if weather is None:
            raise Fault("refused_setting", f"CARLA has no weather {episode.weather}", "see environment.weathers")
        self._world.set_weather(weather)
        self._settle_lights()
        self._spawn_ego(episode)
        self._spawn_others(episode)
        bumper = self._attach("sensor.other.collision", {}, self._carla.Transform())
        bumper.listen(lambda event: self._touched(event.frame, event.other_actor))
        if see is not None and self._spec.camera is not None:
            self._mount(self._spec.camera, see)

    def set_off(self, episode: EpisodeSpec) -> None:
        """Hand the other vehicles to the Traffic Manager."""
        port, carla = self._manager.get_port(), self._carla
        self._manager.set_random_device_seed(episode.seed & 0x7FFFFFFF)
        commands = []
        for actor, row in zip(self._traffic, episode.vehicles, strict=True):
            if actor is None:
                continue
            commands.append(carla.command.SetAutopilot(actor.id, True, port))
            self._manager.vehicle_percentage_speed_difference(actor, 100.0 * (1.0 - float(row[4])))
            if not self._spec.traffic_lights:
                self._manager.ignore_lights_percentage(actor, 100.0)
            cos, sin = math.cos(row[2]), math.sin(row[2])
            speed = carla.Vector3D(float(row[3]) * cos, -float(row[3]) * sin, 0.0)
            commands.append(carla.command.ApplyTargetVelocity(actor.id, speed))
        self._client.apply_batch_sync(commands, False)

    def tick(self, timeout: float) -> int:
        """One tick of the world and of the Traffic Manager; its frame."""
        with self._watch:
            frame: int = self._world.tick(timeout)
        return frame

    def take_hits(self) -> list[tuple[int, str]]:
        """What the car has touched since this was asked last; a sensor's thread may add to it meanwhile."""
        return [self.hits.popleft() for _ in range(len(self.hits))]

    def clear(self) -> None:
        """Destroy all that was spawned; a Traffic Manager that still holds a vehicle then would end the process."""
        there = [actor for actor in self._traffic if actor is not None]
        port, command = self._manager.get_port(), self._carla.command
        for sensor in self._sensors:
            sensor.stop()
        if there:
            self._client.apply_batch_sync([command.SetAutopilot(actor.id, False, port) for actor in there], False)
        actors = [*self._sensors, *there, *self._parked, *([self.ego] if self.ego is not None else [])]
        if actors:
            self.tick(self._spec.timeout)
            self._client.apply_batch_sync([command.DestroyActor(actor.id) for actor in actors], False)
            self.tick(self._spec.timeout)
        self._sensors, self._traffic, self._parked, self.ego = [], [], [], None

    def shut_down(self) -> None:
        """End the Traffic Manager: a second client of the process would crash beside it."""
        self._watch.close()
        self._manager.set_synchronous_mode(False)
        self._manager.shut_down()

    def wheel_angle(self) -> float:
        """Of the front wheels, rad, positive to the left: the mean of both."""
        places = self._carla.VehicleWheelLocation
        both = [self.ego.get_wheel_steer_angle(place) for place in (places.FL_Wheel, places.FR_Wheel)]
        return -math.radians(sum(both) / 2.0)

    def _spawn_ego(self, episode: EpisodeSpec) -> None:
        blueprint = self._library.find(self._spec.ego)
        blueprint.set_attribute("role_name", "hero")
        ahead, _ = self._boxes.get(self._spec.ego, (0.0, None))
        self.ego = self._world.try_spawn_actor(blueprint, self._place(*episode.ego, ahead))
        if self.ego is None:
            raise Fault("failed_spawn", "the car found no place at the beginning of its route")
        self.ego_ahead, _ = self._box(self._spec.ego, self.ego)

    def _spawn_others(self, episode: EpisodeSpec) -> None:
        rng = random.Random(episode.seed)
        command, commands, models = self._carla.command, [], []
        places = np.concatenate((episode.vehicles[:, :3], episode.parked))
        for row, kind in zip(places, episode.kinds, strict=True):
            blueprint = rng.choice(self._models[int(kind)])
            if blueprint.has_attribute("color"):
                blueprint.set_attribute("color", rng.choice(blueprint.get_attribute("color").recommended_values))
            blueprint.set_attribute("role_name", "autopilot")
            models.append(blueprint.id)
            ahead, _ = self._boxes.get(blueprint.id, (0.0, None))
            commands.append(command.SpawnActor(blueprint, self._place(row[0], row[1], row[2], ahead)))
        answers = self._client.apply_batch_sync(commands, False) if commands else []
        self.tick(self._spec.timeout)  # only then does the client know who was spawned
        identifiers = [None if answer.error else answer.actor_id for answer in answers]
        known = {actor.id: actor for actor in self._world.get_actors([i for i in identifiers if i is not None])}
        spawned = [known.get(i) if i is not None else None for i in identifiers]
        count = len(episode.vehicles)
        self._traffic, self._parked = spawned[:count], [actor for actor in spawned[count:] if actor is not None]
        for actor in self._parked:
            actor.set_simulate_physics(False)
        boxes = [
            self._box(model, actor) if actor is not None else (0.0, (0.0, 0.0, 0.0))
            for model, actor in zip(models, self._traffic, strict=False)
        ]
        self.others = [
            (None if actor is None else actor.id, box[0]) for actor, box in zip(self._traffic, boxes, strict=True)
        ]
        self.sizes = np.array([box[1] for box in boxes]).reshape(-1, 3)

    def _place(self, x: float, y: float, heading: float, ahead: float) -> Any:
        """Where an actor is put whose box is to have its middle there."""
        x, y = x - ahead * math.cos(heading), y - ahead * math.sin(heading)
        below = self._map.get_waypoint(self._carla.Location(x=x, y=-y, z=0.0))
        return transform(self._carla, x, y, heading, (below.transform.location.z if below else 0.0) + ABOVE)

    def _box(self, model: str, actor: Any) -> tuple[float, tuple[float, float, float]]:
        """Middle of a model's box ahead of its origin, and its size, m; asked for once, since each is a call."""
        if model not in self._boxes:
            box = actor.bounding_box
            size = 2.0 * box.extent.x, 2.0 * box.extent.y, 2.0 * box.extent.z
            self._boxes[model] = box.location.x, size
        return self._boxes[model]

    def _kinds(self) -> list[list[Any]]:
        """Blueprints of cars, vans and trucks, as far as their types are wanted; who has none is a car."""
        found: dict[str, list[Any]] = {"car": [], "van": [], "truck": []}
        for blueprint in self._library.filter("vehicle.*"):
            kind = blueprint.get_attribute("base_type").as_str() if blueprint.has_attribute("base_type") else ""
            wheels = int(blueprint.get_attribute("number_of_wheels"))
            if wheels == 4 and kind in found and kind in self._spec.vehicle_types:
                found[kind].append(blueprint)
        for models in found.values():
            models.sort(key=lambda blueprint: blueprint.id)
        kinds = list(found.values())
        if not kinds[CAR]:
            raise Fault(
                "refused_setting",
                "the server's library has no cars with four wheels of the types in carla.vehicle_types",
                f"carla.vehicle_types={list(CarlaConfig().vehicle_types)} has some",
            )
        return [models or kinds[CAR] for models in kinds]

    def _attach(self, name: str, attributes: dict[str, str], place: Any) -> Any:
        blueprint = self._library.find(name)
        for key, value in attributes.items():
            if blueprint.has_attribute(key):
                blueprint.set_attribute(key, value)
        sensor = self._world.spawn_actor(blueprint, place, attach_to=self.ego)
        self._sensors.append(sensor)
        return sensor

    def _mount(self, camera: CameraSpec, see: Callable[[tuple[int, NDArray[np.uint8]]], None]) -> None:
        carla = self._carla
        attributes = {
            "image_size_x": str(camera.width),
            "image_size_y": str(camera.height),
            "fov": str(camera.fov),
            "motion_blur_intensity": "0.0",  # a frame is one moment, as in the town
        }
        place = carla.Transform(
            carla.Location(x=camera.x + self.ego_ahead, y=camera.y, z=camera.z), carla.Rotation(pitch=camera.pitch)
        )
        eye = self._attach("sensor.camera.rgb", attributes, place)
        shape = camera.height, camera.width, 4

        def keep(image: Any) -> None:
            see((image.frame, np.frombuffer(image.raw_data, np.uint8).reshape(shape).copy()))

        eye.listen(keep)

    def _touched(self, frame: int, other: Any) -> None:
        if other is None or not str(other.type_id).startswith(GROUND):
            self.hits.append((frame, "?" if other is None else str(other.type_id)))

    def _settle_lights(self) -> None:
        """Where lights are out of play they are green for everybody, for good."""
        if self._spec.traffic_lights:
            return
        for light in self._world.get_actors().filter("traffic.traffic_light*"):
            light.set_state(self._carla.TrafficLightState.Green)
            light.freeze(True)
