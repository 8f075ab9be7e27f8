"""Figures of episodes that are known by their rewards alone."""

from __future__ import annotations

import json

import pytest

from av_td3_system.environments.plain_episode import UNMEASURED, PlainEpisode, summarise_plain


def test_a_summary_has_the_names_of_the_towns_and_nothing_invented() -> None:
    episodes = [PlainEpisode(1, "E", "terminated", 2.0, 10), PlainEpisode(2, "E", "truncated", 4.0, 30)]
    summary = summarise_plain(episodes)
    assert (summary["n_episodes"], summary["episode_reward"], summary["episode_length"]) == (2, 3.0, 20.0)
    assert summary["episode_reward_std"] == pytest.approx(2**0.5) and summary["terminated"] == 1
    assert (summary["episode_reward_min"], summary["episode_reward_max"]) == (2.0, 4.0)
    assert {summary[name] for name in UNMEASURED} == {None}
    json.dumps([summary, episodes[0].to_dict()], allow_nan=False)
    assert summarise_plain(episodes[:1])["episode_reward_std"] == 0.0
    with pytest.raises(ValueError, match="nothing"):
        summarise_plain([])
