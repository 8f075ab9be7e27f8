"""What a resumed run is told of settings that differ."""

from __future__ import annotations

import pytest

from av_td3_system.config.errors import UserError
from av_td3_system.config.load import load_config, with_overrides
from av_td3_system.config.resume_rules import changes, refuse_fixed


def test_a_rule_that_is_taken_away_is_named_like_any_change() -> None:
    before = load_config()
    now = with_overrides(before, ["guards.rules.td_error_explosion=null", "agent.actor_lr=0.5"])
    named = {change.name: change for change in changes(before, now)}
    assert set(named) == {"guards.rules.td_error_explosion", "agent.actor_lr"}
    gone = named["guards.rules.td_error_explosion"]
    assert gone.effect == "free" and gone.in_words().startswith("guards.rules.td_error_explosion: a rule -> null")
    back = {change.name for change in changes(now, before)}
    assert "guards.rules.td_error_explosion.threshold" in back


def test_equal_settings_differ_in_nothing() -> None:
    assert changes(load_config(), load_config()) == []


def test_what_does_not_fit_is_refused_by_name_with_what_does() -> None:
    before = load_config()
    changed = changes(before, with_overrides(before, ["network.features=32"]))
    with pytest.raises(UserError, match=r"network\.features \(64 -> 32\)"):
        refuse_fixed(changed)
