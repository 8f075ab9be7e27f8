"""A run in trouble helps itself, by the book, so often and no oftener."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from av_td3_system.config.errors import UserError
from av_td3_system.config.load import load_resolved
from av_td3_system.config.schema import Config
from av_td3_system.monitoring.alerts import Alert, Severity
from av_td3_system.monitoring.run_directory import RunDirectory
from av_td3_system.training import run as run_module
from av_td3_system.training.remedies import Remedies, effect_in_words, in_words, read_book
from av_td3_system.training.resume import resume
from av_td3_system.training.run import train
from tests.unit.training.small import lines_of, small

COMMAND = "av-td3 train"
RUN = (
    "run.enable_monitoring=true",
    "run.max_timesteps=120",
    "run.save_freq=20",
    "run.eval_freq=60",
    "evaluation.episodes=2",
    "remedies.settle=15",
    "environment.slowest_speed=1000",  # episodes end every 13 decisions or so
    "environment.time_allowance=0.5",
)
DIVERGING = (*RUN, "guards.rules.q_value_divergence={threshold: -1e9, persistence: 1, after: 90}")
PARKED = (*RUN, "guards.rules.parked={threshold: 1e9, window: 1, window_unit: values, after: 60}")


def alert(name: str, severity: Severity = "critical") -> Alert:
    return Alert(name, severity, 100, 2.0, 1.0, "")


def remedies(path: Path, *settings: str) -> Remedies:
    return Remedies(path / "remedies.json", small("run.enable_monitoring=true", *settings))


def done(book: Remedies, path: Path) -> None:
    """As `apply_prescribed` leaves it."""
    book.applied[-1]["done"] = True
    (path / "remedies.json").write_text(json.dumps(book.applied))


def prescribed(path: Path, name: str) -> dict[str, Any]:
    book = remedies(path)
    entry = book.prescribe(name, 900, [alert("x")], {}, ("td3_0.8k.pt", 800))
    done(book, path)
    return entry["changes"]  # type: ignore[no-any-return]


def test_divergence_is_treated_in_the_plans_order(tmp_path: Path) -> None:
    config = small().agent
    rates = {"agent.actor_lr": [config.actor_lr, config.actor_lr / 2]}
    rates |= {"agent.critic_lr": [config.critic_lr, config.critic_lr / 2]}
    larger = rates | {"agent.batch_size": [4, 8]}
    slower = larger | {"agent.tau": [config.tau, config.tau * 0.2]}
    assert [prescribed(tmp_path, "divergence") for _ in range(3)] == [rates, larger, slower]
    assert remedies(tmp_path).used_up, "three are enough"


@pytest.mark.parametrize(
    ("name", "remedy"),
    [
        ("td_error_explosion", "divergence"),
        ("non_finite_loss or gradient", "divergence"),
        ("too_many_critical_alerts", "divergence"),
        ("parked", "parked"),
        ("non_finite_observation", None),  # no setting mends a simulator
        ("disk_full", None),
        ("q_value_high", None),
    ],
)
def test_what_calls_for_which(tmp_path: Path, name: str, remedy: str | None) -> None:
    assert remedies(tmp_path).called_for([alert("gradient_spike"), alert(name)]) == remedy
    assert Remedies(tmp_path / "remedies.json", small()).called_for([alert(name)]) is None, "not without monitoring"


def test_what_halts_is_met_by_what_goes_back_alone(tmp_path: Path) -> None:
    book = remedies(tmp_path)
    both = [alert("parked"), alert("too_many_critical_alerts", "halt")]
    assert book.called_for(both) == "divergence"
    assert book.called_for([alert("parked"), alert("disk_full", "halt")]) is None
    assert book.called_for([alert("parked", "halt")]) is None
    assert remedies(tmp_path, "remedies.limit=0").called_for(both) is None


def test_a_parked_car_is_driven_for_a_while(tmp_path: Path) -> None:
    assert prescribed(tmp_path, "parked") == {"exploration.learning_starts": [12, 3300]}


def test_a_warm_up_is_not_made_shorter(tmp_path: Path) -> None:
    book = remedies(tmp_path, "exploration.learning_starts=5000")
    entry = book.prescribe("parked", 900, [alert("parked")], {}, ("checkpoint_900.pt", 900))
    assert entry["changes"] == {"exploration.learning_starts": [5000, 7500]}


def test_its_effect_is_written_down_once_it_has_had_time(tmp_path: Path) -> None:
    book = remedies(tmp_path, "remedies.settle=50")
    book.prescribe("divergence", 900, [alert("q_value_divergence")], {"train/q_value": 2000.0}, ("td3_0.8k.pt", 800))
    done(book, tmp_path)
    assert book.look(940, False, {"train/q_value": 20.0}) is None, "it is beyond where the trouble was for too short"
    entry = book.look(950, False, {"train/q_value": 21.0})
    assert entry is not None and book.look(960, False, {"train/q_value": 22.0}) is None
    assert entry["effect"] == {"step": 950, "trouble": [], "figures": {"train/q_value": 21.0}, "at_end": False}
    assert effect_in_words(entry).endswith("at step 950: no trouble; q_value 2e+03 -> 21")
    assert effect_in_words({**entry, "before": {}}).endswith("at step 950: no trouble")
    assert "after q_value_divergence at step 900: on from td3_0.8k.pt (step 800); agent.actor_lr" in in_words(entry)


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("remedies.rules.divergence.factors=[{agent.actor_lrr: 0.5}]", "agent.actor_lrr is no number"),
        ("remedies.rules.divergence.factors=[{network.features: 2}]", "network.features cannot change"),
        ("remedies.rules.divergence.factors=[{agent.twin_critics: 2}]", "agent.twin_critics is no number"),
        ("remedies.rules.parked.alerts=[nosuch]", "no alert begins with 'nosuch'"),
    ],
)
def test_a_rule_that_cannot_work_is_refused_before_the_run(tmp_path: Path, setting: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        train(small(setting), tmp_path / "run", COMMAND)
    assert not (tmp_path / "run").exists()


def trained(path: Path, config: Config) -> dict[str, Any]:
    found: dict[str, Any] = {"code": train(config, path, COMMAND)}
    return found | json.loads((path / "results.json").read_text())


def test_a_diverging_run_goes_back_three_times_and_is_halted_then(tmp_path: Path) -> None:
    config = small(*DIVERGING)
    result = trained(tmp_path / "run", config)
    assert (result["code"], result["ended"]) == (3, "halted")
    told = [(r["remedy"], r["step"], r["back_to"], r["checkpoint"]) for r in result["remedies"]]
    assert told == [("divergence", 90, 60, "td3_0.06k.pt")] * 3
    assert [r["effect"]["trouble"] for r in result["remedies"]] == [["q_value_divergence"]] * 3
    said = (tmp_path / "run" / "RESULTS.md").read_text()
    assert "Q-value divergence at step 90" in said
    assert said.count("- divergence at step 90: on from step 60; agent.actor_lr") == 3
    now = load_resolved(tmp_path / "run" / "config.yaml").agent
    assert (now.actor_lr, now.batch_size) == (config.agent.actor_lr / 8, 16)
    assert now.tau == pytest.approx(config.agent.tau * 0.2)
    directory = RunDirectory(tmp_path / "run")
    events = [event for event in lines_of(directory.events) if event["kind"] == "remedy"]
    assert [event["step"] for event in events if event["effect"] is None] == [60, 60, 60]
    assert "after q_value_divergence at step 90" in events[0]["message"]
    steps = [line["step"] for line in lines_of(directory.metrics) if "system/ram_gb" in line]
    assert steps == sorted(set(steps)), "what was undone is in no curve"
    changed = json.loads(directory.manifest.read_text())["resumes"]
    assert [one["command"] for one in changed] == [["remedy", "divergence"]] * 3


def test_without_a_good_checkpoint_it_begins_anew(tmp_path: Path) -> None:
    result = trained(tmp_path / "run", small(*DIVERGING, "run.save_freq=1000", "remedies.limit=1"))
    assert (result["ended"], result["remedies"][0]["back_to"]) == ("halted", None)
    assert json.loads((tmp_path / "run" / "manifest.json").read_text())["command"] == COMMAND.split()


def test_a_parked_run_goes_on_from_where_it_stands(tmp_path: Path) -> None:
    result = trained(tmp_path / "run", small(*PARKED, "remedies.rules.parked.explore=30", "remedies.settle=1000"))
    assert (result["code"], result["ended"], result["env_steps"]) == (0, "completed", 120)
    (entry,) = result["remedies"]
    assert (entry["step"], entry["back_to"], entry["changes"]) == (60, 60, {"exploration.learning_starts": [12, 90]})
    assert entry["effect"]["step"] == 120, "what can be said at the end"
    phases = [(e["step"], e["phase"]) for e in lines_of(tmp_path / "run" / "events.jsonl") if e["kind"] == "phase"]
    assert phases[-1] == (93, "LEARNING")


def test_what_does_not_help_is_followed_by_the_next_and_then_by_a_halt(tmp_path: Path) -> None:
    settings = ("remedies.settle=12", "remedies.limit=2", "run.max_timesteps=150", "guards.critical_count=3")
    result = trained(tmp_path / "run", small(*PARKED, "remedies.rules.parked.explore=1", *settings))
    assert (result["code"], result["ended"]) == (3, "halted")
    assert [entry["step"] for entry in result["remedies"]] == [60, 81]
    assert [entry["effect"]["trouble"] for entry in result["remedies"]] == [["parked"], ["too_many_critical_alerts"]]
    assert [alert["name"] for alert in result["alerts"]] == ["parked"] * 3 + ["too_many_critical_alerts"]


def test_a_critical_alert_after_the_last_remedy_halts(tmp_path: Path) -> None:
    settings = ("remedies.settle=12", "remedies.limit=1", "run.max_timesteps=150", "guards.critical_count=99")
    result = trained(tmp_path / "run", small(*PARKED, "remedies.rules.parked.explore=1", *settings))
    assert (result["code"], result["ended"]) == (3, "halted")
    assert [alert["name"] for alert in result["alerts"]] == ["parked"] * 2
    (entry,) = result["remedies"]
    assert entry["effect"]["trouble"] == ["parked"], "what was said of it before did not last"
    stops = [event for event in lines_of(tmp_path / "run" / "events.jsonl") if event["kind"] == "stop"]
    assert "calls for the remedy parked, and 1 remedies did not help" in stops[0]["reason"]
    assert (tmp_path / "run" / "checkpoints" / f"emergency_halt_{result['env_steps']}.pt").is_file()


@pytest.mark.parametrize("moment", ["apply_prescribed", "world.renew"])
def test_killed_in_the_middle_of_a_remedy_it_is_done_at_the_next_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    class Killed(BaseException):
        """Nothing is saved after it."""

    def die(*_: Any) -> None:
        raise Killed

    config = small(*PARKED, "remedies.settle=1000")
    whole = trained(tmp_path / "whole", config)
    with monkeypatch.context() as patched:
        if moment == "apply_prescribed":
            patched.setattr(run_module, "apply_prescribed", die)
        else:
            patched.setattr(run_module.World, "renew", die)
        with pytest.raises(Killed):
            train(config, tmp_path / "broken", COMMAND)
    assert len(read_book(tmp_path / "broken" / "remedies.json")) == 1
    assert resume(tmp_path / "broken", [], {}, COMMAND) == 0
    broken = json.loads((tmp_path / "broken" / "results.json").read_text())
    assert broken["state_hash"] == whole["state_hash"]
    assert broken["remedies"] == whole["remedies"]


def test_a_setting_that_is_at_its_bound_stays_there(tmp_path: Path) -> None:
    factors = "remedies.rules.divergence.factors=[{agent.batch_size: 4000, agent.actor_lr: 0.5}]"
    assert set(prescribed_with(tmp_path, factors)) == {"agent.actor_lr"}


def prescribed_with(path: Path, *settings: str) -> dict[str, Any]:
    book = remedies(path, *settings)
    return book.prescribe("divergence", 900, [alert("x")], {}, ("td3_0.8k.pt", 800))["changes"]  # type: ignore[no-any-return]


@pytest.mark.parametrize("content", ["[", "[{}]", "null", "[3]", '[{"changes": {}, "done": true}]'])
def test_a_book_that_is_none_is_refused_in_words(tmp_path: Path, content: str) -> None:
    path = tmp_path / "remedies.json"
    path.write_text(content)
    with pytest.raises(UserError, match="is not readable"):
        read_book(path)
