"""Tests that GitHub expressions are evaluated as GitHub does; unknown syntax is an error."""

from __future__ import annotations

import pytest
from support.actions_runner.expressions import ExpressionError, evaluated, interpolated, truthy

CONTEXTS = {
    "inputs": {"comment": "true", "python-version": "", "name": "East"},
    "github": {"event": {"number": 7, "draft": False}, "token": "t"},
    "steps": {},
}
FUNCTIONS = {"success": lambda: True, "failure": lambda: False}


def value(text: str) -> object:
    return evaluated(text, CONTEXTS, FUNCTIONS)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("inputs.comment == 'true'", True),
        ("inputs.name == 'EAST'", True),
        ("inputs.name != 'west'", True),
        ("inputs.python-version", ""),
        ("github.event.number", 7),
        ("github.event.number == 7", True),
        ("github.event.number == '7'", True),
        ("github.event.missing.deeper", None),
        ("steps.plan.outputs.digest == ''", True),
        ("steps.plan.outputs.digest != ''", False),
        ("github.event.draft == ''", True),
        ("'it''s'", "it's"),
        ("inputs.python-version || 'default'", "default"),
        ("inputs.comment && 'yes'", "yes"),
        ("inputs.python-version && 'yes'", ""),
        ("success() && !failure()", True),
        ("failure() || inputs.comment == 'false'", False),
        ("!(inputs.comment == 'true' && true)", False),
        ("true || false && false", True),
        ("-1.5", -1.5),
    ],
)
def test_github_expression_has_the_value_that_github_computes(text, expected):
    assert value(text) == expected
    assert type(value(text)) is type(expected)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "inputs.comment ==",
        "(inputs.comment",
        "inputs.comment inputs.name",
        "unknown.name",
        "contains(inputs.name, 'a')",
        "inputs['name']",
        "inputs.*",
        "inputs.name > 1",
        '"double"',
        "a ? b : c",
    ],
)
def test_github_expression_with_unsupported_syntax_is_an_error(text):
    with pytest.raises(ExpressionError):
        value(text)


def test_interpolation_of_a_github_expression_inserts_its_value_as_text():
    text = "${{ inputs.name }}-${{ github.event.number }}-${{ inputs.none }}-${{ true }}"
    assert interpolated(text, CONTEXTS, {}) == "East-7--true"
    assert interpolated("$HOME {{ x }}", CONTEXTS, {}) == "$HOME {{ x }}"


def test_interpolation_of_an_object_or_an_unclosed_github_expression_is_an_error():
    for text in ("${{ github.event }}", "${{ inputs.name }", "${{ success() }}"):
        with pytest.raises(ExpressionError):
            interpolated(text, CONTEXTS, {})


@pytest.mark.parametrize("nothing", [None, False, 0, ""])
def test_github_workflow_condition_is_false_only_for_null_false_zero_and_empty_strings(nothing):
    assert not truthy(nothing)
    assert truthy("false")
