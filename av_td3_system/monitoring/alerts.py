"""What a guard reports, and in which words."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Final, Literal

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
    """

    name: str
    severity: Severity
    step: int
    value: float
    threshold: float
    message: str

    def to_dict(self) -> dict[str, Any]:
        """Fields for `events.jsonl` (the step is the line's own)."""
        fields = asdict(self)
        del fields["step"]
        return fields


# Titles as in the action plan's monitor, then the probable cause in words.
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
    "disk_full": ("Disk nearly full", "free space, or move the run directory; checkpoints need room to be written"),
    "disk_projected": ("Disk will not last", "at the present rate the disk is full before the run ends"),
    "too_many_critical_alerts": ("Too many critical alerts", "several things fail at once; read the alerts before it"),
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
    "gpu_utilization": (
        "GPU utilization out of range",
        "below, the GPU waits for the simulator (more worlds); above, updates hold the run back",
    ),
    "dominating_term": ("One reward term dominates", "the policy learns that term alone; see `av-td3 rewards`"),
}


def make_alert(
    name: str,
    severity: Severity,
    step: int,
    value: float,
    threshold: float,
    *,
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
        subject: which network, term or metric, if the guard watches several.
        span: timesteps that the guard looked back.
    """
    title, cause = _WORDS.get(name, (name.replace("_", " ").capitalize(), ""))
    title = title.format(span=f"{span // 1000}K" if span % 1000 == 0 else span)
    about = f" ({subject})" if subject else ""
    message = f"{title}{about} at step {step}: {value:.2f} (threshold {threshold:g})"
    if cause:
        message += f". Probable cause: {cause}" if severity != "warning" else f". Perhaps: {cause}"
    full_name = f"{name}_{subject.replace('/', '_')}" if subject else name
    return Alert(full_name, severity, step, float(value), float(threshold), message)
