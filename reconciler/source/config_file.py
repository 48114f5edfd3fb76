"""``read_config``: reads ``.reconciler.yaml`` from the same Git revision as the manifests."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from reconciler.model.alerts.alert_matcher import AlertMatcher
from reconciler.model.desired.config import (
    CONFIG_KEYS,
    Canary,
    Config,
    HyperConvergedPolicy,
    Mode,
    RestartConsent,
    Window,
    WindowKind,
)
from reconciler.model.diagnostic import Diagnostic, Severity
from reconciler.model.quantity import Duration
from reconciler.model.selector import Selector
from reconciler.schema.check import ValuePath, Violation, check
from reconciler.source.git.file_tree import CONFIG_PATH, EntryKind, FileTree
from reconciler.source.manifests.limited_diagnostics import MAX_OF_FILE, LimitedDiagnostics
from reconciler.source.manifests.manifest_objects import SourceFile
from reconciler.source.yaml import documents
from reconciler.source.yaml.decode_text import (
    MAX_CONFIG_BYTES,
    MAX_DOCUMENT_BYTES,
    decode,
    too_large,
)
from reconciler.source.yaml.nodes import Problem
from reconciler.source.yaml.parsers import ruamel

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from reconciler.source.yaml.nodes import Node

_GROUP = "reconciler/"
_OTHER_NAMES = (".reconciler.yml", ".reconciler.json", "reconciler.yaml")


def _windows(found: Iterable[Mapping[str, str]]) -> tuple[Window, ...]:
    return tuple(
        Window(
            kind=WindowKind(each["kind"]),
            cron=each["cron"],
            duration=Duration.parse(each["duration"]),
            time_zone=each.get("timeZone", "UTC"),
        )
        for each in found
    )


_READERS: Mapping[str, Callable[[Any], object]] = {
    "mode": Mode,
    "paths": tuple,
    "exclude": tuple,
    "selector": Selector.parse,
    "restart": RestartConsent,
    "hyperConverged": HyperConvergedPolicy,
    "snapshotMaxAge": Duration.parse,
    "windows": _windows,
    "rollout.batches": lambda found: tuple(Selector.parse(each["selector"]) for each in found),
    "rollout.canary": lambda found: Canary(
        selector=Selector.parse(found["selector"]), soak=Duration.parse(found["soak"])
    ),
    "rollout.antiAffinity": tuple,
    "rollout.holdWhile": lambda found: tuple(map(AlertMatcher.parse, found)),
    "rollout.timeouts.guest": Duration.parse,
    "rollout.timeouts.settle": Duration.parse,
}
"""Maps configuration keys to the functions that decode their values, if any is needed."""


_NAMES_CONFIG = re.compile(rf"^apiVersion: *[\"']?{re.escape(_GROUP)}", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigResult:
    """A configuration, in which defaults replace invalid values, and the problems found in it."""

    config: Config
    diagnostics: tuple[Diagnostic, ...] = ()
    n_documents: int = 0
    """The number of YAML documents with ``kind: Config`` among the manifests."""

    @property
    def invalid(self) -> bool:
        """Whether the configuration has an error, so that no plan is possible."""
        return any(each.severity is Severity.ERROR for each in self.diagnostics)


def read_config(tree: FileTree) -> ConfigResult:
    """Read the configuration file of a revision, or return the defaults if it does not exist.

    Raises:
        SourceError: The file cannot be read.
    """
    names = {CONFIG_PATH, *_OTHER_NAMES}
    entry = next((each for each in tree.entries() if each.path in names), None)
    if entry is None:
        return ConfigResult(config=Config())
    file = SourceFile(path=entry.path)
    if entry.path != CONFIG_PATH:
        hint = f"rename this file to {CONFIG_PATH}"
        error = file.error(
            "misnamed-config",
            (f"the configuration is read only from a file with the name {CONFIG_PATH}"),
            hint=hint,
        )
    elif entry.kind is not EntryKind.FILE:
        error = file.error(
            "not-followed", (f"this is a {entry.kind}; replace it with a regular file")
        )
    elif entry.size > MAX_CONFIG_BYTES:
        error = file.diagnose(too_large(entry.size, MAX_CONFIG_BYTES))
    else:
        return parse_config(file, tree.read(entry))
    return ConfigResult(config=Config(), diagnostics=(error,))


def parse_config(file: SourceFile, data: bytes) -> ConfigResult:
    """Parse the contents of a configuration file."""
    text = decode(data, MAX_CONFIG_BYTES)
    if isinstance(text, Problem):
        return ConfigResult(config=Config(), diagnostics=(file.diagnose(text),))
    found = documents.parse(text, ruamel())
    diagnostics = [file.diagnose(problem) for problem in found.problems]
    diagnostics.extend(_extra(file, each) for each in found.roots[1:])
    if not found.roots:
        return ConfigResult(config=Config(), diagnostics=tuple(diagnostics))
    return _of_root(file, found.roots[0], diagnostics)


def stream_config(
    texts: Sequence[tuple[str, bytes]], given: tuple[str, bytes] | None = None
) -> ConfigResult | None:
    """Read the configuration from a given file or from the inputs; return None if none exists.

    Args:
        texts: The name and bytes of each input; at most one document has ``kind: Config``.
        given: The name and the bytes of a configuration file; a configuration in *texts* is then
            an error.
    """
    result = None if given is None else parse_config(SourceFile(path=given[0]), given[1])
    problems = LimitedDiagnostics(MAX_OF_FILE)
    n_documents = 0
    files = ((SourceFile(path=name), each) for name, data in texts for each in _configs(data))
    for n_documents, (file, root) in enumerate(files, start=1):  # noqa: B007
        if isinstance(root, Problem):
            problems.add(file.diagnose(root))
            result = result or ConfigResult(config=Config())
        elif result is None:
            result = _of_root(file, root, [])
        else:
            problems.add(_extra(file, root))
    if result is None:
        return None
    diagnostics = (*result.diagnostics, *problems.result())
    return replace(result, diagnostics=diagnostics, n_documents=n_documents)


def _configs(data: bytes) -> Iterator[Node | Problem]:
    """Yield each document with ``kind: Config``, or the problem that makes it unreadable."""
    text = decode(data)
    if isinstance(text, Problem) or _GROUP not in text:
        return
    for part in documents.parts(
        text, lambda each, _: _GROUP not in each or len(each) > MAX_DOCUMENT_BYTES
    ):
        for found in documents.read(part):
            if isinstance(found, documents.Unreadable):
                if _NAMES_CONFIG.search(found.text):
                    yield found.problem
                continue
            root = found.root
            value = root.value if isinstance(root.value, dict) else {}
            if value.get("kind") == "Config" and str(value.get("apiVersion")).startswith(_GROUP):
                # Ignore the metadata: kustomize requires a name, and may add labels.
                kept = {key: each for key, each in value.items() if key != "metadata"}
                yield root._replace(value=kept)


def _extra(file: SourceFile, root: Node) -> Diagnostic:
    message = "the configuration must be a single document, but this is a second one"
    return file.diagnose(Problem(mark=root.mark, code="extra-document", message=message))


def _of_root(file: SourceFile, root: Node, diagnostics: list[Diagnostic]) -> ConfigResult:
    violations = check(root.value, "config")
    diagnostics.extend(_diagnose(file, root, violation) for violation in violations)
    config = _decode(file, root, {violation.path for violation in violations})
    if not violations:
        diagnostics.extend(_windowless_restarts(file, root, config))
    return ConfigResult(config=config, diagnostics=tuple(diagnostics))


def _decode(file: SourceFile, root: Node, invalid: set[ValuePath]) -> Config:
    config = Config()
    for key in CONFIG_KEYS:
        path = tuple(key.split("."))
        node = root.find(path)
        if node is None or any(bad[: len(path)] == path for bad in invalid):
            continue
        read = _READERS.get(key)
        value = node.value if read is None else read(node.value)
        config = config.overridden({key: value}, file.location(node.mark))
    return config


def _diagnose(file: SourceFile, root: Node, violation: Violation) -> Diagnostic:
    is_key = violation.code == "unknown-field"
    return Diagnostic(
        severity=Severity.ERROR,
        code=violation.code,
        message=violation.message,
        at=file.location(root.key_at(violation.path) if is_key else root.at(violation.path)),
        hint=violation.hint,
    )


def _windowless_restarts(file: SourceFile, root: Node, config: Config) -> Iterator[Diagnostic]:
    """Warn if ``restart`` is ``window``, but no maintenance window has ``kind: allow``."""
    allowed = any(each.kind is WindowKind.ALLOW for each in config.windows)
    if config.restart is RestartConsent.WINDOW and not allowed:
        yield Diagnostic(
            severity=Severity.WARNING,
            code="no-window",
            message="`restart` is `window`, but no entry in `windows` has `kind: allow`, so no "
            "VM is restarted",
            at=file.location(root.at(("restart",))),
            hint="add a maintenance window with `kind: allow` to `windows`",
        )
