"""Fixtures: local servers that imitate Git hosts, each with an API client."""

from __future__ import annotations

import pytest
from support.forges.forge_places import KINDS, place_at


@pytest.fixture(params=list(KINDS))
def place(request):
    found = place_at(request.param)
    with found.server, found.client:
        yield found


@pytest.fixture
def github():
    found = place_at("github")
    with found.server, found.client:
        yield found
