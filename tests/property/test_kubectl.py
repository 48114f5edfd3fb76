"""Checks that this program and kubectl convert the same YAML to the same JSON.

``kubectl annotate --local`` needs no cluster. The tables below contain kubectl's results, so that
this program is also checked on machines without kubectl.
"""

from __future__ import annotations

import shutil

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.tools.kubectl_reading import kubectl

from reconciler.source.yaml.documents import parse

HEAD = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\n"
OBJECT = '{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "%s"}}'
READ = {
    "tab after a colon": "data:\n  a:\tb\n",
    "tab before a comment": "data:\n  a: b\t# c\n",
    "tab before a colon": "data:\n  a\t: b\n",
    "tab at the end of a line": "data:\t\n  a: b\t\n",
    "tabs in a flow mapping": 'data: {\n\t"a": b,\n\tc: d}\n',
    "tab in quotes": "data:\n  a: 'x\n\ty'\n",
    "tab in plain text": "data:\n  a: x\n   \ty\n",
    "tab in a block": "data:\n  a: |\n    x\n   \n    \ty\n",
    "tab after an anchor": "data:\n  a: &x\tb\n  c: *x\t\n",
    "equal keys": "data: {a: b, a: c}\n",
    "key after a merge": "x: &x {a: 1}\ndata: {<<: *x, a: 2}\n",
    "key before a merge": "x: &x {a: 1}\ndata: {a: 2, <<: *x}\n",
    "two merges": "x: &x {a: 1}\nm: &m {a: 2, b: 3}\ndata: {<<: [*m, *x]}\n",
    "null": "data:\nother: ~\n",
    "numbers": "a: 0777\nb: 0o17\nc: 1_000\nd: 1e3\ne: .5\nf: 99999999999999999999999\n",
    "numbers that exceed a float": "a: 12e4567\nb: -1e400\nc: 1_0e999\n",
    "tags": "a: !!str 1\nb: !!int '1'\nc: !x z\n",
    "dates": "a: 2001-01-01\nb: 1:30\n",
    "end of a document": "...\n",
}
JSON_STREAMS = {
    "objects without white space": (OBJECT % "a") + (OBJECT % "b"),
    "lines": (OBJECT % "a") + "\n" + (OBJECT % "b") + "\n",
    "tab before the first": "\t" + (OBJECT % "a") + "\t\n\t" + (OBJECT % "b"),
    "indented with tabs": '{\n\t"apiVersion":\t"v1",\n\t"kind": "ConfigMap",\n\t"metadata": '
    '{"name": "a"}\n}\n',
}
REFUSED = {
    "tab after a dash": "l:\n-\ta\n",
    "tab as indentation": "data:\n\ta: b\n",
    "tab on an empty line": "\t\ndata: {}\n",
    "tab before a comment line": "\t# x\ndata: {}\n",
    "tab in a plain text at the start": "data:\n  a: x\n\ty\n",
}
TEXTS = {**{name: HEAD + text for name, text in READ.items()}, **JSON_STREAMS}
needs_kubectl = pytest.mark.skipif(
    shutil.which("kubectl") is None, reason="kubectl is not installed: nothing was compared"
)


def ours(text):
    found = parse(text)
    return None if found.unreadable else [each.value for each in found.roots]


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS.keys())
def test_yaml_parser_accepts_yaml_that_kubectl_accepts(text):
    names = [each["metadata"]["name"] for each in ours(text)]
    assert names == (["a", "b"] if '"b"}' in text else ["a"])


@pytest.mark.parametrize("text", REFUSED.values(), ids=REFUSED.keys())
def test_yaml_parser_rejects_yaml_that_kubectl_rejects(text):
    assert ours(HEAD + text) is None


@needs_kubectl
@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS.keys())
def test_yaml_parser_reads_the_same_values_as_kubectl(text):
    assert ours(text) == kubectl(text) is not None


@needs_kubectl
@pytest.mark.parametrize("text", REFUSED.values(), ids=REFUSED.keys())
def test_kubectl_rejects_the_invalid_yaml_examples(text):
    assert kubectl(HEAD + text) is None


VALUES = st.sampled_from(
    ["1", "~", "yes", "'x'", "&x {a: 1}", "[a, ~]", "\tb", "|\n    t\n", "2Gi"]
)
LINES = st.tuples(st.sampled_from(["a", "b", "c", "<<: {a: 3}\n  d", "'e'\t"]), VALUES)


@needs_kubectl
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(LINES, min_size=1, max_size=5))
def test_yaml_parser_and_kubectl_read_the_same_values_from_generated_mappings(lines):
    text = HEAD + "data:\n" + "".join(f"  {key}: {value}\n" for key, value in lines)
    assert ours(text) == kubectl(text)
