"""Checks that generated YAML and JSON are parsed to the original values, with locations."""

import io
import json

from hypothesis import given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML
from ruamel.yaml.scalarstring import DoubleQuotedScalarString

from reconciler.source.manifests.manifest_reader import read_manifests
from reconciler.source.yaml.documents import parse

TEXTS = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cc", "Cs"), exclude_characters="\ufeff"),
    max_size=12,
)
NUMBERS = st.integers(-(2**63), 2**64 - 1) | st.floats(
    allow_nan=False, allow_infinity=False, width=32
).filter(lambda value: not value.is_integer())
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=15,
)
MAPPINGS = st.dictionaries(TEXTS, VALUES, min_size=1, max_size=4)


def yaml_text(value):
    """Convert a value to block-style YAML, with quotes around every string."""

    def quoted(each):
        if isinstance(each, str):
            return DoubleQuotedScalarString(each)
        if isinstance(each, list):
            return [quoted(item) for item in each]
        if isinstance(each, dict):
            return {quoted(key): quoted(item) for key, item in each.items()}
        return each

    yaml = YAML()
    yaml.width = 10_000
    out = io.StringIO()
    yaml.dump(quoted(value), out)
    return out.getvalue()


def nodes(node):
    yield node
    for child in node.children.values():
        yield from nodes(child)


def check(text, values):
    found = parse(text)
    assert found.problems == ()
    assert [root.value for root in found.roots] == values
    lines = text.split("\n")
    for root in found.roots:
        for node in nodes(root):
            for mark in (node.mark, *(node.key_at((key,)) for key in node.children)):
                assert 1 <= mark.line <= len(lines)
                assert 1 <= mark.column <= len(lines[mark.line - 1]) + 1


@given(st.lists(MAPPINGS, min_size=1, max_size=3))
@settings(max_examples=60, deadline=None)
def test_yaml_parser_reads_generated_yaml_as_the_original_values(values):
    check("---\n".join(map(yaml_text, values)), values)


@given(MAPPINGS, st.booleans())
@settings(max_examples=60, deadline=None)
def test_yaml_parser_reads_generated_json_as_the_original_values(value, ascii_only):
    check(json.dumps(value, ensure_ascii=ascii_only), [value])
    check(json.dumps(value, ensure_ascii=ascii_only, indent="\t"), [value])


@given(st.lists(MAPPINGS, min_size=1, max_size=3), st.sampled_from(["x: [", "x: y: z", "'", "*a"]))
@settings(max_examples=50, deadline=None)
def test_valid_documents_in_a_yaml_file_are_read_although_one_document_is_invalid(values, broken):
    for position in range(len(values) + 1):
        texts = [yaml_text(value) for value in values]
        texts.insert(position, broken + "\n")
        found = parse("---\n".join(texts))
        assert [root.value for root in found.roots] == values
        assert len(found.problems) == 1


@given(st.binary(max_size=200) | TEXTS.map(str.encode))
@settings(max_examples=100, deadline=None)
def test_manifest_reader_never_raises_an_exception_for_random_bytes(data):
    result = read_manifests("x.yaml", data)
    assert all(each.at is not None and each.message for each in result.diagnostics)


YAML_LIKE = st.text(st.sampled_from("ab: -\n[]{},'\"&*<?|>!#%@`~0x1.\t"), max_size=40)


@given(YAML_LIKE)
@settings(max_examples=150, deadline=None)
def test_yaml_parser_never_raises_an_exception_for_random_yaml_characters(text):
    found = parse(text)
    n_lines = text.count("\n") + 1
    for problem in found.problems:
        assert 1 <= problem.mark.line <= n_lines + 1
