"""``selected_settings``: selects settings without credentials from the user's Git configuration.

With ``--git-credentials``, git does not read the user's configuration, because a credential
helper, a header, a cookie file or a client certificate in it could identify a different user. Only
the settings that are needed to reach the server are copied: proxies, certificate authorities and
URLs.
"""

from __future__ import annotations

import os
from pathlib import Path

from reconciler.errors import SourceError
from reconciler.source.git.git_process import execute

_FILES = frozenset({"sslcainfo", "sslcapath", "proxysslcainfo", "proxysslcert", "proxysslkey"})
_HTTP = _FILES | {
    *("proxy", "proxyauthmethod", "proxysslcertpasswordprotected"),
    *("sslbackend", "sslversion", "sslcipherlist", "pinnedpubkey", "schannelcheckrevoke"),
    *("version", "curloptresolve", "postbuffer", "useragent"),
}
"""The Git settings in the sections ``http`` and ``http.URL`` that are copied, in lower case."""
_OTHER = frozenset({"fetch.fsckobjects", "transfer.fsckobjects", "protocol.version"})
"""Other Git settings that are copied, in lower case."""


def selected_settings() -> tuple[tuple[str, str], ...]:
    """Return the settings that are copied from the user's Git configuration, in file order.

    Paths that start with ``~/`` are made absolute, because git runs with a different ``HOME``.

    Raises:
        SourceError: git cannot read the configuration.
    """
    output = execute(Path("/"), ("config", "--list", "--null"))
    if output.status:
        raise SourceError(
            f"git cannot read its configuration file: {output.reason}",
            hint="correct the configuration file, or set GIT_CONFIG_GLOBAL to another one",
        )
    found = []
    for entry in os.fsdecode(output.stdout).split("\0"):
        key, separator, value = entry.partition("\n")
        if not separator or not _is_copied(key):
            continue
        section, variable = key.partition(".")[0], key.rpartition(".")[2]
        is_file = section == "http" and variable in _FILES
        found.append((key, os.path.expanduser(value) if is_file else value))  # noqa: PTH111 - also ~user/
    return tuple(found)


def _is_copied(key: str) -> bool:
    section, _, rest = key.partition(".")
    subsection, _, variable = rest.rpartition(".")
    if key in _OTHER:
        return True
    if section == "http":
        return variable in _HTTP
    if section != "url" or variable != "insteadof":
        return False
    # Another scheme, or a user in the URL, could add credentials.
    scheme, _, rest = subsection.partition("://")
    return scheme in {"https", "http"} and "@" not in rest.partition("/")[0]
