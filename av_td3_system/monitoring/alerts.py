"""What a guard reports, and in which words."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Final, Literal

from av_td3_system.config.schema import GuardRule

Severity = Literal["halt", "critical", "warning"]


@dataclass(frozen=True)
class Alert:
    """One alert, raised once per occurrence.

    Attributes:
        name: of the guard; `alerts/<name>` in TensorBoard.
        severity: halt ends the run, critical is counted, warning is only said.
        step: environment step of the check.
        value: what was seen.
        threshold: what it was compared with.
        message: what happened and the probable cause, for the log.
        metric: tag or signal of `names` that was watched; empty where it is more than one number.
        unit: of value and threshold.
        window: over which the value is a mean, in words; empty where it is a single value.
    """

    name: str
    severity: Severity
    step: int
    value: float
    threshold: float
    message: str
    metric: str = ""
    unit: str = ""
    window: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Fields for `events.jsonl` (the step is the line's own)."""
        fields = asdict(self)
        del fields["step"]
        return fields


# Titles as in the action plan's monitor, then the probable cause in words. The longest name that an alert's own begins
# with is taken, so that rules on several networks or terms share theirs.
_WORDS: Final[dict[str, tuple[str, str]]] = {
    "td_error_explosion": (
        "TD error explosion",
        "the critic no longer follows its targets; learning rate, reward scale or tau too high",
    ),
    "td_error_high": ("TD error high", "the critic is falling behind its targets; consider half the learning rates"),
    "q_value_divergence": (
        "Q-value divergence",
        "the critic overestimates without bound; check twin critics, target networks and bootstrapping",
    ),
    "q_value_high": (
        "Q-value high",
        "above what any route can pay at this gamma; overestimation has probably begun",
    ),
    "reward_collapse": ("Reward collapse", "the policy has settled on something that is punished on every route"),
    "reward_degrading": (
        "Reward degrading",
        "it has fallen steadily over the whole window; the policy is unlearning, go back to the last good checkpoint",
    ),
    "no_improvement": (
        "No improvement in last {span} steps",
        "exploration too weak, learning rates too low, or a reward term that holds the policy back",
    ),
    "non_finite": (
        "Non-finite value",
        "a division by zero or an overflow; the state before it is in the last checkpoint",
    ),
    "gradient_spike": ("Gradient spike", "an unusual batch; harmless alone, a sign of instability when repeated"),
    "gradient_explosion": (
        "Gradient explosion",
        "no LayerNorm in the forward pass, or learning rate too high; clipping hides it from the weights only",
    ),
    "feature_explosion": (
        "Feature explosion",
        "encoder features grow without bound; check LayerNorm in the forward pass",
    ),
    "encoder_dead": ("Encoder dead", "features are zero for every image; dead units or a black camera"),
    "blind_encoder": (
        "Encoder blind",
        "another image changes no action: the policy drives by the vehicle's state alone; "
        "look at the camera's picture, at `evaluate --image blank`, and at the encoder's gradient",
    ),
    "disk_full": ("Disk nearly full", "free space, or move the run directory; checkpoints need room to be written"),
    "disk_low": ("Disk running low", "older checkpoints are pruned; free space before the run has to halt"),
    "disk_projected": ("Disk will not last", "at the present rate the disk is full before the run ends"),
    "memory_low": (
        "Memory running low",
        "the replay grows until replay.capacity, and other programs take theirs; lower it, or set replay.file",
    ),
    "gpu_memory_low": ("GPU memory running low", "other programs use the GPU, or replay.on_device does not fit"),
    "gpu_hot": ("GPU hot", "the card throttles itself soon; check its fans and what else runs on it"),
    "gpu_idle": ("GPU waits", "it waits for the simulator or for batches; more worlds, or replay.on_device"),
    "gpu_busy": ("GPU fully used", "updates hold the run back"),
    "slow_simulator": ("Simulator slow", "other programs use the processor, or a world holds too many vehicles"),
    "replay_starvation": (
        "Replay starved",
        "too few whole transitions for a batch: a capacity near the batch size, or episodes cut too soon",
    ),
    "too_many_critical_alerts": (
        "Too many critical alerts",
        "read the alerts before it: several things fail at once, or one again and again",
    ),
    "parked": (
        "Car parked",
        "the policy stands still; standing is cheaper than driving for it, or it fears the car ahead",
    ),
    "saturated_action": (
        "Saturated action",
        "the policy holds an extreme action; the actor's inputs or Q values are off scale",
    ),
    "spinning": ("Car spinning", "the policy turns on the spot; steering is saturated to one side"),
    "q_bias_growing": ("Q bias growing", "Q rises faster than the returns that follow; overestimation"),
    "dominating_term": ("One reward term dominates", "the policy learns that term alone; see `av-td3 rewards`"),
}


FAMILIES: Final = tuple(_WORDS)
"""Names, or beginnings of names, of all alerts but those of rules of one's own."""


def make_alert(
    name: str,
    severity: Severity,
    step: int,
    value: float,
    threshold: float,
    *,
    rule: GuardRule | None = None,
    subject: str = "",
    span: int = 0,
) -> Alert:
    """Word an alert.

    Args:
        name: of the guard; `name_subject` becomes the alert's name when a subject is given.
        severity: halt, critical or warning.
        step: environment step.
        value: seen.
        threshold: compared with.
        rule: that raised it, where one did.
        subject: what is not finite, if the guard watches several things.
        span: timesteps that the guard looked back.
    """
    full_name = f"{name}_{subject.replace('/', '_')}" if subject else name
    title, cause = _in_words(name)
    title = title.format(span=f"{span // 1000}K" if span % 1000 == 0 else span)
    about = f" ({subject})" if subject else ""
    window = f"mean of {rule.window} {rule.window_unit}" if rule is not None and rule.window > 1 else ""
    unit = rule.unit if rule is not None and not rule.kind.startswith("times_") else ""
    side = "" if rule is None else "below the " if rule.kind.endswith("below") else "above the "
    message = f"{title}{about} at step {step}: {value:.{_digits(threshold)}f} ({side}threshold {threshold:g}"
    message += "".join(f", {part}" for part in (unit, window) if part) + ")"
    if cause:
        message += f". Probable cause: {cause}" if severity != "warning" else f". Perhaps: {cause}"
    metric = rule.metric if rule is not None else ""
    return Alert(full_name, severity, step, float(value), float(threshold), message, metric, unit, window)


def _in_words(name: str) -> tuple[str, str]:
    family = max((known for known in _WORDS if name.startswith(known)), key=len, default=None)
    plain = name.replace("_", " ").capitalize()
    if family is None:
        return plain, ""
    title, cause = _WORDS[family]
    rest = name.removeprefix(family).strip("_").replace("_", " ")
    return f"{title} ({rest})" if rest else title, cause


def _digits(threshold: float) -> int:
    return 2 if abs(threshold) >= 0.1 or threshold == 0 else 4
