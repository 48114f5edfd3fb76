"""ApiCall: an API request for a stored resource, with its query options and warnings.

Source: kube-apiserver v1.36, k8s.io/apimachinery pkg/apis/meta/v1/validation/validation.go.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from reconciler.simulator.apiserver.request import event_views, status_errors
from reconciler.simulator.apiserver.request.admission import Review
from reconciler.simulator.apiserver.request.api_faults import Fault
from reconciler.simulator.apiserver.request.http_messages import Request, User
from reconciler.simulator.apiserver.request.request_info import RequestInfo
from reconciler.simulator.apiserver.request.status_errors import FieldError
from reconciler.simulator.encoding.json_codec import decode, encode
from reconciler.simulator.store import api_resources, object_versions
from reconciler.simulator.store.api_resources import Resource
from reconciler.simulator.store.history import Key

if TYPE_CHECKING:
    from reconciler.simulator.encoding.json_codec import Json

_OPTIONS: Final = {
    "create": "CreateOptions",
    "update": "UpdateOptions",
    "patch": "PatchOptions",
    "delete": "DeleteOptions",
    "deletecollection": "DeleteOptions",
}
_DIRECTIVES: Final = ("", "Ignore", "Strict", "Warn")
_MANAGER_MAX: Final = 128


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiCall:
    """An authorized request for a resource that the API server stores."""

    request: Request
    user: User
    target: RequestInfo
    resource: Resource
    faults: tuple[Fault, ...] = ()
    warnings: list[str] = field(default_factory=list)
    """The messages for the Warning headers of the response."""

    @property
    def key(self) -> Key:
        """The key of the requested object in the object store."""
        namespace = self.target.namespace if self.resource.namespaced else ""
        return Key(self.resource.storage, namespace, self.target.name)

    @property
    def scope(self) -> str | None:
        """The requested namespace, or None for all namespaces or a cluster-scoped resource."""
        return (self.resource.namespaced and self.target.namespace) or None

    @property
    def status(self) -> bool:
        """Whether the request is for the status subresource of an object."""
        return self.target.subresource == "status"

    @property
    def dry_run(self) -> bool:
        """Whether the request is a dry run."""
        return "All" in self.request.params("dryRun")

    @property
    def field_validation(self) -> str:
        """The fieldValidation option of the request: Ignore, Warn (the default) or Strict."""
        return self.request.param("fieldValidation") or "Warn"

    @property
    def manager(self) -> str:
        """The fieldManager query parameter, or the User-Agent header up to its first slash."""
        asked = self.request.param("fieldManager")
        return asked or self.request.header("user-agent").partition("/")[0] or "unknown"

    def integer(self, name: str) -> int | None:
        """Returns a numeric query parameter, or None if it is absent.

        Raises:
            StatusError: The parameter is not a number.
        """
        text = self.request.param(name)
        if not text:
            return None
        try:
            return int(text)
        except ValueError:
            problem = f'strconv.ParseInt: parsing "{text}": invalid syntax'
            raise status_errors.bad_request(problem) from None

    def check_options(self) -> None:
        """Checks the query options of a write request.

        Raises:
            StatusError: An option has an unsupported value.
        """
        errors: list[FieldError] = []
        dry_run = self.request.params("dryRun")
        if any(value != "All" for value in dry_run):
            errors.append(_unsupported("dryRun", json.dumps(dry_run), ("All",)))
        directive = self.request.param("fieldValidation")
        if directive not in _DIRECTIVES:
            errors.append(_unsupported("fieldValidation", json.dumps(directive), _DIRECTIVES))
        if len(self.request.param("fieldManager")) > _MANAGER_MAX:
            message = f"Too long: may not be more than {_MANAGER_MAX} bytes"
            errors.append(
                FieldError(field="fieldManager", reason="FieldValueTooLong", message=message)
            )
        if errors:
            raise invalid_options(self.target.verb, errors)

    def not_found(self) -> status_errors.StatusError:
        """Builds the 404 error for the requested object."""
        return status_errors.not_found(self.resource.group, self.resource.plural, self.target.name)

    def conflict(self, why: str = status_errors.MODIFIED) -> status_errors.StatusError:
        """Builds the 409 error for the requested object."""
        return status_errors.conflict(
            self.resource.group, self.resource.plural, self.target.name, why
        )

    def invalid(self, name: str, errors: list[FieldError]) -> status_errors.StatusError:
        """Builds the 422 error that reports why the requested object is invalid."""
        # Error messages about Events contain the API group that stores Events.
        resource = self.resource
        group = resource.group if resource.custom or not resource.stored_as else ""
        return status_errors.invalid(group, self.resource.kind, name, errors)

    def review(self, operation: str, key: Key, obj: Json, old: Json | None) -> Review:
        """Builds the admission review for a write to an object."""
        return Review(
            operation=operation,
            resource=key.resource,
            namespace=key.namespace,
            name=key.name,
            object=obj,
            old=old,
            user=self.user.name,
            groups=self.user.groups,
            dry_run=self.dry_run,
            subresource=self.target.subresource,
            warnings=self.warnings,
        )

    def present(self, obj: Json) -> Json:
        """Converts a stored object to the API group and version in the request."""
        if not self.resource.stored_as:
            return obj
        if self.resource.custom:
            return object_versions.converted(obj, self.resource.api_version)
        return event_views.to_new(obj)

    def stored(self, obj: Json) -> Json:
        """Converts an object in the request's API group and version to the stored object."""
        if not self.resource.stored_as:
            return obj
        if self.resource.custom:
            kept = api_resources.stored(self.resource.storage)
            return object_versions.converted(obj, kept.api_version)
        return event_views.to_core(obj)

    def present_bytes(self, body: bytes) -> bytes:
        """Converts an encoded stored object to the API group and version in the request."""
        return encode(self.present(decode(body))) if self.resource.stored_as else body


def invalid_options(verb: str, errors: list[FieldError]) -> status_errors.StatusError:
    """Builds the 422 error for invalid query options."""
    return status_errors.invalid("meta.k8s.io", _OPTIONS[verb], "", errors)


def _unsupported(name: str, value: str, supported: tuple[str, ...]) -> FieldError:
    known = ", ".join(f'"{one}"' for one in supported)
    message = f"Unsupported value: {value}: supported values: {known}"
    return FieldError(field=name, reason="FieldValueNotSupported", message=message)
