"""The settings that steer the town or its camera alone, and their refusal where a run is of another environment.

A setting that silently does nothing makes two runs look different that are the same, so `traffic.vehicles` beside
`--env Hopper-v5` is a mistake and not a detail.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from av_td3_system.config.errors import UserError

Layer = tuple[str, Mapping[str, Any]]

SECTIONS = (
    "environment",
    "carla",
    "collectors",
    "camera",
    "randomization",
    "vehicle",
    "variation",
    "traffic",
    "curriculum",
    "reward",
    "gate",
)
SETTINGS = (
    "run.scenario",
    "network.channels",
    "network.features",
    "network.layer_norm",
    "network.shared_encoder",
    "network.critic_input",
    "network.random_shift",
    "network.exposure_jitter",
    "agent.action_change_cost",
    "agent.perception_weight",
    "agent.bfloat16",
    "exploration.correlation_time",
    "exploration.steer_std",
    "exploration.throttle_mean",
    "exploration.throttle_std",
    "exploration.idle_limit",
    "exploration.motion_share",
    "exploration.motion_half_life",
    "exploration.vehicles",
    "exploration.on_route",
    "exploration.hazard_rate",
    "exploration.hazard_interval",
    "exploration.crossing_share",
    "evaluation.video",
)


def refuse_town_settings(env: str, layers: Sequence[Layer]) -> None:
    """Refuse layers of the user's that set what nothing reads in a run of `env`.

    Raises:
        UserError: names the first such setting and where it was given.
    """
    for source, settings in layers:
        for name in _names(settings):
            if name.partition(".")[0] in SECTIONS or name in SETTINGS:
                raise UserError(
                    f"{source}: {name} steers the town or its camera and means nothing to {env}",
                    "leave it out, or leave run.env out",
                )


def _names(settings: Mapping[str, Any]) -> Iterator[str]:
    """Every setting that is given, as a dotted path."""
    for section, held in settings.items():
        if isinstance(held, Mapping):
            yield from (f"{section}.{key}" for key in held)
        else:
            yield str(section)
