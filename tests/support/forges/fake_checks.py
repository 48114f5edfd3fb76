"""``ChecksOfCommits``: imitates GitHub's API for check runs and their annotations."""

from __future__ import annotations

from support.forges.received import Received

Answer = tuple[int, dict[str, str], object]


class ChecksOfCommits:
    """Responds to requests about check runs; a mixin of the local server for GitHub."""

    def __init__(self, *arguments, **settings) -> None:
        super().__init__(*arguments, **settings)
        self.checks: list[dict] = []
        """The created check runs with all their annotations, oldest first."""
        self.checks_allowed = True

    def routed_check(self, received: Received) -> Answer | None:
        """Return the response to a request about check runs, or None for other requests."""
        match received.path.strip("/").split("/"):
            case ["repos", "team", "vms", "check-runs", *number] if received.method != "GET":
                return self._write(received, *map(int, number))
            case ["repos", "team", "vms", "check-runs", number]:
                return 200, {}, self._shown(self.checks[int(number)], received, 200)
            case ["repos", "team", "vms", "commits", commit, "check-runs"]:
                key = (commit, received.query["check_name"])
                found = [each for each in self.checks if (each["head_sha"], each["name"]) == key]
                like = Received("GET", "/repos/team/vms/check-runs/0", {}, {}, None)
                runs = [self._shown(each, like, 200) for each in found[-1:]]
                return 200, {}, {"total_count": len(runs), "check_runs": runs}
            case _:
                return None

    def _write(self, received: Received, number: int = -1) -> Answer:
        """Create a check run, or add annotations to the check run with index *number*."""
        if not self.checks_allowed:
            return 403, {}, {"message": "Resource not accessible by personal access token"}
        new = received.body["output"]["annotations"]
        for each in new:
            assert len(each["title"]) <= 255
            assert len(each["message"].encode()) <= 65_536
            assert len(each.get("raw_details", "").encode()) <= 65_536
            assert "start_column" not in each or each["start_line"] == each["end_line"]
        if number < 0:
            self.checks.append({**received.body, "id": len(self.checks), "annotations": new})
            return 201, {}, self._shown(self.checks[-1], received, 201)
        self.checks[number]["annotations"] = [*self.checks[number]["annotations"], *new]
        return 200, {}, self._shown(self.checks[number], received, 200)

    def _shown(self, each: dict, received: Received, status: int) -> dict:
        full = self.shape(received, status, id=each["id"], external_id=each["external_id"])
        n = len(each["annotations"])
        return {**full, "output": {**full.get("output", {}), "annotations_count": n}}
