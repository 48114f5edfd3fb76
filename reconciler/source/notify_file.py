"""``read_notify``: reads the ``--notify`` file, which lists the receivers of notifications."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from reconciler.model.service.notification import NotificationKind
from reconciler.model.service.receiver import NotifySettings, Receiver, ReceiverKind
from reconciler.source.trust.mounted_file import mistake, read_document

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from reconciler.source.trust.repository_places import RepositoryPlaces
    from reconciler.source.yaml.nodes import Mark

_FLAG = "--notify"
_HINT = "see notify.schema.json and the page on notifications in the documentation"
_OUTSIDE = "mount the file from a Secret, outside the repository"
_FILES = frozenset({"urlFile", "headersFile", "caFile"})
_LABEL = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def read_notify(path: Path, outside: RepositoryPlaces, external_url: str = "") -> NotifySettings:
    """Read the ``--notify`` file, but not yet the files with URLs and headers to which it refers.

    Args:
        path: The path of the file.
        outside: The repository; no clone of the repository is allowed to contain the file.
        external_url: The URL of the status page if the file does not contain ``externalUrl``.

    Raises:
        UsageError: The file cannot be read, is invalid or is in the repository. The error message
            does not contain a URL.
    """
    root = read_document(path, outside, flag=_FLAG, schema="notify", hint=_HINT)
    value: dict[str, Any] = root.value
    names = set[str]()
    for index, each in enumerate(value["receivers"]):
        at = root.at(("receivers", index))
        if each["name"] in names:
            raise mistake(_FLAG, path, at, f"the receiver name {each['name']} occurs twice", _HINT)
        names.add(each["name"])
        if ("url" in each) == ("urlFile" in each):
            message = f"the receiver {each['name']} needs either url or urlFile"
            raise mistake(_FLAG, path, at, message, _HINT)
        for key in _FILES & each.keys():
            _check_outside(path, root.at(("receivers", index, key)), each[key], outside)
    for label in value.get("labels", {}):
        if _LABEL.fullmatch(label) is None:
            at = root.key_at(("labels", label))
            message = "a label name can contain only letters, digits and underscores"
            raise mistake(_FLAG, path, at, message)
    return NotifySettings(
        receivers=tuple(_receiver(each, path.parent) for each in value["receivers"]),
        external_url=value.get("externalUrl", external_url).rstrip("/"),
        labels=dict(value.get("labels", {})),
    )


def _check_outside(path: Path, at: Mark, name: str, outside: RepositoryPlaces) -> None:
    try:
        clone = outside.containing(path.parent / name)
    except OSError:
        return  # the file is read, and its absence reported, when a notification is sent
    if clone is not None:
        raise mistake(
            _FLAG,
            path,
            at,
            f"the file {name} is in the repository {clone}, where everyone who can commit "
            "can change it",
            _OUTSIDE,
        )


def _receiver(value: Mapping[str, Any], folder: Path) -> Receiver:
    def file(key: str) -> str:
        return str(folder / value[key]) if key in value else ""

    return Receiver(
        name=value["name"],
        kind=ReceiverKind(value["kind"]),
        url=value.get("url", ""),
        url_file=file("urlFile"),
        headers_file=file("headersFile"),
        ca_file=file("caFile"),
        events=frozenset(map(NotificationKind, value.get("events", NotificationKind))),
        send_resolved=value.get("sendResolved", True),
    )
