"""An empty simulated API server for the tests in this folder."""

import pytest
from support.apiserver import ApiServer


@pytest.fixture
def server():
    return ApiServer()
