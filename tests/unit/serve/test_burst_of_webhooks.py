"""Many webhook requests during one Git poll cause only one more poll."""

from __future__ import annotations

import threading
from contextlib import nullcontext

from support.fake_ports import FakeClock
from support.serving.asgi_call import ask
from support.serving.senders import BRANCH, REPOSITORY, SENDERS

from reconciler.errors import SourceError
from reconciler.serve.git.git_poller import GitPoller
from reconciler.serve.hooks.followed_branch import FollowedBranch
from reconciler.serve.hooks.hooks_app import HookOptions, hooks_app
from reconciler.serve.hooks.secret_folder import SecretFolder

HANGS_S = 120
GITHUB = SENDERS[0]


class Repository:
    """Counts Git polls, and lets each poll take as long as the test wants."""

    def __init__(self) -> None:
        self.reads = 0
        self.began, self.proceed = threading.Semaphore(0), threading.Semaphore(0)

    def read(self):
        self.reads += 1
        self.began.release()
        assert self.proceed.acquire(timeout=HANGS_S)
        raise SourceError("the result does not matter")


def test_burst_of_webhook_requests_during_a_git_poll_causes_one_more_poll(tmp_path):
    repository, clock, ended = Repository(), FakeClock(), threading.Semaphore(0)
    poller = GitPoller(
        lambda: nullcontext(repository), clock, interval_s=3_600, jitter_s=0, changed=ended.release
    )
    (tmp_path / "github").write_text(GITHUB.secret)
    options = HookOptions(
        secrets=SecretFolder(tmp_path, clock),
        followed=FollowedBranch(repository=REPOSITORY, revision=BRANCH),
        clock=clock,
    )
    app = hooks_app(options, lambda _push: poller.wake())
    poller.start()
    assert repository.began.acquire(timeout=HANGS_S)
    for number in range(200):
        hook = GITHUB.hook(delivery=f"delivery-{number}")
        sent = ask(app, hook.path, method="POST", headers=hook.headers, body=hook.body)
        assert sent.status == 202
    for _ in range(2):
        repository.proceed.release()
        assert ended.acquire(timeout=HANGS_S)
    poller.end(HANGS_S)
    assert repository.reads == 2
