"""Provides the tests in this folder with an empty simulated API server."""

import pytest
from support.apiserver import ApiServer


@pytest.fixture
def server():
    return ApiServer()
