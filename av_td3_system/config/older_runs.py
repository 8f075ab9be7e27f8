"""What the `config.yaml` of an older version means today.

A run's settings are complete and closed, so every new setting would make all earlier runs unreadable. A setting that
is added gets its line here, with the value under which the program behaves as it did before; one that is given another
name or unit gets the way from the old value to the new. Everything else that is missing or unknown stays an error.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from av_td3_system.config.backend_sections import CarlaConfig, CollectorsConfig
from av_td3_system.config.guard_sections import default_rules

_MASS = 1280.0  # kg, of today's data sheet: what the drag per unit of mass stood for with it
_UNLIMITED = 1.0e9

ADDED: dict[str, Any] = {
    "run.env": None,
    "run.backend": "town",
    "guards.disk_rate_window": 5_000,
    "checkpoint.keep_steps": [],
    "agent.late_updates_per_step": None,
    "agent.late_after": 100_000,
    "gate.q_return_gap": 0.15,
    "gate.q1_q2_gap": 0.10,
    "gate.rung_100k_step": 100_000,
    "gate.rung_1m_step": 1_000_000,
    "gate.rung_episodes": 200,
    "gate.target_success": 0.8,
    "gate.target_reward": 500.0,
    "gate.target_q_value": [50.0, 100.0],
    "gate.target_critic_loss": 50.0,
    "gate.camera_margin": 0.3,
    "remedies.limit": 0,
    "remedies.settle": 5_000,
    "remedies.reward_share": 0.8,
    "remedies.rules": {},
    "network.critic_layer_norm": False,
    "camera.color": "grey",
    "camera.supersampling": 1,
    "camera.y": 0.0,
    "camera.delay": 0,
    "environment.action_delay": 0,
    "environment.erase_leader": False,
    "environment.navigation": "waypoints",
    "environment.command_distance": 40.0,
    "randomization.seed": 0,
    "randomization.looks": 1,
    "randomization.colors": 0.0,
    "randomization.texture": 0.0,
    "randomization.paint": 0.0,
    "randomization.brightness": 0.0,
    "randomization.contrast": 0.0,
    "randomization.noise": 0.0,
    "randomization.poses": 1,
    "randomization.pitch": 0.0,
    "randomization.fov": 0.0,
    "randomization.y": 0.0,
    "randomization.z": 0.0,
    "vehicle.mass": _MASS,
    "vehicle.engine_power": _UNLIMITED,
    "vehicle.kick_down": 1.0,
    "vehicle.throttle_lag": 0.0,
    "vehicle.brake_lag": 0.0,
    "vehicle.friction": _UNLIMITED,
    "traffic.kind_shares": [1.0, 0.0, 0.0],
    "traffic.kind_acceleration": [1.0, 0.85, 0.6],
    "traffic.kind_deceleration": [1.0, 0.95, 0.8],
    "traffic.kind_speed": [1.0, 1.0, 0.9],
    "traffic.van_length": [4.9, 5.9],
    "traffic.van_width": [1.9, 2.0],
    "traffic.van_height": [1.9, 2.7],
    "traffic.truck_length": [5.9, 7.0],
    "traffic.truck_width": [2.0, 2.2],
    "traffic.truck_height": [2.7, 3.3],
    "traffic.driver_shares": [1.0, 0.0, 0.0],
    "traffic.driver_headway": [1.0, 1.4, 0.75],
    "traffic.driver_acceleration": [1.0, 0.8, 1.2],
    "traffic.driver_speed": [1.0, 0.9, 1.1],
    "traffic.driver_politeness": [1.0, 2.5, 0.0],
    "traffic.non_yielding": 0.0,
    "traffic.crossing_share": 0.0,
    "traffic.car_following": "idm",
    "traffic.dawdling": 0.5,
    "traffic.parked": [0, 0],
    "agent.critic_loss": "mse",
    "agent.cuda_graph": False,
    "replay.on_device": False,
    "replay.file": None,
    "replay.prioritized": False,
    "replay.priority_exponent": 0.4,
    "network.perception_grid": "ahead",
    "network.foresight": 0.0,
    "network.critic_way": False,
    "reward.standstill_gap": 0.0,
    "reward.crossing": 0.0,
    "reward.right_of_way": 0.0,
    "reward.approach": 0.0,
    "reward.approach_speed": 10.0,
    "reward.crossing_horizon": 2.5,
    "agent.action_change_cost": 0.0,
    "agent.lr_half_after": None,
    "agent.target_action": "computed",
    "exploration.vehicles": None,
    "exploration.crossing_share": None,
    "curriculum.stages": [],
    "network.critic_values": "scalar",
    "network.value_range": [-60.0, 120.0],
    "network.value_bins": 91,
    "network.crop_top": 0,
    "network.standardize": False,
    "replay.before_failure_share": 0.0,
    "replay.before_failure_time": 3.0,
    "variation.mass": [1.0, 1.0],
    "variation.engine": [1.0, 1.0],
    "variation.brakes": [1.0, 1.0],
    "variation.steering": [1.0, 1.0],
    **{f"carla.{name}": value for name, value in CarlaConfig().model_dump(mode="json").items()},
    **{f"collectors.{name}": value for name, value in CollectorsConfig().model_dump(mode="json").items()},
    "variation.grip": [1.0, 1.0],
    "variation.steering_offset": [0.0, 0.0],
}
"""Setting: the value that stands for its absence."""

DROPPED: dict[str, Any] = {
    "exploration.non_yielding": None,
    "exploration.noise_time": 0.0,
    "exploration.restart_share": 0.0,
    "exploration.restart_time": [1.2, 4.0],
    "exploration.restart_limit": 3,
    "reward.impact": 0.0,
}
"""Earlier setting: its value in runs that it changed nothing in. Others cannot be understood any more."""

REPLACED: dict[str, tuple[str, Callable[[float], float]]] = {
    "vehicle.max_speed": ("vehicle.part_throttle_speed", lambda speed: speed),
    "vehicle.rolling_drag": ("vehicle.rolling_resistance", lambda deceleration: deceleration / 9.81),
    "vehicle.air_drag": ("vehicle.drag_area", lambda per_metre: per_metre * 2.0 * _MASS / 1.2),
}
"""Earlier setting: its name today, and today's value of an earlier one."""


def as_of_today(settings: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """The settings of a run in today's names, and the names of those that it did not have.

    Args:
        settings: nested plain values as read; not changed. What is no setting at all is left to the schema to refuse.
    """
    result: dict[str, Any] = copy.deepcopy(dict(settings))
    sections = {name: section for name, section in result.items() if isinstance(section, dict)}
    changed = list(_replace(sections))
    _drop(sections)
    if isinstance(sections.get("guards", {}).get("rules"), list):
        sections["guards"].update(guards_of_today(sections["guards"]))
        changed.append("guards.rules")
    if "run" not in sections:  # no run's settings at all
        return result, []
    for name, value in ADDED.items():
        section, _, key = name.partition(".")
        if section not in result and section not in _NEW_SECTIONS:
            continue
        held = result.setdefault(section, {})
        if isinstance(held, dict) and key not in held:
            held[key] = copy.copy(value)
            changed.append(name)
    return result, changed


def guards_of_today(held: dict[str, Any]) -> dict[str, Any]:
    """Rules by name instead of a list, those of behaviour and gradients among them; takes away what they were before.

    Rules that were not there then are null.
    """
    listed = {str(rule.get("name")): rule for rule in held["rules"] if isinstance(rule, dict)}
    before = {name: held.pop(name, None) for name in FORMER_GUARDS}
    rules: dict[str, Any] = dict.fromkeys(default_rules())
    for name, today in default_rules().items():
        assert today is not None
        plain = today.model_dump(mode="json")
        if name in listed:
            rules[name] = plain | {key: value for key, value in listed.pop(name).items() if key != "name"}
        for prefix, (threshold, others) in _FORMER_RULES.items():
            if name.startswith(prefix) and before[threshold] is not None:
                rules[name] = plain | {"threshold": _bound(name, before[threshold])}
                rules[name] |= {key: before[former] for key, former in others.items() if before[former] is not None}
    rules |= {name: {"unit": "", **{k: v for k, v in rule.items() if k != "name"}} for name, rule in listed.items()}
    return {"rules": rules}


def _bound(name: str, former: Any) -> Any:
    """The GPU had two bounds in one setting."""
    if not isinstance(former, list | tuple):
        return former
    return former[0 if name == "gpu_idle" else -1]


_FORMER_RULES: dict[str, tuple[str, dict[str, str]]] = {
    "gradient_spike_": ("gradient_spike", {"history": "gradient_history"}),
    "gradient_explosion_": ("gradient_explosion", {"persistence": "gradient_persistence"}),
    "disk_full": ("disk_free_gb", {}),
    "saturated_action": ("saturation", {"window": "behaviour_window"}),
    "parked": ("parked_speed", {"window": "behaviour_window"}),
    "spinning": ("spinning_yaw_rate", {"window": "behaviour_window"}),
    "dominating_term_": ("dominating_share", {"window": "behaviour_window"}),
    "gpu_idle": ("gpu_utilization", {"window": "behaviour_window"}),
    "gpu_busy": ("gpu_utilization", {"window": "behaviour_window"}),
}
"""Rules of today by the beginning of their names: the setting that was their threshold, and other former settings."""

FORMER_GUARDS = {name for threshold, others in _FORMER_RULES.values() for name in (threshold, *others.values())}
"""Settings of `guards` that are part of a rule today."""

_NEW_SECTIONS = ("carla", "collectors", "variation", "randomization", "remedies", "curriculum")


def _drop(sections: Mapping[str, dict[str, Any]]) -> None:
    for name, value in DROPPED.items():
        section, _, key = name.partition(".")
        held = sections.get(section, {})
        if key in held and held[key] == value:
            del held[key]


def _replace(sections: Mapping[str, dict[str, Any]]) -> Iterator[str]:
    for old, (new, convert) in REPLACED.items():
        section, _, key = old.partition(".")
        held = sections.get(section, {})
        today = new.partition(".")[2]
        if key in held and today not in held and isinstance(held[key], int | float):
            held[today] = convert(held.pop(key))
            yield new
