"""What was dropped on single seeds or elsewhere, once more in the present preset; `ablate` takes away what is in it."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.variant import Variant


def again(base: Sequence[str]) -> dict[str, Variant]:
    """Changes to `slow_gap`, whose settings are `base`."""

    def change(expected: str, *settings: str) -> Variant:
        return Variant((*base, *settings), expected, "slow_gap")

    return {
        "gap_head_layer_norm": change(
            "sooner at 25K in four presets, no better at 100K: above at half, equal at the end",
            "network.head_layer_norm=true",
        ),
        "gap_updates_1.5": change(
            "half as many updates again: better at half, not at the end", "agent.updates_per_step=1.5"
        ),
        "gap_lap": change(
            "collisions are rarer still, so large errors matter more: no difference that shows",
            "replay.prioritized=true",
            "agent.critic_loss=huber",
        ),
        "gap_before_failure": change(
            "a fifth of each batch from before accidents did harm: less success at half",
            "replay.before_failure_share=0.2",
        ),
        "gap_histogram": change(
            "targets have little noise left to average: no difference that shows", "network.critic_values=histogram"
        ),
        "gap_symlog": change("as a scalar, in a range that needs no squeezing", "network.critic_values=symlog"),
        "gap_shift": change("labels teach the encoder, shifted images blur bearings: worse", "network.random_shift=4"),
        "gap_fov_120": change(
            "what was hit was in the picture (notebook), and everything is smaller in a wider one: worse",
            "camera.fov=120",
        ),
        "gap_command": change(
            "without waypoints the camera alone finds the lane: behind at half, off the road more often at the end",
            "environment.navigation=command",
        ),
        "gap_image_critic": change(
            "a critic that sees what the policy sees, in an encoder that both share: far less",
            "network.critic_input=image",
            "network.critic_way=false",
            "network.shared_encoder=true",
            "agent.perception_weight=0",
            "agent.target_action=computed",
        ),
    }
