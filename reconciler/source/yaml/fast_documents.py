"""Reads texts of plain lines into values and nodes, without ruamel, which takes far longer.

Whatever this reads, ruamel reads to the same values at the same places; whatever could be read
in another way, or is wrong, it declines to read. A differential test holds it to both.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from reconciler.source.yaml.fast_lines import Form, Holds, LineKind, Lines
from reconciler.source.yaml.nodes import Mark, Node

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reconciler.source.yaml.scalars import Scalar

MAX_LINES = 100_000
MAX_DEPTH = 50


class Text(NamedTuple):
    """The lines of one document."""

    lines: Sequence[str]
    forms: tuple[int, ...]
    """Number of each line's form; documents of equal numbers differ in values alone."""
    values: tuple[Scalar, ...]
    first: int
    """How many lines of the file stand before the document."""


class Document(NamedTuple):
    """A document that is a mapping, or nothing."""

    value: dict[str, Any] | None
    rows: dict[str, Any]
    """By key the number of its line, from 0; for a mapping or list, with those in it."""
    text: Text
    forms: Sequence[Form]

    def node(self) -> Node:
        """The same with the places of everything in it."""
        return self._node(self.value, (0, self.rows))

    def row(self, path: tuple[str, ...]) -> int | None:
        """The line of the value at *path*, if that is written in one line."""
        rows: Any = self.rows
        for step in path:
            rows = rows[1] if type(rows) is tuple else rows
            if type(rows) is not dict or step not in rows:
                return None
            rows = rows[step]
        found = type(rows) is int and self._form(rows).holds is Holds.SCALAR
        return rows if found else None

    def _node(self, value: Any, row: Any) -> Node:  # noqa: ANN401 - JSON; as in rows
        if type(row) is int:
            form = self._form(row)
            items: dict[str | int, Node] = {
                n: Node(value[n], self._mark(row, column), {}, {})
                for n, column in enumerate(form.item_columns)
            }
            return Node(value, self._mark(row, form.value_column), items, {}, 1 + len(items))
        rows = row[1]
        if type(rows) is list:
            pairs: list[tuple[Any, Any]] = list(enumerate(rows))
            first, keys = _line(rows[0]), {}
            mark = self._mark(first, self._form(first).column)
        else:
            pairs = list(rows.items())
            numbers = {key: _line(below) for key, below in pairs}
            keys = {key: self._mark(n, self._form(n).key_column) for key, n in numbers.items()}
            mark = next(iter(keys.values()))
        children = {key: self._node(value[key], below) for key, below in pairs}
        return Node(value, mark, children, keys, 1 + sum(each.size for each in children.values()))

    def _form(self, row: int) -> Form:
        return self.forms[self.text.forms[row]]

    def _mark(self, row: int, column: int) -> Mark:
        return Mark(self.text.first + row + 1, column + 1)


def _line(row: Any) -> int:  # noqa: ANN401 - as in Document.rows
    found: int = row if type(row) is int else row[0]
    return found


def texts(text: str, lines: Lines) -> tuple[Text, ...]:
    r"""Each document of *text*, with what separates them taken out; none where it is too long.

    Args:
        text: With lines that end with ``\n``, and without odd characters (see ``lines``).
        lines: What is known of lines.
    """
    rows = text.split("\n")
    if len(rows) > MAX_LINES:
        return ()
    forms: tuple[int, ...]
    values: tuple[Scalar, ...]
    forms, values = zip(*map(lines.__getitem__, rows), strict=True)
    if "---" not in text:
        return (Text(rows, forms, values, 0),)
    ends = [n for n, form in enumerate(forms) if lines.forms[form].kind is LineKind.SEPARATOR]
    blank = lines[""][0]
    found = []
    for first, end in zip([0, *(end + 1 for end in ends)], ends, strict=False):
        # The line feed before a separator ends the last line, as one at the end of a text does.
        span = slice(first, end)
        found.append(Text([*rows[span], ""], (*forms[span], blank), (*values[span], None), first))
    last = slice(ends[-1] + 1, None) if ends else slice(None)
    found.append(Text(rows[last], forms[last], values[last], last.start or 0))
    return tuple(found)


def read(text: Text, lines: Lines) -> Document | None:
    """The document of *text*; None where it is not plain, or wrong."""
    reading = _Reading()
    row = 0
    while row < len(text.forms):
        form = lines.forms[text.forms[row]]
        at, row = row, row + 1
        if form.kind is LineKind.BLANK:
            continue
        if form.kind is not LineKind.ENTRY or not reading.place(form, at):
            return None
        value: Any = text.values[at]
        if form.holds is Holds.EMPTY_MAPPING:
            value = {}
        elif form.holds is Holds.LIST:
            value = [*form.pinned] if isinstance(form.pinned, tuple) else []
        elif form.holds in {Holds.BLOCK, Holds.STRIPPED_BLOCK}:
            block = _block(text.lines[row:], reading.columns[-1])
            if block is None:
                return None
            row += block.n_lines
            value = block.text if form.holds is Holds.STRIPPED_BLOCK else f"{block.text}\n"
        if not reading.add(form, at, value):
            return None
    if reading.waiting is not None:
        return None
    value, rows = (reading.values[0], reading.rows[0]) if reading.values else (None, {})
    return Document(value, rows, text, lines.forms)


class _Reading:
    """The open mappings and lists of a document, outermost first."""

    def __init__(self) -> None:
        self.columns: list[int] = []
        self.values: list[Any] = []
        self.rows: list[Any] = []
        self.waiting: str | None = None
        """The innermost mapping's last key, while its value is yet to come."""

    def place(self, form: Form, row: int) -> bool:
        """Make the mapping that the line's key belongs to, or the item's list, the innermost."""
        waiting, self.waiting = self.waiting, None
        column = form.column
        if not self.columns:
            if column or form.dashed:
                return False
            self._open(0, {}, {})
        elif waiting is not None:
            # A list may stand as far to the left as the key that it belongs to.
            if column < self.columns[-1] + (not form.dashed):
                return False  # a value that is left out
            value: Any = [] if form.dashed else {}
            rows: Any = [] if form.dashed else {}
            self.values[-1][waiting] = value
            self.rows[-1][waiting] = (self.rows[-1][waiting], rows)
            self._open(column, value, rows)
        while self.columns[-1] > column or (
            not form.dashed and self.columns[-1] == column and type(self.values[-1]) is list
        ):
            self._close()
        if self.columns[-1] != column or (type(self.values[-1]) is list) is not form.dashed:
            return False
        if form.dashed and form.key is not None:
            item: dict[str, Any] = {}
            rows = {}
            self.values[-1].append(item)
            self.rows[-1].append((row, rows))
            self._open(form.key_column, item, rows)
        return len(self.columns) <= MAX_DEPTH

    def add(self, form: Form, row: int, value: Any) -> bool:  # noqa: ANN401 - JSON
        """Add what the line holds; False for a key that is there already."""
        if form.key is None:
            self.values[-1].append(value)
            self.rows[-1].append(row)
            return True
        if form.key in self.values[-1]:
            return False
        self.values[-1][form.key] = value
        self.rows[-1][form.key] = row
        if form.holds is Holds.NOTHING:
            self.waiting = form.key
        return True

    def _open(self, column: int, value: Any, rows: Any) -> None:  # noqa: ANN401 - JSON; rows
        self.columns.append(column)
        self.values.append(value)
        self.rows.append(rows)

    def _close(self) -> None:
        self.columns.pop()
        self.values.pop()
        self.rows.pop()


class _Block(NamedTuple):
    """A block of text, without its last line feeds."""

    text: str
    n_lines: int


def _block(lines: Sequence[str], column: int) -> _Block | None:
    """The text that *lines* begin with, of a key at *column*; None where readers might differ."""
    first = lines[0] if lines else ""
    indent = _indent(first)
    if indent <= column or indent == len(first):
        return None  # an empty one, or one that begins with empty lines
    found = []
    for line in lines:
        if _indent(line) < min(indent, len(line)):
            # What stands to the left of the text ends it, unless it could belong to it.
            if _indent(line) > column or line.lstrip(" ")[0] == "#":
                return None
            break
        found.append(line[indent:])
    n_lines = len(found)
    if n_lines == len(lines) and lines[-1]:
        return None  # its last line has no line feed to keep
    while not found[-1]:
        found.pop()
    return None if found[-1].isspace() else _Block("\n".join(found), n_lines)


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip(" "))
