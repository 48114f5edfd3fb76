"""Tokens: finds the user to whom a bearer token belongs.

Source: kube-apiserver v1.36, k8s.io/apiserver pkg/authentication (bearertoken, serviceaccount).
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Final

from reconciler.simulator.apiserver.request.http_messages import User

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reconciler.simulator.clock import SimClock

AUTHENTICATED: Final = "system:authenticated"
ADMIN: Final = User("kubernetes-admin", ("system:masters", AUTHENTICATED))


def service_account(namespace: str, name: str) -> User:
    """Returns the user that represents a service account."""
    groups = ("system:serviceaccounts", f"system:serviceaccounts:{namespace}", AUTHENTICATED)
    return User(f"system:serviceaccount:{namespace}:{name}", groups)


class Tokens:
    """The bearer tokens that the simulated API server accepts, with the user of each token."""

    def __init__(self, clock: SimClock, known: Mapping[str, User] | None = None) -> None:
        """Registers the bearer tokens of the simulated cluster, and a token for an administrator.

        Args:
            clock: The simulated clock, by which issued tokens expire.
            known: Maps each token to its user. Every user also gets the group
                system:authenticated.
        """
        self.admin: Final = secrets.token_urlsafe(24)
        self._clock = clock
        self._users = {token: _authenticated(user) for token, user in (known or {}).items()}
        self._users[self.admin] = ADMIN
        self._expiry: dict[str, float] = {}

    def issue(self, user: User, lifetime_s: float) -> str:
        """Creates a token for a user that expires after a number of simulated seconds."""
        token = secrets.token_urlsafe(32)
        self._users[token] = _authenticated(user)
        self._expiry[token] = self._clock.monotonic() + lifetime_s
        return token

    def revoke(self, token: str) -> None:
        """Stops accepting a bearer token."""
        self._users.pop(token, None)

    def user(self, authorization: str) -> User | None:
        """Returns the user for an Authorization header, or None if the token is not valid.

        A request without a token counts as the administrator's, because client-go sends no
        credentials over plain HTTP (tools/clientcmd/client_config.go).
        """
        scheme, _, token = authorization.strip().partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            return ADMIN
        token = token.strip()
        if self._expiry.get(token, float("inf")) <= self._clock.monotonic():
            return None
        return self._users.get(token)


def impersonated(name: str, groups: str) -> User:
    """Returns the user that the Impersonate headers of a request specify.

    Source: k8s.io/apiserver v0.36 pkg/endpoints/filters/impersonation.go.
    """
    match name.split(":"):
        case ["system", "serviceaccount", namespace, account]:
            return service_account(namespace, account)
    asked = tuple(group.strip() for group in groups.split(",") if group.strip())
    return _authenticated(User(name, asked))


def _authenticated(user: User) -> User:
    if AUTHENTICATED in user.groups:
        return user
    return User(user.name, (*user.groups, AUTHENTICATED))
