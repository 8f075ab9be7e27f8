"""Every TensorBoard tag, once. No other module spells a tag.

The short name of a tag is what follows the slash (`q_value` for `train/q_value`); agents and the
tracker speak short names, files and TensorBoard speak tags.
"""

from __future__ import annotations

from typing import Final

from av_td3_system.config.errors import UserError

EPISODE_REWARD: Final = "train/episode_reward"
EPISODE_LENGTH: Final = "train/episode_length"
SUCCESS: Final = "train/success"
COLLISIONS_PER_EPISODE: Final = "train/collisions_per_episode"
LANE_INVASIONS_PER_EPISODE: Final = "train/lane_invasions_per_episode"
CRITIC_LOSS: Final = "train/critic_loss"
ACTOR_LOSS: Final = "train/actor_loss"
PERCEPTION_LOSS: Final = "train/perception_loss"
Q_VALUE: Final = "train/q_value"
Q1_VALUE: Final = "train/q1_value"
Q2_VALUE: Final = "train/q2_value"
Q_VALUE_STD: Final = "train/q_value_std"
TD_ERROR: Final = "train/td_error"
EXPLORATION_NOISE: Final = "train/exploration_noise"

EVAL_EPISODE_REWARD: Final = "eval/episode_reward"
EVAL_SUCCESS_RATE: Final = "eval/success_rate"
EVAL_ROUTE_COMPLETION: Final = "eval/route_completion"
EVAL_COLLISIONS_PER_KM: Final = "eval/collisions_per_km"

ENCODER_FEATURE_NORM: Final = "diagnostics/encoder_feature_norm"
IMAGE_USE: Final = "diagnostics/image_use"  # mean |change| of an action when its image is that of another moment
ACTION_SATURATION: Final = "diagnostics/action_saturation"  # share of action components beyond 0.99

STEPS_PER_SECOND: Final = "system/steps_per_second"
SIMULATOR_MS: Final = "system/simulator_ms"  # a decision of all worlds
GPU_UTILIZATION: Final = "system/gpu_utilization"  # percent
GPU_MEMORY_FREE_GB: Final = "system/gpu_memory_free_gb"  # GiB
GPU_TEMPERATURE: Final = "system/gpu_temperature"  # degrees Celsius
DISK_FREE_GB: Final = "system/disk_free_gb"  # GiB
RAM_GB: Final = "system/ram_gb"  # GiB, this process
RAM_AVAILABLE_GB: Final = "system/ram_available_gb"  # GiB that this process may still take

CURRICULUM_STAGE: Final = "curriculum/stage"  # in force, from 1; only where there is a curriculum

NETWORKS: Final = ("actor", "critic", "encoder")
REWARD_COMPONENTS: Final = ("efficiency", "lane_keeping", "comfort", "safety", "progress")

DEAD_UNITS: Final = tuple(f"diagnostics/dead_units_conv{layer}" for layer in (1, 2, 3))  # share of silent channels
GRAD_NORMS: Final = {network: f"diagnostics/{network}_grad_norm" for network in NETWORKS}  # before clipping
REWARDS: Final = {component: f"rewards/{component}" for component in REWARD_COMPONENTS}
REWARD_SHARES: Final = {component: f"rewards/{component}_share" for component in REWARD_COMPONENTS}

TAGS: Final = (
    EPISODE_REWARD,
    EPISODE_LENGTH,
    SUCCESS,
    COLLISIONS_PER_EPISODE,
    LANE_INVASIONS_PER_EPISODE,
    CRITIC_LOSS,
    ACTOR_LOSS,
    PERCEPTION_LOSS,
    Q_VALUE,
    Q1_VALUE,
    Q2_VALUE,
    Q_VALUE_STD,
    TD_ERROR,
    EXPLORATION_NOISE,
    *REWARDS.values(),
    *REWARD_SHARES.values(),
    EVAL_EPISODE_REWARD,
    EVAL_SUCCESS_RATE,
    EVAL_ROUTE_COMPLETION,
    EVAL_COLLISIONS_PER_KM,
    *GRAD_NORMS.values(),
    ENCODER_FEATURE_NORM,
    *DEAD_UNITS,
    IMAGE_USE,
    ACTION_SATURATION,
    CURRICULUM_STAGE,
    STEPS_PER_SECOND,
    SIMULATOR_MS,
    GPU_UTILIZATION,
    GPU_MEMORY_FREE_GB,
    GPU_TEMPERATURE,
    DISK_FREE_GB,
    RAM_GB,
    RAM_AVAILABLE_GB,
)
"""All fixed tags; `alerts/<name>` is the one open family."""

# What guards read beside the tags. These never reach TensorBoard.
SPEED: Final = "behaviour/speed"  # mean over the worlds, m/s
YAW_RATE: Final = "behaviour/yaw_rate"  # mean absolute yaw rate over the worlds, rad/s
Q_BIAS: Final = "behaviour/q_bias"  # Q minus the discounted return that followed, once an evaluation
UPDATES_MISSED: Final = "behaviour/updates_missed"  # share of due updates that the replay had no batch for
SIGNALS: Final = (SPEED, YAW_RATE, Q_BIAS, UPDATES_MISSED)

_ALERTS = "alerts/"


def alert_tag(name: str) -> str:
    """Tag under which an alert is marked with 1 at the step it was raised."""
    return _ALERTS + name


def is_tag(tag: str) -> bool:
    """Whether `tag` may be written to TensorBoard."""
    return tag in TAGS or (tag.startswith(_ALERTS) and len(tag) > len(_ALERTS))


def _shorten() -> dict[str, str]:
    short: dict[str, str] = {}
    for tag in TAGS:  # the order decides: `episode_reward` is the training one
        short.setdefault(tag.split("/", 1)[1], tag)
    return short


SHORT_NAMES: Final = _shorten()


def resolve(name: str) -> str:
    """Tag of a short name; a full tag stands for itself.

    Raises:
        UserError: no tag has that name.
    """
    if is_tag(name):
        return name
    try:
        return SHORT_NAMES[name]
    except KeyError:
        known = " ".join(SHORT_NAMES)
        raise UserError(f"no metric is named {name!r}", hint=f"one of: {known}") from None
