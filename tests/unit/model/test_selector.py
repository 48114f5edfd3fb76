"""Tests that label selectors have kubectl's syntax and Kubernetes' semantics."""

import pytest

from reconciler.model.selector import Selector, SelectorError

LABELS = {"tier": "db", "app.example.com/part": "core", "empty": ""}


@pytest.mark.parametrize(
    ("text", "matches"),
    [
        ("", True),
        ("tier=db", True),
        ("tier==db", True),
        ("tier = web", False),
        ("tier!=web", True),
        ("other!=x", True),
        ("other=x", False),
        ("tier in (web, db)", True),
        ("tier in (web)", False),
        ("tier notin (web)", True),
        ("other notin (x)", True),
        ("tier", True),
        ("other", False),
        ("!other", True),
        ("! tier", False),
        ("empty=", True),
        ("empty in ()", True),
        ("app.example.com/part=core,tier in (a,db),!other", True),
        ("app.example.com/part=core,tier in (a,b)", False),
    ],
)
def test_label_selector_matches_as_in_kubernetes(text, matches):
    assert Selector.parse(text).matches(LABELS) is matches


@pytest.mark.parametrize(
    "text", ["=x", "a=b=c", "a in b", "a in (b", "a notin (b c)", "a,,b", "-a", "a/b/c", "a>1"]
)
def test_invalid_label_selector_raises_an_error_with_the_invalid_part(text):
    with pytest.raises(SelectorError, match="in the selector"):
        Selector.parse(text)


def test_label_selectors_are_equal_in_any_notation():
    assert Selector.parse("a==b") == Selector.parse(" a = b ")
