"""Fixtures of the rollout tests: simulated clusters, a Git repository, and command runners."""

from __future__ import annotations

import itertools
from contextlib import ExitStack

import pytest
from support.served import Command, Git, plain_environment, serving


@pytest.fixture(autouse=True)
def _apart(monkeypatch):
    """Isolate each test from the settings of the developer's machine."""
    plain_environment(monkeypatch)


@pytest.fixture
def git(tmp_path):
    return Git(tmp_path / "repo")


@pytest.fixture
def serve(tmp_path):
    """Return a function that serves simulated example clusters until the test ends."""
    numbers = itertools.count(1)
    with ExitStack() as stack:
        yield lambda world, **changes: stack.enter_context(
            serving(tmp_path / f"kubeconfig-{next(numbers)}", world, **changes)
        )


@pytest.fixture
def command(capsys):
    return Command(capsys)
