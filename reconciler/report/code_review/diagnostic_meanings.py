"""``MEANINGS``: explains the code of each problem that the program reports about its inputs."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

# fmt: off
SECTIONS: Mapping[str, Mapping[str, str]] = {
    "About the planned rollout": {
        "alert-firing, alerts-unreadable, no-prometheus":
            "with `rollout.holdWhile`: an alert is firing, Prometheus does not answer, or the URL "
            "of Prometheus is unknown; no new change starts",
        "alerts-not-read":
            "`rollout.holdWhile` is set, and the plan was made without `--prometheus-url`",
        "outside-window":
            "no window is open now; the message shows when the next one opens",
        "next-window":
            "VMs whose first attempt may take longer than the rest of the open window",
        "window-too-short":
            "VMs whose first attempt may take longer than any of the next windows",
        "canary":
            "how many canaries change, how long other VMs wait for the canaries, and how many "
            "VMs wait",
        "no-canary, canaries-held":
            "no VM is a canary, or no canary can be changed; the other VMs will wait",
        "batches":
            "how many VMs change in each batch",
        "restarts":
            "which VMs are restarted, and which setting permits each restart",
        "room-one-after-another":
            "VMs for which the capacity is sufficient only if they change one after another",
        "room-not-for-all":
            "VMs for which the capacity is sufficient now, but not after earlier VMs have grown",
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
            "the objects from which another operator writes the KubeVirt CR cannot be read, "
            "because the permission is missing or the request failed; no setting is written "
            "through this owner, and the memory of VMs still changes",
        "cluster-id-unknown":
            "the permission to read the namespace kube-system is missing",
        "snapshot-age":
            "the snapshot is older than `snapshotMaxAge`, or its time is in the future",
        "capacity-age":
            "in `reconciler serve`: the pods and quotas of the plan are older than five minutes, "
            "because no newer ones could be read",
        "room-not-in-snapshot":
            "the snapshot contains no pods and quotas, so the plan did not check the capacity",
    },
    "About commits": {
        "invalid-config":
            "the newest commit is not applied, because its `.reconciler.yaml` is invalid; the"
            " message shows the commit that stays in force",
        "unsigned, bad-signature, unsupported-signature":
            "with `--verify`: the newest commit has no signature, one that does not match its"
            " contents, or one of an unknown kind",
        "unknown-signer, expired-signature, revoked-key, wrong-namespace":
            "with `--verify`: the key is not trusted, has expired, is not valid yet, is revoked,"
            " or may not sign for Git",
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
            "the number of further problems, which are not listed",
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
            "a manifest has no namespace, or with `-f` another namespace than `-n`",
        "duplicate-object, two-kubevirts, conflicting-setting":
            "two manifests describe the same object, or there is a second KubeVirt CR",
        "not-selected, nothing-selected":
            "how many objects `-n`, VM names or a selector exclude; `nothing-selected`: all "
            "objects are excluded",
        "misaligned, below-minimum, guest-above-max, memory-from-instancetype,"
        " memory-not-managed, nothing-named":
            "a problem with the memory in a VM's manifest",
        "not-managed, gate-disabled, unknown-method":
            "a problem in a KubeVirt manifest",
        "kustomization, chart":
            "the folder needs kustomize or Helm",
        "uncommitted":
            "the working tree has changes that a plan of its commit does not read",
        "history-rewritten":
            "the commit that was fetched before is not in the history of the branch",
        "nothing-found":
            "there is no VM and no KubeVirt CR",
        "path-missing, not-followed, nothing-read":
            "a configured path does not exist, is a link or a submodule, or contains no manifest",
        "misnamed-config, extra-document, no-window":
            "a problem with `.reconciler.yaml`",
        "server-dry-run, server-dry-run-refused":
            "the API server's responses to the plan's changes with `dryRun=All`",
        "clocks-differ":
            "the clocks of the API server and of this machine disagree on whether a window is open"
            " or long enough",
        "unbound":
            "no configuration applies to the manifests of `-f`, so no windows or other rules "
            "limit the run",
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
