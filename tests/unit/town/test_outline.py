"""Lateral borders and marks of a section."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from av_td3_system.town.opendrive import read_opendrive
from av_td3_system.town.outline import section_outline

LANES = """<laneOffset s="0" a="0.5" b="0" c="0" d="0"/><laneSection s="0">
<left><lane id="1" type="driving"><width sOffset="0" a="3" b="0.1"/>
<roadMark sOffset="0" type="solid" width="0.2"/></lane></left>
<center><lane id="0" type="none"><roadMark sOffset="0" type="broken"/>
<roadMark sOffset="20" type="none"/></lane></center>
<right><lane id="-1" type="driving"><width sOffset="0" a="4"/><roadMark sOffset="0" type="curb"/></lane>
<lane id="-2" type="sidewalk"><width sOffset="0" a="2"/></lane></right></laneSection>"""


def test_borders_follow_offset_and_widths(write_map: Callable[..., Path], make_road: Callable[..., str]) -> None:
    outline = section_outline(read_opendrive(write_map(make_road(lanes=LANES))).roads["1"], 0, -1, {-1: 4, 1: 5})
    assert outline.identifiers == (-2, -1, 1)
    assert outline.lanes == (-1, 4, 5)
    np.testing.assert_allclose(outline.low[:, 0], [-5.5, -3.5, 0.5])
    np.testing.assert_allclose(outline.high[:, 0], [-3.5, 0.5, 3.5])
    np.testing.assert_allclose(outline.high[2, -1], 0.5 + 3 + 4)


def test_marks_lie_on_outer_borders_where_they_are_painted(
    write_map: Callable[..., Path], make_road: Callable[..., str]
) -> None:
    outline = section_outline(read_opendrive(write_map(make_road(lanes=LANES))).roads["1"], 0, -1, {})
    marks = {mark.lane: mark for mark in outline.marks}
    assert set(marks) == {0, 1}  # a kerb is no paint
    assert marks[0].dashed
    assert not marks[1].dashed
    assert np.isfinite(marks[0].offset[outline.s < 19.9]).all()
    assert np.isnan(marks[0].offset[outline.s >= 20]).all()
    np.testing.assert_allclose(marks[1].offset, outline.high[2])
    assert marks[1].inner == -1
