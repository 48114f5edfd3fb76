"""``FakeForge``: a local server that imitates the comments and statuses of a Git host's API."""

from __future__ import annotations

import threading
from http.server import ThreadingHTTPServer
from itertools import count
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from support.forges.fake_artifacts import artifact
from support.forges.fake_checks import ChecksOfCommits
from support.forges.gitea_payloads import GITEA
from support.forges.github_description import FILE, GitHubDescription
from support.forges.gitlab_payloads import GITLAB
from support.forges.pull import HEAD, Pull
from support.forges.received import Received, handler_of

if TYPE_CHECKING:
    import ssl

    from support.forges.fault import Fault
    from support.forges.payloads import PayloadDescription

TOKEN = "forge-token-1234567890"


class FakeForge:
    """A local server that stores the comments on a pull request and the statuses of commits."""

    base = ""
    user = "reconciler-bot"
    page_size: int | None = 100
    """The number of comments on each page of a list, or None to send all comments at once."""
    description: GitHubDescription | PayloadDescription | None = None
    """The API description against which each request and each successful response is checked."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.comments: list[dict] = []
        self.pulls = [Pull(7, HEAD)]
        self.snapshot_runs: list[str] = []
        """The IDs of the scheduled workflow runs that uploaded a snapshot, newest first."""
        self.statuses: list[tuple[str, dict]] = []
        self.requests: list[Received] = []
        self.faults: dict[str, list[Fault]] = {}
        """The faults to inject into the next requests, keyed by method and path."""
        self.on_request = lambda _received: None
        self.user_allowed = True
        self._ids = count(101)
        self._state = threading.Lock()
        """The lock that protects the state of this server, because each request runs in its own
        thread.
        """
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler_of(self.answer))
        self._scheme = "https" if tls else "http"
        if tls:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()

    @property
    def url(self) -> str:
        return f"{self._scheme}://127.0.0.1:{self._server.server_port}{self.base}"

    def __enter__(self):
        return self

    def __exit__(self, *_error) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def lines(self) -> list[str]:
        return [each.line for each in self.requests]

    def add(self, author: str, body: str) -> int:
        self.comments.append({"id": next(self._ids), "author": author, "body": body})
        return self.comments[-1]["id"]

    def texts(self, author: str | None = None) -> list[str]:
        return [c["body"] for c in self.comments if author in (None, c["author"])]

    def answer(self, received: Received) -> tuple[int, dict[str, str], object]:
        """Return the status, headers and body for a request, and check both against the API
        description.
        """
        path = received.path.removeprefix(self.base)
        if self.description:
            self.description.check_request(received.method, path, received.query, received.body)
        status, headers, body = self._answer(received)
        if self.description and status < 300:
            self.description.check_answer(received.method, path, status, body)
        return status, headers, body

    def _answer(self, received: Received) -> tuple[int, dict[str, str], object]:
        self.requests.append(received)
        self.on_request(received)
        with self._state:
            return self._executed(received)

    def _executed(self, received: Received) -> tuple[int, dict[str, str], object]:
        faults = self.faults.get(received.line, [])
        fault = faults.pop(0) if faults else None
        if fault is not None and not fault.executed:
            return fault.status, fault.headers, fault.body
        if not self.authentic(received.headers):
            return 401, {}, {"message": "Bad credentials"}
        found = self.routed_check(received) or self.routed(received)
        return (fault.status, fault.headers, fault.body) if fault else found

    def authentic(self, headers: dict[str, str]) -> bool:
        raise NotImplementedError

    def routed(self, received: Received) -> tuple[int, dict[str, str], object]:
        raise NotImplementedError

    def routed_check(self, _received: Received) -> tuple[int, dict[str, str], object] | None:
        """Return None, because only GitHub has check runs."""
        return None

    def shape(self, received: Received, status: int, /, **fields) -> dict:
        """Return the JSON object that the Git host would send, with the values in *fields*."""
        if self.description is None:
            return fields
        path = received.path.removeprefix(self.base)
        return {**self.description.example(received.method, path, status), **fields}

    @property
    def pull(self) -> Pull:
        """The pull request to which all comments belong."""
        return self.pulls[0]

    def found(self, branch: str | None) -> list[Pull]:
        """Return the open pull requests, only those of one branch if *branch* is given."""
        opened = [each for each in self.pulls if each.is_open]
        return [
            each for each in opened if branch in (None, each.branch, f"{each.owner}:{each.branch}")
        ]

    def page(self, received: Received) -> tuple[list[dict], dict[str, str]]:
        """Return the requested page of comments, and the Link header to the next page."""
        ordered = sorted(self.comments, key=lambda each: each["id"])
        if self.page_size is None:
            return ordered, {}
        return self.page_of(ordered, received)

    def page_of(self, ordered: list, received: Received) -> tuple[list, dict[str, str]]:
        """Return the requested page of a list, and the Link header to the next page."""
        number, size = int(received.query.get("page", "1")), self.page_size or 50
        start, end = (number - 1) * size, number * size
        headers = {}
        if end < len(ordered):
            query = urlencode({**received.query, "page": number + 1})
            url = f"https://elsewhere.example.com{received.path}?{query}"
            headers["Link"] = f'<{url}>; rel="next", <{url}>; rel="last"'
        return ordered[start:end], headers

    def changed(self, method: str, comment_id: int, body: object) -> dict | None:
        """Edit or delete a comment and return it, or return None if it does not exist."""
        found = next((each for each in self.comments if each["id"] == comment_id), None)
        if found is not None and method == "DELETE":
            self.comments.remove(found)
        elif found is not None:
            found["body"] = body["body"]
        return found


class FakeGitHub(ChecksOfCommits, FakeForge):
    """Imitates api.github.com, and checks all traffic if GitHub's API description is installed."""

    description = GitHubDescription() if FILE.exists() else None

    def authentic(self, headers: dict[str, str]) -> bool:
        return headers["authorization"] == f"Bearer {TOKEN}"

    def routed(  # noqa: C901, PLR0911 - one response for each path
        self, received: Received
    ) -> tuple[int, dict[str, str], object]:
        method, body = received.method, received.body
        match received.path.removeprefix(self.base).strip("/").split("/"):
            case ["user"]:
                if not self.user_allowed:
                    return 403, {}, {"message": "Resource not accessible by integration"}
                return 200, {}, self.shape(received, 200, login=self.user)
            case ["repos", "team", "vms", "pulls"]:
                assert received.query["state"] == "open"
                shown, headers = self.page_of(self.found(received.query.get("head")), received)
                return 200, headers, [self.described(each) for each in shown]
            case ["repos", "team", "vms", "pulls", "7"]:
                return 200, {}, self.described(self.pull)
            case ["repos", "team", "vms", "issues", "7", "comments"] if method == "GET":
                shown, headers = self.page(received)
                return 200, headers, [self.comment(each) for each in shown]
            case ["repos", "team", "vms", "issues", "7", "comments"]:
                self.add(self.user, body["body"])
                return 201, {}, self.comment(self.comments[-1])
            case ["repos", "team", "vms", "issues", "comments", number]:
                found = self.changed(method, int(number), body)
                if found is None:
                    return 404, {}, {"message": "Not Found"}
                return (204, {}, None) if method == "DELETE" else (200, {}, self.comment(found))
            case ["repos", "team", "vms", "statuses", commit]:
                self.statuses.append((commit, body))
                return 201, {}, self.status(received, body)
            case ["repos", "team", "vms", "actions", "artifacts"] if not self.base:
                found = [artifact(self.description, each) for each in self.snapshot_runs]
                return 200, {}, self.shape(received, 200, total_count=len(found), artifacts=found)
            case _:
                return 404, {}, {"message": "Not Found"}

    def status(self, received: Received, body: dict) -> dict:
        return self.shape(received, 201, **body)

    def described(self, pull: Pull) -> dict:
        like = Received("GET", f"{self.base}/repos/team/vms/pulls/7", {}, {}, None)
        full = self.shape(like, 200, number=pull.number)
        label = f"{pull.owner}:{pull.branch}"
        head = {"sha": pull.head, "ref": pull.branch, "label": label}
        return {**full, "head": {**full.get("head", {}), **head}}

    def comment(self, each: dict) -> dict:
        like = Received("POST", f"{self.base}/repos/team/vms/issues/7/comments", {}, {}, None)
        found = self.shape(like, 201, id=each["id"], body=each["body"])
        return found | {"user": self.author(found, each["author"])}

    def author(self, _comment: dict, login: str) -> dict:
        user = self.description.example_of("simple-user") if self.description else {}
        return {**user, "login": login}


class FakeGitea(FakeGitHub):
    """Imitates the API of Gitea 1.24 and Forgejo 13, which sends all comments at once."""

    base = "/api/v1"
    description = GITEA
    page_size = None

    def status(self, received: Received, body: dict) -> dict:
        sent = {name: value for name, value in body.items() if name != "state"}
        return self.shape(received, 201, **sent, status=body["state"])

    def author(self, comment: dict, login: str) -> dict:
        return comment["user"] | {"login": login, "username": login}

    def authentic(self, headers: dict[str, str]) -> bool:
        return headers["authorization"] == f"token {TOKEN}"


class FakeGitLab(FakeForge):
    """Imitates the API of GitLab 18, with the fields of the examples in GitLab's documentation."""

    base = "/api/v4"
    description = GITLAB

    def authentic(self, headers: dict[str, str]) -> bool:
        return headers.get("private-token") == TOKEN

    def routed(  # noqa: PLR0911 - as above
        self, received: Received
    ) -> tuple[int, dict[str, str], object]:
        method, body = received.method, received.body
        root = ["projects", "team%2Fvms"]
        parts = received.path.removeprefix(self.base).strip("/").split("/")
        if parts == ["user"]:
            return 200, {}, self.shape(received, 200, username=self.user)
        if parts[:2] != root:
            return 404, {}, {"message": "404 Project Not Found"}
        match parts[2:]:
            case ["merge_requests"]:
                assert received.query["state"] == "opened"
                branch = received.query.get("source_branch")
                shown, headers = self.page_of(self.found(branch), received)
                return 200, headers, [self.merge_request(each) for each in shown]
            case ["merge_requests", "7"]:
                return 200, {}, self.merge_request(self.pull)
            case ["merge_requests", "7", "notes"] if method == "GET":
                shown, headers = self.page(received)
                return 200, headers, [self.note(each) for each in shown]
            case ["merge_requests", "7", "notes"]:
                self.add(self.user, body["body"])
                return 201, {}, self.note(self.comments[-1])
            case ["merge_requests", "7", "notes", number]:
                found = self.changed(method, int(number), body)
                if found is None:
                    return 404, {}, {"message": "404 Not found"}
                return (204, {}, None) if method == "DELETE" else (200, {}, self.note(found))
            case ["statuses", commit]:
                self.statuses.append((commit, body))
                sent = {name: value for name, value in body.items() if name != "state"}
                return 201, {}, self.shape(received, 201, **sent, sha=commit, status=body["state"])
            case _:
                return 404, {}, {"message": "404 Not Found"}

    def merge_request(self, pull: Pull) -> dict:
        like = Received("GET", f"{self.base}/projects/5/merge_requests/7", {}, {}, None)
        return self.shape(like, 200, iid=pull.number, sha=pull.head, source_branch=pull.branch)

    def note(self, each: dict) -> dict:
        like = Received("POST", f"{self.base}/projects/5/merge_requests/7/notes", {}, {}, None)
        found = self.shape(like, 201, id=each["id"], body=each["body"])
        return found | {"author": found["author"] | {"username": each["author"]}}
