"""What is taken away from the recommended preset, and what was expected to follow from it.

Three kinds: the parts of TD3 (Fujimoto et al. 2018, fig. 5), what keeps its networks and eyes in order, and each extra
of the preset, which is put back to what `td3_paper.yaml` says. The expectation of each is a claim about one measure of
its runs beside those of the whole, so that `reporting.ablation` can answer it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from av_td3_system.config.load import load_config
from av_td3_system.config.schema import Config

WHOLE = "whole"  # name of the runs from which nothing is taken away
EXTRAS_OF = ("camera", "network", "exploration", "agent", "replay", "reward")  # sections that the preset may change

# What has to go with a setting, because the settings would contradict each other otherwise.
_COMPANIONS: Mapping[str, tuple[str, ...]] = {
    # A critic of the image looks at the next one, is told of nothing and has no surroundings to ask the features for.
    "network.critic_input": ("agent.perception_weight=0", "agent.target_action=computed", "network.critic_way=false"),
}


@dataclass(frozen=True)
class Claim:
    """What was expected, so that it can be answered.

    Attributes:
        measure: success: of the last validation's episodes, each beside the same episode of the whole; feature_norm,
            q_variance: means over the last fifth of training; q_bias: at the last validation; spikes: in 10,000
            timesteps.
        compared: difference (without - whole) or ratio (without / whole).
        bound: that the whole 95 % interval must be beyond.
        above: on which side of it.
    """

    measure: Literal["success", "feature_norm", "q_variance", "q_bias", "spikes"]
    compared: Literal["difference", "ratio"]
    bound: float
    above: bool


@dataclass(frozen=True)
class Ablation:
    """One thing that is taken away.

    Attributes:
        name: of its runs.
        settings: `section.setting=value`, over those of the whole.
        expected: in words, before any run.
        claim: the same as a question to the figures; None for the whole.
    """

    name: str
    settings: tuple[str, ...]
    expected: str
    claim: Claim | None

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


WORSE = Claim("success", "difference", 0.0, above=False)
BLIND = Claim("success", "difference", -0.3, above=False)

PARTS = (
    Ablation(
        "no_layer_norm",
        ("network.layer_norm=false",),
        "feature explosion returns: the features' norm is more than ten times that of the whole",
        Claim("feature_norm", "ratio", 10.0, above=True),
    ),
    Ablation(
        "single_critic",
        ("agent.twin_critics=false",),
        "Q is overestimated: its bias is above that of two critics",
        Claim("q_bias", "difference", 0.0, above=True),
    ),
    Ablation(
        "no_delay",
        ("agent.policy_delay=1",),
        "the policy climbs a critic that has not settled: less success",
        WORSE,
    ),
    Ablation(
        "no_smoothing",
        ("agent.policy_noise=0",),
        "targets believe narrow peaks of Q: its bias is above that of the whole",
        Claim("q_bias", "difference", 0.0, above=True),
    ),
    Ablation(
        "blank_frames",
        ("environment.blank_image=true", "guards.rules.blind_encoder=null"),
        "trained without eyes it meets what it cannot see: at least 30 points less success",
        BLIND,
    ),
)


def ablations(overrides: Sequence[str] = ()) -> list[Ablation]:
    """The whole, the parts, and every extra of the preset, under the settings that all of them share.

    An extra is a setting in which the preset differs from `td3_paper.yaml`; its name is `without_<setting>`.

    Args:
        overrides: of all runs. A setting that they give is no extra of the preset any more.

    Raises:
        UserError: one of them is wrong.
    """
    preset, paper = load_config(overrides=overrides), load_config(files=["td3_paper.yaml"], overrides=overrides)
    whole = Ablation(WHOLE, (), "what the others are compared with", None)
    return [whole, *PARTS, *(_without(name, value) for name, value in _differences(preset, paper))]


def _differences(preset: Config, paper: Config) -> list[tuple[str, Any]]:
    """Settings that are not equal, with the second's value."""
    found = []
    for section in EXTRAS_OF:
        ours, published = (getattr(config, section).model_dump(mode="json") for config in (preset, paper))
        found += [(f"{section}.{name}", published[name]) for name in ours if ours[name] != published[name]]
    return found


def _without(name: str, value: Any) -> Ablation:
    short = name.partition(".")[2]
    settings = (f"{name}={json.dumps(value)}", *_COMPANIONS.get(name, ()))
    return Ablation(f"without_{short}", settings, f"{name} is worth its place: {value} means less success", WORSE)
