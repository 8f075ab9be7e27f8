"""Lines are told apart in grey, and the user's own settings of matplotlib are left alone."""

from __future__ import annotations

import matplotlib as mpl

from av_td3_system.reporting.report.style import line, styled


def test_no_two_lines_are_the_same_and_neighbours_differ_without_colour() -> None:
    told = [(one["color"], str(one["linestyle"]), one["marker"]) for one in map(line, range(280))]
    assert len(set(told)) == 280
    assert len({(dashes, marker) for _, dashes, marker in told[:8]}) == 8


def test_the_style_ends_with_its_block() -> None:
    with mpl.rc_context({"font.size": 17, "axes.grid": False}):
        with styled():
            assert mpl.rcParams["font.size"] == 8 and mpl.rcParams["axes.grid"]
        assert mpl.rcParams["font.size"] == 17 and not mpl.rcParams["axes.grid"]
