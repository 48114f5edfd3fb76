"""Provides an empty simulated API server to the tests in this folder."""

import pytest
from support.apiserver import ApiServer


@pytest.fixture
def server():
    return ApiServer()
