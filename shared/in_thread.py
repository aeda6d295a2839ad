"""Work that would hold up the event loop, in a thread: two ways, which differ in what a cancelled caller does."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

MOST_THREADS = 32
"That use files and devices at once; those that hang are among them."

_Result = TypeVar("_Result")

_to_their_end = ThreadPoolExecutor(MOST_THREADS, thread_name_prefix="to its end")


async def in_thread(function: Callable[[], _Result]) -> _Result:
    """Return what `function` returns, or raise what it raises. A cancelled caller continues at once.

    For what may hang and holds nothing that the caller will use again, as a resolver of host names. Its thread is its
    own, not the event loop's executor's, for the end of the program waits for those.
    """
    job, future = for_thread(function)
    threading.Thread(target=job, name="in thread", daemon=True).start()
    return await future


def for_thread(function: Callable[[], _Result]) -> tuple[Callable[[], None], asyncio.Future[_Result]]:
    """What a thread has to call, and the future of the running loop that gets what `function` returns or raises."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[_Result] = loop.create_future()

    def settle(result: _Result | None, error: Exception | None) -> None:
        if future.done():
            return
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(result)  # type: ignore[arg-type]

    def job() -> None:
        result, failure = None, None
        try:
            result = function()
        except Exception as error:
            failure = error
        with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile
            loop.call_soon_threadsafe(settle, result, failure)

    return job, future


async def in_thread_to_its_end(
    function: Callable[[], _Result], unwanted: Callable[[_Result], object] | None = None
) -> _Result:
    """Return what `function` returns, or raise what it raises. A cancelled caller continues when it has ended.

    For what uses files and devices that the caller closes next. A disk may hang: so its threads aren't the event loop's
    own, of which sound and the page need one at any time. `unwanted` gets the result that a cancelled caller doesn't
    get, in the event loop: what was opened is to be closed.
    """
    future = asyncio.get_running_loop().run_in_executor(_to_their_end, function)
    try:
        return await asyncio.shield(future)
    except asyncio.CancelledError:
        if unwanted is not None:
            future.add_done_callback(lambda done: None if done.exception() else unwanted(done.result()))
        raise
    finally:
        if not future.done():
            await asyncio.wait([future])
