"""What there is to take away."""

from __future__ import annotations

import pytest

from av_td3_system.config.load import load_config
from av_td3_system.experiments.ablations import WHOLE, ablations


def test_each_name_stands_once_and_the_whole_comes_first() -> None:
    found = ablations()
    assert found[0].name == WHOLE and found[0].settings == () and found[0].claim is None
    assert len({one.name for one in found}) == len(found)


@pytest.mark.parametrize("one", ablations()[1:], ids=lambda one: one.name)
def test_each_is_a_claim_about_settings_that_can_be_run(one: object) -> None:
    name, settings, expected, claim = one.name, one.settings, one.expected, one.claim  # type: ignore[attr-defined]
    assert load_config(overrides=settings) != load_config(), f"{name} takes nothing away"
    assert claim is not None and expected


def test_without_all_extras_the_published_preset_is_left() -> None:
    settings = [setting for one in ablations() if one.name.startswith("without_") for setting in one.settings]
    bare, paper = load_config(overrides=settings), load_config(files=["td3_paper.yaml"])
    for section in ("camera", "network", "exploration", "agent", "replay", "reward"):
        assert getattr(bare, section) == getattr(paper, section)


def test_what_all_runs_share_is_no_extra() -> None:
    names = {one.name for one in ablations(["agent.n_step=1"])}
    assert "without_n_step" not in names and "without_gamma" in names
