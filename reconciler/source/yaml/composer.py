"""``compose``: builds a tree of nodes for each document from a YAML parser's events.

The composer resolves anchors and merge keys, and reports duplicate keys. It follows Go's yaml.v2,
which kubectl uses: the last of several equal keys is used, and the merge key ``<<`` replaces equal
keys before it. The composers of PyYAML and ruamel.yaml do not read scalars as Kubernetes does, and
do not report equal keys. They also recurse, so a malicious file could exhaust the stack.

Source: sigs.k8s.io/yaml v1.4 goyaml.v2/decode.go (mapping and merge).
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

from reconciler.model.quoting import cut
from reconciler.source.yaml.nodes import Mark, Node, ParserMark, Problem, ProblemError, from_parser
from reconciler.source.yaml.scalars import Scalar, ScalarError, key_text, resolve, resolve_tagged

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from types import ModuleType

MAX_DEPTH = 200
MAX_VALUES = 500_000
"""The maximum number of values in a document, after the expansion of aliases."""
MAX_REPEATED = 200_000
"""The maximum number of values that aliases can repeat in all documents of a file together."""
MAX_REMARKS = 1_000
"""The maximum number of problems, such as duplicate keys, that are reported for one document."""

_MERGE = "<<"
_KEY_NOT_TEXT = "the key of a mapping must be a string, not a mapping or list"
_NOTHING: Mapping[Any, Any] = {}
_resolve = lru_cache(maxsize=10_000)(resolve)
_new = tuple.__new__  # creates a Node three times as fast as its constructor


class Composed(NamedTuple):
    """A parsed YAML document, with its minor problems, such as duplicate keys."""

    root: Node
    remarks: tuple[Problem, ...]


def compose(events: Iterable[Any], kinds: ModuleType) -> Iterator[Composed]:
    """Yield the YAML documents that the parser's events describe; skip empty documents.

    Args:
        events: The events for one file, from the parser of PyYAML or ruamel.yaml.
        kinds: The library's module that defines the event classes.

    Raises:
        ProblemError: A document cannot be read; the documents before it have been yielded.
    """
    scalar, alias, document_end = kinds.ScalarEvent, kinds.AliasEvent, kinds.DocumentEndEvent
    mapping, sequence = kinds.MappingStartEvent, kinds.SequenceStartEvent
    ends = (kinds.MappingEndEvent, kinds.SequenceEndEvent)
    document = _Document(0)
    for event in events:
        kind = event.__class__
        if kind is scalar:
            document.scalar(event)
        elif kind is mapping or kind is sequence:
            document.open(event, is_mapping=kind is mapping)
        elif kind in ends:
            document.close()
        elif kind is alias:
            document.alias(event)
        elif kind is document_end:
            done, document = document, _Document(document.repeated)
            if done.inner.children[0].value is not None:
                yield Composed(done.inner.children[0], tuple(done.remarks))
            del done  # the caller can release the document before the next one is composed


class _Open:
    """A YAML mapping or list whose end has not been read yet."""

    __slots__ = (
        *("anchor", "children", "count_before", "is_mapping", "is_merge", "key", "key_start"),
        *("merge", "merged", "start", "value"),
    )

    def __init__(
        self, start: ParserMark, anchor: str | None, count_before: int, *, is_mapping: bool
    ) -> None:
        self.start = start
        self.anchor = anchor
        self.count_before = count_before
        """The number of values in the document before this mapping or list."""
        self.is_mapping = is_mapping
        self.value: Any = {} if is_mapping else []
        self.children: dict[Any, Node] = {}
        self.key: str | None = None
        """The key of the next value in the mapping."""
        self.key_start: ParserMark | None = None
        self.is_merge = False
        """Whether the key of the next value is ``<<``."""
        self.merge: Node | None = None
        """The last value of the merge key ``<<``."""
        self.merged: set[str] = set()
        """The keys that ``<<`` added; an equal key after ``<<`` overrides such a key."""


class _Document:
    """The partly built tree of one YAML document; each public method handles a parser event."""

    def __init__(self, repeated: int) -> None:
        self.repeated = repeated
        """The number of values that aliases have repeated in the file so far."""
        self.inner = _Open(Mark(0, 0), None, 0, is_mapping=False)
        """The innermost open mapping or list; at first, a list for the root."""
        self.remarks: list[Problem] = []
        self._outer: list[_Open] = []
        self._count = 0
        """The number of YAML values read so far, including repetitions by aliases."""
        self._anchors: dict[str, tuple[Node, int] | None] = {}
        """Maps an anchor to its node and number of values; None while the node is incomplete."""

    def scalar(self, event: Any) -> None:  # noqa: ANN401 - an event of either library
        """Add a scalar as a key or a value; this method takes most of the time for reading."""
        inner, start, text = self.inner, event.start_mark, event.value
        is_plain = event.implicit[0] and event.tag is None
        try:
            value = _resolve(text) if is_plain else _marked_text(text, event.tag)
            is_key = inner.is_mapping and inner.key is None
            if is_key:
                inner.key = value if value.__class__ is str else key_text(value)
                inner.key_start = start
                inner.is_merge = text == _MERGE and is_plain
        except ScalarError as error:
            _fail(start, "not-yaml", str(error))
        if event.anchor is not None:
            self._anchors[event.anchor] = Node(value, start, _NOTHING), 1
        if not is_key:
            self._count += 1
            if self._count > MAX_VALUES:
                self._reject_all()
            self._add(_new(Node, (value, start, _NOTHING, inner.key_start)))

    def open(self, event: Any, *, is_mapping: bool) -> None:  # noqa: ANN401 - as above
        """Start a YAML mapping or list inside the innermost one."""
        inner = self.inner
        if inner.is_mapping and inner.key is None:
            _fail(event.start_mark, "not-yaml", _KEY_NOT_TEXT)
        if len(self._outer) >= MAX_DEPTH:
            _fail(
                event.start_mark,
                "too-deep",
                f"values are nested more than {MAX_DEPTH} levels deep",
            )
        if event.anchor is not None:
            self._anchors[event.anchor] = None
        self._outer.append(inner)
        self.inner = _Open(event.start_mark, event.anchor, self._count, is_mapping=is_mapping)
        self._count += 1
        if self._count > MAX_VALUES:
            self._reject_all()

    def _reject_all(self) -> None:
        """Reject a document with too many values before it needs more memory."""
        _reject_many(self._count, (*self._outer[1:2], self.inner)[0])

    def close(self) -> None:
        """End the innermost YAML mapping or list."""
        done, inner = self.inner, self._outer.pop()
        count = self._count - done.count_before
        _reject_many(count, done)
        node = _new(Node, (done.value, done.start, done.children, inner.key_start))
        if done.anchor is not None:
            self._anchors[done.anchor] = node, count
        self.inner = inner
        self._add(node)

    def alias(self, event: Any) -> None:  # noqa: ANN401 - as above
        """Add the YAML alias ``*name``, which repeats the node of the anchor ``&name``."""
        inner, start, name = self.inner, event.start_mark, event.anchor
        if name not in self._anchors:
            _fail(start, "not-yaml", f"no anchor &{name} precedes this alias")
        found = self._anchors[name]
        if found is None:
            _fail(start, "not-yaml", f"the value of anchor &{name} contains itself")
        node, count = found
        if inner.is_mapping and inner.key is None:
            inner.key, inner.key_start, inner.is_merge = _key(node), node.start, False
            return
        self._count += count
        _reject_many(self._count - inner.count_before, inner)
        self.repeated += count
        if self.repeated > MAX_REPEATED:
            message = f"the aliases in this document repeat more than {MAX_REPEATED} values"
            _fail(start, "too-large", message)
        self._add(node._replace(key_start=inner.key_start))

    def _add(self, node: Node) -> None:
        """Add a node to the innermost mapping or list; the last of several equal keys is used."""
        inner = self.inner
        value, key = inner.value, inner.key
        if not inner.is_mapping:
            inner.children[len(value)] = node
            value.append(node.value)
            return
        inner.key = None
        if inner.is_merge:
            self._add_merge(inner, node)
            return
        if key in value and key not in inner.merged:
            self._remark(_duplicate(str(key), node, inner.children[key]))
        value[key] = node.value
        inner.children[key] = node

    def _add_merge(self, inner: _Open, node: Node) -> None:
        """Insert the keys of the mapping after ``<<``; they replace earlier equal keys."""
        if inner.merge is not None:
            self._remark(_duplicate(_MERGE, node, inner.merge))
        else:
            for problem in _merge_after_keys(inner, node):
                self._remark(problem)
        inner.merge = node
        for source in reversed(_merge_sources(node)):
            inner.children.update(source.children)
            inner.value.update(source.value)
            inner.merged.update(source.value)

    def _remark(self, problem: Problem) -> None:
        if len(self.remarks) < MAX_REMARKS:
            self.remarks.append(problem)


def _marked_text(text: str, tag: str | None) -> Scalar:
    """Return the value of a quoted or tagged scalar; the tag ``!`` makes the value a string."""
    if tag is not None and tag != "!":
        return resolve_tagged(text, tag)
    try:
        # JSON escapes an emoji as a surrogate pair, which the parsers do not join.
        return text if text.isascii() else text.encode("utf-16", "surrogatepass").decode("utf-16")
    except UnicodeDecodeError as error:
        raise ScalarError("one half of a surrogate pair is not a valid character") from error


def _key(node: Node) -> str:
    if isinstance(node.value, dict | list):
        _fail(node.start, "not-yaml", _KEY_NOT_TEXT)
    try:
        return key_text(node.value)
    except ScalarError as error:
        _fail(node.start, "not-yaml", str(error))


def _duplicate(key: str, node: Node, first: Node) -> Problem:
    place = _key_mark(first)
    return Problem(
        mark=_key_mark(node),
        code="duplicate-key",
        message=f"the key {cut(key)} appears twice in one mapping",
        context=(f"first at line {place.line}, column {place.column}",),
        hint="remove one of the two keys; the last key is used, as in kubectl",
    )


def _merge_after_keys(inner: _Open, merge: Node) -> Iterator[Problem]:
    """Yield a problem for each key before ``<<`` that the merged mapping also contains.

    YAML parsers treat such a key differently: according to the YAML merge rules, the explicit key
    is used. Go's yaml.v2, which kubectl uses, takes the later key, which is the merged one.
    """
    inserted = {key for source in _merge_sources(merge) for key in source.children}
    for key, node in inner.children.items():
        if key in inserted:
            place = _key_mark(node)
            yield Problem(
                mark=_key_mark(merge),
                code="merge-order",
                message=f"<< replaces the value of the key {cut(key)}, which precedes << in the "
                "same mapping",
                context=(f"the key {cut(key)} is at line {place.line}, column {place.column}",),
                hint="write << as the first key of the mapping; kubectl uses the later key",
            )


def _merge_sources(merge: Node) -> tuple[Node, ...]:
    sources = tuple(merge.children.values()) if isinstance(merge.value, list) else (merge,)
    if not all(isinstance(source.value, dict) for source in sources):
        _fail(
            merge.key_start or merge.start,
            "not-yaml",
            "the value of << must be a mapping or a list of mappings",
        )
    return sources


def _reject_many(count: int, opened: _Open) -> None:
    if count > MAX_VALUES:
        message = (
            f"this value contains more than {MAX_VALUES} values after its aliases are expanded"
        )
        _fail(opened.start, "too-large", message)


def _key_mark(node: Node) -> Mark:
    return from_parser(node.key_start or node.start)


def _fail(start: ParserMark, code: str, message: str) -> NoReturn:
    raise ProblemError(Problem(mark=from_parser(start), code=code, message=message))
