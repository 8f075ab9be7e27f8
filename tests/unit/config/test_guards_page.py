"""docs/guards.md says what the settings are."""

from __future__ import annotations

from tests.conftest import ROOT
from tests.unit.config.guards_page import guards_table, remedies_table


def test_the_page_has_the_rules_and_remedies_of_today() -> None:
    page = (ROOT / "docs" / "guards.md").read_text(encoding="utf-8")
    assert guards_table() in page
    assert remedies_table() in page
