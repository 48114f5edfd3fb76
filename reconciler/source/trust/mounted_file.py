"""Reads files that the user mounts, such as trusted keys, and rejects files in the repository.

Otherwise, the author of a commit could choose the trusted keys or the receivers of notifications.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler import input_files
from reconciler.errors import UsageError
from reconciler.schema.check import check
from reconciler.source.yaml import documents
from reconciler.source.yaml.decode_text import decode
from reconciler.source.yaml.nodes import Problem
from reconciler.source.yaml.parsers import ruamel

if TYPE_CHECKING:
    from pathlib import Path

    from reconciler.source.trust.repository_places import RepositoryPlaces
    from reconciler.source.yaml.nodes import Mark, Node

_MAX_BYTES = 1_000_000
"""The maximum size of a mounted file in bytes; a Kubernetes Secret can have at most 1 MiB."""
_OUTSIDE = "mount the file from a Secret or a ConfigMap, outside the repository"


def read_document(
    path: Path, outside: RepositoryPlaces, *, flag: str, schema: str, hint: str
) -> Node:
    """Read a YAML file with exactly one document, and check the document against a schema.

    Args:
        path: The path of the file.
        outside: The repository; no clone of the repository is allowed to contain the file.
        flag: The command-line option that sets the file, for error messages.
        schema: The name of the schema.
        hint: The hint for error messages, which says where the format is described.

    Raises:
        UsageError: The file cannot be read, is invalid or is in the repository.
    """
    text = decode(read_mounted(path, outside, flag=flag, shown=str(path)), _MAX_BYTES)
    if isinstance(text, Problem):
        raise mistake(flag, path, text.mark, text.message)
    found = documents.parse(text, ruamel())
    for problem in found.problems:
        raise mistake(flag, path, problem.mark, problem.message)
    if len(found.roots) != 1:
        raise UsageError(f"{flag} {path} must contain exactly one document", hint=hint)
    root = found.roots[0]
    for each in check(root.value, schema):
        raise mistake(flag, path, root.at(each.path), each.message, each.hint)
    return root


def read_mounted(path: Path, outside: RepositoryPlaces, *, flag: str, shown: str) -> bytes:
    """Read a file that must not be in a clone of the repository.

    Error messages show *shown* as the name of the file.

    Raises:
        UsageError: The file cannot be read, is too large or is in the repository.
    """
    try:
        clone = outside.containing(path)
        data = input_files.read(path, _MAX_BYTES + 1)
    except OSError as error:
        raise UsageError(
            f"{flag} {shown} cannot be read: {error.strerror or error}", hint=_OUTSIDE
        ) from error
    if clone is not None:
        what = "the repository" if clone in outside.folders else "another clone of the repository,"
        raise UsageError(f"{flag} {shown} is in {what} {clone}", hint=_OUTSIDE)
    if len(data) > _MAX_BYTES:
        raise UsageError(f"{flag} {shown} is larger than {_MAX_BYTES:,} bytes")
    return data


def mistake(flag: str, path: Path, mark: Mark, message: str, hint: str = "") -> UsageError:
    """Create the error for a mistake at a position in the file that a command-line option sets."""
    return UsageError(f"{flag} {path}:{mark.line}:{mark.column}: {message}", hint=hint)
