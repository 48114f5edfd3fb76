"""``check_document``: checks a document against a published schema, which is read only once."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema

SCHEMAS = Path(__file__).resolve().parents[2] / "schemas"


def check_document(document: Any, schema: str) -> None:
    """Check that *document* obeys the schema with this name, for example ``plan``.

    Another test checks that the schemas themselves are valid.

    Raises:
        jsonschema.ValidationError: The document does not obey the schema.
    """
    _validator(schema).validate(document)


@cache
def _validator(schema: str) -> jsonschema.Draft202012Validator:
    return jsonschema.Draft202012Validator(
        json.loads((SCHEMAS / f"{schema}.schema.json").read_text())
    )
