"""The render cache renders a document once per source, and drops documents of older sources."""

from __future__ import annotations

import asyncio
import gc
import weakref

from reconciler.serve.http.render_cache import RenderCache


class Source:
    """An object from which a document is rendered."""


def test_concurrent_requests_for_a_document_render_it_once():
    rendered = []

    async def scenario():
        cache, source = RenderCache(), Source()

        def render() -> bytes:
            rendered.append(1)
            return b"page"

        return await asyncio.gather(
            *(cache.get("page", "/", (source,), render) for _ in range(20))
        )

    found = asyncio.run(scenario())
    assert rendered == [1]
    assert {each.body for each in found} == {b"page"}


def test_render_cache_does_not_keep_outdated_sources_of_documents_in_memory():
    async def scenario():
        cache, alive = RenderCache(), []
        for number in range(50):
            source = Source()
            alive.append(weakref.ref(source))
            for path in ("/", f"/?a={number}"):
                await cache.get("page", path, (source,), lambda: b"page")
        del source
        gc.collect()
        return [each() is not None for each in alive]

    assert asyncio.run(scenario()) == [False] * 49 + [True]


def test_render_cache_removes_documents_so_that_its_size_stays_within_the_limit():
    async def scenario():
        cache, source = RenderCache(max_bytes=10_000), Source()
        for number in range(100):
            found = await cache.get("page", f"/?a={number}", (source,), lambda: b"x" * 900)
            assert found.body == b"x" * 900
            assert cache.n_bytes <= 10_000
        large = await cache.get("plan", "/", (source,), lambda: bytes(20_000), compress=False)
        assert len(large.body) == 20_000
        assert cache.n_bytes <= 10_000

    asyncio.run(scenario())


def test_size_limit_of_the_render_cache_includes_the_keys_of_documents():
    async def scenario():
        cache, source = RenderCache(max_bytes=50_000), Source()
        for number in range(100):
            await cache.get("page", f"/?{number:030000d}", (source,), lambda: b"x")
            assert cache.n_bytes <= 50_000
        await cache.get("page", "/", (Source(),), lambda: b"x")
        return cache.n_bytes

    assert asyncio.run(scenario()) < 1_000


def test_missing_document_is_not_cached():
    async def scenario():
        cache, source, answers = RenderCache(), Source(), [None, b"page"]
        first = await cache.get("page", "/", (source,), lambda: answers.pop(0))
        second = await cache.get("page", "/", (source,), lambda: answers.pop(0))
        return first, second.body

    assert asyncio.run(scenario()) == (None, b"page")
