"""A machine that sleeps, as the kernel shows it to one process."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from shared.asleep import asleep, until_slept
from tests.shared.sleeping import SECONDS, run_sleeping


async def _waits_for_a_while(sleep: Callable[[], None]) -> None:
    before, begun = asleep(), time.monotonic()
    told = asyncio.create_task(until_slept())
    late = asyncio.create_task(asyncio.sleep(SECONDS + 60))
    try:
        async with asyncio.timeout(SECONDS - 60):
            await asyncio.sleep(0)
            sleep()
            await asyncio.Event().wait()
    except TimeoutError:
        pass
    await told
    assert not late.done()
    late.cancel()
    assert SECONDS - 1 < asleep() - before < SECONDS + 1
    assert time.monotonic() - begun < 60


def test_what_was_waited_for_is_over_when_the_machine_wakes() -> None:
    run_sleeping(__name__, _waits_for_a_while.__name__)
