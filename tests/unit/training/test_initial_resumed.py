"""A run that began with given networks is stopped, killed or begun anew: what it began with is not forgotten."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from av_td3_system.agents.policy import load_policy
from av_td3_system.config.errors import UserError
from av_td3_system.training.learner import Learner
from av_td3_system.training.resume import resume
from av_td3_system.training.run import train
from tests.unit.training.given import AVERAGED, OTHER, equal, make_source
from tests.unit.training.small import small
from tests.unit.training.test_remedies import DIVERGING
from tests.unit.training.test_resume import COMMAND, PRESET, Killed, die, flip, killed_at, record, stop


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_source(tmp_path_factory.mktemp("source"))


@pytest.mark.parametrize(
    "settings", [("agent.target_action=computed",), (*PRESET, "agent.exploration_noise=0.3")], ids=str
)
@pytest.mark.parametrize(("decision", "how"), [(2, die), (2, stop), (12, die), (19, stop)])
def test_stopped_and_killed_it_ends_to_the_bit_where_it_would_have(
    tmp_path: Path,
    source: Path,
    monkeypatch: pytest.MonkeyPatch,
    settings: tuple[str, ...],
    decision: int,
    how: Callable[[], None],
) -> None:
    """Killed in its first timesteps it begins anew; and what it began with is gone."""
    given = tmp_path / "given.safetensors"
    shutil.copy(source / "policy.safetensors", given)
    config = small(*OTHER, *settings)
    train(config, tmp_path / "whole", COMMAND, given)
    with monkeypatch.context() as patched:
        killed_at(decision, patched, how)
        if how is die:
            with pytest.raises(Killed):
                train(config, tmp_path / "broken", COMMAND, given)
        else:
            assert train(config, tmp_path / "broken", COMMAND, given) == 143
    given.unlink()
    resume(tmp_path / "broken", [], {}, f"{COMMAND} --resume")
    assert record(tmp_path / "broken") == record(tmp_path / "whole")
    told = [json.loads((tmp_path / name / "manifest.json").read_text())["init_from"] for name in ("broken", "whole")]
    assert told[0] == told[1] and told[0]["file"] == str(given)


def test_a_remedy_that_begins_anew_begins_with_the_same(
    tmp_path: Path, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    act, begun = Learner.act, []

    def told(self: Learner, observation: Any, exploring: bool) -> np.ndarray:
        if len(self.replay) == 0:
            begun.append((self.guided, self.agent.updates, {k: v.clone() for k, v in self.agent.actor_state().items()}))
        return act(self, observation, exploring)

    monkeypatch.setattr(Learner, "act", told)
    config = small(*DIVERGING, AVERAGED, "run.seed=7", "run.save_freq=1000", "remedies.limit=1")
    assert train(config, tmp_path / "run", COMMAND, source / "policy.safetensors") == 3
    stored = load_policy(source / "policy.safetensors", "cpu")._network.stored()
    assert [(guided, updates) for guided, updates, _ in begun] == [(True, 0)] * 2
    assert all(equal(weights, stored) for _, _, weights in begun)
    manifest = json.loads((tmp_path / "run" / "manifest.json").read_text())
    assert manifest["init_from"]["file"] == str(source / "policy.safetensors")


@pytest.mark.parametrize(("harm", "message"), [(Path.unlink, "is gone"), (flip, "initial.pt is damaged")])
def test_without_what_it_began_with_it_does_not_begin_anew(
    tmp_path: Path, source: Path, monkeypatch: pytest.MonkeyPatch, harm: Callable[[Path], None], message: str
) -> None:
    with monkeypatch.context() as patched:
        killed_at(2, patched, die)
        with pytest.raises(Killed):
            train(small(*OTHER), tmp_path / "run", COMMAND, source)
    harm(tmp_path / "run" / "initial.pt")
    before = (tmp_path / "run" / "evaluations.jsonl").read_bytes()
    with pytest.raises(UserError, match=message):
        resume(tmp_path / "run", [], {}, COMMAND)
    assert (tmp_path / "run" / "evaluations.jsonl").read_bytes() == before


def test_with_a_checkpoint_it_goes_on_without_what_it_began_with(tmp_path: Path, source: Path) -> None:
    train(small(*OTHER, "run.max_timesteps=30"), tmp_path / "run", COMMAND, source)
    (tmp_path / "run" / "initial.pt").unlink()
    resume(tmp_path / "run", [], {"run.max_timesteps": 90}, COMMAND)
    train(small(*OTHER), tmp_path / "whole", COMMAND, source)
    assert record(tmp_path / "run")["state"] == record(tmp_path / "whole")["state"]
