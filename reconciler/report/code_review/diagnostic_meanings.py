"""``MEANINGS``: explains the code of each problem that the program reports about its inputs."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

# fmt: off
SECTIONS: Mapping[str, Mapping[str, str]] = {
    "About the planned rollout": {
        "alert-firing, alerts-unreadable, no-prometheus":
            "with `rollout.holdWhile`: an alert is firing, Prometheus does not respond, or no URL "
            "of Prometheus is set, so no new change starts",
        "alerts-not-read":
            "`rollout.holdWhile` is set, but the plan was made without `--prometheus-url`, so it "
            "did not check the alerts",
        "outside-window":
            "no maintenance window is open; the message shows when the next one opens",
        "next-window":
            "the first attempt to change these VMs might take longer than the remaining time of "
            "the open maintenance window",
        "window-too-short":
            "the first attempt to change these VMs might take longer than any of the next "
            "maintenance windows",
        "canary":
            "the message shows how many canaries change, how long other VMs wait for the "
            "canaries, and how many VMs wait",
        "no-canary, canaries-held":
            "no VM is a canary, or no canary can be changed, so the other VMs wait",
        "batches":
            "the message shows how many VMs change in each batch",
        "restarts":
            "the message shows which VMs are restarted, and which setting permits each restart",
        "room-one-after-another":
            "the capacity suffices for these VMs only if they change one after another",
        "room-not-for-all":
            "the capacity suffices for these VMs now, but not after earlier VMs have grown",
    },
    "About the cluster": {
        "unknown-kubevirt-version":
            "the KubeVirt version is unknown; the plan assumes the behaviour of the newest known"
            " version",
        "unreadable-object, unreadable-field":
            "an object, or a field of the KubeVirt CR, cannot be read",
        "nodes-unreadable, pods-unreadable, resourcequotas-unreadable, instancetypes-unreadable,"
        " aware-quotas-unreadable, limitranges-unreadable,"
        " migration-policies-unreadable":
            "these objects cannot be listed, usually because permission is missing, so the plan"
            " could not check everything",
        "owner-unreadable":
            "the object from which another operator writes the KubeVirt CR cannot be read, "
            "because permission is missing or the request failed; no setting is written to this "
            "object, but the memory of VMs still changes",
        "cluster-id-unknown":
            "permission to read the namespace kube-system, whose UID identifies the cluster, is "
            "missing",
        "snapshot-age":
            "the cluster snapshot is older than `snapshotMaxAge`, or its time is in the future",
        "capacity-age":
            "in `reconciler serve`: the pods and quotas in the plan are older than five minutes, "
            "because newer ones could not be read",
        "room-not-in-snapshot":
            "the cluster snapshot contains no pods and quotas, so the plan did not check the "
            "capacity",
    },
    "About commits": {
        "invalid-config":
            "the newest commit is not applied, because its `.reconciler.yaml` is invalid; the "
            "message shows the commit that is applied instead",
        "unsigned, bad-signature, unsupported-signature":
            "with `--verify`: the newest commit has no signature, a signature that does not match "
            "its contents, or an unsupported kind of signature",
        "unknown-signer, expired-signature, revoked-key, wrong-namespace":
            "with `--verify`: the key is not trusted, has expired, is not valid yet, is revoked, "
            "or is not allowed to sign for Git",
        "history-unknown":
            "the Lease does not show which commit was applied last, because its annotation is"
            " damaged, so nothing is written",
        "rewritten-history":
            "the branch does not contain the commit that was applied last, so nothing is written",
        "weak-signature":
            "with `--verify`: the signature uses SHA-1, MD5 or RIPEMD-160",
    },
    "About files": {
        "not-yaml, not-text, too-large, too-deep, lfs-pointer":
            "the file cannot be read as YAML",
        "duplicate-key, merge-order":
            "a mapping contains the same key twice, or YAML parsers disagree about its merge key",
        "bad-api-version, unknown-kind":
            "the document has no known kind, or no known version of it",
        "more-problems":
            "the message shows the number of further problems, which are not listed",
        "similar-field":
            "a key resembles a known key that is also present",
        "unknown-field, missing-field, wrong-type, bad-value":
            "a field does not match the schema",
        "bad-quantity, bad-duration, bad-selector, bad-alert-matcher, bad-name, bad-path,"
        " bad-label, bad-cron,"
        " bad-time-zone, bad-time":
            "a value does not have the required format",
        "bad-annotation, unknown-annotation":
            "an annotation under `memory.reconciler.dev/` is invalid or unknown",
        "no-namespace, other-namespace":
            "a manifest has no namespace or, with `-f`, a different namespace than `-n`",
        "duplicate-object, two-kubevirts, conflicting-setting":
            "two manifests describe the same object, two manifests give a setting different "
            "values, or Git contains a second KubeVirt CR",
        "not-selected, nothing-selected":
            "the message shows how many objects `-n`, VM names or a selector exclude; with "
            "`nothing-selected`, all objects are excluded",
        "misaligned, below-minimum, guest-above-max, memory-from-instancetype,"
        " memory-not-managed, nothing-named":
            "the memory in a VM manifest has a problem",
        "not-managed, gate-disabled, unknown-method":
            "a KubeVirt manifest has a problem",
        "kustomization, chart":
            "the directory needs kustomize or Helm to render its manifests",
        "uncommitted":
            "the working tree has changes that a plan of its commit does not read",
        "history-rewritten":
            "the previously fetched commit is not in the history of the branch",
        "nothing-found":
            "the source contains no VM and no KubeVirt CR",
        "path-missing, not-followed, nothing-read":
            "a configured path does not exist, is a link or a submodule, or contains no manifest",
        "misnamed-config, extra-document, no-window":
            "`.reconciler.yaml` has a problem",
        "server-dry-run, server-dry-run-refused":
            "the message shows how the API server responded to the planned changes with "
            "`dryRun=All`",
        "clocks-differ":
            "the clocks of the API server and of this machine disagree on whether a maintenance "
            "window is open or long enough",
        "unbound":
            "no configuration applies to the manifests of `-f`, so no maintenance windows or "
            "other rules limit the run",
    },
}
"""The meanings of problem codes, by topic; codes with the same meaning share one key."""
# fmt: on

MEANINGS: Mapping[str, str] = {
    code: meaning
    for section in SECTIONS.values()
    for codes, meaning in section.items()
    for code in codes.split(", ")
}
"""Maps the code of each problem to its meaning."""
