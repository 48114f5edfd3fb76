"""Builds the nodes of one document from parser events: anchors, merge keys, duplicate keys.

ruamel's own composer is passed over because it resolves scalars as YAML 1.2, which Kubernetes
does not, and walks by recursion, which a hostile file can exhaust.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

from reconciler.source.yaml.nodes import Mark, Node, Problem, ProblemError
from reconciler.source.yaml.scalars import ScalarError, key_text, resolve, resolve_tagged

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_DEPTH = 200
MAX_VALUES = 1_000_000
"""Most values of a document with its aliases written out, against files that explode."""

_MERGE = "<<"


class _Frame:
    """A mapping or list that is not closed yet."""

    __slots__ = ("anchor", "is_merge", "items", "key", "mapping", "mark", "merge", "pairs", "size")

    def __init__(self, *, mapping: bool, mark: Mark, anchor: str | None) -> None:
        self.mapping = mapping
        self.mark = mark
        self.anchor = anchor
        self.key: tuple[str, Mark] | None = None
        self.is_merge = False
        self.merge: tuple[Mark, Node] | None = None
        self.pairs: dict[str, tuple[Mark, Node]] = {}
        self.items: list[Node] = []
        self.size = 1


class Composer:
    """Takes the events between a document's start and end; then ``root`` is the document."""

    def __init__(self) -> None:
        self.root: Node | None = None
        self.problems: list[Problem] = []
        """What is wrong but does not stop the reading."""
        self._frames: list[_Frame] = []
        self._anchors: dict[str, Node | None] = {}
        """None while the anchored value is still open."""

    def open(self, mark: Mark, anchor: str | None, *, mapping: bool) -> None:
        """A mapping or list begins."""
        frame = self._frames[-1] if self._frames else None
        if frame is not None and frame.mapping and frame.key is None:
            _fail(mark, "not-yaml", "a mapping's key must be text, not a mapping or list")
        if len(self._frames) >= MAX_DEPTH:
            _fail(mark, "too-deep", f"values are nested more than {MAX_DEPTH} deep")
        if anchor is not None:
            self._anchors[anchor] = None
        self._frames.append(_Frame(mapping=mapping, mark=mark, anchor=anchor))

    def close(self) -> None:
        """The innermost mapping or list ends."""
        frame = self._frames.pop()
        node = _mapping(frame) if frame.mapping else _list(frame)
        self._add(node, frame.anchor)

    def scalar(
        self, mark: Mark, anchor: str | None, text: str, *, plain: bool, tag: str | None
    ) -> None:
        """A scalar; *plain* if it is not quoted and has no tag."""
        frame = self._frames[-1] if self._frames else None
        is_key = frame is not None and frame.mapping and frame.key is None
        value = _value(mark, text, plain=plain, tag=tag)
        self._add(Node(value, mark, {}, {}), anchor, merge=is_key and plain and text == _MERGE)

    def alias(self, mark: Mark, name: str) -> None:
        """``*name``."""
        if name not in self._anchors:
            _fail(mark, "not-yaml", f"there is no anchor &{name} before this alias")
        node = self._anchors[name]
        if node is None:
            _fail(mark, "not-yaml", f"the value of anchor &{name} contains itself")
        self._add(node, None)

    def _add(self, node: Node, anchor: str | None, *, merge: bool = False) -> None:
        if anchor is not None:
            self._anchors[anchor] = node
        if not self._frames:
            self.root = node
            return
        frame = self._frames[-1]
        if not frame.mapping:
            frame.items.append(node)
            frame.size = _grown(frame, node)
        elif frame.key is None:
            frame.key = (_MERGE if merge else _key(node), node.mark)
            frame.is_merge = merge
        else:
            self._pair(frame, *frame.key, node)

    def _pair(self, frame: _Frame, key: str, mark: Mark, node: Node) -> None:
        """*node* is the value of the frame's pending *key*; of two equal keys the first counts."""
        frame.key = None
        frame.size = _grown(frame, node)
        if frame.is_merge:
            first = frame.merge[0] if frame.merge else None
        else:
            first = frame.pairs[key][0] if key in frame.pairs else None
        if first is not None:
            self.problems.append(_duplicate(key, mark, first))
        elif frame.is_merge:
            self.problems.extend(_misplaced(frame, mark, node))
            frame.merge = (mark, node)
        else:
            frame.pairs[key] = (mark, node)


def _value(mark: Mark, text: str, *, plain: bool, tag: str | None) -> Any:  # noqa: ANN401 - JSON
    try:
        if tag is not None:
            return resolve_tagged(text, tag)
        return resolve(text) if plain else _without_surrogates(text)
    except ScalarError as error:
        _fail(mark, "not-yaml", str(error))


def _without_surrogates(text: str) -> str:
    """*text* with escaped surrogate pairs, as JSON writes them, joined."""
    try:
        return text if text.isascii() else text.encode("utf-16", "surrogatepass").decode("utf-16")
    except UnicodeDecodeError as error:
        raise ScalarError("half a surrogate pair is no character") from error


def _key(node: Node) -> str:
    if isinstance(node.value, dict | list):
        _fail(node.mark, "not-yaml", "a mapping's key must be text, not a mapping or list")
    try:
        return key_text(node.value)
    except ScalarError as error:
        _fail(node.mark, "not-yaml", str(error))


def _duplicate(key: str, mark: Mark, first: Mark) -> Problem:
    return Problem(
        mark=mark,
        code="duplicate-key",
        message=f"the key {key} stands twice in one mapping",
        context=(f"first at line {first.line}, column {first.column}",),
        hint="remove one of the two",
    )


def _misplaced(frame: _Frame, mark: Mark, node: Node) -> Iterator[Problem]:
    """A ``<<`` after a key that it brings too, which readers read differently.

    YAML says that the written key wins; Go's yaml.v2, with which kubectl reads, lets the later
    one win.
    """
    sources = _merge_sources(mark, node)
    for key, (place, _) in frame.pairs.items():
        if any(key in source.children for source in sources):
            yield Problem(
                mark=mark,
                code="merge-order",
                message=f"<< brings the key {key}, which stands before it in the same mapping",
                context=(f"{key} stands at line {place.line}, column {place.column}",),
                hint="write << as the mapping's first key; readers differ on which one wins",
            )


def _merge_sources(mark: Mark, node: Node) -> tuple[Node, ...]:
    sources = tuple(node.children.values()) if isinstance(node.value, list) else (node,)
    if not all(isinstance(source.value, dict) for source in sources):
        _fail(mark, "not-yaml", "<< takes a mapping or a list of mappings")
    return sources


def _mapping(frame: _Frame) -> Node:
    pairs = frame.pairs
    if frame.merge is not None:
        mark, merged = frame.merge
        pairs = {}
        for source in reversed(_merge_sources(mark, merged)):
            pairs.update(
                {str(key): (source.keys[str(key)], node) for key, node in source.children.items()}
            )
        pairs.update(frame.pairs)
    return Node(
        value={key: node.value for key, (_, node) in pairs.items()},
        mark=frame.mark,
        children={key: node for key, (_, node) in pairs.items()},
        keys={key: mark for key, (mark, _) in pairs.items()},
        size=frame.size,
    )


def _list(frame: _Frame) -> Node:
    return Node(
        value=[node.value for node in frame.items],
        mark=frame.mark,
        children=dict(enumerate(frame.items)),
        keys={},
        size=frame.size,
    )


def _grown(frame: _Frame, node: Node) -> int:
    size = frame.size + node.size
    if size > MAX_VALUES:
        _fail(frame.mark, "too-large", f"aliases make this more than {MAX_VALUES} values")
    return size


def _fail(mark: Mark, code: str, message: str) -> NoReturn:
    raise ProblemError(Problem(mark=mark, code=code, message=message))
