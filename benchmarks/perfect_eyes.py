#!/usr/bin/env python
"""What would perfect eyes bring: training runs whose actor is told what the critic is told, without any image; JSON.

With `network.critic_way` they are told of their right of way, too, unless `--critic-alone-knows-the-way`.

A diagnosis of the learner, never a policy: where these runs stop, no camera is the cause. Everything but the eyes is
the package's own: this script replaces, in its own process, the actor's image encoder by an encoder of the surroundings
with weights of its own. Nothing that it writes can drive elsewhere: policies of the package read no surroundings.

    python benchmarks/perfect_eyes.py --runs ~/perfect_eyes --seeds 60 61 --timesteps 25000 --set agent.gamma=0.98
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
from gymnasium.spaces import Box
from torch import Tensor, nn

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from av_td3_system.agents import td3
from av_td3_system.config.layout import SURROUNDINGS, WAY_NUMBERS
from av_td3_system.config.load import load_config
from av_td3_system.config.schema import Config, NetworkConfig
from av_td3_system.environments import vector_env
from av_td3_system.environments.observation import vector_dim
from av_td3_system.networks import actor_critic
from av_td3_system.networks.heads import Actor, Critic
from av_td3_system.networks.layout import View
from av_td3_system.networks.surroundings import SurroundingsEncoder
from av_td3_system.training import learner, worlds
from av_td3_system.training.run import train

OWN = vector_dim(load_config().environment)  # numbers of the vector that a policy of the package reads
TOLD = {"further": 0}  # numbers beyond SURROUNDINGS that these eyes read
NO_PICTURE = (
    "environment.blank_image=true",
    "camera.width=36",
    "camera.height=36",
    "network.crop_top=0",
    "network.exposure_jitter=0",
    "agent.perception_weight=0",
    "guards.rules.blind_encoder=null",
    "evaluation.video=false",
    "run.threads=1",
)


class ToldActor(Actor):
    """An actor head that reads of a longer vector what any reads."""

    def __init__(self, config: NetworkConfig, _: int, action_dim: int) -> None:
        super().__init__(config, OWN + TOLD["further"], action_dim)

    def before_tanh(self, features: Tensor, vector: Tensor) -> Tensor:
        """(B, A)."""
        return super().before_tanh(features, vector[:, :OWN])


class ToldCritic(Critic):
    """Likewise."""

    def __init__(self, config: NetworkConfig, vector_dim: int, action_dim: int, members: int) -> None:
        super().__init__(config, OWN + vector_dim - TOLD["vector"], action_dim, members)

    def outputs(self, features: Tensor, vector: Tensor, action: Tensor) -> Tensor:
        """(members, B, outputs)."""
        return super().outputs(features, vector[:, :OWN], action)


class ToldEncoder(SurroundingsEncoder):
    """The critic's encoder, of a vector that holds the surroundings once more."""

    def __init__(self, config: NetworkConfig, _: int, further: int = 0) -> None:
        super().__init__(config, OWN, further)

    def forward(self, vector: Tensor, surroundings: Tensor) -> Tensor:
        """(B, features)."""
        return super().forward(vector[:, :OWN], surroundings)


class PerfectEyes(nn.Module):
    """Stands where an actor's image encoder stands."""

    view = View()

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.told = SurroundingsEncoder(config, OWN, TOLD["further"])

    def see(self, vector: Tensor) -> Tensor:
        """Features (B, F) of a vector and the surroundings behind it, further numbers last."""
        return self.told(vector[:, :OWN], vector[:, OWN : OWN + SURROUNDINGS + TOLD["further"]])


class ToldWorlds(vector_env.TownVectorEnv):
    """Worlds whose vector goes on with the surroundings, where a critic asks for these."""

    def __init__(self, *arguments: Any, **more: Any) -> None:
        super().__init__(*arguments, **more)
        known = 0 if self._surroundings is None else self._surroundings.shape[1]
        self.single_observation_space["vector"] = Box(-np.inf, np.inf, (OWN + known,), np.float32)

    def _present(self) -> dict[str, np.ndarray]:
        seen = super()._present()
        if "surroundings" in seen:
            seen["vector"] = np.concatenate([seen["vector"], seen["surroundings"]], axis=1)
        return seen


def install() -> None:
    """Replace the eyes in this process."""
    shapes_of = worlds.shapes_of

    def told_shapes(config: Config, env: Any = None) -> worlds.Shapes:
        shapes = shapes_of(config, env)
        TOLD["vector"] = shapes.vector + shapes.surroundings
        return shapes._replace(vector=TOLD["vector"])

    def q1_of_policy(self: Any, blocks: Tensor, batch: Any) -> tuple[Tensor, Tensor, Tensor]:
        with torch.no_grad():
            features = self.networks.critic_features(blocks, batch.vector, batch.surroundings)
        mine = self.networks.actor_encoder.see(batch.vector)
        raw = self.networks.actor.before_tanh(mine, batch.vector)
        return self.networks.critic(features, batch.vector, torch.tanh(raw))[0], raw, mine[:, : self.network.features]

    def forward(self: Any, blocks: Tensor, vector: Tensor) -> Tensor:
        return self.actor(self.encoder.see(vector), vector)

    replaced: list[tuple[Any, str, Any]] = [
        (learner, "shapes_of", told_shapes),
        (worlds, "TownVectorEnv", ToldWorlds),
        (actor_critic, "Actor", ToldActor),
        (actor_critic, "Critic", ToldCritic),
        (actor_critic, "SurroundingsEncoder", ToldEncoder),
        (actor_critic, "make_encoder", lambda config, image_shape: PerfectEyes(config)),
        (actor_critic.PolicyNetwork, "forward", forward),
        (td3.TD3, "_q1_of_policy", q1_of_policy),
        (td3, "encoder_health", lambda *_: {}),
    ]
    for place, name, thing in replaced:
        setattr(place, name, thing)


def main() -> None:
    """Make the runs that are missing and print what each was told about itself."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=Path, required=True, help="where run directories go")
    parser.add_argument("--name", default="perfect_eyes", help="of the settings, for the directories")
    parser.add_argument("--seeds", type=int, nargs="+", default=[60, 61])
    parser.add_argument("--timesteps", type=int, default=25_000)
    parser.add_argument("--eval-freq", type=int, default=12_500)
    parser.add_argument("--episodes", type=int, default=200, help="of each validation")
    parser.add_argument("--set", nargs="*", default=[], dest="settings", metavar="a.b=c")
    parser.add_argument("--critic-alone-knows-the-way", action="store_true", help="these eyes see positions alone")
    arguments = parser.parse_args()
    if load_config(overrides=arguments.settings).network.critic_way and not arguments.critic_alone_knows_the_way:
        TOLD["further"] = WAY_NUMBERS
    install()
    made = []
    for seed in arguments.seeds:
        run = arguments.runs / f"{arguments.name}-seed{seed}"
        length = {"max_timesteps": arguments.timesteps, "eval_freq": arguments.eval_freq, "seed": seed}
        flags = {f"run.{name}": value for name, value in length.items()} | {"run.save_freq": arguments.timesteps}
        episodes = f"evaluation.episodes={arguments.episodes}"
        if not run.exists():
            sys.stdout, stdout = sys.stderr, sys.stdout  # the summary of a run is not this script's result
            train(
                load_config(overrides=[*NO_PICTURE, episodes, *arguments.settings], flags=flags),
                run,
                " ".join(sys.argv),
            )
            sys.stdout = stdout
        lines = [json.loads(line) for line in (run / "evaluations.jsonl").read_text(encoding="utf-8").splitlines()]
        told = [line for line in lines if line["kind"] == "validation"]
        keys = (
            "success_rate",
            "route_completion",
            "collisions_per_km",
            "off_road_per_km",
            "average_speed",
            "episode_reward",
        )
        made.append(
            {"seed": seed, "validations": [{"step": t["step"], **{k: t["summary"][k] for k in keys}} for t in told]}
        )
    print(json.dumps({"benchmark": "perfect_eyes", "settings": arguments.settings, "runs": made}, indent=2))


if __name__ == "__main__":
    main()
