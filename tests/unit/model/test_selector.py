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
def test_label_selector_matches_the_same_labels_as_in_kubernetes(text, matches):
    assert Selector.parse(text).matches(LABELS) is matches


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "=x",
            "condition 1 of the label selector is a string of 2 characters",
        ),
        (
            "a=b=c",
            "condition 1 of the label selector is a string of 5 characters",
        ),
        (
            "a in b",
            "condition 1 of the label selector is a string of 6 characters",
        ),
        (
            "x,a in (b",
            "condition 2 of the label selector is a string of 7 characters",
        ),
        (
            "a notin (b c)",
            "condition 1 of the label selector has a string of 3 characters",
        ),
        (
            "a,,b",
            "condition 2 of the label selector is an empty string",
        ),
        (
            "-a",
            "condition 1 of the label selector is a string of 2 characters",
        ),
        (
            "a/b/c",
            "condition 1 of the label selector is a string of 5 characters",
        ),
        (
            "a>1",
            "condition 1 of the label selector is a string of 3 characters",
        ),
    ],
)
def test_error_message_about_an_invalid_label_selector_does_not_quote_the_selector(text, message):
    with pytest.raises(SelectorError) as caught:
        Selector.parse(text)
    assert str(caught.value).startswith(f"{message}, which is not a ")


def test_equivalent_label_selectors_in_different_notations_are_equal():
    assert Selector.parse("a==b") == Selector.parse(" a = b ")
