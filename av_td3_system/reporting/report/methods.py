"""The Methods paragraph of a report; every number in it is a setting of the runs or computed from settings."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from av_td3_system.config.resume_rules import changes
from av_td3_system.config.schema import Config
from av_td3_system.reporting.report.runs import NOT_OF_THE_METHOD, RunGroup, in_words

Told = Callable[[Config], Any]
MOST_NAMED = 12  # settings beside the text in which runs disagree; more are counted


class Voice:
    """Says settings: once where all groups share them, else by group.

    Attributes:
        said: every value that was said, as it was written, so that a reader (a test) can hold the text against it.
    """

    def __init__(self, groups: Sequence[RunGroup]) -> None:
        self._groups = groups
        self.said: list[str] = []

    def __call__(self, told: Told) -> str:
        """A value of the settings in words."""
        by_value: dict[str, list[str]] = {}
        for group in self._groups:
            for run in group.runs:
                names = by_value.setdefault(in_words(told(run.config)), [])
                if group.label not in names:
                    names.append(group.label)
        self.said += list(by_value)
        if len(by_value) == 1:
            return next(iter(by_value))
        return " or ".join(f"{value} ({', '.join(names)})" for value, names in by_value.items())

    def where(self, condition: Callable[[Config], bool], words: str) -> str:
        """The words if they hold of all groups, with those that they hold of if of some, nothing if of none."""
        holds = [group.label for group in self._groups if all(condition(run.config) for run in group.runs)]
        if not holds:
            return ""
        return words if len(holds) == len(self._groups) else f"{words} ({', '.join(holds)} alone)"


def methods(groups: Sequence[RunGroup]) -> str:
    """The paragraph."""
    return methods_by(Voice(groups), groups)


def methods_by(voice: Voice, groups: Sequence[RunGroup]) -> str:
    """The paragraph, said by a voice that keeps what it said."""
    of_the_town = groups[0].config.run.env is None
    parts = [
        _town(voice) if of_the_town else f"The agents act in {voice(lambda c: c.run.env)}.",
        _observation(voice) if of_the_town else "",
        _reward(voice) if of_the_town else "",
        _networks(voice, of_the_town),
        _agent(voice),
        _exploration(voice, of_the_town),
        _beginning(groups),
        _runs(voice, groups),
        disagreements(groups),
    ]
    return " ".join(part for part in parts if part)


def disagreements(groups: Sequence[RunGroup]) -> str:
    """A sentence that names every setting in which runs differ beside their seed; empty where there is none."""
    runs = [run for group in groups for run in group.runs]
    names = sorted(
        {change.name for run in runs[1:] for change in changes(runs[0].config, run.config) if change.name != "run.seed"}
    )
    if not names:
        return "" if len(runs) == 1 else "The runs share every setting but the seed."
    told = []
    for name in names[:MOST_NAMED]:
        values: dict[str, list[str]] = {}
        for group in groups:
            for run in group.runs:
                who = values.setdefault(in_words(_setting(run.config, name)), [])
                where = group.label if len(groups) > 1 else f"seed {run.config.run.seed}"
                if where not in who:
                    who.append(where)
        told.append(f"{name} " + " or ".join(f"{value} ({', '.join(who)})" for value, who in values.items()))
    more = len(names) - MOST_NAMED
    where_only = all(name in NOT_OF_THE_METHOD for name in names)
    tail = f"; and {more} more" if more > 0 else ""
    meaning = " (where and how it was computed, not what)" if where_only else ""
    return f"The runs do not share these settings{meaning}: {'; '.join(told)}{tail}."


def _town(voice: Voice) -> str:
    return (
        f"The agents drive in {voice(lambda c: c.environment.town)} among "
        f"{voice(lambda c: c.traffic.vehicles[c.run.scenario])} other vehicles (scenario "
        f"{voice(lambda c: c.run.scenario)}) that follow {voice(_car_following)} "
        f"along routes of {voice(lambda c: c.environment.route_length[0])} to "
        f"{voice(lambda c: c.environment.route_length[1])} m, at a desired speed of "
        f"{voice(lambda c: c.environment.desired_speed)} km/h, in the weathers "
        f"{voice(lambda c: c.environment.weathers)}.{_curriculum(voice)} "
        f"The simulation advances by {voice(lambda c: c.environment.tick)} s; a decision lasts "
        f"{voice(lambda c: c.environment.action_repeat)} such ticks "
        f"({voice(lambda c: c.environment.tick * c.environment.action_repeat)} s). An episode is cut off when the "
        f"route could have been driven at {voice(lambda c: c.environment.slowest_speed)} km/h, plus "
        f"{voice(lambda c: c.environment.time_allowance)} s."
    )


def _curriculum(voice: Voice) -> str:
    if not voice.where(lambda c: bool(c.curriculum.stages), "some"):
        return ""
    return f" Training episodes alone are drawn by a curriculum: {voice(_stages)}."


def _stages(config: Config) -> str:
    stages = [f"from timestep {stage.begins:,} {stage.in_words()}" for stage in config.curriculum.stages]
    return "; ".join(stages) or "none"


def _car_following(config: Config) -> str:
    if config.traffic.car_following == "idm":
        return "the Intelligent Driver Model"
    return f"the model of Krauss with a dawdling of {in_words(config.traffic.dawdling)}"


def _observation(voice: Voice) -> str:
    camera = (
        f"The policy observes {voice(lambda c: c.camera.stack)} {voice(lambda c: c.camera.color)} images of "
        f"{voice(lambda c: c.camera.width)} x {voice(lambda c: c.camera.height)} pixels, taken every "
        f"{voice(lambda c: c.camera.frame_interval)} decision(s) by a front camera of "
        f"{voice(lambda c: c.camera.fov)} degrees, and the vehicle's state with "
    )
    by_points = voice.where(
        lambda c: c.environment.navigation == "waypoints",
        f"{voice(lambda c: c.environment.waypoints)} points of the route, "
        f"{voice(lambda c: c.environment.waypoint_spacing)} m apart",
    )
    by_command = voice.where(lambda c: c.environment.navigation == "command", "the next turn and its distance")
    without = voice.where(lambda c: c.environment.blank_image, " The image is black throughout.")
    without += voice.where(lambda c: c.environment.erase_leader, " The vehicle ahead is left out of the image.")
    return camera + " or ".join(part for part in (by_points, by_command) if part) + "." + without


def _reward(voice: Voice) -> str:
    way = voice.where(
        lambda c: c.reward.right_of_way > 0,
        f" Entering a junction without having been given the way costs {voice(lambda c: c.reward.right_of_way)}.",
    )
    way += voice.where(
        lambda c: c.reward.approach > 0,
        f" Before a junction each m/s above a speed that falls to {voice(lambda c: c.reward.approach_speed)} km/h at "
        f"its line costs {voice(lambda c: c.reward.approach)} a decision.",
    )
    return (
        "The reward is the weighted sum of five terms, with weights of "
        f"{voice(lambda c: c.reward.progress_weight)} for each metre of progress, "
        f"{voice(lambda c: c.reward.efficiency_weight)} for efficiency, "
        f"{voice(lambda c: c.reward.lane_keeping_weight)} for lane keeping, "
        f"{voice(lambda c: c.reward.comfort_weight)} for comfort and {voice(lambda c: c.reward.safety_weight)} for "
        "safety; "
        f"a collision or a departure from road or lane ends the return and costs {voice(lambda c: c.reward.terminal)}."
        f"{way}"
    )


def _networks(voice: Voice, of_the_town: bool) -> str:
    heads = f"actor and critic have layers of {voice(lambda c: c.network.hidden)} units"
    head_norm = voice.where(lambda c: c.network.head_layer_norm, " with LayerNorm")
    head_norm += voice.where(
        lambda c: c.network.critic_layer_norm and not c.network.head_layer_norm, ", the critic's with LayerNorm"
    )
    if not of_the_town:
        return heads[0].upper() + heads[1:] + head_norm + "."
    norm = voice.where(lambda c: c.network.layer_norm, "LayerNorm follows the projection")
    bare = voice.where(lambda c: not c.network.layer_norm, "no LayerNorm follows the projection")
    privileged = voice.where(
        lambda c: c.critic_reads_surroundings,
        " In training the critic is told where other vehicles are, in place of images.",
    )
    privileged += voice.where(
        lambda c: c.network.critic_way, " It is also told whether the vehicle has the way at the junction ahead."
    )
    standard = voice.where(lambda c: c.network.standardize, "standardised images") or "images"
    cropped = voice.where(
        lambda c: c.network.crop_top > 0, f" without their upper {voice(lambda c: c.network.crop_top)} rows"
    )
    asked = voice.where(
        lambda c: c.agent.perception_weight > 0,
        f" The image features are also asked where other vehicles are, with a weight of "
        f"{voice(lambda c: c.agent.perception_weight)} in the policy's loss.",
    )
    return (
        f"The encoder reads {standard}{cropped} and has three convolutions of "
        f"{voice(lambda c: c.network.channels)} channels and a projection to "
        f"{voice(lambda c: c.network.features)} features; {' and '.join(one for one in (norm, bare) if one)}; "
        f"{heads}{head_norm}.{privileged}{asked}"
    )


def _agent(voice: Voice) -> str:
    twin = voice.where(
        lambda c: c.agent.twin_critics, "two critics, of which the lesser value is taken (clipped double Q)"
    )
    single = voice.where(lambda c: not c.agent.twin_critics, "a single critic")
    smooth = voice.where(
        lambda c: c.agent.policy_noise > 0,
        f"targets smoothed by noise of {voice(lambda c: c.agent.policy_noise)} clipped at "
        f"{voice(lambda c: c.agent.noise_clip)}",
    )
    unsmooth = voice.where(lambda c: c.agent.policy_noise == 0, "targets without smoothing")
    clip = voice.where(
        lambda c: c.agent.gradient_clip is not None,
        f"gradients clipped at a norm of {voice(lambda c: c.agent.gradient_clip)}",
    )
    unclipped = voice.where(lambda c: c.agent.gradient_clip is None, "gradients not clipped")
    later = voice.where(
        lambda c: c.agent.late_updates_per_step is not None,
        f" ({voice(lambda c: c.agent.late_updates_per_step)} beyond step {voice(lambda c: c.agent.late_after)})",
    )
    listed = ", ".join(one for one in (twin, single, smooth, unsmooth, clip, unclipped) if one)
    return (
        f"The algorithm is {voice(lambda c: c.run.algo.upper())} with {listed}; discount "
        f"{voice(lambda c: c.agent.gamma)}, "
        f"returns over {voice(lambda c: c.agent.n_step)} step(s), targets moved at a rate of "
        f"{voice(lambda c: c.agent.tau)}, an update of the policy every {voice(lambda c: c.agent.policy_delay)} "
        "update(s) "
        f"of the critic, Adam with learning rates of {voice(lambda c: c.agent.actor_lr)} (actor) and "
        f"{voice(lambda c: c.agent.critic_lr)} (critic), batches of {voice(lambda c: c.agent.batch_size)}, "
        f"{voice(lambda c: c.agent.updates_per_step)} update(s) a step{later}, a replay of "
        f"{voice(lambda c: c.replay.capacity)} transitions."
    )


def _exploration(voice: Voice, of_the_town: bool) -> str:
    kind = "temporally correlated " if of_the_town else "random "
    return (
        f"The first {voice(lambda c: c.learning_starts)} steps are {kind}actions without learning; then Gaussian "
        f"noise of {voice(lambda c: c.agent.exploration_noise)} is laid on the policy's."
    )


def _beginning(groups: Sequence[RunGroup]) -> str:
    """A sentence on runs whose first weights were given; empty where there are none."""
    given = [group for group in groups if group.runs[0].init_from]
    if not given:
        return ""
    known = [run.init_from for group in given for run in group.runs]
    files = sorted({f"{Path(str(one['file'])).name} (SHA-256 {str(one['sha256'])[:12]})" for one in known})
    whose = "" if len(given) == len(groups) else f" of {', '.join(group.label for group in given)}"
    return (
        f"The networks{whose} began as those in {', '.join(files)}, with new optimisers and an empty replay; in place "
        "of these first actions their policy drove, with that noise."
    )


def _runs(voice: Voice, groups: Sequence[RunGroup]) -> str:
    counts = "; ".join(
        f"{group.label} with {'seed' if len(group.runs) == 1 else 'seeds'} {', '.join(map(str, group.seeds))}"
        for group in groups
    )
    return (
        f"Each run is of {voice(lambda c: c.run.max_timesteps)} environment steps over "
        f"{voice(lambda c: c.run.num_envs)} parallel environment(s) ({counts}); every "
        f"{voice(lambda c: c.run.eval_freq)} steps the deterministic policy is evaluated on "
        f"{voice(lambda c: c.evaluation.episodes)} fixed held-out episodes."
    )


def _setting(config: Config, name: str) -> Any:
    value: Any = config.model_dump(mode="json")
    for part in name.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return value
