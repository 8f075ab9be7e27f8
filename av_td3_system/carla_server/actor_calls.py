"""Calls about actors: spawning, moving, commanding and asking them, one by one or in batches."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from av_td3_system.carla_server import vehicle_sheet
from av_td3_system.carla_server.actors import Actor, TrafficLight, Vehicle
from av_td3_system.carla_server.conventions import pose_from_wire, vector_from_wire
from av_td3_system.carla_server.replies import NOTHING, Refusal, failure, value
from av_td3_system.carla_server.session import Session

# Commands of a batch by their place in `carla::rpc::Command` of 0.9.16.
SPAWN, DESTROY, CONSOLE, AUTOPILOT = 0, 1, 20, 16
_BATCHED = {
    2: "apply_control_to_vehicle",
    5: "apply_physics_control",
    6: "set_actor_transform",
    8: "set_actor_target_velocity",
    14: "set_actor_simulate_physics",
    15: "set_actor_enable_gravity",
    17: "show_vehicle_debug_telemetry",
    18: "set_vehicle_light_state",
    19: "set_actor_location",
    21: "set_traffic_light_state",
}


class ActorCalls:
    """Methods named and called as CARLA's server has them; each gives the packed reply."""

    VOID = frozenset({
        "apply_control_to_vehicle", "apply_physics_control", "set_actor_transform", "set_actor_location",
        "set_actor_target_velocity", "enable_actor_constant_velocity", "disable_actor_constant_velocity",
        "set_actor_simulate_physics", "set_actor_collisions", "set_actor_enable_gravity", "set_actor_autopilot",
        "show_vehicle_debug_telemetry", "set_vehicle_light_state", "set_traffic_light_state",
        "set_traffic_light_green_time", "set_traffic_light_yellow_time", "set_traffic_light_red_time",
        "freeze_traffic_light", "freeze_all_traffic_lights", "reset_traffic_light_group", "reset_all_traffic_lights",
    })  # fmt: skip

    def __init__(self, session: Session) -> None:
        self._session = session

    # Actors of any kind

    def spawn_actor(self, description: Any, transform: Any) -> Any:
        """Spawn an actor."""
        return value(self._wire(self._spawn(description, transform, 0)))

    def spawn_actor_with_parent(
        self, description: Any, transform: Any, parent: int, attachment: int = 0, socket: str = ""
    ) -> Any:
        """Spawn an actor that hangs on another; every kind of attachment is rigid."""
        return value(self._wire(self._spawn(description, transform, parent)))

    def destroy_actor(self, identifier: int) -> Any:
        """Destroy an actor."""
        self._destroy(identifier)
        return value(True)

    def get_actors_by_id(self, identifiers: list[int]) -> Any:
        """Those of the actors that there are."""
        actors = self._session.episode.actors
        return value([self._wire(actors[i]) for i in dict.fromkeys(identifiers) if i in actors])

    def get_spectator(self) -> Any:
        """The spectator."""
        return value(self._wire(self._session.episode.spectator))

    def get_actor_bounding_box(self, identifier: int) -> Any:
        """An actor's box, in its own axes."""
        return value(self._session.episode.actor(identifier).bounding_box)

    def set_actor_transform(self, identifier: int, transform: Any) -> Any:
        """Put an actor somewhere."""
        self._session.episode.move(self._session.episode.actor(identifier), pose_from_wire(transform))
        return NOTHING

    def set_actor_location(self, identifier: int, location: Any) -> Any:
        """Put an actor somewhere, turned as it is."""
        actor = self._session.episode.actor(identifier)
        x, y, z = vector_from_wire(location)
        at = actor.relative if actor.parent else actor.pose
        self._session.episode.move(actor, at._replace(x=x, y=y, z=z))
        return NOTHING

    def set_actor_target_velocity(self, identifier: int, velocity: Any) -> Any:
        """Give a vehicle a speed at once: the part of it along the vehicle, which cannot slide."""
        vehicle = self._vehicle(identifier)
        self._session.episode.push(vehicle, vector_from_wire(velocity))
        return NOTHING

    def enable_actor_constant_velocity(self, identifier: int, velocity: Any) -> Any:
        """Hold a vehicle's speed, in its own axes, whatever its command."""
        self._vehicle(identifier).constant_velocity = vector_from_wire(velocity)
        return NOTHING

    def disable_actor_constant_velocity(self, identifier: int) -> Any:
        """Let the command count again."""
        self._vehicle(identifier).constant_velocity = None
        return NOTHING

    def set_actor_simulate_physics(self, identifier: int, wanted: bool) -> Any:
        """Let a vehicle drive, or stay where it is put."""
        self._session.episode.simulate_physics(self._session.episode.actor(identifier), bool(wanted))
        return NOTHING

    def set_actor_collisions(self, identifier: int, wanted: bool) -> Any:
        """Everything that has a body collides."""
        if not wanted:
            raise Refusal("set_actor_collisions: serve-carla cannot turn collisions off")
        return NOTHING

    def set_actor_enable_gravity(self, identifier: int, wanted: bool) -> Any:
        """The town is flat: gravity moves nobody."""
        self._session.episode.actor(identifier)
        return NOTHING

    # Vehicles

    def apply_control_to_vehicle(self, identifier: int, control: Any) -> Any:
        """Command a vehicle, until the next command."""
        self._session.episode.steer(self._vehicle(identifier), control)
        return NOTHING

    def set_actor_autopilot(self, identifier: int, wanted: bool) -> Any:
        """Traffic Managers run in clients; there is nothing to do here."""
        self._vehicle(identifier)
        return NOTHING

    def show_vehicle_debug_telemetry(self, identifier: int, wanted: bool) -> Any:
        """There is no window to show it in."""
        return NOTHING

    def set_vehicle_light_state(self, identifier: int, state: Any) -> Any:
        """Remember which lamps are said to be lit; brake lamps are drawn by the brake."""
        self._vehicle(identifier).lights = int(state[0] if isinstance(state, list) else state) & 0xFFFFFFFF
        return NOTHING

    def get_vehicle_light_state(self, identifier: int) -> Any:
        """Which lamps are said to be lit."""
        return value([self._vehicle(identifier).lights])

    def get_vehicle_light_states(self) -> Any:
        """The same for all vehicles."""
        actors = self._session.episode.actors.values()
        return value([[actor.identifier, actor.lights] for actor in actors if isinstance(actor, Vehicle)])

    def get_physics_control(self, identifier: int) -> Any:
        """A vehicle's data sheet, as far as CARLA's terms fit the town's model."""
        body = self._session.episode.bodies.of(self._vehicle(identifier).identifier)
        return value(vehicle_sheet.physics_control(body))

    def apply_physics_control(self, identifier: int, control: Any) -> Any:
        """Refused: the town's vehicle model has other numbers."""
        raise Refusal(
            "apply_physics_control: serve-carla drives by the town's own vehicle model, which has other numbers"
        )

    def get_telemetry_data(self, identifier: int) -> Any:
        """Speed (m/s), command and engine of a vehicle."""
        vehicle = self._vehicle(identifier)
        return value(vehicle_sheet.telemetry(self._session.episode.bodies.of(identifier), vehicle.control))

    def get_wheel_steer_angle(self, identifier: int, wheel: int) -> Any:
        """How far a wheel is turned, degrees, positive to the right."""
        body = self._session.episode.bodies.of(self._vehicle(identifier).identifier)
        return value(vehicle_sheet.wheel_angle(body, wheel))

    # Traffic lights: they show what they are told to, and govern nobody

    def set_traffic_light_state(self, identifier: int, state: int) -> Any:
        """Let a light show red, yellow, green, off or unknown (0 to 4)."""
        if not 0 <= int(state) <= 4:
            raise Refusal(f"a traffic light cannot show {state}")
        self._light(identifier).state = int(state)
        return NOTHING

    def set_traffic_light_green_time(self, identifier: int, seconds: float) -> Any:
        """Remember a time."""
        return self._set_time(identifier, 0, seconds)

    def set_traffic_light_yellow_time(self, identifier: int, seconds: float) -> Any:
        """Remember a time."""
        return self._set_time(identifier, 1, seconds)

    def set_traffic_light_red_time(self, identifier: int, seconds: float) -> Any:
        """Remember a time."""
        return self._set_time(identifier, 2, seconds)

    def _set_time(self, identifier: int, place: int, seconds: float) -> Any:
        light = self._light(identifier)
        times = list(light.times)
        times[place] = min(max(float(seconds), 0.0), 1e6)
        light.times = (times[0], times[1], times[2])
        return NOTHING

    def freeze_traffic_light(self, identifier: int, frozen: bool) -> Any:
        """Remember it; lights do not change by themselves either way."""
        self._light(identifier).frozen = bool(frozen)
        return NOTHING

    def freeze_all_traffic_lights(self, frozen: bool) -> Any:
        """The same for all."""
        for light in self._lights():
            light.frozen = bool(frozen)
        return NOTHING

    def reset_traffic_light_group(self, identifier: int) -> Any:
        """All lights of a junction green again."""
        self._light(identifier)
        return self.reset_all_traffic_lights()

    def reset_all_traffic_lights(self) -> Any:
        """All lights green again."""
        for light in self._lights():
            light.state = TrafficLight.state
        return NOTHING

    def get_group_traffic_lights(self, identifier: int) -> Any:
        """The lights that belong together: all, since none waits for another."""
        self._light(identifier)
        return value([light.identifier for light in self._lights()])

    def get_light_boxes(self, identifier: int) -> Any:
        """Boxes of the lamps: none are told."""
        self._light(identifier)
        return value([])

    # Batches

    def apply_batch(self, commands: list[Any], do_tick: bool = False) -> Any:
        """Many commands at once; for each the actor's id or an error."""
        results = [self._command(command) for command in commands]
        if do_tick:
            self._session.due += 1
        return results

    def _command(self, command: Any, spawned: int | None = None) -> Any:
        try:
            place, fields = command[0]
            if place == SPAWN:
                description, transform, parent, *_, after = fields
                actor = self._spawn(description, transform, parent[1] if parent[0] else 0)
                for following in after:
                    self._command(following, actor.identifier)
                return value(actor.identifier)
            if place == CONSOLE:
                raise Refusal("serve-carla runs no console commands")
            identifier = fields[0] if spawned is None else spawned
            if place == DESTROY:
                self._destroy(identifier)
            elif place == AUTOPILOT:
                self._vehicle(identifier)
            elif place in _BATCHED:
                call: Callable[..., Any] = getattr(self, _BATCHED[place])
                call(identifier, *fields[1:])
            else:
                raise Refusal(f"serve-carla does not know command {place} of a batch")
            return value(identifier)
        except Refusal as error:
            return failure(str(error))
        except (TypeError, ValueError, IndexError) as error:
            return failure(f"this is no command of a batch ({type(error).__name__})")

    # What the calls share

    def _spawn(self, description: Any, transform: Any, parent: int) -> Actor:
        self._session.faults.on_spawn()
        return self._session.episode.spawn(description, pose_from_wire(transform), parent)

    def _destroy(self, identifier: int) -> None:
        actor = self._session.episode.destroy(identifier)
        if actor.stream:
            self._session.ended.append(actor.stream)

    def _wire(self, actor: Actor) -> list[Any]:
        return self._session.episode.wire_of(actor.identifier)

    def _vehicle(self, identifier: int) -> Vehicle:
        actor = self._session.episode.actor(identifier)
        if not isinstance(actor, Vehicle):
            raise Refusal(f"actor {identifier} is a {actor.kind}, not a vehicle")
        return actor

    def _light(self, identifier: int) -> TrafficLight:
        actor = self._session.episode.actor(identifier)
        if not isinstance(actor, TrafficLight):
            raise Refusal(f"actor {identifier} is a {actor.kind}, not a traffic light")
        return actor

    def _lights(self) -> list[TrafficLight]:
        return [actor for actor in self._session.episode.actors.values() if isinstance(actor, TrafficLight)]
