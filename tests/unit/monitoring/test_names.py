"""The tags are the document's tags."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from av_td3_system.config.errors import UserError
from av_td3_system.monitoring import names

DOCUMENT = Path(__file__).resolve().parents[4] / "shared" / "evaluation.md"
_FAMILIES = {"<component>": names.REWARD_COMPONENTS, "<network>": names.NETWORKS}


OURS = {
    names.PERCEPTION_LOSS,
    *names.DEAD_UNITS,
    names.IMAGE_USE,
    names.CURRICULUM_STAGE,
    names.SIMULATOR_MS,
    names.GPU_MEMORY_FREE_GB,
    names.GPU_TEMPERATURE,
    names.RAM_AVAILABLE_GB,
}
"""Tags beyond those of the document: what the guards of the encoder and of the machine watch, and the curriculum."""


@pytest.mark.skipif(not DOCUMENT.exists(), reason="the document of measures is not on this machine")
def test_tags_are_exactly_those_of_the_document() -> None:
    section = DOCUMENT.read_text(encoding="utf-8").split("## Training signals")[1]
    documented = set()
    for tag in re.findall(r"`([\w/<>]+)`", section):
        full = tag if "/" in tag else f"train/{tag}"
        family = next((key for key in _FAMILIES if key in full), None)
        documented |= {full.replace(family, member) for member in _FAMILIES[family]} if family else {full}
    assert documented - {"alerts/<name>"} == set(names.TAGS) - OURS


def test_no_tag_twice() -> None:
    assert len(set(names.TAGS)) == len(names.TAGS)


def test_short_names_prefer_training() -> None:
    assert names.resolve("episode_reward") == "train/episode_reward"
    assert names.resolve("success_rate") == "eval/success_rate"
    assert names.resolve("eval/episode_reward") == "eval/episode_reward"
    assert names.resolve(names.alert_tag("parked")) == "alerts/parked"


def test_a_typo_is_refused_by_name() -> None:
    with pytest.raises(UserError, match="q_vlaue"):
        names.resolve("q_vlaue")


def test_signals_never_reach_tensorboard() -> None:
    assert not any(names.is_tag(signal) for signal in names.SIGNALS)
    assert not names.is_tag("alerts/")
