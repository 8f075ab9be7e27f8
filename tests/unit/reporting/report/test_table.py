"""One table, three ways to write it."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from av_td3_system.reporting.report.table import Estimate, Table, comma_separated, escape, latex, markdown

TABLE = Table(
    "a_name",
    "Share of 50 %.",
    ("driver", "n", "success"),
    [["TD3_a | b", 4, Estimate(0.5, 0.25, 0.75)], ["=cmd", 2, None], ["low", 3, Estimate(-0.5, -1.0, 0.0, 1)]],
)


def test_markdown_shows_intervals_and_says_what_a_dash_is() -> None:
    text = markdown(TABLE)
    assert text.startswith("Share of 50 %. -: not measured.\n\n| driver | n | success |\n|---|---|---|\n")
    assert "| TD3_a \\| b | 4 | 0.500 (0.250-0.750) |" in text
    assert "| =cmd | 2 | - |" in text
    assert "| low | 3 | -0.5 (-1.0 to 0.0) |" in text


def test_csv_has_the_ends_of_intervals_in_columns_and_no_formulas() -> None:
    rows = list(csv.reader(io.StringIO(comma_separated(TABLE))))
    assert rows[0] == ["driver", "n", "success", "success low", "success high"]
    assert rows[1] == ["TD3_a | b", "4", "0.5", "0.25", "0.75"]
    assert rows[2] == ["'=cmd", "2", "", "", ""]


def test_latex_is_booktabs_with_special_characters_escaped() -> None:
    text = latex(TABLE)
    assert r"\caption{Share of 50 \%. -: not measured.}" in text
    assert r"TD3\_a \textbar{} b & 4 & 0.500 (0.250--0.750) \\" in text
    assert r"low & 3 & $-$0.5 ($-$1.0 to 0.0) \\" in text
    assert r"\begin{tabular}{lrr}" in text
    assert [text.count(rule) for rule in (r"\toprule", r"\midrule", r"\bottomrule")] == [1, 1, 1]


@given(st.text().map(lambda text: text.replace("`", "")))
def test_escaped_text_opens_and_closes_nothing(text: str) -> None:
    left = escape(text)
    for one in (r"\textbackslash{}", r"\textasciitilde{}", r"\textasciicircum{}", r"\textless{}", r"\textgreater{}"):
        left = left.replace(one, "")
    for one in (r"\textbar{}", r"\&", r"\%", r"\$", r"\#", r"\_", r"\{", r"\}"):
        left = left.replace(one, "")
    assert not set(left) & set("\\&%$#_{}~^<>|")


def test_code_between_backticks_is_set_as_code() -> None:
    assert escape("n in `paired_episodes` and `x`") == r"n in \texttt{paired\_episodes} and \texttt{x}"


def test_rows_of_another_length_are_refused() -> None:
    with pytest.raises(ValueError, match="has not 2 cells"):
        Table("x", "", ("a", "b"), [["1"]])
