"""The remote calls of CARLA 0.9.16 that this server answers, by name.

A call is a method of the call's own name of `WorldCalls`, `ActorCalls` or `TrafficManagerCalls`. Calls that are known
and not served are refused with the reason; all others by their name.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from av_td3_system.carla_server.actor_calls import ActorCalls
from av_td3_system.carla_server.replies import Refusal, failure, void_failure
from av_td3_system.carla_server.session import Session
from av_td3_system.carla_server.traffic_manager_calls import TrafficManagerCalls
from av_td3_system.carla_server.world_calls import WorldCalls

# Known calls that are refused: what the server lacks, and whether the call returns something.
_RECORDER, _BONES, _LEVEL = (
    "no recorder",
    "no bones, sockets or doors",
    "no levels, textures or street lights to switch",
)
REFUSED: dict[str, str] = {
    **dict.fromkeys(("start_recorder", "show_recorder_file_info", "show_recorder_collisions"), _RECORDER),
    **dict.fromkeys(("show_recorder_actors_blocked", "replay_file"), _RECORDER),
    **dict.fromkeys(("get_actor_bone_names", "get_actor_socket_names", "get_actor_component_names"), _BONES),
    **dict.fromkeys(("get_actor_bone_world_transforms", "get_actor_socket_world_transforms"), _BONES),
    **dict.fromkeys(("get_actor_bone_relative_transforms", "get_actor_socket_relative_transforms"), _BONES),
    **dict.fromkeys(("get_actor_component_world_transform", "get_actor_component_relative_transform"), _BONES),
    **dict.fromkeys(("get_bones_transform", "get_vehicle_bone_world_transforms"), _BONES),
    **dict.fromkeys(("cast_ray", "project_point"), "no scene to cast rays into"),
    **dict.fromkeys(("get_gbuffer_token", "is_sensor_enabled_for_ros"), "no ROS and no G-buffers"),
    **dict.fromkeys(("get_ackermann_controller_settings",), "no Ackermann controller"),
    **dict.fromkeys(("get_imui_gravity",), "no inverted pendulum"),
}
REFUSED_VOID: dict[str, str] = {
    **dict.fromkeys(
        (
            "set_replayer_ignore_spectator",
            "stop_recorder",
            "stop_replayer",
            "set_replayer_time_factor",
            "set_replayer_ignore_hero",
        ),
        _RECORDER,
    ),
    **dict.fromkeys(("set_bones_transform", "blend_pose", "get_pose_from_animation"), _BONES),
    **dict.fromkeys(("open_vehicle_door", "close_vehicle_door"), _BONES),
    **dict.fromkeys(("load_map_layer", "unload_map_layer", "apply_color_texture_to_objects"), _LEVEL),
    **dict.fromkeys(("apply_float_color_texture_to_objects", "update_lights_state", "update_day_night_cycle"), _LEVEL),
    **dict.fromkeys(("enable_environment_objects", "set_annotations_traverse_translucency"), _LEVEL),
    **dict.fromkeys(("apply_control_to_walker", "set_actor_dead"), "no walkers"),
    **dict.fromkeys(("set_wheel_steer_direction", "set_wheel_pitch_angle"), "no wheels that turn by themselves"),
    **dict.fromkeys(("restore_physx_physics", "set_imui_gravity"), "no other vehicle physics than the town's"),
    **dict.fromkeys(("send", "set_ignored_vehicles"), "no V2X and no ignored vehicles"),
    **dict.fromkeys(
        ("enable_carsim", "use_carsim_road", "enable_chrono_physics"), "no other vehicle physics than the town's"
    ),
    **dict.fromkeys(("add_actor_impulse", "add_actor_force", "add_actor_torque"), "no forces from outside"),
    **dict.fromkeys(("add_actor_angular_impulse", "add_actor_impulse_at_location"), "no forces from outside"),
    **dict.fromkeys(("add_actor_force_at_location", "set_actor_target_angular_velocity"), "no forces from outside"),
    **dict.fromkeys(
        ("apply_ackermann_control_to_vehicle", "apply_ackermann_controller_settings"), "no Ackermann controller"
    ),
    **dict.fromkeys(("enable_sensor_for_ros", "disable_sensor_for_ros", "enable_gbuffers"), "no ROS and no G-buffers"),
}


class Calls:
    """All calls of one session."""

    def __init__(self, session: Session) -> None:
        self._table: dict[str, tuple[Callable[..., Any], bool]] = {}
        for part in (WorldCalls(session), ActorCalls(session), TrafficManagerCalls(session)):
            for name, method in inspect.getmembers(part, inspect.ismethod):
                if not name.startswith("_"):
                    self._table[name] = method, name in part.VOID

    def names(self) -> list[str]:
        """The calls that are answered."""
        return sorted(self._table)

    def answer(self, name: str, arguments: list[Any]) -> Any:
        """The packed result of a call.

        Raises:
            LookupError: there is no such call.
        """
        if name in REFUSED:
            return failure(f"{name}: serve-carla has {REFUSED[name]}")
        if name in REFUSED_VOID:
            return void_failure(f"{name}: serve-carla has {REFUSED_VOID[name]}")
        if name not in self._table:
            raise LookupError(f"serve-carla does not answer the call {name!r}")
        method, void = self._table[name]
        refuse = void_failure if void else failure
        try:
            inspect.signature(method).bind(*arguments)
        except TypeError:
            return refuse(f"{name}: {len(arguments)} arguments are not what CARLA 0.9.16 sends")
        try:
            return method(*arguments)
        except (Refusal, ValueError) as error:
            return refuse(f"{name}: {error}" if not isinstance(error, Refusal) else str(error))
        except Exception as error:  # whatever a caller's arguments break, the world of the others goes on
            return refuse(f"{name}: the arguments are not what CARLA 0.9.16 sends ({type(error).__name__})")
