"""Provides an empty simulated API server for the tests in this directory."""

import pytest
from support.apiserver import ApiServer


@pytest.fixture
def server():
    return ApiServer()
