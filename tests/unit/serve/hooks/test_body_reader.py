"""Bodies of unauthenticated requests use limited memory, and small ones are always received."""

from __future__ import annotations

import asyncio

import pytest

from reconciler.serve.hooks.body_reader import BodyLimits, BodyReader, BusyError, TooLargeError
from reconciler.serve.hooks.delivery_memory import DeliveryMemory

LIMITS = BodyLimits(each=1_000, total=1_500, small=100)


class Sending:
    """An HTTP request whose body arrives in chunks when the test allows it."""

    def __init__(self, *sizes: int) -> None:
        self.sizes, self.headers = sizes, {}
        self.proceed = asyncio.Event()
        self.waiting = asyncio.Event()

    async def stream(self):
        first, *rest = self.sizes
        yield b"x" * first
        self.waiting.set()
        await self.proceed.wait()
        for each in rest:
            yield b"x" * each


async def _sent(reader, request):
    task = asyncio.create_task(reader.read(request))
    await asyncio.wait(
        {task, asyncio.create_task(request.waiting.wait())}, return_when="FIRST_COMPLETED"
    )
    return task


def test_webhook_body_that_is_not_small_is_rejected_if_all_bodies_together_exceed_the_limit():
    async def scenario():
        reader = BodyReader(LIMITS)
        first = Sending(900, 100)
        receiving = await _sent(reader, first)
        second, small = Sending(700), Sending(100)
        second.proceed.set()
        small.proceed.set()
        with pytest.raises(BusyError):
            await reader.read(second)
        assert len(await reader.read(small)) == 100
        first.proceed.set()
        assert len(await receiving) == 1_000
        # The memory of the first body is free again.
        assert len(await reader.read(second)) == 700

    asyncio.run(scenario())


def test_memory_of_a_webhook_body_is_released_if_the_client_disconnects_or_sends_too_much():
    async def scenario():
        reader = BodyReader(LIMITS)
        for _ in range(3):
            large = Sending(900, 200)
            large.proceed.set()
            with pytest.raises(TooLargeError):
                await reader.read(large)
            gone = Sending(900)
            task = await _sent(reader, gone)
            task.cancel()
            await asyncio.wait({task})
        last = Sending(1_000)
        last.proceed.set()
        assert len(await reader.read(last)) == 1_000

    asyncio.run(scenario())


def test_list_of_received_webhook_ids_keeps_only_the_newest_ids():
    memory = DeliveryMemory(max_ids=3)
    for number in range(5):
        memory.add("github", str(number))
    assert len(memory) == 3
    assert [memory.seen("github", str(number)) for number in range(5)] == [False] * 2 + [True] * 3


def test_received_webhook_ids_are_stored_separately_for_each_signature_scheme():
    memory = DeliveryMemory()
    memory.add("github", "1")
    assert not memory.seen("gitlab", "1")
