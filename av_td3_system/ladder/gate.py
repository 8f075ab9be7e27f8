"""The gate: one function that judges every rung for the CLI, for training, for the ladder and for tests.

It judges the deterministic policy on fixed validation episodes, paired with the run's own of an earlier rung, and asks
for behaviour (route completion, beyond what driving straight or standing gives) as well as for reward, because a reward
alone has been passed by policies that do nothing. What decides:

* `halt`: worse than the baseline by more than 10 %, below an absolute reward, diverged (Q or TD error beyond its bound
  for some lines in a row, or not finite), or at the last rung as good with images that show nothing;
* `proceed`: every criterion of that role holds;
* `extend`: anything else, missing evidence included.

Which rung's criteria hold follows from the timestep alone. Bounds are `GateConfig`'s.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from av_td3_system.config.schema import GateConfig
from av_td3_system.ladder.criteria import Criterion, Role
from av_td3_system.ladder.inputs import GateInputs, RungName, rung_of
from av_td3_system.ladder.rung_1m import criteria_1m
from av_td3_system.ladder.rung_10k import criteria_10k
from av_td3_system.ladder.rung_100k import criteria_100k

Decision = Literal["proceed", "extend", "halt"]

_CRITERIA: Mapping[RungName, Callable[[GateInputs, GateConfig], tuple[Criterion, ...]]] = {
    "10k": criteria_10k,
    "100k": criteria_100k,
    "1m": criteria_1m,
}


@dataclass(frozen=True)
class Verdict:
    """The judgement of a rung, with all that it rests on."""

    name: str
    verdict: Decision
    criteria: tuple[Criterion, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain values for `results.json` and `events.jsonl`."""
        return {"name": self.name, "verdict": self.verdict, "criteria": [asdict(line) for line in self.criteria]}

    def failed(self, role: Role) -> list[Criterion]:
        """The criteria of that role that do not hold."""
        return [line for line in self.criteria if line.role == role and not line.passed]


def judge(inputs: GateInputs, config: GateConfig) -> Verdict:
    """Judge a run at the highest rung that it has reached, or at the first."""
    rung = rung_of(inputs.step, config)
    criteria = _CRITERIA[rung.name](inputs, config)
    decision: Decision = "proceed"
    if any(line.role == "halt" and not line.passed for line in criteria):
        decision = "halt"
    elif any(line.role == "proceed" and not line.passed for line in criteria):
        decision = "extend"
    return Verdict(rung.name, decision, criteria)
