"""``http_server``: creates the HTTP servers for the status pages and for webhook requests."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from reconciler.model.service.counts import Counted
from reconciler.serve.hooks.followed_branch import FollowedBranch
from reconciler.serve.hooks.hooks_app import HOOK_LIMITS, HookOptions, hooks_app
from reconciler.serve.hooks.secret_folder import SecretFolder
from reconciler.serve.http.face_app import FACE_LIMITS, FaceOptions, face_app
from reconciler.serve.http.http_server import HttpServer, Listener
from reconciler.serve.http.listen_address import parse_listen_address
from reconciler.serve.live_pages import live_pages
from reconciler.serve.metrics_page import metrics_page

if TYPE_CHECKING:
    from collections.abc import Callable

    from reconciler.app.counters import Counters
    from reconciler.app.input_options import SourceOptions
    from reconciler.model.service.view import Wait
    from reconciler.ports import Clock
    from reconciler.serve.hooks.push_event import PushEvent
    from reconciler.serve.serve_options import ServiceOptions
    from reconciler.serve.view_store import ViewStore


def http_server(
    options: ServiceOptions,
    source: SourceOptions,
    store: ViewStore,
    counters: Counters,
    clock: Clock,
    *,
    wake: Callable[[PushEvent], None],
    problem: Callable[[], str],
    outage: Callable[[], Wait | None],
) -> HttpServer:
    """Create the HTTP servers and open their ports; only ``--hook-secrets`` adds a webhook server.

    Args:
        options: The options of the process.
        source: The repository and the branch that the process applies.
        store: The state that the status pages show.
        counters: The counters that the metrics show.
        clock: Measures the age of webhook requests; the clock of this machine, because Git hosts
            do not use the API server's time.
        wake: Called for each push to the applied branch.
        problem: Returns why the process should be restarted, or an empty string if it works.
        outage: Returns the current API server outage, or None if the API server responds.

    Raises:
        UsageError: An address or the directory of secrets cannot be used.
        ListenError: The process cannot listen on an address.
    """
    content = live_pages(metrics_page(counters), docs_url=options.docs_url)
    face = face_app(
        store, content, FaceOptions(hosts=options.hosts, problem=problem, outage=outage)
    )
    address = parse_listen_address(options.listen, "--listen")
    listeners = [Listener(option="--listen", address=address, app=face, limits=FACE_LIMITS)]
    if options.hook_secrets is not None:
        hooks = HookOptions(
            secrets=SecretFolder(options.hook_secrets, clock),
            followed=FollowedBranch(repository=source.repo or "", revision=source.revision or ""),
            clock=clock,
            count=partial(counters.add, Counted.WEBHOOK_DELIVERIES),
        )
        listeners.append(
            Listener(
                option="--hooks-listen",
                address=parse_listen_address(options.hooks_listen, "--hooks-listen"),
                app=hooks_app(hooks, wake),
                limits=HOOK_LIMITS,
            )
        )
    return HttpServer(*listeners)
