"""Checks that each promise in the threat model page refers to existing tests."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / ".github/docs/threat-model.md"
HERE = Path(__file__)
TEST = re.compile(r"`(tests/[\w/]+\.py)::(test_\w+)`")

pytestmark = pytest.mark.skipif(not PAGE.exists(), reason="this is not a checkout")


def promises(text: str) -> list[tuple[str, str]]:
    """Return each promise in the Markdown tables of *text*, with the cell that lists its tests."""
    rows = [line.strip("|").split("|") for line in text.splitlines() if line.startswith("| ")]
    return [(row[1].strip(), row[2]) for row in rows if row[2].strip() != "tests"]


@cache
def names_in(path: Path) -> frozenset[str]:
    """Return the names of the test functions in a module."""
    module = ast.parse(path.read_text(encoding="utf-8"))
    names = (each.name for each in module.body if isinstance(each, ast.FunctionDef))
    return frozenset(name for name in names if name.startswith("test_"))


def missing(tests: str) -> list[str]:
    """Return the tests in a cell of a Markdown table that do not exist."""
    return [
        f"{path}::{name}"
        for path, name in TEST.findall(tests)
        if not (ROOT / path).is_file() or name not in names_in(ROOT / path)
    ]


def test_each_promise_in_the_threat_model_refers_to_existing_tests():
    found = promises(PAGE.read_text(encoding="utf-8"))
    assert len(found) > 25
    for promise, tests in found:
        assert TEST.sub("", tests).strip() == "", promise
        assert TEST.search(tests), f"no test: {promise}"
        assert missing(tests) == [], promise


@pytest.mark.parametrize(
    "row",
    [
        "| files | no file | `tests/trust/test_threat_model.py::test_of_another_name` |",
        "| files | no file | `tests/trust/test_none.py::test_each` |",
    ],
)
def test_threat_model_check_reports_a_reference_to_a_missing_test(row):
    ((promise, tests),) = promises(row)
    assert promise == "no file"
    assert len(missing(tests)) == 1


def test_threat_model_lists_every_test_of_hostile_pull_requests():
    listed = {name for _, name in TEST.findall(PAGE.read_text(encoding="utf-8"))}
    for path in HERE.parent.glob("test_*.py"):
        assert path == HERE or names_in(path) <= listed, path.name
