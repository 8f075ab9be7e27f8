"""Who drives in an evaluation: a trained policy from a run or file, or a scripted one by name."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from av_td3_system.config.errors import UserError
from av_td3_system.config.load import load_config, load_resolved
from av_td3_system.config.schema import Config

if TYPE_CHECKING:
    from av_td3_system.agents.baselines import Policy

PRETRAINED = "pretrained"  # the policy that comes with the package
SHIPPED = Path(__file__).parent.parent / PRETRAINED
BEST, LAST = "best_policy.safetensors", "policy.safetensors"
LEARNED_SUFFIXES = (".safetensors", ".pt")


@dataclass(frozen=True)
class Driver:
    """A policy with the settings of the world that it is at home in.

    Attributes:
        name: of a scripted policy, or the file of a trained one.
        policy: what drives.
        config: the run's resolved settings; the defaults for scripted policies.
    """

    name: str
    policy: Policy
    config: Config


def open_driver(target: str | None, scripted: str | None, seed: int, device: str = "auto") -> Driver:
    """The driver that the command line names.

    Args:
        target: run directory (its best policy, else its last), file of a policy or checkpoint, or `pretrained`.
        scripted: name of a scripted policy; exactly one of the two is given.
        seed: of a scripted policy that draws numbers.
        device: of a trained policy: auto (a GPU where there is one), cpu or cuda.

    Raises:
        UserError: none or both are given, or there is nothing to drive with.
    """
    if (target is None) == (scripted is None):
        raise UserError("give either a RUN or CHECKPOINT, or --policy NAME", "av-td3 evaluate runs/latest")
    if scripted is not None:
        from av_td3_system.agents.baselines import make_policy

        return Driver(scripted, make_policy(scripted, seed), load_config())
    assert target is not None
    file = policy_file(Path(target))
    config = load_resolved(config_file(file))
    return Driver(str(file), _learned(file, config, device), config)


def policy_file(target: Path) -> Path:
    """The file to drive with: `target` itself, the best policy of a run, else its last, or the packaged one.

    Raises:
        UserError: there is none.
    """
    if str(target) == PRETRAINED and not target.exists():
        target = SHIPPED
    if target.is_dir():
        for name in (BEST, LAST):
            if (target / name).is_file():
                return target / name
        raise UserError(f"{target} holds no policy", f"a run directory has {BEST} after its first evaluation")
    if not target.is_file():
        raise UserError(f"{target} does not exist", "give a run directory, a file of one, pretrained, or --policy NAME")
    if target.suffix not in LEARNED_SUFFIXES:
        raise UserError(f"{target} is no policy or checkpoint", f"these end in {' or '.join(LEARNED_SUFFIXES)}")
    return target


def config_file(policy: Path) -> Path:
    """`config.yaml` of the run that a policy or checkpoint lies in.

    Raises:
        UserError: it lies in none.
    """
    for folder in (policy.parent, policy.resolve().parent, policy.resolve().parent.parent):
        if (folder / "config.yaml").is_file():
            return folder / "config.yaml"
    raise UserError(
        f"no config.yaml belongs to {policy}", "keep the file in its run directory, or copy config.yaml beside it"
    )


def refuse_other_numbers(policy: Policy, name: str, config: Config, source: str) -> None:
    """Refuse a trained policy in worlds of the town that tell it other numbers than those that it was trained on.

    Args:
        policy: any driver; scripted ones read no numbers.
        name: its file.
        config: settings of the worlds; outside the town there is no navigation to differ.
        source: where these settings come from, for the message.

    Raises:
        UserError: it navigates by commands and they give waypoints, the other way round, or more or fewer waypoints.
    """
    from av_td3_system.environments.observation import vector_dim

    environment = config.environment
    trained, given = getattr(policy, "vector_dim", None), vector_dim(environment)
    if config.run.env is not None or trained is None or trained == given:
        return
    by_command = vector_dim(environment.model_copy(update={"navigation": "command"}))
    navigation = "command" if trained == by_command else "waypoints"  # these are always more numbers
    raise UserError(
        f"{name} drives with environment.navigation={navigation} ({trained} numbers beside the image), {source} "
        f"gives {environment.navigation} ({given} numbers)",
        "evaluate a policy with the navigation and the waypoints that it was trained with",
    )


def _learned(file: Path, config: Config, device: str) -> Policy:
    from av_td3_system.agents.policy import LearnedPolicy

    settings = "the config.yaml beside it"
    if file.suffix == ".pt":
        checkpoint = LearnedPolicy.from_checkpoint(file, config, device)
        refuse_other_numbers(checkpoint, str(file), config, settings)
        return checkpoint
    policy = LearnedPolicy.load(file, device)
    refuse_other_numbers(policy, str(file), config, settings)
    interval = config.camera.frame_interval
    if policy.metadata is not None and policy.metadata.frame_interval != interval:
        raise UserError(
            f"{file} drives on frames {policy.metadata.frame_interval} decisions apart, "
            f"the config.yaml beside it makes them {interval} apart",
            "put the policy beside the config.yaml of its own run",
        )
    return policy
