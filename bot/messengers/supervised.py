"""Tasks that survive a failure: it is reported once, and the task starts again after a pause."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

FIRST_PAUSE_SECONDS, LAST_PAUSE_SECONDS = 1.0, 60.0
"How long to wait before a task that failed is begun again; doubled each time."

CALM_SECONDS = 60.0
"A task that ran this long begins with the first pause again."

logger = logging.getLogger(__name__)


async def supervised(what: str, run: Callable[[], Awaitable[None]], failed: Callable[[str], None]) -> None:
    """Run something until it returns. When it raises, it begins again after a pause, and nothing else ends with it.

    `what` names it in the log and to `failed`, which is called the first time and after each calm.
    """
    loop, failures = asyncio.get_running_loop(), 0
    while True:
        began = loop.time()
        try:
            await run()
            return
        except Exception as error:
            if loop.time() - began > CALM_SECONDS:
                failures = 0
            logger.error("%s failed: %s", what, type(error).__name__, exc_info=logger.isEnabledFor(logging.DEBUG))
            if not failures:
                failed(what)
            await asyncio.sleep(min(FIRST_PAUSE_SECONDS * 2**failures, LAST_PAUSE_SECONDS))
            failures += 1
