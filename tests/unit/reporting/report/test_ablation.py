"""Ablations are read as they were written, and nothing is made of what was not."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from av_td3_system.config.errors import UserError
from av_td3_system.reporting.report.ablation import FILE, read_ablation

RATE = {"estimate": 0.5, "low": 0.4, "high": 0.6}


def test_variants_are_read(tmp_path: Path) -> None:
    variants = [
        {
            "name": "LayerNorm",
            "expected": "features explode",
            "success_rate": RATE,
            "difference": RATE,
            "verdict": "yes",
        },
        {"name": "delay", "success_rate": None, "more": 1},
    ]
    (tmp_path / FILE).write_text(json.dumps({"variants": variants, "more": 2}))
    first, second = read_ablation(tmp_path)
    assert first.success_rate == (0.5, 0.4, 0.6) and first.verdict == "yes"
    assert second.success_rate is None and second.expected == ""


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "is missing"),
        ("{", "not readable"),
        ('{"variants": []}', "names no variant"),
        ('{"variants": [{"name": "x", "success_rate": {"estimate": NaN, "low": 0, "high": 1}}]}', "not finite"),
        ('{"variants": [{"name": "x", "success_rate": {"low": 0}}]}', "not readable"),
    ],
)
def test_what_is_no_ablation_is_refused(tmp_path: Path, text: str | None, message: str) -> None:
    if text is not None:
        (tmp_path / FILE).write_text(text)
    with pytest.raises(UserError, match=message):
        read_ablation(tmp_path)
