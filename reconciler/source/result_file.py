"""``read_result``: reads a plan file or a run report that an earlier command wrote.

A file from a pull request is untrusted. The file is therefore checked against its schema, and the
digests of a plan are computed again. Nothing in the file is executed, and a symbolic link is not
followed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from reconciler import input_files
from reconciler.errors import SourceError
from reconciler.schema.check import first_violation
from reconciler.source.plan_file import read_approval

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

MAX_BYTES = 256 * 1024 * 1024
_SCHEMAS = {"Plan": "plan", "RunReport": "report"}
_HINT = "create the file with `reconciler plan --out FILE` or `reconciler apply --report FILE`"


def read_result(path: Path) -> Mapping[str, Any]:
    """Read a plan or a run report from a file, and check it against its schema.

    Raises:
        SourceError: The file cannot be read, is neither a plan nor a report, or is a plan that was
            edited.
    """
    try:
        content = input_files.read_unlinked(path, MAX_BYTES + 1)
        document = orjson.loads(content)
    except OSError as error:
        raise SourceError(f"{path} cannot be read: {error.strerror}", hint=_HINT) from error
    except orjson.JSONDecodeError as error:
        raise SourceError(f"{path} is not valid JSON", hint=_HINT) from error
    if len(content) > MAX_BYTES:
        raise SourceError(f"{path} is larger than {MAX_BYTES} bytes", hint=_HINT)
    kind = document.get("kind") if isinstance(document, dict) else None
    schema = _SCHEMAS.get(kind) if isinstance(kind, str) else None
    if not isinstance(document, dict) or schema is None:
        raise SourceError(f"{path} is neither a plan nor a report", hint=_HINT)
    if wrong := first_violation(document, schema):
        raise SourceError(f"{path} cannot be used: {wrong.message}", hint=_HINT)
    if schema == "plan":
        read_approval(path)  # compares the digests
    return document
