"""Checks that libyaml and ruamel.yaml read the same values at the same locations."""

import json
import re
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from reconciler.source.yaml.decode_text import decode
from reconciler.source.yaml.documents import parse
from reconciler.source.yaml.parsers import libyaml, ruamel

ROOT = Path(__file__).resolve().parents[2]
RUAMEL = ruamel()
ORDINARY = "\u0085\u2028\u2029\ufeff"
"""Characters that are line breaks or byte order marks in ruamel.yaml, but not in this program."""
ODD_ANCHOR = re.compile(r"[&*]\S*[^\w\s-]")
"""Matches an anchor or alias whose name contains characters that libyaml and kubectl reject."""
ROOT_BLOCK = re.compile(r"^([-.]{3}\s*)?([&!]\S*\s+)*[|>]", re.MULTILINE)
"""Matches a document that is one block scalar, which libyaml requires to be indented."""
STRICTER = (
    "while scanning a tag",
    "while parsing a tag",
    "while scanning a directive",
    "while parsing a directive",
)
"""Messages with which libyaml rejects YAML that ruamel.yaml accepts; kubectl rejects it too."""
LAXER = (
    "found character '\\t'",  # a tab in or after a plain scalar
    "found '\\t' while scanning a block scalar",
    "found '#' while scanning a block scalar",
    "more indented follow up line than first in a block scalar",
    "expected ',' or ']', but got '<scalar>'",  # ["a":b]
    "expected chomping or indentation indicators",
)
"""Messages with which ruamel.yaml rejects YAML that libyaml and kubectl accept."""


def corpus():
    """Return the small YAML and JSON files of the repository."""
    return sorted(
        path
        for folder in ("examples", "tests", ".github", "schemas")
        for suffix in ("*.yaml", "*.yml", "*.json")
        for path in (ROOT / folder).rglob(suffix)
        if path.stat().st_size < 8_000
    )


def differs(text: str, *, soup: bool = False) -> str:
    """Describe how libyaml and ruamel.yaml disagree about a string; return '' if they agree.

    Known differences are ignored. If *soup* is true, the string has random characters, and the
    parsers can also disagree on whether it is valid YAML.
    """
    if any(character in text for character in ORDINARY) or any(
        each.search(text) for each in (ODD_ANCHOR, ROOT_BLOCK)
    ):
        return ""
    ours, theirs = parse(text), parse(text, RUAMEL)
    if syntax(ours) or syntax(theirs):
        alike = soup or bool(syntax(ours)) is bool(syntax(theirs)) or known_rejection(text)
    else:
        alike = described(ours) == described(theirs)
    return "" if alike else f"{text!r}\n{described(ours)}\n{described(theirs)}"


def syntax(found):
    """Return the messages about invalid YAML in a parser's result."""
    return [each.message for each in found.problems if each.code == "not-yaml"]


def known_rejection(text):
    """Return whether one parser rejects a string for a reason that is a known difference."""
    stricter, laxer = rejected(text, libyaml()), rejected(text, RUAMEL)
    return any(part in stricter for part in STRICTER) or any(part in laxer for part in LAXER)


def rejected(text, parser):
    """Return the message with which a parser's library rejects a string, or an empty string."""
    try:
        for _ in parser.events(text):
            pass
    except Exception as error:  # noqa: BLE001 - each library has its own errors
        return f"{getattr(error, 'problem', '')} {getattr(error, 'context', '')}"
    return ""


def described(found):
    """Convert a parse result to a string with every value and type, in the order of keys."""
    return repr([placed(root) for root in found.roots]), found.problems


def placed(node, *path):
    """Return the values and locations in a YAML node, except the locations of empty values."""
    children = [(key, placed(node, *path, key)) for key in node.find(path).children]
    here = node.find(path)
    empty = here.value is None
    return None if empty else here.value, None if empty else here.mark, node.key_at(path), children


def test_libyaml_and_ruamel_yaml_read_the_same_values_in_every_file_of_the_repository():
    texts = {path.relative_to(ROOT).as_posix(): decode(path.read_bytes()) for path in corpus()}
    assert len(texts) > 100
    assert [path for path, text in texts.items() if not isinstance(text, str)] == []
    odd = [f"{path}: {how}" for path, text in texts.items() if (how := differs(text))]
    assert not odd, "\n".join(odd)


SCALARS = [
    *("yes", "no", "on", "off", "y", "n", "Y", "N", "true", "True", "TRUE", "false", "tRue"),
    *("~", "null", "Null", "nULL", "", "none", "''", '""', "'~'", '"null"', "'yes'", '"1"'),
    *("0", "1", "-1", "+1", "007", "0777", "0o17", "0x1F", "0b11", "08", "1_000", "_1", "1__0"),
    *("1e3", "1E3", "1.5", "1.", ".5", "-.5", "+.5", ".", "..", "...", ".inf", "-.Inf", ".nan"),
    *("1e400", "9223372036854775808", "18446744073709551616", "99999999999999999999999"),
    *("2001-01-01", "2001-12-14t21:59:43.10-05:00", "1:30", "12:30:45", "190:20:30", "1.5Gi"),
    *("2Gi", "2 Gi", "a b", "a: b", "a:b", "a :b", "a : b", "a #b", "a#b", "#a", "a# b", "a:"),
    *("- a", "-a", "-", "--", "---", "--- a", "? a", "?a", ": a", ":a", "::", "a - b", "-1Gi"),
    *("*a", "&a b", "&a", "!!str 1", "!x y", "!", "%a", "@a", "`a", "|", "|-", "|+", ">", ">-"),
    *("| # c", "|2", "|-1", "{}", "[]", "{ }", "[ ]", "{a: 1}", "[a, b]", "[1,2]", "{a}", "a]"),
    *("a}", "a,b", "a, b", "]", "}", "<<", "<< ", "=", "=a", "<", "$a", "$(a)", "(a)", "a'b"),
    *('a"b', "'a'b", '"a" b', "'a''b'", '"a\\nb"', '"\\u00e4"', '"a', "'a", "a'", 'a"', "'a' #c"),
    *('"a: b"', "'a: b'", '"#"', "'- a'", "'a'  ", "ä", "ß€", "日本", "\u00a0", "\u00ad", "é #x"),
    *(
        "\U0001f600",
        "\u2028",
        "\u0085",
        "\ufeff",
        "\ufffd",
        "\x7f",
        "\ue000",
        "a\tb",
        "\ta",
        "a\t",
    ),
    *("a  b", "a  # c", "a#", "http://x:80/y?z=1#f", "a@b", "ssh-rsa AAAA+b/c== d@e", "C:\\x"),
    *("quay.io/a/b:v1", "a,", "a;", "a&b", "a*b", "a!b", "a|b", "a>b", "a%b", "a@", "a`b", "/dev"),
    *("[a]", "[ a , b ]", '["a", 1, yes]', "['x', ~]", "[a b]", "[a, ]", "[,a]", "[a: b]", "[#a]"),
    *(
        "[1.5, 0777]",
        "[a]b",
        "[a] b",
        "[[a]]",
        "[a/b, c.d]",
        "[-a]",
        '["a"b]',
        '["a":b]',
        "[.inf]",
    ),
    *(
        '"a\\nb"',
        '"\\t\\"q\\" \\\\ \\/"',
        '"\\x41"',
        '"\\u00e4"',
        '"\\e"',
        '"a\\"',
        '"\\ud83d\\ude00"',
    ),
    *("'a\\nb'", '["a\\nb"]', "a\\nb", '"\\r\\n"', '"a" "b"', "['a''b']", '"a""b"', "[a,b,c]"),
    *("~a", "~/a", "1 2", "1,2", "0.0", "-0", "-0.0", "+", "+a", "1a", "0xg", "0o8", "1e", "e1"),
]
KEYS = [
    *("a", "b", "c", "metadata", "name", "a.b/c-d", "a_b", "1", "01", "1.5", "1e3", "yes", "on"),
    *(
        "null",
        "~",
        "true",
        "y",
        '"a"',
        "'b'",
        '"a b"',
        "'a: b'",
        '"yes"',
        "<<",
        "? a",
        "-a",
        "a b",
    ),
    *("a:b", "a#b", "ä", "&x a", "*a", "!!str a", "{a: b}", "[a]", '"\\u0061"', "''", "a "),
]
PLAIN_KEYS = st.sampled_from(["a", "b", "c", "a.b/c", "kind", "1", "yes", '"a b"', "'d'"])
PLAIN_VALUES = st.sampled_from(
    [
        "x",
        "1",
        "yes",
        "2Gi",
        "[a, 'b']",
        '"a\\nb"',
        "'q'",
        '"d"',
        "{}",
        "[]",
        "",
        "a b",
        "u:1",
        "x # c",
        "~",
        "1.50",
    ]
)


@st.composite
def blocks(draw, keys=PLAIN_KEYS, values=PLAIN_VALUES, depth=3, column=0):
    """Generate the lines of an indented YAML mapping, with repeated keys and unusual values."""
    lines = []
    pad = " " * column
    for _ in range(draw(st.integers(1, 4))):
        key = draw(keys)
        kind = draw(st.integers(0, 9)) if depth else 0
        indent = column + draw(st.sampled_from([1, 2, 2, 2, 4]))
        if kind <= 4:
            lines.append(f"{pad}{key}: {draw(values)}".rstrip())
        elif kind <= 6:
            lines.append(f"{pad}{key}:")
            lines += draw(blocks(keys, values, depth - 1, indent))
        elif kind <= 8:
            at = draw(st.sampled_from([column, indent]))
            lines.append(f"{pad}{key}:" + draw(st.sampled_from(["", " # c", " "])))
            for _ in range(draw(st.integers(1, 3))):
                if draw(st.booleans()):
                    lines.append(" " * at + "- " + draw(values))
                else:
                    gap = draw(st.sampled_from([1, 1, 1, 3]))
                    inner = draw(blocks(keys, values, depth - 1, at + 1 + gap))
                    first = " " * at + "-" + " " * gap + inner[0].lstrip(" ")
                    lines += [first, *inner[1:]]
        else:
            lines.append(f"{pad}{key}: {draw(st.sampled_from(['|', '|-', '|', '|+', '>']))}")
            for _ in range(draw(st.integers(0, 4))):
                text = draw(
                    st.sampled_from(["x", "# c", "", "  y", "k: v", "- i", "---", " ", "a\\"])
                )
                at = draw(st.sampled_from([indent, indent, indent, indent + 1, column]))
                lines.append(" " * at + text)
        if draw(st.integers(0, 7)) == 0:
            at = draw(st.sampled_from([0, column, column + 2]))
            lines.append(" " * at + draw(st.sampled_from(["", "# c", "#", "#a: b"])))
    return lines


@st.composite
def files(draw, keys=PLAIN_KEYS, values=PLAIN_VALUES):
    """Generate YAML files with several documents, some with a broken, moved or repeated line."""
    lines = []
    for _ in range(draw(st.integers(1, 3))):
        lines += draw(blocks(keys, values))
        if draw(st.booleans()):
            lines.append(draw(st.sampled_from(["---", "--- ", "--- # c", "...", "--- a", "# c"])))
    for _ in range(draw(st.integers(0, 2))):
        at = draw(st.integers(0, len(lines) - 1))
        match draw(st.integers(0, 5)):
            case 0:
                lines.insert(at, draw(st.sampled_from(lines)))
            case 1:
                lines[at] = " " + lines[at]
            case 2:
                lines[at] = lines[at].removeprefix(" ")
            case 3:
                del lines[at:]
                lines.append("")
            case 4:
                lines.insert(
                    at, draw(st.sampled_from(["", "  ", "# c", "---", "x", "  x", "- x"]))
                )
            case 5:
                lines[at] += draw(st.sampled_from([" ", "  # c", " #", "#", ":", "\t", " x"]))
    return "\n".join(lines) + draw(st.sampled_from(["\n", "", "\n\n", "\n  "]))


@given(files())
@settings(max_examples=80, deadline=None)
@example("a: |\n  x")
@example("a: |\n  x\n---\nb: |-\n  y")
@example("a: |\n  x\n\n---\n")
def test_libyaml_and_ruamel_yaml_read_the_same_values_in_random_yaml_files(text):
    assert differs(text) == ""


@given(files(st.sampled_from(KEYS), st.sampled_from(SCALARS)))
@settings(max_examples=80, deadline=None)
def test_libyaml_and_ruamel_yaml_read_unusual_keys_and_values_identically(text):
    assert differs(text) == ""


def test_libyaml_and_ruamel_yaml_read_an_unusual_value_identically_in_every_position():
    texts = (text for value in SCALARS for text in placed_everywhere(value))
    odd = [how for text in texts if (how := differs(text))]
    assert not odd, "\n".join(odd)


def placed_everywhere(value):
    """Return YAML documents that contain *value* in different positions."""
    return (
        f"a: {value}",
        f"a: {value}\nb: 1\n",
        f"a:  {value}\n",
        f"a:\n  - {value}\n  - 1\n",
        f"a:\n- {value}\n",
        f"a:\n  - b: {value}\n    c: 1\n",
        f"a: {value} # c\n",
        f"a: {value}\n  more\n",
        f"a: {value}\n\n    b\n",
        f"a: {value}\n  b: 1\n",
        f"a:\n  {value}\n",
        f"{value}\n",
        f"a: '{value}'\nb: \"{value}\"\n",
        f"a: |\n  {value}\nb: {value}\n",
        f"{value}: a\n",
        f"x{value}: a{value}\n",
    )


@given(st.text(st.sampled_from("ab: -\n\n  []{},'\"*<?|>#@`~0x1."), max_size=40))
@settings(max_examples=100, deadline=None)
@example("a: |\n  x\n # c\n")
@example("a: |\n  x\n   \n\nb: 1\n")
@example("a:\n- b\n c: 1\n")
@example("a: 'b'\n'c': d\n")
def test_libyaml_and_ruamel_yaml_agree_on_random_yaml_characters(text):
    assert differs(text, soup=True) == ""


@given(st.text(max_size=20), st.integers(0, 60))
@settings(max_examples=70, deadline=None)
def test_libyaml_and_ruamel_yaml_agree_on_a_manifest_with_an_inserted_character(odd, at):
    text = "a: b\nc:\n  - d: e\n    f: 'g'\nh: |\n  i\nj: \"k\"\n"
    assert differs(text[:at] + odd.replace("\r", "") + text[at:], soup=True) == ""


@given(
    st.lists(
        st.dictionaries(
            st.text("abk.", min_size=1, max_size=3), st.integers() | st.text(), max_size=3
        ),
        max_size=3,
    )
)
@settings(max_examples=50, deadline=None)
def test_libyaml_and_ruamel_yaml_read_the_same_values_in_json(value):
    assert differs(json.dumps(value)) == ""
    assert differs(json.dumps(value, indent=2, ensure_ascii=False)) == ""


MANIFEST = """\
# A database.
---
apiVersion: kubevirt.io/v1
kind: VirtualMachine
metadata:
  name: pg-0   # the first one
  namespace: "db"
  labels: {}
  annotations:
    memory.reconciler.dev/priority: '10'
spec:
  runStrategy: Always
  template:
    spec:
      domain:
        memory:
          guest: 2Gi
        devices:
          disks:
          - name: root
            disk: {}

          - name: init
      volumes:
        - cloudInitNoCloud:
            userData: |
              #cloud-config
              runcmd: [a, "b"]

              users:
                - name: é
---
kind: ConfigMap
apiVersion: v1
"""


def test_libyaml_and_ruamel_yaml_read_the_same_values_in_an_ordinary_manifest():
    assert parse(MANIFEST).problems == ()
    assert differs(MANIFEST) == ""


@pytest.mark.parametrize(
    "text",
    [
        "a: 1\na: 2\n",
        "a: &b 1\nc: *b\n*b : d\n",
        "a: &b {c: 1, d: 2}\ne:\n  <<: *b\n  d: 3\n",
        "a: &b {c: 1}\ne: &f {c: 2}\ng:\n  <<: [*b, *f]\n",
        "a: &b {c: 1}\ne:\n  c: 2\n  <<: *b\n",
        "<<: {}\n",
        "a: !!str 1\nb: ! 2\nc: &d ! 3\n",
        "a:\tb\n",
        "a: b\n  c\n",
        "- a\n",
        "a: >\n  b\n\n  c\n",
        "%YAML 1.1\n---\na: 1\n",
        "a: b\n...\nc: d\n... # e\n---\nf: g\n",
        "a: [b: c]\n",
        "? a\n: b\n",
        "a: \"b \\\n  c\"\nd: 'e\n\n  f'\n",
        '{"a": "\\ud83d\\ude00", "b": "\\\\ud83d"}',
        "a: \U0001f600 b # é\né: ß\n",
    ],
)
def test_libyaml_and_ruamel_yaml_read_the_same_values_in_rare_yaml_syntax(text):
    assert differs(text) == ""


@pytest.mark.parametrize("character", ORDINARY)
def test_yaml_parser_reads_special_yaml_1_1_line_breaks_as_ordinary_characters(character):
    found = parse(f'a: b{character}c\nd: "e {character} f"\n')
    (root,) = found.roots
    assert root.value == {"a": f"b{character}c", "d": f"e {character} f"}
    assert root.at(("d",)) == (2, 4)
