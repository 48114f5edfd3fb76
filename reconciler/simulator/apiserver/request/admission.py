"""The registry of admission hooks and subresource actions that the API server consults.

Hooks run on writes by API clients only; controllers write to the store directly. The order is the
API server's: mutating hooks, then the structural schema, then validating hooks.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from reconciler.simulator.encoding.json_codec import Json


@dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    """One write under review.

    `object` may be changed in place by mutating hooks; for a DELETE it is the stored object. A
    hook appends the texts of Warning headers to `warnings`; those of a hook that denies are
    dropped.
    """

    operation: str
    """CREATE, UPDATE or DELETE."""
    resource: str
    """`virtualmachines.kubevirt.io`, or `nodes` for the core group."""
    namespace: str
    name: str
    object: Json
    old: Json | None
    user: str
    groups: tuple[str, ...] = ()
    dry_run: bool = False
    subresource: str = ""
    """`status` for a write to the status subresource, else empty."""
    warnings: list[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Denial:
    """The denial of a write by a webhook.

    The client reads `admission webhook "<webhook>" denied the request: <message>` with the status
    `code`; `causes` become the Status' details.causes. Without `webhook` the client reads only the
    message, as from a built-in admission plugin.
    """

    webhook: str
    message: str
    code: int = 422
    reason: str = "Invalid"
    causes: tuple[Json, ...] = ()


def denied(webhook: str, message: str, *fields: str) -> Denial:
    """Returns a denial with one cause for each of the fields."""
    cause = {"reason": "FieldValueInvalid", "message": message}
    return Denial(
        webhook=webhook,
        message=message,
        causes=tuple({**cause, "field": field} for field in fields) or (cause,),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionRequest:
    """A call of a subresource action such as `restart`."""

    resource: str
    """Plural, without a group: `virtualmachines`."""
    subresource: str
    namespace: str
    name: str
    method: str
    body: Json | None
    user: str
    dry_run: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionResult:
    """The response of an action: an HTTP status and a JSON body (None: an empty body)."""

    status: int = 202
    body: Json | None = None


Hook: TypeAlias = Callable[[Review], Denial | None]
Action: TypeAlias = Callable[[ActionRequest], ActionResult]


class Admission:
    """Hooks by resource, run in the order in which they were added."""

    def __init__(self) -> None:
        self._mutating: dict[str, list[Hook]] = defaultdict(list)
        self._validating: dict[str, list[Hook]] = defaultdict(list)
        self._actions: dict[tuple[str, str], Action] = {}

    def mutating(self, resource: str, hook: Hook) -> None:
        """Adds a hook that may change `review.object` in place, or deny the write."""
        self._mutating[resource].append(hook)

    def validating(self, resource: str, hook: Hook) -> None:
        """Adds a hook that allows (None) or denies a write that the schema accepts."""
        self._validating[resource].append(hook)

    def action(self, resource: str, subresource: str, action: Action) -> None:
        """Serves `…/{resource}/{name}/{subresource}` of subresources.kubevirt.io with `action`."""
        self._actions[resource, subresource] = action

    def mutate(self, review: Review) -> Denial | None:
        """Runs the mutating hooks until one denies."""
        return _first_denial(self._mutating.get(review.resource, ()), review)

    def validate(self, review: Review) -> Denial | None:
        """Runs the validating hooks until one denies."""
        return _first_denial(self._validating.get(review.resource, ()), review)

    def find_action(self, resource: str, subresource: str) -> Action | None:
        """Returns the action registered for a subresource, if any."""
        return self._actions.get((resource, subresource))

    def actions(self) -> tuple[tuple[str, str], ...]:
        """Returns the registered (resource, subresource) pairs, sorted, for discovery."""
        return tuple(sorted(self._actions))


def _first_denial(hooks: list[Hook] | tuple[()], review: Review) -> Denial | None:
    for hook in hooks:
        earlier = len(review.warnings)
        denial = hook(review)
        if denial is not None:
            # Denials by virt-api carry causes and no warnings, as recorded on v1.9.0.
            del review.warnings[earlier:]
            return denial
    return None
