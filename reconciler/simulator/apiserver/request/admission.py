"""Admission: calls the webhooks and subresource actions that are registered for a resource.

Hooks run only for writes by API clients; controllers write to the store directly. As in a real API
server, mutating hooks run first, then the schema is checked, then validating hooks run.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from reconciler.simulator.encoding.json_codec import Json


@dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    """A write request in the form that the API server passes to admission webhooks.

    Mutating hooks can change `object` in place. For a DELETE, `object` is the stored object. A
    hook can append messages for Warning headers to `warnings`. Warnings from a hook that denies
    the write are dropped.
    """

    operation: str
    """The operation of the write request: CREATE, UPDATE or DELETE."""
    resource: str
    """The plural name and API group, such as `virtualmachines.kubevirt.io`, or `nodes` (core)."""
    namespace: str
    name: str
    object: Json
    old: Json | None
    user: str
    groups: tuple[str, ...] = ()
    dry_run: bool = False
    subresource: str = ""
    """`status` for a write to the status subresource; otherwise an empty string."""
    warnings: list[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Denial:
    """The denial of a write by an admission webhook or a built-in admission plugin.

    The response is a Status object with the HTTP status `code`, `causes` in details.causes, and
    the message `admission webhook "<webhook>" denied the request: <message>`. An empty `webhook`
    means that a built-in admission plugin denies the write; the webhook prefix is then absent.
    """

    webhook: str
    message: str
    code: int = 422
    reason: str = "Invalid"
    causes: tuple[Json, ...] = ()


def denied(webhook: str, message: str, *fields: str, reason: str = "FieldValueInvalid") -> Denial:
    """Builds a denial with one cause per field, or one cause without a field if none is given."""
    cause = {"reason": reason, "message": message}
    return Denial(
        webhook=webhook,
        message=message,
        causes=tuple({**cause, "field": field} for field in fields) or (cause,),
    )


class Action(Protocol):
    """The function for a subresource action such as `restart`; raises StatusError on failure."""

    def __call__(self, namespace: str, name: str, *, dry_run: bool) -> None:
        """Runs the subresource action for an object; the API server then responds with 202."""


Hook: TypeAlias = Callable[[Review], Denial | None]


class Admission:
    """The admission hooks of each API resource, in the order in which they run."""

    def __init__(self) -> None:
        self._mutating: dict[str, list[Hook]] = defaultdict(list)
        self._validating: dict[str, list[Hook]] = defaultdict(list)
        self._actions: dict[tuple[str, str], Action] = {}

    def mutating(self, resource: str, hook: Hook) -> None:
        """Registers an admission hook that can change `review.object` or deny the write."""
        self._mutating[resource].append(hook)

    def validating(self, resource: str, hook: Hook) -> None:
        """Registers an admission hook that can deny a write after the schema validation."""
        self._validating[resource].append(hook)

    def action(self, resource: str, subresource: str, action: Action) -> None:
        """Registers the function for a subresource, such as `restart` for virtualmachines."""
        self._actions[resource, subresource] = action

    def mutate(self, review: Review) -> Denial | None:
        """Runs the mutating admission hooks in order, until one of them denies the write."""
        return _first_denial(self._mutating.get(review.resource, ()), review)

    def validate(self, review: Review) -> Denial | None:
        """Runs the validating admission hooks in order, until one of them denies the write."""
        return _first_denial(self._validating.get(review.resource, ()), review)

    def find_action(self, resource: str, subresource: str) -> Action | None:
        """Returns the function for a subresource, or None if no function is registered."""
        return self._actions.get((resource, subresource))

    def actions(self) -> tuple[tuple[str, str], ...]:
        """Returns the sorted (resource, subresource) pairs for which a function is registered."""
        return tuple(sorted(self._actions))


def _first_denial(hooks: list[Hook] | tuple[()], review: Review) -> Denial | None:
    for hook in hooks:
        earlier = len(review.warnings)
        denial = hook(review)
        if denial is not None:
            # Denials by virt-api have causes but no warnings, as observed on KubeVirt v1.9.0.
            del review.warnings[earlier:]
            return denial
    return None
