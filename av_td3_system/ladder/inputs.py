"""What a rung is judged on, and which rung it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from av_td3_system.config.schema import GateConfig
from av_td3_system.environments.episode import EpisodeRecord

RungName = Literal["10k", "100k", "1m"]
TRIVIAL_POLICIES = ("parked", "straight", "random")
Q_GAMMA = 0.99  # that the plan's figures of Q are meant for


class Rung(NamedTuple):
    """A rung of the ladder.

    Attributes:
        name: in verdicts.
        step: from which on it is judged.
        baseline: timestep of the run's own evaluation that it is compared with.
    """

    name: RungName
    step: int
    baseline: int


def rungs(config: GateConfig) -> tuple[Rung, ...]:
    """All of them, the lowest first."""
    return (
        Rung("10k", config.rung_step, config.baseline_step),
        Rung("100k", config.rung_100k_step, config.rung_step),
        Rung("1m", config.rung_1m_step, config.rung_100k_step),
    )


def rung_of(step: int, config: GateConfig) -> Rung:
    """The highest rung reached by this timestep; the first where none is."""
    first, *later = rungs(config)
    return max((rung for rung in later if step >= rung.step), key=lambda rung: rung.step, default=first)


@dataclass(frozen=True)
class GateInputs:
    """What a rung is judged on.

    Attributes:
        step: timestep of the judged checkpoint.
        episodes: its validation episodes, one per seed.
        baseline_episodes: those of the rung's baseline, the same seeds among them.
        trivial_route_completion: mean route completion of `TRIVIAL_POLICIES` on the same episodes.
        td_error: `train/td_error` of each metric line since the baseline, oldest first.
        q_value: `train/q_value`, likewise.
        q_value_std: `train/q_value_std`, likewise.
        alerts: (name, severity) of each alert raised up to `step`.
        calibration: `q_return_gap` and `q1_q2_gap` of the judged checkpoint.
        rewards: (timestep, mean episode reward) of each validation from the baseline on, oldest first.
        camera: success rate of the judged policy by what it was shown, `blank` and `shuffled`, on validation episodes.
        late: metric -> mean over the last tenth of the timesteps, of those that the last rung asks for.
        gamma: discount of the run.
        halted: whether a guard has ended the run, wherever its newest validation lies.
    """

    step: int
    episodes: Sequence[EpisodeRecord]
    baseline_episodes: Sequence[EpisodeRecord]
    trivial_route_completion: Mapping[str, float]
    td_error: Sequence[float]
    q_value: Sequence[float]
    q_value_std: Sequence[float] = ()
    alerts: Sequence[tuple[str, str]] = ()
    calibration: Mapping[str, float] = field(default_factory=dict)
    rewards: Sequence[tuple[int, float]] = ()
    camera: Mapping[str, float] = field(default_factory=dict)
    late: Mapping[str, float] = field(default_factory=dict)
    gamma: float = Q_GAMMA
    halted: bool = False
