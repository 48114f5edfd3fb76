"""Tests that the YAML parser returns values and problems with their locations."""

import pytest

from reconciler.source.yaml import composer
from reconciler.source.yaml.documents import MAX_BROKEN, parse
from reconciler.source.yaml.nodes import Mark


def only(text):
    found = parse(text)
    assert found.problems == ()
    (root,) = found.roots
    return root


def problem(text):
    (found,) = parse(text).problems
    return found


def test_yaml_parser_returns_the_location_of_each_value():
    root = only("a:\n  - b: 1\n  - {c: 'x'}\n")
    assert root.value == {"a": [{"b": 1}, {"c": "x"}]}
    assert root.mark == Mark(1, 1)
    assert root.at(("a", 0, "b")) == Mark(2, 8)
    assert root.at(("a", 1, "c")) == Mark(3, 9)
    assert root.key_at(("a", 1, "c")) == Mark(3, 6)


def test_missing_yaml_path_has_the_location_of_its_nearest_existing_parent():
    root = only("a:\n  b: 1\n")
    assert root.at(("a", "x", "y")) == Mark(2, 3)
    assert root.key_at(("a", "x")) == Mark(2, 3)
    assert root.find(("a", "x", "y")) is None


def test_quoted_yaml_scalar_is_always_a_string():
    assert only("[yes, 'yes', \"1\", 1, ! 1, !!str 1]\n").value == [True, "yes", "1", 1, "1", "1"]


def test_empty_yaml_documents_are_omitted():
    found = parse("a: 1\n---\n---\n# only a comment\n---\nb: 2\n...\nc: 3\n")
    assert [root.value for root in found.roots] == [{"a": 1}, {"b": 2}, {"c": 3}]
    assert [root.mark.line for root in found.roots] == [1, 6, 8]


def test_yaml_alias_has_the_same_value_and_location_as_its_anchor():
    root = only("a: &x\n  k: 1\nb: *x\n")
    assert root.value == {"a": {"k": 1}, "b": {"k": 1}}
    assert root.at(("b", "k")) == Mark(2, 6)


def test_last_value_of_a_yaml_key_is_used_if_the_key_is_duplicate_or_merged_later():
    """The expected values are those of kubectl (sigs.k8s.io/yaml v1.4 goyaml.v2/decode.go)."""
    text = "x: &x {a: 1, b: 1}\nm: {a: 2, <<: *x, b: 3}\nz: {a: 4, a: 5}\n"
    (document,) = parse(text).documents
    assert document.root.value["m"] == {"a": 1, "b": 3}
    assert document.root.value["z"] == {"a": 5}
    assert document.root.at(("z", "a")) == Mark(3, 14)
    assert [each.code for each in document.remarks] == ["merge-order", "duplicate-key"]


def test_yaml_merge_keeps_explicit_keys_and_prefers_earlier_sources():
    root = only("x: &x {a: 1, b: 1}\ny: &y {b: 2, c: 2}\nz:\n  <<: [*x, *y]\n  a: 3\n")
    assert root.value["z"] == {"a": 3, "b": 1, "c": 2}
    assert root.at(("z", "a")) == Mark(5, 6)
    assert root.at(("z", "b")) == Mark(1, 17)
    assert root.key_at(("z", "c")) == Mark(2, 14)


def test_quoted_yaml_merge_key_is_an_ordinary_key():
    assert only("a: {'<<': 1}\n").value == {"a": {"<<": 1}}


def test_json_with_tabs_and_surrogate_escapes_is_parsed():
    root = only('{\n\t"a": "\\ud83d\\ude00 \\/",\n\t"b": [1e3, true, null]\n}\n')
    assert root.value == {"a": "😀 /", "b": [1000, True, None]}
    assert root.at(("b", 1)) == Mark(3, 13)


@pytest.mark.parametrize(
    ("text", "line", "column", "code", "message"),
    [
        pytest.param(
            "a: b: c\n",
            1,
            5,
            "not-yaml",
            "a colon and a space are not allowed in this value",
            id="two colons in one line",
        ),
        pytest.param(
            "a: 'x\n",
            2,
            1,
            "not-yaml",
            "a quote is not closed",
            id="missing closing quote",
        ),
        pytest.param(
            "a:\n\t- b\n",
            2,
            1,
            "not-yaml",
            "a value cannot start with this character without quotes",
            id="tab as indentation",
        ),
        pytest.param(
            "a: 1\nb: \x07\n",
            2,
            4,
            "not-yaml",
            "the character U+0007 is not allowed in YAML",
            id="control character",
        ),
        pytest.param(
            "a: 1\nb: *x\n",
            2,
            4,
            "not-yaml",
            "no anchor &x precedes this alias",
            id="alias without anchor",
        ),
        pytest.param(
            "a: &x\n  b: *x\n",
            2,
            6,
            "not-yaml",
            "the value of anchor &x contains itself",
            id="alias to itself",
        ),
        pytest.param(
            "? [a]\n: b\n",
            1,
            3,
            "not-yaml",
            "the key of a mapping must be a string, not a mapping or list",
            id="list as key",
        ),
        pytest.param(
            "a: 1\n~: 2\n", 2, 1, "not-yaml", "the key of a mapping is null", id="null as key"
        ),
        pytest.param("a: .inf\n", 1, 4, "not-yaml", ".inf is not a JSON number", id="infinity"),
        pytest.param(
            'a: "\\ud83d"\n',
            1,
            4,
            "not-yaml",
            "one half of a surrogate pair is not a valid character",
            id="half a surrogate pair",
        ),
        pytest.param(
            "a: {<<: 1}\n",
            1,
            5,
            "not-yaml",
            "the value of << must be a mapping or a list of mappings",
            id="merge of a number",
        ),
        pytest.param(
            "a:\n  b: 1\n  c: 2\n  b: 3\n",
            4,
            3,
            "duplicate-key",
            "the key b appears twice in one mapping",
            id="duplicate key",
        ),
        pytest.param(
            "'1': a\n1: b\n",
            2,
            1,
            "duplicate-key",
            "the key 1 appears twice in one mapping",
            id="duplicate key in another type",
        ),
        pytest.param(
            "x: &x {a: 1}\ny:\n  a: 2\n  <<: *x\n",
            4,
            3,
            "merge-order",
            "<< replaces the value of the key a, which precedes << in the same mapping",
            id="merge after the key",
        ),
        pytest.param(
            "[" * 201 + "]" * 201,
            1,
            201,
            "too-deep",
            "values are nested more than 200 levels deep",
            id="deep nesting",
        ),
    ],
)
def test_yaml_problem_has_a_location_and_a_message(text, line, column, code, message):
    found = problem(text)
    assert (found.mark, found.code, found.message) == (Mark(line, column), code, message)


def test_duplicate_yaml_key_is_reported_with_the_location_of_the_first_occurrence():
    found = parse("a: 1\na: 2\nb: 3\n---\nc: 4\n")
    assert [root.value for root in found.roots] == [{"a": 2, "b": 3}, {"c": 4}]
    assert found.problems[0].context == ("first at line 1, column 1",)


@pytest.mark.parametrize(
    "broken",
    ["x: [", "x: 'open", "x: y: z", "x: *none", "x: \x07", "x: @y", "{{ .Values.x }}: 1"],
)
def test_yaml_documents_before_and_after_an_invalid_document_are_read(broken):
    found = parse(f"a: 1\n---\n{broken}\n---\nb: 2\n--- # last\nc: 3\n")
    assert [root.value for root in found.roots] == [{"a": 1}, {"b": 2}, {"c": 3}]
    assert [root.mark.line for root in found.roots] == [1, 5, 7]
    assert len(found.problems) == 1


def test_yaml_error_on_a_document_marker_line_is_reported_once():
    found = parse("a: 1\n--- {]\n---\nb: 2\n")
    assert [root.value for root in found.roots] == [{"a": 1}, {"b": 2}]
    assert [each.mark.line for each in found.problems] == [2]


def test_yaml_parser_stops_after_many_broken_documents():
    assert len(parse("--- {]\n" * 50).problems) == MAX_BROKEN


def test_helm_template_in_a_yaml_file_is_recognized():
    assert "this looks like a template" in problem("a: {{ .Values.a }}\n").hint


def test_exponential_yaml_aliases_are_rejected_without_expansion(monkeypatch):
    monkeypatch.setattr(composer, "MAX_VALUES", 1000)
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    found = problem("\n".join(lines) + "\n")
    assert (found.code, found.mark) == ("too-large", Mark(3, 5))
    assert (
        found.message == "this value contains more than 1000 values after its aliases are expanded"
    )
