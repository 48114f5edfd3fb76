"""Reads single lines of plain block-style YAML; what is not plain is left to ruamel.

Plain is what most manifests are made of: ``key: value``, ``- value`` and ``- key: value``, with
spaces before, a comment behind, and a value that ends where its line ends. Such a line means the
same wherever it stands, except inside a block of text, so what one line means is remembered: the
manifests of a fleet share most of theirs.
"""

from __future__ import annotations

import re
from enum import IntEnum
from typing import NamedTuple

from reconciler.source.yaml.scalars import Scalar, ScalarError, key_text, resolve

MAX_REMEMBERED = 20_000
"""Most lines that are remembered from one text to the next."""
PINNED = frozenset({"apiVersion", "kind", "pageSize"})
"""Keys of which the value counts as a part of the form: it decides how the rest is read."""

_ALLOWED = bytes(range(0x20, 0x7F)) + b"\n"
_NOT_ALLOWED = re.compile("[^\n -~\u00a1-\u1fff\u3040-\ud7ff]")
_KEY = (
    r"(?:(?P<key>[A-Za-z0-9_./][A-Za-z0-9_./-]{0,250})|"
    r"""(?P<quoted_key>"[^"\\]{0,250}"|'[^']{0,250}'))"""
)
_TEXT = r"""(?:"[^"\\]*(?:\\[nrt"\\/][^"\\]*)*"|'[^']*')"""
_ITEM = rf"(?:[A-Za-z0-9_./][A-Za-z0-9_./-]*|{_TEXT})"
_PLAIN = r"(?:[A-Za-z0-9_./~+$(]|-(?=[A-Za-z0-9._]))(?:\ *[^\ :\#]|:(?=[^\ ])|(?<=[^\ ])\#)*"
_OTHER = rf"\|-?(?=\ *$)|\{{\}}|\[\]|\[\ *{_ITEM}(?:\ *,\ *{_ITEM})*\ *\]"
_VALUE = rf"(?:(?P<plain>{_PLAIN})|(?P<text>{_TEXT})|(?P<other>{_OTHER}))"
_LINE = re.compile(
    rf"(?P<indent>\ *)(?P<dash>-\ +)?(?P<named>{_KEY}:(?=\ |$))?(?:\ *(?P<value>{_VALUE}))?"
    r"(?:\ +\#.*)?\ *",
    re.VERBOSE,
)
_NOTHING = re.compile(r" *(?P<comment>#.*)?")
_DOCUMENT = re.compile(r"---(?: +#.*)? *")
_WORDS = re.compile(rf"(?=[A-Za-z]){_PLAIN}", re.VERBOSE)
_QUOTED = re.compile(_TEXT)
_ITEMS = re.compile(_ITEM)
_ESCAPE = re.compile(r"\\(.)")
_ESCAPED = {"n": "\n", "r": "\r", "t": "\t"}


class Holds(IntEnum):
    """What stands where a line has room for a value."""

    SCALAR = 0
    NOTHING = 1
    """The value stands below, or is null."""
    BLOCK = 2
    """``|``: text below, of whose last line feeds one is kept."""
    STRIPPED_BLOCK = 3
    """``|-``: text below without its last line feed."""
    EMPTY_MAPPING = 4
    LIST = 5
    """``[a, b]``, of scalars alone."""


class LineKind(IntEnum):
    """What a line is."""

    ENTRY = 0
    BLANK = 1
    """Nothing but spaces, or a comment."""
    SEPARATOR = 2
    """``---``."""
    ODD = 3
    """Not plain; text at most."""


class Form(NamedTuple):
    """Everything of a line but its value: lines of equal forms are read in the same way."""

    kind: LineKind
    column: int
    """Of its first character that is no space; columns count from 0."""
    dashed: bool = False
    """Whether it begins an item of a list."""
    key: str | None = None
    key_column: int = 0
    holds: Holds = Holds.NOTHING
    value_column: int = 0
    value_type: type | tuple[type, ...] | None = None
    """For a list the types of its items."""
    pinned: Scalar | tuple[Scalar, ...] = None
    """The value, of a key in ``PINNED``; the items of a list."""
    item_columns: tuple[int, ...] = ()
    comment: bool = False


_OTHERS = {
    "|": Holds.BLOCK,
    "|-": Holds.STRIPPED_BLOCK,
    "{}": Holds.EMPTY_MAPPING,
}


def has_odd_characters(text: str) -> bool:
    """Whether *text* holds what a reader may take for a line end, or for no text at all.

    Tabs, control characters and those that are not in daily use are odd too.
    """
    # Far faster than the search, and enough for nearly every manifest.
    if text.isascii() and not text.encode().translate(None, _ALLOWED):
        return False
    return _NOT_ALLOWED.search(text) is not None


class Lines(dict[str, tuple[int, Scalar]]):
    """By its text, the number of a line's form and its value; read when first asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Form] = []
        """By number; numbers stay what they are until ``forget_some``."""
        self._numbers: dict[Form, int] = {}
        self._starts: dict[str, int] = {}
        """The form of a line by what precedes ``: ``, where a word follows at once."""

    def forget_some(self) -> bool:
        """Forget everything if it has become too much; then every number means another form."""
        if len(self) <= MAX_REMEMBERED:
            return False
        self.clear()
        self.forms.clear()
        self._numbers.clear()
        self._starts.clear()
        return True

    def __missing__(self, text: str) -> tuple[int, Scalar]:
        start, _, rest = text.partition(": ")
        number = self._starts.get(start)
        value = None if number is None else _quick_text(rest)
        if number is not None and value is not None:
            found: tuple[int, Scalar] = number, value
        else:
            form, read = _read(text)
            found = self._number(form), read
            is_text = form.value_type is str and form.holds is Holds.SCALAR
            if is_text and form.key not in {None, *PINNED} and form.value_column == len(start) + 2:
                self._starts[start] = found[0]
        self[text] = found
        return found

    def _number(self, form: Form) -> int:
        number = self._numbers.get(form)
        if number is None:
            number = self._numbers[form] = len(self.forms)
            self.forms.append(form)
        return number


def _read(text: str) -> tuple[Form, Scalar]:
    column = len(text) - len(text.lstrip(" "))
    if match := _NOTHING.fullmatch(text):
        return Form(LineKind.BLANK, column, comment=match["comment"] is not None), None
    if _DOCUMENT.fullmatch(text):
        return Form(LineKind.SEPARATOR, 0), None
    try:
        found = _entry(text)
    except ScalarError:
        found = None
    return found or (Form(LineKind.ODD, column, comment=text[column] == "#"), None)


def _entry(text: str) -> tuple[Form, Scalar] | None:
    match = _LINE.fullmatch(text)
    if match is None:
        return None
    named, has_value, dashed = match["named"], match["value"] is not None, bool(match["dash"])
    if not named and not (has_value and dashed):
        return None  # a value on a line of its own, which may go on on the next one
    key = _key(match) if named else None
    value, holds = _value(match), Holds.NOTHING
    if has_value:
        holds = Holds.LIST if (match["other"] or "")[:1] == "[" else Holds.SCALAR
        holds = _OTHERS.get(match["other"], holds)
    form = Form(
        kind=LineKind.ENTRY,
        column=match.end("indent"),
        dashed=dashed,
        key=key,
        key_column=match.start("named") if named else 0,
        holds=holds,
        value_column=match.start("value") if has_value else match.end("named"),
        value_type=type(value),
        pinned=value if key in PINNED else None,
    )
    if holds is not Holds.LIST:
        return form, value
    spans = tuple(_ITEMS.finditer(text, match.start("other"), match.end("other")))
    items = tuple(_item(each[0]) for each in spans)
    columns = tuple(each.start() for each in spans)
    types = tuple(map(type, items))
    return form._replace(pinned=items, value_type=types, item_columns=columns), None


def _quick_text(text: str) -> str | None:
    """*text* as a value that is text, if that is plain to see."""
    if _WORDS.fullmatch(text):
        value = resolve(text)  # which has a value for whatever begins with a letter
        return value if isinstance(value, str) else None
    return _unquoted(text) if _QUOTED.fullmatch(text) else None


def _key(match: re.Match[str]) -> str:
    if match["key"] is not None:
        return key_text(resolve(match["key"]))
    return match["quoted_key"][1:-1]


def _value(match: re.Match[str]) -> Scalar:
    if match["plain"] is not None:
        return resolve(match["plain"])
    return None if match["text"] is None else _unquoted(match["text"])


def _item(text: str) -> Scalar:
    return _unquoted(text) if text[0] in "\"'" else resolve(text)


def _unquoted(text: str) -> str:
    if text[0] == "'" or "\\" not in text:
        return text[1:-1]
    return _ESCAPE.sub(lambda match: _ESCAPED.get(match[1], match[1]), text[1:-1])
