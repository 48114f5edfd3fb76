"""Validates the names and labels of objects as kube-apiserver does.

Source: k8s.io/apimachinery v0.36 pkg/util/validation/validation.go and pkg/api/validation.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from reconciler.simulator.apiserver.request.status_errors import FieldError, quote

if TYPE_CHECKING:
    from reconciler.simulator.encoding.json_codec import Json
    from reconciler.simulator.store.api_resources import Resource

_LABEL: Final = "[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_SUBDOMAIN: Final = rf"{_LABEL}(\.{_LABEL})*"
_SUBDOMAIN_MAX: Final = 253
_LABEL_MAX: Final = 63
_SUBDOMAIN_TEXT: Final = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or "
    "'.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used "
    f"for validation is '{_SUBDOMAIN}')"
)
_LABEL_TEXT: Final = (
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and "
    "must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex "
    f"used for validation is '{_LABEL}')"
)
_LABEL_NAMES: Final = frozenset({"namespaces"})
_LABEL_VALUE: Final = "(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?"
_LABEL_VALUE_TEXT: Final = (
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or "
    "'.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or "
    f"'my_value',  or '12345', regex used for validation is '{_LABEL_VALUE}')"
)


def check(resource: Resource, metadata: Json) -> list[FieldError]:
    """Validates the name and the labels of an object, and returns the errors."""
    prefix, name = metadata.get("generateName", ""), metadata.get("name", "")
    errors: list[FieldError] = []
    if prefix:
        masked = _mask_trailing_dash(prefix)
        errors += _check_name(resource, masked, "metadata.generateName", shown=prefix)
    if name:
        errors += _check_name(resource, name, "metadata.name", shown=name)
    else:
        message = "Required value: name or generateName is required"
        errors.append(
            FieldError(field="metadata.name", reason="FieldValueRequired", message=message)
        )
    return [*errors, *_check_labels(metadata)]


def _mask_trailing_dash(prefix: str) -> str:
    """Replaces the last two characters of a generateName with `a` if the last one is a dash.

    Source: k8s.io/apimachinery v0.36 pkg/api/validation/generic.go (maskTrailingDash).
    """
    return f"{prefix[:-2]}a" if len(prefix) > 1 and prefix.endswith("-") else prefix


def _check_name(resource: Resource, name: str, field: str, *, shown: str) -> list[FieldError]:
    if resource.group == "rbac.authorization.k8s.io":
        bad = "/" in name or "%" in name or name in {".", ".."}
        return [_invalid(field, shown, "may not contain '/'")] if bad else []
    narrow = resource.qualified in _LABEL_NAMES
    most, pattern = (_LABEL_MAX, _LABEL) if narrow else (_SUBDOMAIN_MAX, _SUBDOMAIN)
    errors: list[FieldError] = []
    if len(name) > most:
        errors.append(_invalid(field, shown, f"must be no more than {most} bytes"))
    if not re.fullmatch(pattern, name):
        text = _LABEL_TEXT if narrow else _SUBDOMAIN_TEXT
        errors.append(_invalid(field, shown, text))
    return errors


def _check_labels(metadata: Json) -> list[FieldError]:
    return [
        _invalid("metadata.labels", value, _LABEL_VALUE_TEXT)
        for value in (metadata.get("labels") or {}).values()
        if not re.fullmatch(_LABEL_VALUE, value) or len(value) > _LABEL_MAX
    ]


def _invalid(field: str, value: str, problem: str) -> FieldError:
    message = f"Invalid value: {quote(value)}: {problem}"
    return FieldError(field=field, reason="FieldValueInvalid", message=message)
