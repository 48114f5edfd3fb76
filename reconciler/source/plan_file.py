"""``read_approval``: reads an approved plan from a file that ``plan --out`` wrote.

Nothing in the file is executed; the file only contains digests to compare. Each digest is computed
again from the values in the file, so that the approval covers exactly the values that the reviewer
saw.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from reconciler import input_files
from reconciler.errors import SourceError
from reconciler.model.fields import WaveName
from reconciler.model.plan.approval import Approval, ApprovedAction
from reconciler.model.plan.plan import Effect, PatchOp, Verb, WriteTarget
from reconciler.model.quoting import cut, quoted, version
from reconciler.model.references import ObjectRef, Uid
from reconciler.plan.approval_summary import change_text
from reconciler.plan.digest import action_digest, digest_over
from reconciler.schema.check import first_violation

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

API_VERSION = "reconciler/v1alpha1"
KIND = "Plan"
_HINT = "create a plan file with `reconciler plan --out FILE`"
_EDITED = "the file was changed after `plan --out` wrote it; create and approve a new plan"


def read_approval(path: Path) -> Approval:
    """Read an approved plan from a file that ``plan --out`` wrote.

    Raises:
        SourceError: The file cannot be read, is not a plan of this version, or was edited.
    """
    document = _document(path)
    _refuse_other_kind(document, path)
    acting = [each for each in _list(document.get("objects")) if _acts(each)]
    if isinstance(document.get("objects"), list):
        # Objects without planned changes need no check, and most of 10,000 VMs may have none.
        shown = {**document, "objects": acting}
    else:
        shown = document
    if wrong := first_violation(shown, "plan"):
        raise SourceError(f"the plan file {path} cannot be used: {wrong.message}", hint=_HINT)
    actions: dict[ObjectRef, tuple[ApprovedAction, ...]] = {}
    for each in acting:
        ref = ObjectRef(kind=each["kind"], namespace=each["namespace"], name=each["name"])
        if ref in actions:
            raise SourceError(f"the plan file {path} contains {cut(str(ref))} twice", hint=_EDITED)
        actions[ref] = tuple(_actions(each, ref, document["cluster"], path))
    _refuse_wrong_digest(document, path)
    return Approval(
        cluster=document["cluster"],
        revision=document["revision"],
        dirty=document["dirty"],
        digest=document["digest"],
        actions=actions,
    )


def _document(path: Path) -> dict[str, Any]:
    try:
        document = orjson.loads(input_files.read(path).decode())
    except OSError as error:
        raise SourceError(
            f"the plan file {path} cannot be read: {error.strerror}", hint=_HINT
        ) from error
    except orjson.JSONDecodeError as error:
        where = f"{path}:{error.lineno}:{error.colno}"
        raise SourceError(f"the plan file {where} is not valid JSON", hint=_HINT) from error
    except UnicodeDecodeError as error:
        raise SourceError(
            f"the plan file {path} is not valid JSON: it is not text", hint=_HINT
        ) from error
    if not isinstance(document, dict):
        raise SourceError(
            f"the file {path} is not a {KIND}: it does not contain a JSON object", hint=_HINT
        )
    return document


def _refuse_other_kind(document: Mapping[str, Any], path: Path) -> None:
    if (kind := document.get("kind")) != KIND:
        raise SourceError(
            f"the file {path} is not a {KIND}: its kind is {quoted(kind)}", hint=_HINT
        )
    if (found := document.get("apiVersion")) != API_VERSION:
        raise SourceError(
            f"the plan file {path} has the apiVersion {version(found)}, but this program reads "
            f"{API_VERSION}",
            hint="use the same version of reconciler for plan and apply",
        )


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _acts(each: object) -> bool:
    """Return whether an object in the plan file has planned changes, or is malformed."""
    return not isinstance(each, dict) or each.get("actions") != []


def _actions(
    each: Mapping[str, Any], ref: ObjectRef, cluster: str, path: Path
) -> Iterator[ApprovedAction]:
    for action in each["actions"]:
        verb, effect = Verb(action["verb"]), Effect(action["effect"])
        found = action_digest(
            cluster=cluster,
            ref=ref,
            uid=None if each["uid"] is None else Uid(each["uid"]),
            effect=effect,
            reason=action["reason"],
            patch=tuple(PatchOp(**operation) for operation in action["patch"]),
            manifest=action.get("manifestDigest"),
            restart=verb is Verb.RESTART,
            target=_target(action.get("target")),
        )
        if found != action["digest"]:
            raise SourceError(
                f"the plan file {path} is inconsistent: an action of {cut(str(ref))} has the "
                f"digest {found}, but the file contains {action['digest']}",
                hint=_EDITED,
            )
        own = [change for change in each["changes"] if change["wave"] == action["wave"]]
        yield ApprovedAction(
            wave=WaveName(action["wave"]),
            digest=action["digest"],
            effect=effect,
            reason=action["reason"],
            change=change_text(verb, map(_texts, own)),
        )


def _target(found: Mapping[str, Any] | None) -> WriteTarget | None:
    """Return the object that receives the write, or None if it is the changed object itself."""
    if found is None:
        return None
    group, _, version_of = found["apiVersion"].rpartition("/")
    ref = ObjectRef(
        kind=found["kind"], namespace=found["namespace"], name=found["name"], group=group
    )
    return WriteTarget(ref=ref, version=version_of)


def _texts(change: Mapping[str, Any]) -> tuple[str, str | None, str]:
    before = None if change["from"] is None else _spelled(change["from"])
    return change["field"].rpartition(".")[2], before, _spelled(change["to"])


def _spelled(value: object) -> str:
    return cut(f"[{', '.join(map(str, value))}]" if isinstance(value, list) else str(value))


def _refuse_wrong_digest(document: Mapping[str, Any], path: Path) -> None:
    digests = {
        action["id"]: action["digest"]
        for each in document["objects"]
        for action in _list(each.get("actions"))
    }
    order = [name for wave in document["waves"] for name in wave["actions"]]
    found = digest_over(digests.get(name, "") for name in order)
    if set(order) != digests.keys() or found != document["digest"]:
        raise SourceError(
            f"the plan file {path} is inconsistent: its actions have the digest {found}, but "
            f"the file contains {document['digest'] or 'none'}",
            hint=_EDITED,
        )
