"""The table of known defects fits the source: a defect that cannot be put back checks nothing."""

from __future__ import annotations

import ast
from collections import Counter
from pathlib import Path

import pytest

from scripts.defect import Defect
from scripts.defects import DEFECTS

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("defect", DEFECTS, ids=lambda defect: defect.name)
def test_the_text_to_replace_stands_once_and_the_change_is_python(defect: Defect) -> None:
    source = (ROOT / defect.path).read_text(encoding="utf-8")
    assert source.count(defect.old) == 1
    mutated = source.replace(defect.old, defect.new)
    assert ast.dump(ast.parse(mutated)) != ast.dump(ast.parse(source))


@pytest.mark.parametrize("defect", DEFECTS, ids=lambda defect: defect.name)
def test_its_tests_exist(defect: Defect) -> None:
    assert defect.tests
    for test in defect.tests:
        path, name = test.split("::")
        tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
        assert name in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}, test


def test_names_are_unique() -> None:
    assert max(Counter(defect.name for defect in DEFECTS).values()) == 1
