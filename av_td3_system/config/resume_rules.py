"""Which settings of a run may change when it goes on, and what comes of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, NamedTuple

from av_td3_system.config.errors import UserError
from av_td3_system.config.schema import Config

Effect = Literal["free", "course", "fixed"]
"""What a change does: nothing to what is learned; what is learned from here on; what was saved would not fit."""

FREE = (
    "run.max_timesteps",
    "run.eval_freq",
    "run.save_freq",
    "run.log_interval",
    "run.debug",
    "run.enable_monitoring",
    "run.enable_early_stopping",
    "carla.host",
    "carla.port",
    "carla.port_step",
    "carla.traffic_manager_port",
    "carla.timeout",
    "carla.load_timeout",
    "carla.sensor_timeout",
    "carla.attempts",
    "carla.memory_limit",
    "checkpoint.",
    "evaluation.",
    "guards.",
    "remedies.",
    "gate.",
)
"""Names, or sections with a dot, of what may be changed without a trace in what is learned."""

COURSE = (
    "run.device",
    "run.threads",
    "collectors.",
    "agent.",
    "exploration.",
    "curriculum.",
    "reward.",
    "replay.capacity",
    "replay.file",
)
"""What may be changed, for another course from here on (a curriculum where `training.worlds` has room for it)."""

FIXED = (
    "agent.twin_critics",
    "agent.target_action",
    "agent.policy_average",
    "exploration.vehicles",
    "exploration.on_route",
    "exploration.hazard_rate",
    "exploration.hazard_interval",
    "exploration.crossing_share",
    "exploration.idle_limit",
)
"""What belongs to the shape of networks, replay or worlds, though its section does not."""


class Change(NamedTuple):
    """A setting that differs from the run's own."""

    name: str
    before: Any
    now: Any
    effect: Effect

    def in_words(self) -> str:
        """What is different now, and what that means."""
        means = "what is learned stays the same" if self.effect == "free" else "from here on it is another run"
        return f"{self.name}: {_shown(self.before)} -> {_shown(self.now)} ({means})"


def changes(before: Config, now: Config) -> list[Change]:
    """All settings that differ, by name."""
    old, new = (dict(_flat(config.model_dump(mode="json"))) for config in (before, now))
    found = [Change(name, old.get(name), value, effect(name)) for name, value in new.items() if old.get(name) != value]
    gone = {name.rsplit(".", 1)[0] for name in old if name not in new}  # rules, which alone can be taken away
    return found + [Change(name, "a rule", None, effect(name)) for name in sorted(gone) if name not in old]


def effect(name: str) -> Effect:
    """What a change of this setting does."""
    if _listed(name, FIXED):
        return "fixed"
    if _listed(name, FREE):
        return "free"
    return "course" if _listed(name, COURSE) else "fixed"


def refuse_fixed(changed: Sequence[Change]) -> None:
    """Refuse what would not fit to what was saved.

    Raises:
        UserError: names what differs, and what may be changed.
    """
    fixed = [change for change in changed if change.effect == "fixed"]
    if not fixed:
        return
    named = ", ".join(f"{change.name} ({_shown(change.before)} -> {_shown(change.now)})" for change in fixed)
    safe = ", ".join(name.removeprefix("run.").replace(".", ".*") if name.endswith(".") else name for name in FREE)
    raise UserError(
        f"--resume: what was saved does not fit to other settings of {named}",
        f"leave them out, or begin a new run; safe to change: {safe}; with another course: "
        + ", ".join(name + "*" if name.endswith(".") else name for name in COURSE),
    )


def _shown(value: Any) -> str:
    return "null" if value is None else str(value)


def _listed(name: str, names: Sequence[str]) -> bool:
    return any(name.startswith(one) if one.endswith(".") else name == one for one in names)


def _flat(settings: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in settings.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield prefix + name, value
