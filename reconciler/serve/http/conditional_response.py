"""``conditional_response``: responds with a document, or with status 304 (Not Modified)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.responses import Response

if TYPE_CHECKING:
    from starlette.requests import Request

    from reconciler.serve.http.render_cache import Rendered

REVALIDATE = "private, no-cache"
"""The ``Cache-Control`` header of changing documents, which browsers must always revalidate."""


def conditional_response(
    request: Request,
    rendered: Rendered,
    content_type: str,
    *,
    status: int = 200,
    cache: str = REVALIDATE,
) -> Response:
    """Return the HTTP response with a document, or 304 if the client already has this version."""
    headers = {
        "Cache-Control": cache,
        "Content-Type": content_type,
        "etag": rendered.etag,
        "vary": "Accept-Encoding",
    }
    if status == 200 and _matches(request.headers.get("If-None-Match", ""), rendered.etag):  # noqa: PLR2004
        del headers["Content-Type"]
        return Response(status_code=304, headers=headers)
    if rendered.compressed is not None and _accepts_gzip(request):
        headers["Content-Encoding"] = "gzip"
        return Response(rendered.compressed, status, headers)
    return Response(rendered.body, status, headers)


def _matches(tags: str, etag: str) -> bool:
    """Return whether an ``If-None-Match`` header contains an ETag, weak or strong."""
    opaque = etag.removeprefix("W/")
    return any(each.strip().removeprefix("W/") in {opaque, "*"} for each in tags.split(","))


def _accepts_gzip(request: Request) -> bool:
    for each in request.headers.get("Accept-Encoding", "").lower().split(","):
        name, _, parameters = each.partition(";")
        if name.strip() in {"gzip", "*"}:
            return parameters.replace(" ", "") not in {"q=0", "q=0.0", "q=0.00", "q=0.000"}
    return False
