"""`av-td3 train --init-from`: what a run's networks begin as, where that is not drawn."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from av_td3_system.agents.policy import read_policy
from av_td3_system.agents.td3 import TD3
from av_td3_system.checkpointing.checkpoint_file import (
    CheckpointError,
    file_sha256,
    read_checkpoint,
    verify_archive,
    write_checkpoint,
)
from av_td3_system.checkpointing.manifest import read_manifest
from av_td3_system.checkpointing.store import CheckpointStore, load_checkpoint
from av_td3_system.config.errors import UserError
from av_td3_system.config.load import load_resolved
from av_td3_system.config.schema import Config, NetworkConfig
from av_td3_system.evaluation.drivers import config_file, policy_file
from av_td3_system.monitoring.run_directory import RunDirectory

OF_ENCODER = ("channels", "features", "layer_norm", "crop_top", "standardize")
OF_HEADS = ("hidden", "head_layer_norm")
OF_CRITIC = (
    "shared_encoder", "critic_layer_norm", "critic_input", "critic_way", "critic_values", "value_range", "value_bins",
    "perception_grid", "foresight",
)  # fmt: skip
OF_LEARNING = ("random_shift", "exposure_jitter", "initialization")
"""Settings of `network` by what must be the same for weights to mean the same; those of learning may differ."""

_NETWORKS = ("networks", "target", "policy")  # of `TD3.state_dict`: what learns, its slow copy, what is evaluated
_HINT = "give a run, a checkpoint (.pt) or policy (.safetensors) of one, or pretrained"


class Initial(NamedTuple):
    """Networks that a run begins with.

    Attributes:
        source: `file`, `sha256`, `step` (None: not said) and `holds` (networks or policy), as the manifest tells it.
        stored: `networks`, `target` and `policy` of a `TD3.state_dict`; of a policy file `policy` alone.
        traits: name and value of all that the run must share with them; empty for a copy that a run made itself.
    """

    source: Mapping[str, Any]
    stored: Mapping[str, Any]
    traits: Mapping[str, Any]


def read_initial(target: Path) -> Initial:
    """The networks that `--init-from` names.

    Args:
        target: a checkpoint (.pt), a run directory (its newest undamaged checkpoint), a policy (.safetensors) or
            `pretrained`.

    Raises:
        UserError: there is nothing of the kind, or it is damaged, or no config.yaml says what a checkpoint fits.
    """
    if target.is_dir():
        try:
            loaded = CheckpointStore(RunDirectory(target).checkpoints, "").load_latest()
        except CheckpointError as error:
            raise UserError(f"--init-from: {error.message}", _HINT) from error
        return _of_checkpoint(loaded.path, loaded.state)
    try:
        file = policy_file(target)
    except UserError as error:
        raise UserError(f"--init-from: {error.message}", _HINT) from error
    return _of_checkpoint(file, load_checkpoint(file)) if file.suffix == ".pt" else _of_policy(file)


def refuse_misfit(initial: Initial, config: Config, agent: TD3) -> None:
    """Refuse networks that are not those of the settings.

    Args:
        initial: of `read_initial`.
        config: of the run.
        agent: made by these settings.

    Raises:
        UserError: names all that differs.
    """
    twins = config.agent.twin_critics if "networks" in initial.stored else None
    wanted = _traits(config.network, agent.dimensions, config.camera.frame_interval, twins)
    known = initial.traits
    names = [name for name in {**known, **wanted} if known.get(name) != wanted.get(name)]
    if names:
        apart = "; ".join(f"{name}: {_in_words(known, name)} there, {_in_words(wanted, name)} here" for name in names)
        hint = "give the run the settings of that one (--config, --set)"
        if all(_of_critic(name) for name in names):
            hint += ", or the policy alone: best_policy.safetensors of its run"
        raise UserError(f"--init-from: {initial.source['file']} does not fit this run: {apart}", hint)


def begin_with(agent: TD3, initial: Initial) -> None:
    """Put these networks in the place of those that were drawn; optimisers and generators stay new.

    Of a policy alone critics stay as they were drawn, and so does what belongs to learning only.

    Raises:
        UserError: they do not fit.
    """
    stored = initial.stored
    try:
        if "networks" in stored:
            agent.networks.load_state_dict(stored["networks"])
            agent.target.load_state_dict(stored["target"])
            if agent.average is not None:
                agent.average.load_state_dict(stored["policy"])
        else:
            for policy in (agent.networks.policy(), agent.target.policy(), agent.average):
                if policy is not None:
                    policy.load_state_dict(stored["policy"])
    except (RuntimeError, KeyError, TypeError, AttributeError) as error:
        what = " ".join(str(error).split())
        raise UserError(f"--init-from: {initial.source['file']} does not fit this run: {what}", _HINT) from error


def write_copy(directory: RunDirectory, agent: TD3, source: Mapping[str, Any]) -> None:
    """Keep in the run's directory what it begins with: it may have to begin anew when the source is gone.

    Raises:
        OSError: the disk is full or gone.
    """
    state = agent.state_dict()
    kept = {"dimensions": state["dimensions"], **{name: state[name] for name in _NETWORKS}}
    with write_checkpoint(directory.initial, {"init_from": dict(source), "agent": kept}):
        pass


def read_copy(directory: RunDirectory) -> Initial | None:
    """What a run that begins anew begins with; None where its first weights are drawn.

    Raises:
        UserError: the manifest tells of a copy that is gone, or it is damaged.
    """
    path = directory.initial
    if not path.is_file():
        said = read_manifest(directory.manifest).get("init_from") if directory.manifest.is_file() else None
        if said:
            raise UserError(
                f"{path} is gone, which the run began with and has to begin with again",
                hint=f"bring it back, or begin a new run with --init-from {said['file']}",
            )
        return None
    verify_archive(path)
    state = read_checkpoint(path)
    return Initial(state["init_from"], state["agent"], {})


def in_words(source: Mapping[str, Any]) -> str:
    """What a run begins with, for its log."""
    told = f"begins with the {source['holds']} of {source['file']} (SHA-256 {source['sha256']})"
    if source["holds"] == "networks":
        return told
    return f"{told}; its critics begin anew, and may spoil it before they know better: a checkpoint brings its own"


def _of_checkpoint(file: Path, state: Mapping[str, Any]) -> Initial:
    config = load_resolved(config_file(file))
    try:
        stored = {name: state["agent"][name] for name in _NETWORKS}
        dimensions = tuple(int(size) for size in state["agent"]["dimensions"])
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(f"--init-from: {file} holds no networks of this system", _HINT) from error
    traits = _traits(config.network, dimensions, config.camera.frame_interval, config.agent.twin_critics)
    return Initial(_source(file, state.get("step"), "networks"), stored, traits)


def _of_policy(file: Path) -> Initial:
    known, weights = read_policy(file)
    dimensions = (*known.image_shape, known.vector_dim, len(known.action_low))
    traits = _traits(known.network, dimensions, known.frame_interval, None)
    return Initial(_source(file, known.extra.get("step"), "policy"), {"policy": weights}, traits)


def _source(file: Path, step: Any, holds: str) -> dict[str, Any]:
    try:
        digest = file_sha256(file)
    except OSError as error:
        raise UserError(f"--init-from: {file} cannot be read: {error.strerror or error}", _HINT) from error
    return {"file": str(file.resolve()), "sha256": digest, "step": None if step is None else int(step), "holds": holds}


def _traits(
    network: NetworkConfig, dimensions: tuple[int, ...], interval: int, twin_critics: bool | None
) -> dict[str, Any]:
    """All that two runs must share for the weights of one to mean the same in the other; without critics for None."""
    *image, vector, action = dimensions
    traits = {"image": tuple(image), "numbers beside the image": vector, "numbers in an action": action}
    names: tuple[str, ...] = OF_HEADS
    if image[0]:
        traits["camera.frame_interval"] = interval
        names += OF_ENCODER
    if twin_critics is not None:
        traits["agent.twin_critics"] = twin_critics
        names += OF_CRITIC
    return traits | {f"network.{name}": getattr(network, name) for name in names}


def _of_critic(name: str) -> bool:
    return name == "agent.twin_critics" or name.removeprefix("network.") in OF_CRITIC


def _in_words(traits: Mapping[str, Any], name: str) -> str:
    return str(traits.get(name, "none"))
